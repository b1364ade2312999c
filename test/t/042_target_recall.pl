# hnsw.recall: searches find at least the share that is asked for, with as little as it takes; also when rows have been
# inserted, when a filter drops some, and for queries unlike the rows once the index is calibrated with some.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use HnswTest;
use Test::More;

my $node = hnsw_node('target', 'max_parallel_maintenance_workers = 0', 'autovacuum = off');

# Vectors of 24 dimensions around some points, and queries between these, which are harder.
$node->safe_psql('postgres', q{
	CREATE FUNCTION made(i int, spread float8) RETURNS vector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
		SELECT array_agg((hashint4(i % 40 * 1009 + j) + spread * hashint4(i * 31 + 7 * j + 999)) / 2147483648.0
			ORDER BY j)::real[]::vector FROM generate_series(1, 24) j
	$$;
	CREATE TABLE t (id int, v vector(24));
	INSERT INTO t SELECT i, made(i, 0.7) FROM generate_series(1, 6000) i;
	CREATE TABLE query AS SELECT n, i AS id, made(i, CASE WHEN n = 1 THEN 0.7 ELSE 1.6 END) AS v, ARRAY[0, 0, 0]::float8[] AS dist
		FROM generate_series(1000000, 1000199) i, generate_series(1, 2) n;
	CREATE INDEX t_idx ON t USING hnsw (v vector_l2_ops) WITH (m = 8, ef_construction = 32);
	ANALYZE t;
	CREATE FUNCTION set_truth() RETURNS void LANGUAGE sql SET enable_indexscan = off AS $$
		UPDATE query q SET dist = (SELECT ARRAY[d[1], d[10], d[100]] FROM (SELECT array_agg(d ORDER BY d) AS d
			FROM (SELECT t.v <-> q.v AS d FROM t ORDER BY d LIMIT 100) s) s)
	$$;
	SELECT set_truth();
});

# Recall at LIMIT 1, 10 or 100, and the nodes that a search measures, of easy queries (1) or hard ones (2).
sub effort
{
	my ($settings, $limit, $which) = @_;
	my $place = length($limit);
	return split /\|/, $node->safe_psql('postgres', qq{
		LOAD 'hnswc';
		SET enable_seqscan = off;
		$settings;
		CREATE FUNCTION pg_temp.ask(q vector, farthest float8, OUT hits bigint, OUT nodes bigint) LANGUAGE plpgsql AS \$\$
		BEGIN
			hits := count(*) FROM (SELECT v <-> q AS d FROM t ORDER BY v <-> q LIMIT $limit) s WHERE d <= farthest + 1e-6;
			nodes := s.nodes FROM hnsw_last_scan() s;
		END \$\$;
		SELECT avg(a.hits) / $limit, avg(a.nodes) FROM query q, pg_temp.ask(q.v, q.dist[$place]) a WHERE q.n = $which});
}

# At most twice the misses that are asked for, and .02 for what 200 queries and 128 measured ones err.
sub reaches
{
	my ($name, $which, @asked) = @_;
	foreach my $recall (@asked)
	{
		my @short;
		foreach my $limit (1, 10, 100)
		{
			my ($found, $nodes) = effort("SET hnsw.recall = $recall", $limit, $which);
			note("$name: asked $recall, LIMIT $limit: found $found, $nodes nodes");
			push @short, "LIMIT $limit: $found" if 1 - $found > 2 * (1 - $recall) + 0.02;
		}
		is("@short", '', "$name: $recall is found");
	}
}

reaches('built', 1, 0.8, 0.95, 0.99);
my (undef, $little) = effort('SET hnsw.recall = 0.8', 10, 1);
my (undef, $much) = effort('SET hnsw.recall = 0.999', 10, 1);
cmp_ok($little, '<', $much, 'less is done for less');

# A share of .8 takes less than the default width, which finds more.
my ($default_recall, $default_nodes) = effort('', 1, 1);
cmp_ok((effort('SET hnsw.recall = 0.8', 1, 1))[1], '<', $default_nodes, 'and less than by default');

$node->safe_psql('postgres', q{
	INSERT INTO t SELECT i, made(i, 0.7) FROM generate_series(6001, 7500) i;
	SELECT set_truth();
});
reaches('a quarter inserted', 1, 0.95);

# Hard queries: the index's own rows tell too little of them, and some of them enough.
$node->safe_psql('postgres', q{
	SELECT hnsw_calibrate('t_idx', 'SELECT made(i, 1.6) FROM generate_series(2000000, 2000119) i')});
reaches('calibrated', 2, 0.9, 0.98);

# It survives a crash: what was calibrated is logged.
my $widths = $node->safe_psql('postgres', q{SELECT recall_from, recall_ef FROM hnsw_stats('t_idx')});
like($widths, qr/^queries/, 'the index knows where that is from');
$node->stop('immediate');
$node->start;
is($node->safe_psql('postgres', q{SELECT recall_from, recall_ef FROM hnsw_stats('t_idx')}), $widths, 'and still does after a crash');

$node->stop;
done_testing();
