# A hundredth of the rows far away from all others, anywhere within float32: the others are found as without them, and the
# far ones by a query near them.  Over metric, kind of far row, codes, re-ranking, and way of building.
#
# Each metric and each way of keeping the vectors is tried with some of the kinds and ways of building, in turn, so that all meet;
# make test-long tries all with all.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use HnswTest;
use Test::More;

my $rows = is_long() ? 10000 : 2000;
my $far = $rows / 100;
my $dims = 24;
my $queries = 25;
# What chance may take from recall, of 250 rows wanted: codes of few bits lose more by chance.
my %tolerance = ('bits = 1' => 0.06, 'bits = 2' => 0.04);
my $node = hnsw_node('far_away', 'max_parallel_maintenance_workers = 1', 'parallel_setup_cost = 0');

my %operators = (l2 => '<->', ip => '<#>', cosine => '<=>', l1 => '<+>');
# The far row i of each kind, of an ordinary vector v.
my @kinds = (
	['1e6 in every dimension', 'l2_normalize(v) * test_constant(1e6)'],
	['1e7 in every dimension, alike', 'test_constant(1e7) + v'],
	['1e30, mixed signs', 'l2_normalize(v) * test_constant(1e30)'],
	['3e38, mixed signs', "l2_normalize(v) * test_constant(3e38)"],
	['3e38 in one dimension', 'test_one(i, 3e38) + v'],
	['1e7 in one dimension', 'test_one(i, 1e7) + v'],
);
my @options = ('bits = 1', 'bits = 2', 'bits = 4', 'bits = 8', 'bits = 32', 'bits = 4, rerank = half',
	'bits = 8, rerank = table');
my @ways = ('serial build', 'parallel build', 'inserted later', 'into an empty index');

$node->safe_psql('postgres', qq{
	CREATE FUNCTION test_constant(x real) RETURNS vector LANGUAGE sql IMMUTABLE AS
		\$\$ SELECT array_fill(x, ARRAY[$dims])::vector \$\$;
	CREATE FUNCTION test_one(i int, x real) RETURNS vector LANGUAGE sql IMMUTABLE AS
		\$\$ SELECT array_agg(CASE WHEN j = 1 + i % $dims THEN x ELSE 0 END ORDER BY j)::vector
			FROM generate_series(1, $dims) j \$\$;
	CREATE TABLE near AS SELECT i AS id, test_vector(i, $dims) AS v FROM generate_series(1, $rows) i;
	CREATE TABLE query AS SELECT i AS id, test_vector(1000000 + i, $dims) AS v FROM generate_series(1, $queries) i;
	CREATE TABLE t (id int, v vector($dims));
	ALTER TABLE t SET (parallel_workers = 1);

	-- Of the ten nearest of each query, among the rows that a condition takes, the share that is found through the index.
	CREATE FUNCTION found(op text, queries text, condition text) RETURNS numeric LANGUAGE plpgsql AS \$\$
	DECLARE
		statement text := format('SELECT array_agg(id) FROM (SELECT id FROM t WHERE %s ORDER BY v %s \$1 LIMIT 10) s',
			condition, op);
		query vector;
		exact int[];
		through int[];
		good int := 0;
		wanted int := 0;
	BEGIN
		FOR query IN EXECUTE queries LOOP
			PERFORM set_config('enable_indexscan', 'off', true), set_config('enable_seqscan', 'on', true);
			EXECUTE statement INTO exact USING query;
			PERFORM set_config('enable_indexscan', 'on', true), set_config('enable_seqscan', 'off', true);
			EXECUTE statement INTO through USING query;
			wanted := wanted + cardinality(exact);
			good := good + (SELECT count(*) FROM unnest(exact) e WHERE e = ANY (through));
		END LOOP;
		RETURN round(good / wanted::numeric, 4);
	END \$\$;
});

# Fills the table and makes the index, in one of the ways.  Far rows have negative ids.
sub build
{
	my ($metric, $options, $kind, $way) = @_;
	my $index = "CREATE INDEX t_idx ON t USING hnsw (v vector_${metric}_ops) WITH ($options)";
	my $near = 'INSERT INTO t SELECT * FROM near';
	my $away = $kind ? "INSERT INTO t SELECT -i, $kind->[1] FROM (SELECT i, test_vector(2000000 + i, $dims) AS v
		FROM generate_series(1, $far) i) s" : '';
	my $workers = $way eq 'parallel build' ? 1 : 0;

	$node->safe_psql('postgres', 'DROP INDEX IF EXISTS t_idx; TRUNCATE t;' .
		"SET max_parallel_maintenance_workers = $workers;" .
		($way eq 'into an empty index' ? "$index; $away; $near;" : $way eq 'inserted later' ? "$near; $index; $away;" :
			"$away; $near; $index;"));
}

sub found
{
	my ($metric, $queries, $condition) = @_;
	return $node->safe_psql('postgres', "SET hnsw.ef_search = 100;
		SELECT found('$operators{$metric}', \$\$SELECT v FROM $queries\$\$, '$condition')");
}

my $turn = 0;
foreach my $metric (sort keys %operators)
{
	foreach my $options (@options)
	{
		# by inner product all walks lead to the long rows first; the graph decides how soon they leave, so several are built
		my $tolerance = $metric eq 'ip' ? 0.08 : $tolerance{$options} // 0.02;
		my $builds = $metric eq 'ip' ? 3 : 1;
		my @tried = is_long() ? (map { my $kind = $_; map { [$kind, $_] } @ways } @kinds) :
			([$kinds[$turn % @kinds], $ways[$turn % @ways]]);
		my $without;

		$turn++;
		build($metric, $options, undef, 'serial build');
		$without = found($metric, 'query', 'true');
		foreach my $try (@tried)
		{
			my ($kind, $way) = @$try;
			my $name = "$metric, $options, $kind->[0], $way";
			my ($others, $all, $away) = (0);

			foreach (1 .. $builds)
			{
				build($metric, $options, $kind, $way);
				$others += found($metric, 'query', 'id > 0') / $builds;
			}
			$others = sprintf('%.4f', $others);
			cmp_ok($others, '>=', $without - $tolerance, "$name: the others, $others, and without $without");
			# by distance: far rows may be equal, and float32 hardly tells the angles between some of them
			$away = $node->safe_psql('postgres', "SET hnsw.ef_search = 100; SET enable_seqscan = off;
				SELECT avg(((SELECT v $operators{$metric} q.v FROM t ORDER BY v $operators{$metric} q.v LIMIT 1)
					<= least * (1 + sign(least) * 1e-6) + 1e-6)::int)::real
				FROM (SELECT q.v, (SELECT min(v $operators{$metric} q.v) FROM t) AS least FROM t q WHERE id < 0) q");
			cmp_ok($away, '>=', 0.9, "$name: what is nearest to the far rows, $away");
		}
	}
}

done_testing();
