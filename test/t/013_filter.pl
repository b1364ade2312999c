# Queries with a filter: rows that it drops come on top of hnsw.ef_search, so that those that pass are found better than
# without it, be what the planner expects right, far too little or far too much; for no more work than a larger LIMIT.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use HnswTest;
use Test::More;

my $node = hnsw_node('filter', 'max_parallel_maintenance_workers = 0');

# Nothing to go by: all rows are about as far from each other, and which of them pass has nothing to do with where they are.
$node->safe_psql('postgres', q{
	CREATE FUNCTION any_vector(i int) RETURNS vector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
		SELECT array_agg((hashint4(i * 100 + j) / 2147483648.0)::real ORDER BY j)::vector FROM generate_series(1, 20) j
	$$;
	CREATE TABLE t (id int, v vector(20));
	INSERT INTO t SELECT i, any_vector(i) FROM generate_series(1, 12000) i;
	CREATE INDEX t_idx ON t USING hnsw (v vector_l2_ops) WITH (m = 8);
	CREATE TABLE tenth (id int PRIMARY KEY);
	INSERT INTO tenth SELECT id FROM t WHERE id % 10 = 5;
	ANALYZE t, tenth;
	CREATE TABLE query AS SELECT any_vector(i) AS v, NULL::float8 AS farthest FROM generate_series(1000001, 1000300) i;
});

# What share of the nearest rows that pass is missed, and the pages and nodes looked at.
sub effort
{
	my ($filter, $limit, $adaptive) = @_;
	my $settings = "LOAD 'hnswc'; SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;
		SET hnsw.ef_search = 20; SET hnsw.adaptive_search = $adaptive;";
	my $found = "query q CROSS JOIN LATERAL
		(SELECT t.v <-> q.v AS d FROM t WHERE $filter ORDER BY t.v <-> q.v LIMIT $limit) f";
	$node->safe_psql('postgres', qq{
		SET enable_indexscan = off;
		UPDATE query q SET farthest =
			(SELECT max(d) FROM (SELECT t.v <-> q.v AS d FROM t WHERE $filter ORDER BY d LIMIT $limit) nearest)
	});
	my $missed = $node->safe_psql('postgres', "$settings SELECT 1 - avg((d <= farthest + 1e-6)::int) FROM $found");
	my $plan = $node->safe_psql('postgres', "$settings EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) SELECT count(d) FROM $found");
	like($plan, qr/Index Scan using t_idx/, "$filter: by the index");
	my ($looks) = $plan =~ /Index Scan using t_idx.*?shared hit=(\d+)/s;
	return ($missed, $looks);
}

# Each with the LIMIT that asks for as many rows without it, and the most that may be missed, in shares of what is missed
# without it, adaptive and not.  Of expressions the planner expects a two-hundredth, of inequalities a third.
my @filters = (
	['id <= 3000', 40, 0.8, 0.92],
	['id <= 1200', 100, 0.5, 0.5],
	['id <= 400', 300, 0.25, 0.25],
	['id % 10 = 3', 100, 0.7, 0.7],
	['id % 30 = 3', 300, 0.45, 0.4],
	['abs(id % 10) < 1', 100, 0.85, 0.87],
	['abs(id % 30) < 1', 300, 0.5, 0.45],
	['EXISTS (SELECT FROM tenth WHERE tenth.id = t.id)', 100, 0.72, 1]);
foreach my $adaptive ('on', 'off')
{
	my ($unfiltered) = effort('true', 10, $adaptive);
	my %limit_looks = map { $_ => (effort('true', $_, $adaptive))[1] } (40, 100, 300);

	foreach (@filters)
	{
		my ($filter, $limit, $share, $share_fixed) = @$_;
		my ($missed, $looks) = effort($filter, 10, $adaptive);

		$share = $share_fixed if $adaptive eq 'off';
		cmp_ok($missed, '<', $share * $unfiltered, "$filter, adaptive $adaptive: $missed missed, without a filter $unfiltered");
		cmp_ok($looks, '<', 1.7 * $limit_looks{$limit},
			"$filter, adaptive $adaptive: $looks looks, with LIMIT $limit $limit_looks{$limit}");
	}
}
done_testing();
