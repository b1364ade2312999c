# A scan that cannot fill its LIMIT becomes the exact plan: it reads about as many pages as that, and returns the rows that
# pass, all of them, each once, in order; whatever drops the others, and whatever happens to the table meanwhile.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use HnswTest;
use PostgreSQL::Test::Cluster;
use Test::More;

my $node = hnsw_node('exact', 'max_parallel_maintenance_workers = 0', 'max_parallel_workers_per_gather = 0');
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;

my $rows = 6000;
$node->safe_psql('postgres', qq{
	CREATE TABLE docs (id int, org int, metadata jsonb, v vector(16));
	INSERT INTO docs SELECT i, i % 50, jsonb_build_object('source',
			CASE WHEN i % 2000 = 7 THEN 'three' WHEN i % 117 = 3 THEN 'fifty' ELSE 'many' END),
		CASE WHEN i % 500 > 0 THEN test_vector(i, 16) END FROM generate_series(1, $rows) i;
	-- rows that are known by the line pointer of an older version
	UPDATE docs SET metadata = metadata || '{"updated": true}' WHERE id % 100 = 7;
	CREATE INDEX docs_idx ON docs USING hnsw (v vector_l2_ops);
	UPDATE docs SET metadata = metadata || '{"updated": 2}' WHERE id % 200 = 7;
	CREATE TABLE members (usr text, org int);
	INSERT INTO members VALUES ('one', 3), ('one', 4);
	CREATE TABLE orgs (id int, name text);
	INSERT INTO orgs SELECT i, 'org ' || i FROM generate_series(0, 49) i;
	CREATE TABLE query AS SELECT test_vector(-5, 16) AS q;
	VACUUM ANALYZE docs;
	ANALYZE members, orgs, query;
});
my $pages = $node->safe_psql('postgres', q{SELECT pg_relation_size('docs') / 8192});
my $by_index = 'SET enable_seqscan = off; SET enable_sort = off; SET enable_hashjoin = off; SET enable_mergejoin = off;
	SET enable_bitmapscan = off;';
my $exact = 'SET enable_indexscan = off;';
my $distance = 'v <-> (SELECT q FROM query)';

# The ids that a query gives, by a server, with settings.
sub ids
{
	my ($server, $settings, $query) = @_;
	return $server->safe_psql('postgres', "$settings SELECT string_agg(id::text, ' ') FROM ($query) s");
}

