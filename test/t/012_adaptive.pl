# hnsw.adaptive_search: searches that go by distance find more than those of a fixed size, for the same work on average;
# and return the same rows otherwise.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use HnswTest;
use Test::More;

my $node = hnsw_node('adaptive', 'max_parallel_maintenance_workers = 0');
my @operators = (['l2', '<->'], ['cosine', '<=>'], ['l1', '<+>'], ['ip', '<#>']);

# Queries that are easy and queries that are hard: rows around some points, near them in few dimensions or in many.  All of
# one length, so that inner products are distances, too.
$node->safe_psql('postgres', q{
	CREATE FUNCTION mixed_vector(i int) RETURNS vector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
		SELECT l2_normalize(array_agg(((hashint4(i % 30 * 1009 + j) +
			CASE WHEN i % 2 = 0 THEN 0.4 * hashint4(i * 31 + 7 * j + 999)
				ELSE 0.8 * (hashint4(i) * sin(j)::float8 + hashint4(-i) * cos(2 * j)::float8)
			END) / 2147483648.0)::real ORDER BY j)::vector) FROM generate_series(1, 32) j
	$$;
	CREATE TABLE t (id int, v vector(32));
	INSERT INTO t SELECT i, mixed_vector(i) FROM generate_series(1, 15000) i;
	CREATE TABLE query AS SELECT mixed_vector(i) AS v, NULL::float8 AS tenth FROM generate_series(1000000, 1000299) i;
	CREATE FUNCTION set_truth(op text, rank int) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM set_config('enable_indexscan', 'off', true);
		EXECUTE format('UPDATE query q SET tenth =
			(SELECT max(d) FROM (SELECT t.v %s q.v AS d FROM t ORDER BY d LIMIT %s) nearest)', op, rank);
	END $$;
});

# Recall@10, or of another rank, and the pages and nodes looked at.
sub effort
{
	my ($operator, $adaptive, $ef, $rank) = @_;
	$rank //= 10;
	my $settings = "LOAD 'hnswc'; SET enable_seqscan = off; SET hnsw.ef_search = $ef; SET hnsw.adaptive_search = $adaptive;";
	my $found = "query q CROSS JOIN LATERAL (SELECT t.v $operator q.v AS d FROM t ORDER BY t.v $operator q.v LIMIT $rank) f";
	my $recall = $node->safe_psql('postgres', "$settings SELECT avg((d <= tenth + 1e-6)::int) FROM $found");
	my $plan = $node->safe_psql('postgres', "$settings EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) SELECT count(d) FROM $found");
	my ($hits) = $plan =~ /shared hit=(\d+)/;
	return ($recall, $hits);
}

# The pages and nodes that the index scan of a query looks at, as a session does that has asked it before.
sub looks
{
	my ($query, $ef) = @_;
	my $plan = $node->safe_psql('postgres', qq{
		LOAD 'hnswc';
		SET enable_seqscan = off;
		SET enable_hashjoin = off;
		SET enable_mergejoin = off;
		SET hnsw.ef_search = $ef;
		$query;
		EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) $query
	});
	my ($hits) = $plan =~ /Index Scan using t_idx.*?shared hit=(\d+)/s;
	return $hits;
}

# Builds, queries and what a measurement by 64 searches comes to differ, so what was missed is added up.
my ($fixed_missed, $adaptive_missed) = (0, 0);
my ($fixed_looks, $adaptive_looks) = (0, 0);

sub compare
{
	my ($name, $operator, $ef) = @_;
	my ($fixed, $fixed_hits) = effort($operator, 'off', $ef);
	my ($adaptive, $adaptive_hits) = effort($operator, 'on', $ef);
	note("$name: recall $fixed with a fixed size, $adaptive adaptive");
	$fixed_missed += 1 - $fixed;
	$adaptive_missed += 1 - $adaptive;
	$fixed_looks += $fixed_hits;
	$adaptive_looks += $adaptive_hits;
	cmp_ok($adaptive_hits, '<', 1.6 * $fixed_hits, "$name: $adaptive_hits looks, with a fixed size $fixed_hits");
	cmp_ok($adaptive_hits, '>', 0.6 * $fixed_hits, "$name: and not much fewer");
}

