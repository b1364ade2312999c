# Random queries have the same answers by an index, without any, and with distances that the planner knows nothing of.
#
# The tables are small and hnsw.ef_search is large, so that an index finds all rows. Differences are allowed by one rule: rows
# without a vector, or of zeroes for cosine, are in no index, so they may be missing from the end of what a LIMIT leaves.
#
# HNSWC_SEED chooses other queries, HNSWC_QUERIES how many; with HNSWC_TEST_LONG there are more, of a new seed.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use HnswTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RandomQueries;
use Test::More;

my $long = $ENV{HNSWC_TEST_LONG};
my $seed = $ENV{HNSWC_SEED} // ($long ? time : 1);
my $queries = $ENV{HNSWC_QUERIES} // ($long ? 40000 : 2500);
diag("seed $seed, $queries queries");
my $random = RandomQueries->new($seed);
my $node = hnsw_node('main', 'max_parallel_workers_per_gather = 0', 'shared_buffers = 64MB');

my $dims = $RandomQueries::dims;
my $rows = $RandomQueries::rows;
my $some = join ', ', map { "(hashint4(i * 100 + $_) % 5)::real" } 1 .. $dims;
my $bits = 2 * $dims;
$node->safe_psql('postgres', qq{
	CREATE TABLE target (id int PRIMARY KEY, other int, v vector($dims), u vector($dims), h halfvec($dims), s sparsevec($dims), b bit($bits));
	CREATE FUNCTION number(i int) RETURNS vector LANGUAGE sql IMMUTABLE AS \$\$ SELECT ARRAY[$some]::vector \$\$;
	INSERT INTO target SELECT i, 21 - i, v, v, v, v::sparsevec, hashint4(i)::bit($bits) FROM (SELECT i, number(-i) AS v FROM generate_series(1, 20) i) x;
	CREATE TABLE item (id int PRIMARY KEY, kind int, n int, v vector($dims) NOT NULL, u vector($dims) NOT NULL, w vector($dims), h halfvec($dims) NOT NULL,
		s sparsevec($dims) NOT NULL, b bit($bits) NOT NULL);
	INSERT INTO item SELECT i, i % 5, nullif(i % 11, 3), v, v + array_fill(0.5, ARRAY[$dims])::vector, CASE i % 9 WHEN 0 THEN NULL WHEN 1 THEN 0 * v ELSE v END, v,
		v::sparsevec, hashint4(i)::bit($bits) FROM (SELECT i, number(CASE WHEN i % 20 = 0 THEN 1 ELSE i END) AS v FROM generate_series(1, $rows) i) x;
}
	=~ s/0 \* v/array_fill(0, ARRAY[$dims])::vector/r);
