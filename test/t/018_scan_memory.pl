# The memory of a scan: a limit cuts neither what hnsw.ef_search asks for nor the order of the first rows; the rows of equal
# vectors are read as they are needed; and a session does not grow with what it has asked.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use HnswTest;
use Test::More;

my $node = hnsw_node('memory', 'max_parallel_maintenance_workers = 0');
my $by_index = "LOAD 'hnswc'; SET enable_seqscan = off; SET enable_sort = off;";

# Nothing to go by, so that a search has to look at much.
$node->safe_psql('postgres', q{
	CREATE FUNCTION any_vector(i int) RETURNS vector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
		SELECT array_agg((hashint4(i * 100 + j) / 2147483648.0)::real ORDER BY j)::vector FROM generate_series(1, 16) j
	$$;
	CREATE TABLE t (id int, v vector(16));
	INSERT INTO t SELECT i, any_vector(i) FROM generate_series(1, 8000) i;
	CREATE INDEX t_idx ON t USING hnsw (v vector_l2_ops) WITH (m = 48, ef_construction = 96);
	CREATE TABLE query AS SELECT any_vector(i) AS v, NULL::float8 AS farthest FROM generate_series(1000001, 1000040) i;
	SET enable_indexscan = off;
	UPDATE query q SET farthest = (SELECT max(d) FROM (SELECT t.v <-> q.v AS d FROM t ORDER BY d LIMIT 10) nearest);
	ANALYZE t;
});

# Of the true ten nearest, the share that are among the first ten of a LIMIT.
sub found
{
	my ($memory, $ef, $limit) = @_;
	return $node->safe_psql('postgres', qq{
		$by_index
		SET work_mem = '$memory';
		SET hnsw.ef_search = $ef;
		SELECT avg((d <= farthest + 1e-6)::int)
		FROM query q CROSS JOIN LATERAL (SELECT d FROM (SELECT t.v <-> q.v AS d FROM t ORDER BY t.v <-> q.v LIMIT $limit) s LIMIT 10) f
	});
}

foreach my $ef (40, 200, 1000)
{
	is(found('64kB', $ef, 10), found('16MB', $ef, 10), "ef_search $ef: as much with little memory");
}
cmp_ok(found('64kB', 1000, 10), '>', 0.99, 'ef_search 1000: nearly all');
cmp_ok(found('64kB', 200, 10), '>=', found('64kB', 40, 10), 'more ef_search finds more');
is(found('64kB', 40, 5000), found('64kB', 40, 10), 'LIMIT 5000: the first ten are the same');

# What comes after the search has used its memory is in order and complete.
foreach my $bits (1, 8, 32)
{
	$node->safe_psql('postgres', "DROP INDEX t_idx; CREATE INDEX t_idx ON t USING hnsw (v vector_l2_ops) WITH (bits = $bits)");
	my ($count, $distinct, $unordered, $first_unordered) = split /\|/, $node->safe_psql('postgres', qq{
		$by_index
		SET work_mem = '64kB';
		SELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE d < before), min(place) FILTER (WHERE d < before)
		FROM (SELECT *, lag(d) OVER (ORDER BY place) AS before FROM (SELECT *, row_number() OVER () AS place
			FROM (SELECT id, v <-> any_vector(-1) AS d FROM t ORDER BY v <-> any_vector(-1) LIMIT 9000) s) p) l
	});
	is("$count $distinct", '8000 8000', "bits $bits, 64 kB: all rows once");
	# those that were found too late follow at the end, in their own order
	cmp_ok($unordered, '<=', 1, "bits $bits, 64 kB: in order");
	cmp_ok($first_unordered || 8000, '>', 7000, "bits $bits, 64 kB: but for the last");
}

# Equal vectors: as many are read as are asked for.
$node->safe_psql('postgres', q{
	CREATE TABLE equal (id int, kind int, v vector(16));
	INSERT INTO equal SELECT i, i % 1000, any_vector(1) FROM generate_series(1, 30000) i;
	INSERT INTO equal SELECT i, 0, any_vector(i) FROM generate_series(30001, 31000) i;
	CREATE INDEX equal_idx ON equal USING hnsw (v vector_l2_ops);
	VACUUM ANALYZE equal;
});

sub looks
{
	my ($query) = @_;
	my $plan = $node->safe_psql('postgres', "$by_index $query; EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) $query");
	my ($hits) = $plan =~ /Index Scan using equal_idx.*?shared hit=(\d+)/s;
	return $hits // 'nan';
}

my $nearest = 'SELECT id FROM equal ORDER BY v <-> any_vector(1)';
my ($ten, $thousand, $all) = map { looks("$nearest LIMIT $_") } (10, 1000, 30000);
cmp_ok($thousand, '<', $ten + 150, "LIMIT 1000 of equal vectors: $thousand looks, LIMIT 10 $ten");
cmp_ok($all, '>', $ten + 1000, "all of them: $all looks");
is($node->safe_psql('postgres', "$by_index SELECT count(DISTINCT id), min(id) > 0, max(id) <= 30000 FROM ($nearest LIMIT 30000) s"),
	'30000|t|t', 'all of them');
is($node->safe_psql('postgres', "$by_index SELECT count(DISTINCT id), count(*) FROM ($nearest LIMIT 40000) s"),
	'31000|31000', 'and the others');
is($node->safe_psql('postgres', qq{
	$by_index
	SELECT count(*) FROM (SELECT id FROM equal WHERE kind = 7 ORDER BY v <-> any_vector(1) LIMIT 50) s}), 30, 'with a filter');
is($node->safe_psql('postgres', qq{
	$by_index
	BEGIN;
	DECLARE c CURSOR FOR $nearest;
	MOVE 15 FROM c;
	DELETE FROM equal WHERE id % 2 = 0;
	MOVE ALL FROM c;
	ROLLBACK;
}), '', 'a cursor within equal vectors');

# A session keeps no more after many scans than after a few: neither of searches nor of rows that were measured.
$node->safe_psql('postgres', q{
	DROP INDEX t_idx;
	CREATE INDEX t_idx ON t USING hnsw (v vector_l2_ops) WITH (rerank = table);
	CREATE FUNCTION used() RETURNS bigint LANGUAGE sql AS
		'SELECT sum(total_bytes)::bigint FROM pg_backend_memory_contexts WHERE name LIKE ''hnsw%''';
	CREATE FUNCTION searches(n int) RETURNS bigint LANGUAGE plpgsql AS $$
	DECLARE
		one record;
	BEGIN
		FOR i IN 1..n LOOP
			FOR one IN SELECT id FROM t WHERE id % 4000 = 7 ORDER BY v <-> any_vector(-i) LIMIT 3 LOOP
			END LOOP;
			FOR one IN SELECT id FROM t ORDER BY v <-> any_vector(-i) LIMIT 200 LOOP
			END LOOP;
		END LOOP;
		RETURN used();
	END $$;
});
my ($few, $many) = split /\n/, $node->safe_psql('postgres', "$by_index SELECT searches(100); SELECT searches(300)");
cmp_ok($many, '<=', 1.5 * $few, "$many bytes after many scans, $few after few");
is($node->safe_psql('postgres',
		"$by_index SELECT searches(3) < 2 * 1024 * 1024, (SELECT count(*) FROM pg_backend_memory_contexts WHERE name ~ 'hnsw scan (table|row)')"),
	't|0', 'nothing that belongs to one scan is left');
$node->stop;
done_testing();
