# Sparse vectors of 1,000 elements and more, at the m advised for them: recall of every metric, and how much less the index does
# than a scan of the table.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use HnswTest;
use Test::More;

my $rows = is_long() ? 20000 : 4000;
my $queries = 20;
my $dims = 30000;
my $node = hnsw_node('sparse', 'max_parallel_maintenance_workers = 1', 'jit = off', 'max_parallel_workers_per_gather = 0',
	"shared_buffers = '256MB'");
my %operators = (l2 => '<->', ip => '<#>', cosine => '<=>', l1 => '<+>');

# Terms of a text about two topics and of everyday ones; each topic, and the language, has terms that come more often than others.
sub text_vector
{
	my ($main, $other) = (int rand(40), int rand(40));
	my $wanted = 1000 + int rand(200);
	my %elements;

	while (keys %elements < $wanted)
	{
		my $kind = rand();
		my $rank = int(3000 * rand()**2);
		my $topic = $kind < 0.6 ? $main : $kind < 0.8 ? $other : 40;
		my $term = (7 * $rank + 701 * $topic) % $dims + 1;
		$elements{$term} //= sprintf('%.3f', (0.2 + rand()) * (1 - $rank / 4000));
	}
	return '{' . join(',', map { "$_:$elements{$_}" } keys %elements) . "}/$dims";
}

srand(1);
my $file = $node->basedir . '/rows';
open(my $out, '>', $file) or die;
print $out "$_\t" . text_vector() . "\n" for 1 .. $rows + $queries;
close($out);
$node->safe_psql('postgres', qq{
	CREATE TABLE t (id int, v sparsevec($dims));
	COPY t FROM '$file';
	CREATE TABLE q AS SELECT * FROM t WHERE id > $rows;
	DELETE FROM t WHERE id > $rows;
	VACUUM ANALYZE t;
});
unlink($file);
$node->safe_psql('postgres', <<'EOF');
CREATE FUNCTION elements(v sparsevec) RETURNS int LANGUAGE sql AS $$ SELECT (length(s) - length(replace(s, ':', ''))) FROM (SELECT v::text AS s) x $$;

-- The share of the ten nearest that the index finds at ef_search 100; for some of the queries, milliseconds and blocks of a
-- search at ef_search 40 and of an exact scan.
CREATE FUNCTION compare(op text) RETURNS TABLE (recall numeric, index_ms numeric, exact_ms numeric, index_blocks bigint,
	exact_blocks bigint, plan text) LANGUAGE plpgsql AS $$
DECLARE
	statement text := format('SELECT v %s $1 AS d FROM t ORDER BY v %1$s $1 LIMIT 10', op);
	query record;
	answer float8[];
	exact float8[];
	explained json;
	good int := 0;
	wanted int := 0;
	ms numeric[] := '{0, 0}';
	blocks bigint[] := '{0, 0}';
BEGIN
	FOR query IN SELECT v, row_number() OVER () <= 5 AS explain FROM q LOOP
		FOR way IN 1..2 LOOP
			PERFORM set_config('enable_indexscan', CASE way WHEN 1 THEN 'off' ELSE 'on' END, true),
				set_config('enable_seqscan', CASE way WHEN 1 THEN 'on' ELSE 'off' END, true),
				set_config('hnsw.ef_search', '100', true);
			EXECUTE format('SELECT array_agg(d) FROM (%s) s', statement) INTO answer USING query.v;
			exact := CASE way WHEN 1 THEN answer ELSE exact END;
			CONTINUE WHEN NOT query.explain;
			PERFORM set_config('hnsw.ef_search', '40', true);
			EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT json) ' || statement INTO explained USING query.v;
			ms[way] := ms[way] + (explained->0->>'Execution Time')::numeric;
			blocks[way] := blocks[way] + (explained->0->'Plan'->>'Shared Hit Blocks')::bigint + (explained->0->'Plan'->>'Shared Read Blocks')::bigint;
		END LOOP;
		wanted := wanted + cardinality(exact);
		good := good + (SELECT count(*) FROM unnest(answer) d WHERE d <= exact[10] + 1e-6 * abs(exact[10]));
	END LOOP;
	RETURN QUERY SELECT round(good / wanted::numeric, 4), ms[2], ms[1], blocks[2], blocks[1],
		jsonb_path_query_first(explained::jsonb, '$.**."Node Type" ? (@ like_regex "Scan")') #>> '{}';
END $$;
EOF
cmp_ok($node->safe_psql('postgres', 'SELECT min(elements(v)) FROM (SELECT v FROM t LIMIT 200) s'), '>=', 1000, 'elements of a row');

foreach my $metric (sort keys %operators)
{
	$node->safe_psql('postgres', "CREATE INDEX t_idx ON t USING hnsw (v sparsevec_${metric}_ops) WITH (m = 32)");
	my ($recall, $index_ms, $exact_ms, $index_blocks, $exact_blocks, $plan) =
		split(/\|/, $node->safe_psql('postgres', "SELECT * FROM compare('$operators{$metric}')"));
	is($plan, 'Index Scan', "$metric: the index is used");
	cmp_ok($recall, '>=', 0.95, "$metric: recall $recall");
	# some 150 of the rows are measured exactly
	cmp_ok($index_blocks, '<', $exact_blocks / 5, "$metric: $index_blocks blocks, the scan $exact_blocks");
	cmp_ok($index_ms, '<', $exact_ms / 5, "$metric: $index_ms ms, the scan $exact_ms ms");
	$node->safe_psql('postgres', 'DROP INDEX t_idx');
}

# What is inserted into an index is found, like what it was built from.
$node->safe_psql('postgres', q{
	CREATE INDEX t_idx ON t USING hnsw (v sparsevec_l2_ops);
	INSERT INTO t SELECT id, v FROM q;
});
my $own = $node->safe_psql('postgres', q{
	SET enable_seqscan = off;
	SET hnsw.ef_search = 100;
	SELECT count(*) FROM q WHERE (SELECT id FROM t ORDER BY t.v <-> q.v LIMIT 1) = q.id
});
cmp_ok($own, '>=', 0.9 * $queries, "$own of $queries inserted rows are found as their own nearest");

done_testing();