$node->safe_psql('postgres', qq{
	CREATE TABLE part (LIKE item INCLUDING ALL) PARTITION BY RANGE (id);
	CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (200);
	CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM (200) TO (1000000);
	CREATE TABLE secret (LIKE item INCLUDING ALL);
	INSERT INTO part SELECT * FROM item;
	INSERT INTO secret SELECT * FROM item;
});
foreach my $table (qw(item part secret))
{
	my $and_ip = $table eq 'item' ? "CREATE INDEX ON item USING hnsw (v vector_ip_ops) WITH (bits = 32);
		CREATE INDEX ON item USING hnsw (v vector_l1_ops) WITH (bits = 32); CREATE INDEX ON item USING hnsw (u vector_cosine_ops) WITH (bits = 32);
		CREATE INDEX ON item USING hnsw (w vector_l2_ops) WITH (bits = 32); CREATE INDEX ON item USING hnsw (w vector_cosine_ops) WITH (bits = 32);
		CREATE INDEX ON item USING hnsw (h halfvec_l2_ops) WITH (bits = 32); CREATE INDEX ON item USING hnsw (s sparsevec_l2_ops);
		CREATE INDEX ON item USING hnsw (b bit_hamming_ops); CREATE INDEX ON item USING hnsw (b bit_jaccard_ops); CREATE INDEX ON item (kind);
		CREATE INDEX item_some ON item USING hnsw (v vector_l2_ops) WITH (bits = 32) WHERE kind < 3;" : '';
	$node->safe_psql('postgres', "CREATE INDEX ON $table USING hnsw (v vector_l2_ops) WITH (bits = 32); $and_ip");
}
foreach my $column (qw(v u h s b))
{
	my %types = (v => 'vector', u => 'vector', h => 'halfvec', s => 'sparsevec', b => 'bit');
	$node->safe_psql('postgres', "CREATE FUNCTION target_$column(i int) RETURNS $types{$column} LANGUAGE sql STABLE COST 1 AS \$\$ SELECT $column FROM target WHERE id = i \$\$");
}
my %operators = (l2 => '<->', ip => '<#>', cosine => '<=>', l1 => '<+>', hamming => '<~>', jaccard => '<%>');
foreach my $metric (sort keys %operators)
{
	foreach my $type ($metric =~ /hamming|jaccard/ ? 'bit' : qw(vector halfvec sparsevec))
	{
		$node->safe_psql('postgres', "CREATE FUNCTION hidden_$metric(a $type, b $type) RETURNS float8 LANGUAGE plpgsql IMMUTABLE STRICT AS \$\$ BEGIN RETURN a $operators{$metric} b; END \$\$");
	}
}
# Runs a query, undoes what it has changed, and returns its answer, or the error; `plan` adds whether an hnsw index is scanned.
$node->safe_psql('postgres', q{
	CREATE TABLE answer (query int, form text, plan boolean, lines text, PRIMARY KEY (query, form));
	CREATE FUNCTION run(query text, OUT lines text) LANGUAGE plpgsql AS $$
	DECLARE
		line record;
		answer text[] := '{}';
	BEGIN
		FOR line IN EXECUTE query LOOP
			answer := answer || line::text;
		END LOOP;
		RAISE SQLSTATE 'ZZ000' USING MESSAGE = array_to_string(answer, chr(10));
	EXCEPTION WHEN OTHERS THEN
		lines := CASE WHEN SQLSTATE = 'ZZ000' THEN SQLERRM ELSE 'ERROR ' || SQLERRM END;
	END $$;
	CREATE FUNCTION is_by_index(query text) RETURNS boolean LANGUAGE plpgsql AS $$
	DECLARE
		line text;
	BEGIN
		FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
			IF line ~ 'Order By: ' THEN
				RETURN true;
			END IF;
		END LOOP;
		RETURN false;
	EXCEPTION WHEN OTHERS THEN
		RETURN NULL;
	END $$;
	CREATE ROLE reader;
	GRANT ALL ON ALL TABLES IN SCHEMA public TO reader;
	ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
	CREATE POLICY odd ON secret TO reader USING (id % 2 = 1 AND kind <> 3);
	VACUUM ANALYZE;
});

# Settings that change plans and must not change answers.
sub settings
{
	my @settings = ('enable_hashjoin', 'enable_mergejoin', 'enable_bitmapscan', 'enable_material', 'enable_incremental_sort');
	my @chosen = map { "SET $_ = " . ($random->chance(25) ? 'off' : 'on') . ';' } @settings;
	# neither reading nor sorting a table is forbidden, but it may be dear: what an index is a last resort for is left to others
	push @chosen, 'SET seq_page_cost = ' . $random->one_of(1, 1000, 1000, 1000) . ';';
	push @chosen, 'SET hnsw.range_scan = ' . $random->one_of('on', 'off') . ';';
	push @chosen, 'SET hnsw.adaptive_search = ' . $random->one_of('on', 'off', 'off') . ';';
	return join ' ', @chosen;
}

