# Rows that come in clusters are found as in a new index, however often rows go and others come: a vacuum removes links and
# upper nodes, and must not leave a cluster that no search gets to, nor an insert that ends in another cluster.
#
# With HNSWC_TEST_LONG=1 this is the whole matrix of docs/PERFORMANCE.md; the names of the tests are the figures.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use HnswTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $dims = 48;
my $node = hnsw_node('clusters', 'max_wal_size = 1GB', 'max_parallel_maintenance_workers = 0');
my $directory = PostgreSQL::Test::Utils::tempdir();
chmod 0755, $directory;

# gone: queries that found none of their ten nearest; recall: the share of the ten nearest found, of all queries.
$node->safe_psql('postgres', qq{
	CREATE TABLE query (id int, v vector($dims));
	CREATE FUNCTION nearest(tbl text, op text, by_index bool) RETURNS TABLE (query int, ids int[]) LANGUAGE plpgsql AS \$\$
	BEGIN
		PERFORM set_config('enable_indexscan', by_index::text, true), set_config('enable_seqscan', (NOT by_index)::text, true),
			set_config('enable_sort', (NOT by_index)::text, true);
		RETURN QUERY EXECUTE format('SELECT q.id, array(SELECT t.id FROM %I t ORDER BY t.v %s q.v LIMIT 10) FROM query q', tbl, op);
	END \$\$;
	CREATE FUNCTION found(tbl text, op text, OUT gone int, OUT recall numeric) LANGUAGE sql AS \$\$
		SELECT count(*) FILTER (WHERE n = 0), round(avg(n) / 10, 4)
		FROM (SELECT (SELECT count(*) FROM unnest(i.ids) AS id WHERE id = ANY (e.ids)) AS n
			FROM nearest(tbl, op, true) i JOIN nearest(tbl, op, false) e USING (query)) s
	\$\$});

sub gauss
{
	return sqrt(-2 * log(1 - rand)) * cos(6.283185307179586 * rand);
}

sub centres
{
	my ($n) = @_;
	return map { [ map { gauss() } 1 .. $dims ] } 1 .. $n;
}

# Writes n rows for COPY, in turn of the clusters around these centres; returns the file.
sub rows_file
{
	my ($first, $n, @centres) = @_;
	my $file = "$directory/rows";
	my $rows = '';
	foreach my $i (0 .. $n - 1)
	{
		my $centre = $centres[ $i % @centres ];
		$rows .= ($first + $i) . "\t[" . join(',', map { sprintf '%.5f', $_ + 0.5 * gauss() } @$centre) . "]\n";
	}
	open my $handle, '>', $file or die "$file: $!";
	print $handle $rows;
	close $handle;
	chmod 0644, $file;
	return $file;
}

sub set_queries
{
	my ($n, @centres) = @_;
	$node->safe_psql('postgres', "TRUNCATE query; COPY query FROM '" . rows_file(0, $n, @centres) . "'");
}

# What the index of t finds, and what one built of the same rows finds: (gone, recall, gone, recall).
sub compare
{
	my ($metric, $operator, $with) = @_;
	my $result = $node->safe_psql('postgres', qq{
		CREATE TABLE fresh AS TABLE t;
		CREATE INDEX ON fresh USING hnsw (v vector_${metric}_ops) $with;
		SET hnsw.ef_search = 40;
		SELECT a.*, b.* FROM found('t', '$operator') a, found('fresh', '$operator') b;
		DROP TABLE fresh});
	return split /\|/, $result;
}

my %operators = (l2 => '<->', cosine => '<=>', ip => '<#>');
my ($searches, $gone, $gone_fresh, $steps_done, $recall, $recall_fresh) = (0, 0, 0, 0, 0, 0);

sub create_table
{
	my ($metric, $with, $file) = @_;
	$node->safe_psql('postgres', qq{
		DROP TABLE IF EXISTS t;
		CREATE TABLE t (id int, v vector($dims));
		COPY t FROM '$file';
		CREATE INDEX t_idx ON t USING hnsw (v vector_${metric}_ops) $with});
}

