# Recall of every operator class, built in every way there is, against exact search.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use HnswTest;
use Test::More;

my $rows = is_long() ? 50000 : 6000;
my $node = hnsw_node('recall', 'max_parallel_maintenance_workers = 1');
my %operators = (l2 => '<->', ip => '<#>', cosine => '<=>', l1 => '<+>');

$node->safe_psql('postgres', qq{
	CREATE TABLE t (id int, v vector(48));
	INSERT INTO t SELECT i, test_vector(i, 48) FROM generate_series(1, $rows) i;
	CREATE TABLE inserted (LIKE t);
	ALTER TABLE t SET (parallel_workers = 1);
});

sub check
{
	my ($table, $metric, $how) = @_;
	my $found = recall($node, $table, $operators{$metric});
	cmp_ok($found, '>=', 0.98, "$metric, $how: recall $found");
	is(rows_match($node, $table, $operators{$metric}), '0 missed, 0 too many, 0 twice', "$metric, $how: all rows once");
}

foreach my $metric (sort keys %operators)
{
	my $index = "INDEX t_idx ON t USING hnsw (v vector_${metric}_ops)";
	my ($out, $err);

	$node->safe_psql('postgres', "SET max_parallel_maintenance_workers = 0; CREATE $index");
	check('t', $metric, 'serial build');
	$node->safe_psql('postgres', 'DROP INDEX t_idx');

	$node->psql('postgres', "SET maintenance_work_mem = '64MB'; SET client_min_messages = debug1; CREATE $index",
		stderr => \$err);
	check('t', $metric, 'parallel build');
	$node->safe_psql('postgres', 'DROP INDEX t_idx');

	$node->psql('postgres', "SET maintenance_work_mem = '1MB'; SET max_parallel_maintenance_workers = 0; CREATE $index",
		stderr => \$err);
	like($err, qr/no longer fits into maintenance_work_mem after \d+ tuples/, "$metric: the notice");
	check('t', $metric, 'beyond maintenance_work_mem');
	$node->safe_psql('postgres', 'DROP INDEX t_idx');

	$node->safe_psql('postgres', qq{
		TRUNCATE inserted;
		INSERT INTO inserted SELECT * FROM t LIMIT 200;
		CREATE INDEX inserted_idx ON inserted USING hnsw (v vector_${metric}_ops);
		INSERT INTO inserted SELECT * FROM t OFFSET 200;
	});
	check('inserted', $metric, 'inserts');
	$node->safe_psql('postgres', 'DROP INDEX inserted_idx');
}

# Parallel workers really take part: a build of this size asks for them.
$node->safe_psql('postgres', 'ALTER TABLE t RESET (parallel_workers)');
$node->append_conf('postgresql.conf', "log_min_messages = debug1\nmin_parallel_table_scan_size = '64kB'");
$node->restart;
my $log_start = -s $node->logfile;
$node->safe_psql('postgres', "SET maintenance_work_mem = '64MB'; CREATE INDEX t_idx ON t USING hnsw (v vector_l2_ops)");
my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile, $log_start);
like($log, qr/building index "t_idx" on table "t" with request for 1 parallel worker|starting background worker process "parallel worker/,
	'a parallel worker was started');
check('t', 'l2', 'parallel build by size');

# Recall reaches 0.999 with a large ef_search.
my $best = recall($node, 't', '<->', ef => 400, queries => 100);
cmp_ok($best, '>=', 0.999, "ef_search 400: recall $best");

# Narrow clusters far apart: whoever comes down in the wrong one finds nothing.  A small m makes many layers; a descent that
# keeps one node a layer gives a recall of .71 here, one that keeps several .85.
$node->safe_psql('postgres', q{
	CREATE FUNCTION clustered_vector(i int) RETURNS vector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
		SELECT array_agg(((hashint4(i % 500 * 1009 + j) + 0.02 * hashint4(i * 31 + 7 * j + 999)) / 2147483648.0)::real
			ORDER BY j)::vector FROM generate_series(1, 16) j
	$$;
	CREATE TABLE clustered (v vector(16));
	INSERT INTO clustered SELECT clustered_vector(i) FROM generate_series(1, 20000) i;
	CREATE TABLE query AS SELECT clustered_vector(i) AS v, NULL::float8 AS tenth FROM generate_series(1000000, 1000299) i;
	UPDATE query q SET tenth = (SELECT max(d) FROM
		(SELECT c.v <-> q.v AS d FROM clustered c ORDER BY d LIMIT 10) nearest);
});
# builds differ by the layers drawn, so several are asked
my $clustered = 0;
foreach my $build (1 .. 4)
{
	$clustered += 0.25 * $node->safe_psql('postgres', q{
		LOAD 'hnswc';
		SET client_min_messages = error;
		DROP INDEX IF EXISTS clustered_idx;
		CREATE INDEX clustered_idx ON clustered USING hnsw (v vector_l2_ops) WITH (m = 4);
		SET hnsw.ef_search = 40;
		SET enable_seqscan = off;
		SELECT avg((d <= tenth + 1e-6)::int) FROM query q CROSS JOIN LATERAL
			(SELECT c.v <-> q.v AS d FROM clustered c ORDER BY c.v <-> q.v LIMIT 10) found
	});
}
cmp_ok($clustered, '>=', 0.78, "clusters: mean recall $clustered");

done_testing();