# Filter or FROM, and LIMIT; rows in order are those of the exact plan.
my @queries = (
	["SELECT d.id FROM docs d WHERE metadata->>'source' = 'none' ORDER BY $distance LIMIT 10", 0],
	["SELECT d.id FROM docs d WHERE metadata->>'source' = 'three' ORDER BY $distance LIMIT 10", 3],
	["SELECT d.id FROM docs d WHERE metadata->>'source' = 'fifty' ORDER BY $distance LIMIT 60", 52],
	["SELECT d.id FROM docs d WHERE metadata->>'source' = 'fifty' ORDER BY $distance LIMIT 30", 30],
	["SELECT d.id FROM docs d WHERE org = ANY (ARRAY(SELECT org FROM members WHERE usr = 'none')) ORDER BY $distance LIMIT 10", 0],
	["SELECT d.id FROM docs d WHERE EXISTS (SELECT FROM members m WHERE m.org = d.org AND usr = 'none') OR d.id = 17
		ORDER BY $distance LIMIT 10", 1],
	["SELECT d.id FROM docs d WHERE metadata @> '{\"updated\": true}' ORDER BY $distance LIMIT 100", 30],
	["SELECT d.id FROM docs d WHERE metadata @> '{\"updated\": 2}' ORDER BY $distance LIMIT 100", 30],
	["SELECT d.id FROM docs d WHERE metadata->>'source' <> 'many' AND $distance < 1 ORDER BY $distance LIMIT 100", 1],
	["SELECT d.id FROM docs d JOIN orgs o ON o.id = d.org WHERE o.name = 'none' ORDER BY $distance LIMIT 10", 0],
	["SELECT d.id FROM docs d JOIN orgs o ON o.id = d.org JOIN members m ON m.org = o.id WHERE d.id % 1000 = 3
		ORDER BY $distance LIMIT 10", 6]);
foreach (@queries)
{
	my ($query, $n) = @$_;
	my $expected = ids($node, $exact, $query);
	my $plan = $node->safe_psql('postgres',
		"LOAD 'hnswc'; $by_index $query; EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) $query");

	is(scalar(split / /, $expected), $n, "$query: $n rows");
	like($plan, qr/Index Scan using docs_idx/, 'by the index');
	my ($looks) = $plan =~ /Index Scan using docs_idx.*?shared hit=(\d+)/s;
	# without the end of the walk five times the number of rows
	cmp_ok($looks // 'nan', '<', $pages + ($query =~ /JOIN/ ? 2.5 : 1) * $rows, "$looks looks");
	foreach my $order ('strict_order', 'relaxed_order')
	{
		is(ids($node, "$by_index SET hnsw.iterative_scan = $order;", $query), $expected, $order);
		is(ids($node, "$by_index SET hnsw.iterative_scan = $order; SET work_mem = '64kB';", $query), $expected, 'little memory');
	}
	$node->wait_for_catchup($standby, 'replay', $node->lsn('write'));
	is(ids($standby, $by_index, $query), $expected, 'on a standby');
	is(ids($node, "$by_index SET hnsw.iterative_scan = off;", $query) =~ tr/ // <= 40, 1, 'off: no more than hnsw.ef_search');
}

# EXPLAIN ANALYZE counts each row that is dropped once.
my $none = $queries[0][0];
like($node->safe_psql('postgres', "$by_index EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) $none"),
	qr/Rows Removed by Filter: $rows\b/, 'rows removed by the filter');

# A filter with side effects is called once a row, by the executor.
$node->safe_psql('postgres', q{
	CREATE SEQUENCE calls;
	CREATE FUNCTION is_none(int) RETURNS bool LANGUAGE plpgsql VOLATILE AS $$
		BEGIN PERFORM nextval('calls'); RETURN false; END $$;
	CREATE FUNCTION is_slow(int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$
		BEGIN PERFORM pg_sleep(0.005); RETURN false; END $$;
});
is(ids($node, $by_index, "SELECT id FROM docs WHERE is_none(id) ORDER BY $distance LIMIT 10"), '', 'volatile: nothing');
is($node->safe_psql('postgres', q{SELECT last_value FROM calls}), $rows - 12, 'volatile: called once for each row in the index');

# It can be interrupted.
my ($status, $out, $error) = $node->psql('postgres',
	"$by_index SET statement_timeout = '3s'; SELECT id FROM docs WHERE is_slow(id) ORDER BY $distance LIMIT 10");
like($error, qr/canceling statement due to statement timeout/, 'interrupted');

# Row-level security: what a policy hides is not shown to the functions of the query, either.
$node->safe_psql('postgres', q{
	ALTER TABLE docs ENABLE ROW LEVEL SECURITY;
	CREATE POLICY by_org ON docs USING (org IN (SELECT m.org FROM members m WHERE m.usr = current_user));
	CREATE FUNCTION watched(int) RETURNS bool LANGUAGE plpgsql IMMUTABLE COST 0.0001 AS $$
		BEGIN RAISE NOTICE 'seen %', $1; RETURN false; END $$;
	CREATE ROLE one;
	CREATE ROLE nobody;
	GRANT SELECT ON docs, members, query TO one, nobody;
});
foreach (['one', 240], ['nobody', 0])
{
	my ($role, $n) = @$_;
	my $query = "SELECT id, org FROM docs ORDER BY $distance LIMIT 300";
	my $all = $node->safe_psql('postgres', "SET ROLE $role; $exact SELECT count(*) FROM docs WHERE v IS NOT NULL");

	is($all, $n, "$role: $n rows");
	is(ids($node, "SET ROLE $role; $by_index", $query), ids($node, "SET ROLE $role; $exact", $query), "$role: the same rows");
	my ($rc, $stdout, $stderr) = $node->psql('postgres',
		"SET ROLE $role; $by_index SELECT id FROM docs WHERE watched(org) ORDER BY $distance LIMIT 10");
	unlike($stderr, qr/seen (?!3\b|4\b)/, "$role: others' rows are not seen");
	is($stdout, '', "$role: nothing passes");
}
$node->safe_psql('postgres', 'ALTER TABLE docs DISABLE ROW LEVEL SECURITY');

# A cursor sees the table as it was, rows that it goes on to read included.
my $fifty = "SELECT id FROM docs WHERE metadata->>'source' = 'fifty' ORDER BY $distance";
my $before = $node->safe_psql('postgres', "$exact $fifty");
is($node->safe_psql('postgres', qq{
	$by_index
	BEGIN;
	DECLARE c CURSOR FOR $fifty;
	FETCH 2 FROM c;
	UPDATE docs SET metadata = metadata || '{"late": true}' WHERE id % 3 = 0;
	DELETE FROM docs WHERE id % 3 = 1;
	INSERT INTO docs SELECT 100000 + i, 1, '{"source": "fifty"}', test_vector(i, 16) FROM generate_series(1, 50) i;
	FETCH ALL FROM c;
	ROLLBACK;
}), $before, 'a cursor read to its end');
is($node->safe_psql('postgres', qq{
	$by_index
	BEGIN;
	UPDATE docs SET metadata = metadata || '{"late": true}' WHERE id % 3 = 0;
	DELETE FROM docs WHERE id % 3 = 1;
	SELECT string_agg(id::text, ' ') FROM ($fifty LIMIT 100) s;
	ROLLBACK;
}), ids($node, $exact, "SELECT * FROM ($fifty) s WHERE id % 3 <> 1"), 'rows changed by the same transaction');

# FOR UPDATE locks what it returns, and sees what others have changed meanwhile.
is(ids($node, $by_index, "$fifty LIMIT 60 FOR UPDATE"), $before =~ s/\n/ /gr, 'FOR UPDATE');

# Other tables: temporary ones, partitions, indexes of some rows or of an expression, vectors that are measured in the table.
my $filter = "metadata->>'source' = 'fifty'";
my $expected = $node->safe_psql('postgres', "$exact SELECT string_agg(id::text, ' ') FROM ($fifty) s");
$node->safe_psql('postgres', qq{
	CREATE TABLE parts (LIKE docs) PARTITION BY HASH (id);
	CREATE TABLE parts_0 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
	CREATE TABLE parts_1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
	INSERT INTO parts SELECT * FROM docs;
	CREATE INDEX ON parts USING hnsw (v vector_l2_ops) WITH (rerank = half);
	CREATE TABLE in_table AS SELECT * FROM docs;
	CREATE INDEX ON in_table USING hnsw (v vector_l2_ops) WITH (rerank = table);
	CREATE TABLE exactly AS SELECT * FROM docs;
	CREATE INDEX ON exactly USING hnsw (v vector_l2_ops) WITH (bits = 32);
	CREATE TABLE halves AS SELECT * FROM docs;
	CREATE INDEX ON halves USING hnsw ((v::halfvec(16)) halfvec_l2_ops);
	CREATE TABLE partly AS SELECT * FROM docs;
	CREATE INDEX ON partly USING hnsw (v vector_l2_ops) WHERE id % 5 > 0;
	ANALYZE parts, in_table, exactly, halves, partly;
});
is(ids($node, $by_index, "SELECT id FROM $_ WHERE $filter ORDER BY $distance LIMIT 60"), $expected, $_)
	foreach ('parts', 'in_table', 'exactly');
my $halves = "SELECT id FROM halves WHERE $filter ORDER BY v::halfvec(16) <-> (SELECT q::halfvec(16) FROM query) LIMIT 60";
is(ids($node, $by_index, $halves), ids($node, $exact, $halves), 'an index of an expression');
my $partly = "SELECT id FROM partly WHERE $filter AND id % 5 > 0 ORDER BY $distance LIMIT 60";
is(ids($node, $by_index, $partly), ids($node, $exact, $partly), 'an index of some rows');
is($node->safe_psql('postgres', qq{
	CREATE TEMP TABLE brief AS SELECT * FROM docs;
	CREATE INDEX ON brief USING hnsw (v vector_l2_ops);
	ANALYZE brief;
	$by_index
	SELECT string_agg(id::text, ' ') FROM (SELECT id FROM brief WHERE $filter ORDER BY $distance LIMIT 60) s
}), $expected, 'a temporary table');

# As often as the outer rows ask for it, each time from the beginning.
is($node->safe_psql('postgres', qq{
	$by_index
	SELECT count(DISTINCT found), count(*) FROM (SELECT (SELECT string_agg(id::text, ' ')
		FROM (SELECT id FROM docs WHERE $filter AND o.id < 5 ORDER BY v <-> q LIMIT 60) s) AS found FROM orgs o, query) t
}), '1|50', 'many scans, none of which knows of the others');
$standby->stop;
$node->stop;
done_testing();
