# Pages of one answer: the rows of a scan and their order do not depend on LIMIT and OFFSET, so that pages neither repeat
# rows nor leave any out, a growing LIMIT only adds rows, and a cursor returns the same ones.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use HnswTest;
use Test::More;

my $node = hnsw_node('pages', 'max_parallel_maintenance_workers = 0');

# Rows around some points, and queries that are hard: what is near in few dimensions need not be so in all.
$node->safe_psql('postgres', q{
	CREATE FUNCTION point(i int) RETURNS vector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
		SELECT array_agg(((hashint4(i % 20 * 1009 + j)::float8 + hashint4(i * 31 + 7 * j + 999)) / 4294967296.0)::real ORDER BY j)::vector
		FROM generate_series(1, 24) j
	$$;
	CREATE TABLE t (id int PRIMARY KEY, kind int, v vector(24));
	INSERT INTO t SELECT i, hashint4(i) & 15, point(i) FROM generate_series(1, 5000) i;
	-- equal vectors, too
	INSERT INTO t SELECT 10000 + i, 1, point(3 + i % 2) FROM generate_series(1, 120) i;
	CREATE TABLE parent (id int PRIMARY KEY);
	INSERT INTO parent SELECT id FROM t WHERE id % 3 > 0;
	CREATE TABLE query AS SELECT i AS number, point(i) AS q FROM generate_series(20001, 20008) i;
	ANALYZE t, parent;

	-- what a query returns from one row on to another
	CREATE FUNCTION part(statement text, q vector, first int, n int) RETURNS int[] LANGUAGE plpgsql AS $$
	DECLARE
		ids int[] := '{}';
		one int;
	BEGIN
		FOR one IN EXECUTE statement || format(' OFFSET %s LIMIT %s', first, n) USING q LOOP
			ids := ids || one;
		END LOOP;
		RETURN ids;
	END $$;
	-- the same, fetched through a cursor
	CREATE FUNCTION fetched(statement text, q vector, n int) RETURNS int[] LANGUAGE plpgsql AS $$
	DECLARE
		ids int[] := '{}';
		one int;
		rows refcursor;
	BEGIN
		OPEN rows FOR EXECUTE statement USING q;
		FOR i IN 1..n LOOP
			FETCH rows INTO one;
			EXIT WHEN NOT FOUND;
			ids := ids || one;
		END LOOP;
		CLOSE rows;
		RETURN ids;
	END $$;
	-- how many queries have pages that are not parts of the whole, or rows twice
	CREATE FUNCTION differences(statement text, total int) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		whole int[];
		paged int[];
		wrong_pages int := 0;
		wrong_limits int := 0;
		twice int := 0;
		vector_query vector;
		n int;
	BEGIN
		FOR vector_query IN SELECT q FROM query ORDER BY number LOOP
			whole := part(statement, vector_query, 0, total);
			twice := twice + cardinality(whole) - (SELECT count(DISTINCT i) FROM unnest(whole) i)::int;
			paged := '{}';
			FOR page IN 0..total / 20 - 1 LOOP
				paged := paged || part(statement, vector_query, page * 20, 20);
			END LOOP;
			wrong_pages := wrong_pages + (paged IS DISTINCT FROM whole)::int;
			FOREACH n IN ARRAY ARRAY[1, 7, 10, 30, 41, 100, 250] LOOP
				EXIT WHEN n > total;
				wrong_limits := wrong_limits + (part(statement, vector_query, 0, n) IS DISTINCT FROM whole[1:n])::int;
			END LOOP;
		END LOOP;
		RETURN format('%s pages, %s limits, %s twice', wrong_pages, wrong_limits, twice);
	END $$;
});

my $settings = 'SET enable_seqscan = off; SET enable_sort = off; SET enable_hashjoin = off; SET enable_mergejoin = off;
	SET enable_bitmapscan = off;';
my @statements = (
	['plain', 'SELECT id FROM t ORDER BY v <-> $1', 1000],
	['filter', 'SELECT id FROM t WHERE kind = 3 ORDER BY v <-> $1', 200],
	['filter of an expression', 'SELECT id FROM t WHERE abs(id) % 7 = 2 ORDER BY v <-> $1', 300],
	['join', 'SELECT t.id FROM t JOIN parent USING (id) ORDER BY v <-> $1', 300],
	['ties', 'SELECT id FROM t ORDER BY v <-> $1, id', 300],
	['locked', 'SELECT id FROM (SELECT id FROM t ORDER BY v <-> $1 FOR SHARE) s', 100]);

sub check
{
	my ($index, $setting) = @_;

	foreach (@statements)
	{
		my ($name, $statement, $total) = @$_;
		# an incremental sort takes its input to be in order, and sorts as much of it as its LIMIT tells
		next if $name eq 'ties' && $setting =~ /relaxed/;
		my $plan = $node->safe_psql('postgres',
			"$settings EXPLAIN " . $statement =~ s/\$1/(SELECT q FROM query LIMIT 1)/r . ' LIMIT 10');
		like($plan, qr/Index Scan using t_v_idx/, "$name: by the index");
		is($node->safe_psql('postgres', "$settings $setting SELECT differences('$statement', $total)"),
			'0 pages, 0 limits, 0 twice', "$index, $setting $name");
	}
}

$node->safe_psql('postgres', 'CREATE INDEX ON t USING hnsw (v vector_l2_ops) WITH (m = 6)');
check('8 bits', '');
check('8 bits', "SET hnsw.ef_search = 10; SET hnsw.iterative_scan = 'relaxed_order';");
check('8 bits', "SET hnsw.ef_search = 100; SET hnsw.adaptive_search = off;");
# what of the search's memory is left decides where the rest of the index comes
check('8 bits', "SET work_mem = '64kB';");

# A cursor, which knows of no LIMIT, returns what the pages do.
foreach my $statement (map { $_->[1] } @statements[0, 4])
{
	is($node->safe_psql('postgres', qq{
		$settings
		SELECT count(*) FROM query WHERE fetched('$statement', q, 300) IS DISTINCT FROM part('$statement', q, 0, 300)
	}), 0, "cursor: $statement");
}

# Little is lost by that: of the true nearest a LIMIT finds about as many whatever it is.
foreach my $limit (10, 40, 100, 400)
{
	cmp_ok($node->safe_psql('postgres', qq{
		$settings
		CREATE TEMP TABLE found AS
			SELECT number, unnest(part('SELECT id FROM t ORDER BY v <-> \$1', q, 0, $limit)) AS id FROM query;
		SET enable_indexscan = off; SET enable_seqscan = on; SET enable_sort = on;
		SELECT avg((v <-> q <= farthest + 1e-6)::int) FROM found JOIN t USING (id) JOIN query USING (number),
			LATERAL (SELECT max(d) AS farthest FROM (SELECT v <-> q AS d FROM t ORDER BY d LIMIT $limit) nearest) n
	}), '>', 0.9, "LIMIT $limit: recall");
}

$node->safe_psql('postgres', 'DROP INDEX t_v_idx; CREATE INDEX ON t USING hnsw (v vector_l2_ops) WITH (m = 6, bits = 1)');
check('1 bit', '');
$node->stop;
done_testing();