foreach (@operators)
{
	my ($metric, $operator) = @$_;
	$node->safe_psql('postgres',
		"SELECT set_truth('$operator', 10); CREATE INDEX t_idx ON t USING hnsw (v vector_${metric}_ops) WITH (m = 6)");
	compare("$metric, ef_search 20", $operator, 20);
	compare("$metric, ef_search 40", $operator, 40);
	$node->safe_psql('postgres', 'DROP INDEX t_idx');
}
cmp_ok($adaptive_looks, '<', 1.3 * $fixed_looks, "all together: $adaptive_looks looks, with a fixed size $fixed_looks");
cmp_ok($adaptive_looks, '>', 0.7 * $fixed_looks, 'all together: and not much fewer');
cmp_ok($adaptive_missed, '<', 0.75 * $fixed_missed, "$adaptive_missed missed, with a fixed size $fixed_missed");

# An index that was built empty learns how far to look when it is vacuumed.
$node->safe_psql('postgres', q{
	CREATE TABLE kept AS SELECT * FROM t;
	TRUNCATE t;
	CREATE INDEX t_idx ON t USING hnsw (v vector_l2_ops) WITH (m = 6);
	INSERT INTO t SELECT * FROM kept;
	SELECT set_truth('<->', 10);
});
is((effort('<->', 'on', 40))[0], (effort('<->', 'off', 40))[0], 'inserted: nothing is known yet');
$node->safe_psql('postgres', 'VACUUM t');
($fixed_missed, $adaptive_missed) = (0, 0);
compare('vacuumed', '<->', 20);
compare('vacuumed', '<->', 40);
cmp_ok($adaptive_missed, '<', 0.9 * $fixed_missed, "vacuumed: $adaptive_missed missed, with a fixed size $fixed_missed");

# More rows than the search was for: as many as are asked for, in order, each once.
is(rows_match($node, 't', '<->'), '0 missed, 0 too many, 0 twice', 'all rows once');
foreach my $limit (1, 10, 11, 25, 39, 40, 41, 200)
{
	is($node->safe_psql('postgres', qq{
		SET enable_seqscan = off;
		SELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE d < before)
		FROM (SELECT id, d, lag(d) OVER (ORDER BY place) AS before
			FROM (SELECT id, d, row_number() OVER () AS place
				FROM (SELECT id, v <-> mixed_vector(-1) AS d FROM t ORDER BY v <-> mixed_vector(-1) LIMIT $limit) f) p) s
	}), "$limit|$limit|0", "LIMIT $limit");
}
is($node->safe_psql('postgres', q{
	SET enable_seqscan = off;
	SET hnsw.iterative_scan = off;
	SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> mixed_vector(-1) LIMIT 1000) f
}), 40, 'iterative_scan = off: as many as hnsw.ef_search');
is($node->safe_psql('postgres', q{
	SET enable_seqscan = off;
	SELECT count(*) FROM (SELECT id FROM t WHERE id % 50 = 1 ORDER BY v <-> mixed_vector(-1) LIMIT 20) f
}), 20, 'a filter that keeps a fiftieth');

# With a larger LIMIT there is more to look for, and the search knows: the LIMIT of a function, whose value comes late.
$node->safe_psql('postgres', q{
	CREATE FUNCTION nearest(q vector, n int) RETURNS TABLE (d float8) LANGUAGE plpgsql AS $$
	BEGIN
		RETURN QUERY SELECT t.v <-> q FROM t ORDER BY t.v <-> q LIMIT n;
	END $$;
	SELECT set_truth('<->', 40);
});
my $in_function = $node->safe_psql('postgres', q{
	SET enable_seqscan = off; SET enable_sort = off; SET plan_cache_mode = force_generic_plan; SET hnsw.ef_search = 80;
	SELECT avg((d <= tenth + 1e-6)::int) FROM query q CROSS JOIN LATERAL nearest(q.v, 40)
});
my ($plain) = effort('<->', 'on', 80, 40);
is($in_function, $plain, 'LIMIT 40 in a function');