# The statements for a query, which may be prepared and executed with another parameter first.
sub statements
{
	my ($n, $text, $form, $prepared, $role, $explain) = @_;
	my $run = $text;
	my @before = ("SET ROLE $role");
	if ($prepared)
	{
		push @before, "PREPARE q$n(int) AS $text", 'SET plan_cache_mode = force_generic_plan', "SELECT run('EXECUTE q$n(17)')";
		$run = "EXECUTE q$n(3)";
	}
	my $plan = $explain ? "is_by_index(\$q\$$run\$q\$)" : 'NULL';
	return join ";\n", @before, "INSERT INTO answer SELECT $n, '$form', $plan, run(\$q\$$run\$q\$)", 'RESET ROLE', 'RESET plan_cache_mode', $prepared ? "DEALLOCATE q$n" : (), '';
}

my @asked;
my $script = "SET hnsw.ef_search = 1000;\n";
foreach my $n (1 .. $queries)
{
	my $query = $random->next_query;
	my $prepared = $random->chance(25) && $query->{text} =~ s/target_(\w)\(\d+\)/target_$1(\$1)/g;
	my $role = $query->{kind} eq 'secret' ? 'reader' : 'postgres';
	push @asked, $query;
	next if $query->{agree} eq 'skip';
	my ($shown, $hidden) = map { RandomQueries::expand($query->{text}, $_) } 0, 1;
	$script .= settings() . "\n" . statements($n, $shown, 'index', $prepared, $role, 1) . "RESET ALL;\nSET hnsw.ef_search = 1000;\nSET enable_indexscan = off;\n"
		. statements($n, $shown, 'table', $prepared, $role, 0) . "RESET enable_indexscan;\n" . statements($n, $hidden, 'hidden', $prepared, $role, 0);
}
my $began = time;
$node->safe_psql('postgres', $script);
note('ran in ' . (time - $began) . ' s');

my %answers;
foreach my $line (split /\x1e/, $node->safe_psql('postgres', q{SELECT string_agg(query || chr(31) || form || chr(31) || coalesce(plan::text, '') || chr(31) || lines, chr(30)) FROM answer}))
{
	my ($n, $form, $plan, $lines) = split /\x1f/, $line, -1;
	$answers{$n}{$form} = [ split /\n/, $lines ];
	$answers{$n}{plan} = $plan if $form eq 'index';
}

# Do two answers agree? What is missing at the end has to be rows without a distance.
sub agree
{
	my ($how, $got, $expected) = @_;
	return "@{[sort @$got]}" eq "@{[sort @$expected]}" if $how eq 'bag';
	return 1 if "@$got" eq "@$expected";
	return 0 if $how eq 'same' || @$got > @$expected;
	foreach my $i (0 .. $#$expected)
	{
		return 0 if $i < @$got ? $got->[$i] ne $expected->[$i] : $expected->[$i] !~ /(,|\()(NaN)?\)$/;
	}
	return 1;
}

my ($by_index, $failed) = (0, 0);
foreach my $n (1 .. $queries)
{
	my $query = $asked[ $n - 1 ];
	my $answer = $answers{$n} // next;
	my $how = $query->{agree} eq 'prefix_last' ? 'same' : $query->{agree};
	$by_index++ if $answer->{plan} eq 'true';
	foreach my $form ('index', 'table')
	{
		next if agree($form eq 'table' && $how eq 'prefix' ? 'same' : $how, $answer->{$form}, $answer->{hidden});
		$failed++;
		diag("query $n, $query->{kind}, $form, by $query->{agree}: " . RandomQueries::expand($query->{text}, 0) . "\n  got      @{$answer->{$form}}\n  expected @{$answer->{hidden}}") if $failed <= 10;
	}
}
is($failed, 0, "seed $seed: all answers agree");
cmp_ok($by_index, '>', $queries / 4, "$by_index of $queries queries go by an index");
my %errors;
foreach my $n (keys %answers)
{
	$errors{ $answers{$n}{hidden}[0] }++ if ($answers{$n}{hidden}[0] // '') =~ /^ERROR/;
}
diag("$errors{$_} times $_") foreach sort keys %errors;
cmp_ok(scalar(keys %errors), '==', 0, 'no query is an error');
done_testing();