# Steps that remove the oldest quarter and insert as many new rows of the same clusters.
sub churn
{
	my ($metric, $with, $clusters, $per, $seed, $steps) = @_;
	my $name = "$metric $with, $clusters clusters of $per, seed $seed";
	my $rows = $clusters * $per;
	my $nqueries = $clusters * ($clusters > 50 ? 2 : 5);
	my ($sum, $sum_fresh, $gone_here) = (0, 0, 0);

	srand($seed);
	my @centres = centres($clusters);
	set_queries($nqueries, @centres);
	create_table($metric, $with, rows_file(0, $rows, @centres));
	foreach my $step (1 .. $steps)
	{
		my $next = $rows + ($step - 1) * $rows / 4;
		my $oldest = $step * $rows / 4;
		my $file = rows_file($next, $rows / 4, @centres);
		$node->safe_psql('postgres', "DELETE FROM t WHERE id < $oldest; VACUUM t; COPY t FROM '$file'");
		my @found = compare($metric, $operators{$metric}, $with);
		$gone_here += $found[0];
		$sum += $found[1];
		$gone_fresh += $found[2];
		$sum_fresh += $found[3];
	}
	$searches += $steps * $nqueries;
	$steps_done += $steps;
	$gone += $gone_here;
	my $mean = $sum / $steps;
	my $mean_fresh = $sum_fresh / $steps;
	$recall += $sum;
	$recall_fresh += $sum_fresh;
	# of a few hundred searches by one bit a dimension the mean is not known better than this
	cmp_ok($mean, '>=', $mean_fresh - 0.02,
		sprintf('%s: after %d steps recall %.4f, of new indexes %.4f, %d queries found nothing', $name, $steps, $mean, $mean_fresh, $gone_here));
	my ($unreachable, $uppers, $expected) = split /\|/, $node->safe_psql('postgres', q{
		DELETE FROM t WHERE id % 4 = 0;
		VACUUM t;
		SELECT unreachable, upper_nodes, round(upper_nodes_expected) FROM hnsw_check('t_idx', heapallindexed => true)});
	# where all lists around an element are full another may have to make room for it
	cmp_ok($unreachable, '<=', 1, "$name: after one more vacuum links lead to all elements");
	cmp_ok($uppers, '>=', $expected / 2, "$name: $uppers upper nodes, of a new index $expected");
	cmp_ok($uppers, '<=', 2 * $expected, "$name: not many more");
}

my @cases;
if (is_long())
{
	foreach my $seed (1 .. 2)
	{
		foreach my $metric ('l2', 'cosine', 'ip')
		{
			foreach my $with ('', 'WITH (bits = 1)', 'WITH (bits = 4)', 'WITH (bits = 8)')
			{
				push @cases, [ $metric, $with, 20, 150, $seed, 6 ], [ $metric, $with, 200, 50, $seed, 4 ];
			}
		}
	}
}
else
{
	@cases = ([ 'l2', '', 20, 150, 1, 6 ], [ 'cosine', 'WITH (bits = 8)', 20, 150, 2, 4 ], [ 'ip', 'WITH (bits = 4)', 20, 150, 3, 4 ],
		[ 'l2', 'WITH (bits = 1)', 20, 150, 4, 4 ]);
}
churn(@$_) foreach @cases;
cmp_ok($recall, '>=', $recall_fresh - 0.01 * $steps_done,
	sprintf('in %d steps recall %.4f, of new indexes %.4f', $steps_done, $recall / $steps_done, $recall_fresh / $steps_done));
# Layers are drawn at random: what one search in two thousand misses is chance, a cluster that is lost would be many.
cmp_ok($gone, '<=', $gone_fresh + $searches / 2000,
	"in $steps_done steps $gone of $searches queries found none of their ten nearest, $gone_fresh in new indexes");

