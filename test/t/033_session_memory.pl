# What a session keeps in memory is bounded: by the indexes that it used last, and not by how many queries it has sent or how many
# indexes it has used.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use HnswTest;
use Test::More;
use Watch;

my $megabyte = 1024 * 1024;
my ($dims, $rows) = (32, 3000);
my $indexes = 200;
# Each round asks $shapes queries.
my $shapes = 20;
my $queries = is_long() ? 100000 : 10000;
# How many rounds let all that a session needs once come to be.
my $rounds = $queries / $shapes;
my $first = $rounds / 10;
# What all queries and all indexes may leave behind, in bytes.
my ($grown_by_queries, $kept) = (256 * 1024, 6 * $megabyte);

my $node = hnsw_node('session_memory', 'shared_buffers = 256MB', 'max_parallel_workers_per_gather = 0');
$node->safe_psql('postgres', qq{
	CREATE TABLE t (id int, v vector($dims));
	INSERT INTO t SELECT i, test_vector(i, $dims) FROM generate_series(1, $rows) i;
	CREATE INDEX t_idx ON t USING hnsw (v vector_l2_ops);
	CREATE TABLE few (id int, v vector($dims));
	CREATE INDEX few_idx ON few USING hnsw (v vector_cosine_ops) WITH (rerank = table);
	INSERT INTO few SELECT i, test_vector(i, $dims) FROM generate_series(1, 200) i;
	CREATE TABLE s AS SELECT i AS id, format('{%s:1,%s:2}/1000', 1 + i % 10, 20 + i % 300)::sparsevec(1000) AS v
		FROM generate_series(1, 1000) i;
	CREATE INDEX s_idx ON s USING hnsw (v sparsevec_l2_ops) WITH (m = 4, ef_construction = 8);
	CREATE TABLE q AS SELECT i AS id, test_vector(1000000 + i, $dims) AS v FROM generate_series(1, 100) i;
	ANALYZE;
	CREATE FUNCTION fails() RETURNS int LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''stop''; END';
});

# Bytes in memory contexts of this backend; and, on the server, its process's id.
my $contexts = q{SELECT 'memory', sum(total_bytes), pg_backend_pid() FROM pg_backend_memory_contexts};

# A round of queries: as clients ask them, to the end and not, with errors, inserts and what is rolled back.
sub round
{
	my ($n) = @_;
	my $q = "(SELECT v FROM q WHERE id = " . (1 + $n % 100) . ")";
	my $id = 1000000 + $n;
	return qq{
		SELECT id FROM t ORDER BY v <-> $q LIMIT 10;
		SELECT id FROM t ORDER BY v <-> $q LIMIT 10 OFFSET 20;
		SELECT id FROM t WHERE id % 50 = 3 ORDER BY v <-> $q LIMIT 10;
		SELECT id FROM t WHERE v <-> $q < 0.5 ORDER BY v <-> $q LIMIT 10;
		SELECT 1 / (1 + (v <-> $q)) AS d FROM t ORDER BY d DESC LIMIT 3;
		SELECT id FROM few ORDER BY v <=> $q LIMIT 10;
		SELECT id FROM few ORDER BY v <=> $q;
		SELECT id FROM s ORDER BY v <-> '{1:1,25:2}/1000' LIMIT 7;
		SELECT q.id, (SELECT t.id FROM t ORDER BY t.v <-> q.v LIMIT 1) FROM q WHERE q.id < 5;
		EXECUTE prepared(10);
		EXECUTE prepared(100);
		SET hnsw.ef_search = 200; EXECUTE prepared(1); RESET hnsw.ef_search;
		BEGIN; DECLARE c CURSOR FOR SELECT id FROM t ORDER BY v <-> $q; FETCH 5 FROM c; SELECT id FROM t ORDER BY v <-> $q LIMIT 2; FETCH 5 FROM c; COMMIT;
		BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT id FROM t ORDER BY v <-> $q LIMIT 20; FETCH 5 FROM c; COMMIT; CLOSE c;
		SELECT fails() FROM (SELECT id FROM t ORDER BY v <-> $q LIMIT 10) s;
		BEGIN; SAVEPOINT s; SELECT fails() FROM (SELECT id FROM few ORDER BY v <=> $q LIMIT 10 OFFSET 0) s; ROLLBACK TO s; SELECT id FROM t ORDER BY v <-> $q LIMIT 1; COMMIT;
		INSERT INTO few VALUES ($id, $q);
		BEGIN; INSERT INTO few VALUES ($id, $q); ROLLBACK;
		DELETE FROM few WHERE id = $id;
		EXPLAIN SELECT id FROM t ORDER BY v <-> $q LIMIT 10;
	};
}

# Runs a script in one session; returns what $contexts printed there and, if given, what stands in its output besides.
sub memories
{
	my ($script) = @_;
	my ($stdout, $stderr) = ('', '');
	$node->psql('postgres', "SET enable_seqscan = off; $script", stdout => \$stdout, stderr => \$stderr, on_error_stop => 0);
	$stderr =~ s/.*ERROR:  stop(\nCONTEXT: .*)?\n?//g;
	is($stderr, '', 'no other error than those that are meant');
	return $stdout =~ /^memory\|(\d+)\|/mg;
}

my $prepare = "PREPARE prepared(int) AS SELECT id FROM t ORDER BY v <-> (SELECT v FROM q LIMIT 1) LIMIT \$1;\n";
my ($after_few, $after_all) = memories($prepare . join("\n",
	(map { round($_) } 1 .. $first), "$contexts;", (map { round($_) } $first + 1 .. $rounds), "$contexts;"));
note(sprintf('%d queries: %.2f MB in memory contexts, after a tenth of them %.2f MB', $queries, $after_all / $megabyte, $after_few / $megabyte));
cmp_ok($after_all - $after_few, '<=', $grown_by_queries, 'a session does not grow by its queries');

done_testing();