# A LIMIT of more rows than hnsw.ef_search: the search goes on, since the first rows are those of a smaller LIMIT.  What it
# finds too late it loses, but not much; nor does it look at much more.
$node->safe_psql('postgres', q{SELECT set_truth('<->', 100)});
my ($recall, $hits) = effort('<->', 'on', 100, 100);
foreach my $ef (20, 40, 99)
{
	my ($small_recall, $small_hits) = effort('<->', 'on', $ef, 100);
	cmp_ok($small_recall, '>', $recall - 0.05, "LIMIT 100, ef_search $ef: recall $small_recall, with 100 $recall");
	cmp_ok($small_hits, '<', 1.5 * $hits, "LIMIT 100, ef_search $ef: $small_hits looks, with 100 $hits");
}
# Nor where something is done to the rows in between.
$node->safe_psql('postgres', 'CREATE TABLE parent (id int PRIMARY KEY); INSERT INTO parent SELECT id FROM t; ANALYZE parent');
my $distance = 'v <-> mixed_vector(-1)';
my @queries = ("SELECT id FROM t ORDER BY $distance LIMIT 150 FOR UPDATE",
	"SELECT id, rank() OVER (ORDER BY $distance) FROM t ORDER BY $distance LIMIT 150",
	"SELECT id FROM t JOIN parent USING (id) ORDER BY $distance LIMIT 150",
	"SELECT t.id, parent.id FROM t LEFT JOIN parent USING (id) ORDER BY $distance OFFSET 50 LIMIT 100",
	"SELECT id FROM (SELECT id, random() FROM t ORDER BY $distance) nearest LIMIT 150",
	"SELECT id FROM t WHERE EXISTS (SELECT FROM parent) ORDER BY $distance LIMIT 150",
	"SELECT id FROM t ORDER BY $distance, id LIMIT 150");
foreach my $ef (10, 40)
{
	my $plain = looks("SELECT id FROM t ORDER BY $distance LIMIT 150", $ef);
	foreach my $query (@queries)
	{
		my $looks = looks($query, $ef);
		ok(defined $looks, "$query: by the index");
		cmp_ok(abs($looks - $plain), '<', 0.15 * $plain, "$query: $looks looks, by the plain query $plain");
	}
}
# A filter on the distance ends the scan.
my ($few, $many) = map { looks("SELECT id FROM t WHERE $distance < 0.1 ORDER BY $distance LIMIT $_", 40) } (10, 1000);
cmp_ok($many, '<', 1.2 * $few, "LIMIT 1000 of rows that are near: $many looks, with LIMIT 10 $few");
# So does hnsw.ef_search, where it is to, or so many nodes.
foreach (["iterative_scan = 'off'", 20], ['max_scan_tuples = 1', 500])
{
	my ($setting, $most) = @$_;
	cmp_ok($node->safe_psql('postgres', qq{
		SET enable_seqscan = off;
		SET hnsw.ef_search = 20;
		SET hnsw.$setting;
		SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> mixed_vector(-1) LIMIT 1000) f
	}), '<=', $most, "LIMIT 1000 with $setting");
}

# Rows that are gone but not vacuumed are passed over.
$node->safe_psql('postgres', 'DELETE FROM t WHERE id % 4 > 0');
is($node->safe_psql('postgres', q{
	SET enable_seqscan = off;
	SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> mixed_vector(-1) LIMIT 10) f
}), 10, 'most rows deleted');
$node->safe_psql('postgres', 'VACUUM t; SELECT set_truth(\'<->\', 10)');
my ($fixed) = effort('<->', 'off', 40);
my ($adaptive) = effort('<->', 'on', 40);
cmp_ok($adaptive, '>', $fixed, "deleted and vacuumed: recall $adaptive, with a fixed size $fixed");

# Emptied: nothing is left of what the scan before found.
is($node->safe_psql('postgres', q{
	SET enable_seqscan = off;
	SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> mixed_vector(-1) LIMIT 10) f;
	TRUNCATE t;
	SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> mixed_vector(-1) LIMIT 10) f
}), "10\n0", 'emptied');
done_testing();