# Clusters go and new ones come; and an index that was created empty.
my $drift_steps = is_long() ? 20 : 5;
foreach my $metric (is_long() ? ('l2', 'cosine', 'ip') : ('l2'))
{
	srand(7);
	my @centres = centres(20);
	my $next = 0;
	my ($rows, $quarter) = (3000, 750);

	$node->safe_psql('postgres', "DROP TABLE IF EXISTS t; CREATE TABLE t (id int, v vector($dims));
		CREATE INDEX t_idx ON t USING hnsw (v vector_${metric}_ops); COPY t FROM '" . rows_file(0, $rows, @centres) . "'");
	set_queries(100, @centres);
	my @found = compare($metric, $operators{$metric}, '');
	cmp_ok($found[1], '>=', $found[3] - 0.02, "$metric, filled when empty: recall $found[1], of a new index $found[3], $found[0] found nothing");
	foreach my $step (1 .. $drift_steps)
	{
		@centres = (@centres[ 5 .. 19 ], centres(5));
		my $file = rows_file($rows + ($step - 1) * $quarter, $quarter, @centres[ 15 .. 19 ]);
		my $oldest = $step * $quarter;
		$node->safe_psql('postgres', "DELETE FROM t WHERE id < $oldest; VACUUM t; COPY t FROM '$file'");
	}
	# rows of the first table are gone after four steps: then only these clusters are left
	set_queries(100, @centres);
	@found = compare($metric, $operators{$metric}, '');
	cmp_ok($found[1], '>=', $found[3] - 0.02, "$metric, drifting: recall $found[1], of a new index $found[3], $found[0] found nothing");
}

# A queue: the oldest out, the newest in.  Neither its size nor what an insert reads grows.
my $turnovers = is_long() ? 20 : 3;
my $batches = 5;
my ($rows, $next) = (3000, 3000);
srand(9);
my @centres = centres(20);
my (@pages, @reads, @rates);
create_table('l2', '', rows_file(0, $rows, @centres));
set_queries(100, @centres);
foreach my $turnover (1 .. $turnovers)
{
	my ($reads, $seconds) = (0, 0);
	foreach my $batch (1 .. $batches)
	{
		my $file = rows_file($next, $rows / $batches, @centres);
		$next += $rows / $batches;
		my $oldest = $next - $rows;
		$node->safe_psql('postgres', "CREATE TABLE batch (id int, v vector($dims)); COPY batch FROM '$file';
			DELETE FROM t WHERE id < $oldest; VACUUM t");
		my $start = time;
		my $plan = $node->safe_psql('postgres', 'EXPLAIN (ANALYZE, BUFFERS) INSERT INTO t TABLE batch');
		$seconds += time - $start;
		$reads += $1 if $plan =~ /Buffers: shared hit=(\d+)/;
		$node->safe_psql('postgres', 'DROP TABLE batch');
	}
	push @pages, $node->safe_psql('postgres', q{SELECT pg_relation_size('t_idx') / 8192});
	push @reads, $reads / $rows;
	push @rates, $rows / $seconds;
}
my @found = compare('l2', '<->', '');
note(sprintf 'turnovers: pages %s; buffers an insert %s; inserts a second %s', join(' ', @pages), join(' ', map { sprintf '%.0f', $_ } @reads),
	join(' ', map { sprintf '%.0f', $_ } @rates));
cmp_ok($found[1], '>=', $found[3] - 0.02, "after $turnovers turnovers: recall $found[1], of a new index $found[3], $found[0] found nothing");
cmp_ok($pages[-1], '<=', 1.2 * $pages[0], "after $turnovers turnovers: $pages[-1] pages, after one $pages[0]");
cmp_ok($reads[-1], '<=', 1.2 * $reads[0], "after $turnovers turnovers an insert reads no more buffers than after one");

done_testing();
