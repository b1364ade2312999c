# What is seen from outside: the log of slow scans, shared buffers after hnsw_prewarm(), the progress of a build.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use HnswTest;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $node = hnsw_node('observe', 'shared_buffers = 32MB', "session_preload_libraries = 'hnswc'",
	'max_parallel_maintenance_workers = 2', 'min_parallel_table_scan_size = 0');
$node->safe_psql('postgres', q{
	CREATE TABLE t (id int, v vector(96));
	INSERT INTO t SELECT i, test_vector(i, 96) FROM generate_series(1, 3000) i;
	INSERT INTO t SELECT i, test_vector(i % 10, 96) FROM generate_series(1, 100) i;
	CREATE INDEX t_idx ON t USING hnsw (v vector_l2_ops) WITH (m = 8, ef_construction = 32);
	ANALYZE t;
});
my $search = "SET enable_seqscan = off; SELECT id FROM t ORDER BY v <-> test_vector(-1, 96) LIMIT 10;";

# the log of slow scans
my $at = -s $node->logfile;
$node->safe_psql('postgres', $search);
$node->safe_psql('postgres', "SET hnsw.log_min_duration = '1h'; $search");
unlike(slurp_file($node->logfile, $at), qr/scan of index/, 'scans are not logged unless they are slow');
$at = -s $node->logfile;
$node->safe_psql('postgres', "SET hnsw.log_min_duration = 0; $search");
like(slurp_file($node->logfile, $at),
	qr/LOG:  scan of index "t_idx" took [\d.]+ ms\n.*DETAIL:  strategy: graph; ef_search: 40, ef: 40, rounds: 1; nodes: \d+, re-ranked: \d+, returned: 10, kept back: 0, swept: 0, table rows: 0; blocks hit: \d+, read: \d+\n.*STATEMENT:  .*SELECT id FROM t/,
	'a slow scan is logged with its numbers and its statement');
$at = -s $node->logfile;
$node->safe_psql('postgres', "SET hnsw.log_min_duration = 0; SET enable_seqscan = off;
	SELECT count(*) FROM generate_series(1, 5) i, LATERAL (SELECT id FROM t ORDER BY v <-> test_vector(-i, 96) LIMIT i) s");
is(scalar(() = slurp_file($node->logfile, $at) =~ /scan of index/g), 5, 'each scan of a nested loop is logged');

# EXPLAIN (ANALYZE): the numbers of all loops
SKIP:
{
	skip 'EXPLAIN has a hook since 18', 6 if $node->safe_psql('postgres', 'SHOW server_version_num') < 180000;
	my $nested = "SELECT count(*) FROM generate_series(1, 5) i, LATERAL (SELECT id FROM t ORDER BY v <-> test_vector(-i, 96) LIMIT 2) s";
	my $plan = $node->safe_psql('postgres', "SET enable_seqscan = off; EXPLAIN (ANALYZE, COSTS OFF) $nested");
	like($plan, qr/Order By:.*\n(?:.*\n)*? +HNSW: graph  ef=40 rounds=5 nodes=\d+ re-ranked=\d+ returned=10 kept back=0 swept=0 table rows=0\n/,
		'a line in text');
	$plan = $node->safe_psql('postgres', "SET enable_seqscan = off; EXPLAIN (ANALYZE, COSTS OFF, FORMAT json) $nested");
	like($plan, qr/"HNSW Strategy": "graph",\s+"HNSW Ef": 40,\s+"HNSW Rounds": 5,/, 'properties in JSON');
	$plan = $node->safe_psql('postgres', "SET enable_seqscan = off; EXPLAIN (COSTS OFF) $nested");
	unlike($plan, qr/HNSW/, 'nothing without ANALYZE');
	$plan = $node->safe_psql('postgres', 'SET enable_seqscan = off; EXPLAIN (ANALYZE, COSTS OFF) SELECT * FROM pg_class WHERE oid = 1');
	unlike($plan, qr/HNSW/, 'nothing for other indexes');
	$plan = $node->safe_psql('postgres',
		"SET enable_seqscan = off; EXPLAIN (ANALYZE, COSTS OFF) SELECT count(*) FROM generate_series(1, 0) i, LATERAL (SELECT id FROM t ORDER BY v <-> test_vector(-i, 96) LIMIT 2) s");
	unlike($plan, qr/HNSW/, 'nothing for a scan that was never begun');
	$plan = $node->safe_psql('postgres', "SET enable_seqscan = off; BEGIN;
		DECLARE c CURSOR FOR SELECT id FROM t ORDER BY v <-> test_vector(-1, 96); FETCH 3 FROM c;
		EXPLAIN (ANALYZE, COSTS OFF) SELECT id FROM t ORDER BY v <-> test_vector(-1, 96) LIMIT 4");
	like($plan, qr/returned=4 /, 'the numbers are those of the scan itself');
}

# prewarm: how many blocks there are, and that searches read no more
my ($all, $upper, $nodes) = split /\|/, $node->safe_psql('postgres', q{
	SELECT pg_relation_size('t_idx') / 8192, (upper_bytes + other_bytes) / 8192 - map_pages, (bytes - vector_bytes) / 8192
	FROM hnsw_stats('t_idx', true), hnsw_check('t_idx')});
ok($upper > 2 && $upper < $nodes && $nodes < $all, 'there are pages of all kinds');
my $blocks_read = "$search SELECT blocks_read FROM hnsw_last_scan()";

sub read_after
{
	my ($prewarm) = @_;
	$node->restart;
	my $read = $node->safe_psql('postgres', "$prewarm $blocks_read");
	$read =~ s/.*\n//s;
	return $read;
}
my $cold = read_after('');
ok($cold > 20, "a search after a restart reads blocks: $cold");
is($node->safe_psql('postgres', "SELECT hnsw_prewarm('t_idx')"), $all, 'all');
is($node->safe_psql('postgres', "SELECT hnsw_prewarm('t_idx', 'nodes')"), $nodes, 'nodes, and the row map');
is($node->safe_psql('postgres', "SELECT hnsw_prewarm('t_idx', 'upper')"), $upper, 'upper layers');
my $with_upper = read_after("SELECT hnsw_prewarm('t_idx', 'upper');");
my $with_nodes = read_after("SELECT hnsw_prewarm('t_idx', 'nodes');");
my $with_all = read_after("SELECT hnsw_prewarm('t_idx');");
cmp_ok($with_upper, '<', $cold, "with the upper layers it reads fewer: $with_upper");
cmp_ok($with_nodes, '<', $with_upper, "with all nodes fewer still: $with_nodes");
cmp_ok($with_all, '<', $with_nodes, "with the vectors, too, only the table's: $with_all");

my (undef, undef, $error) = $node->psql('postgres', "SELECT hnsw_prewarm('t_idx', 'some')");
like($error, qr/there is nothing "some" to be read.*"upper", "nodes", and "all"/s, 'what can be read is said');

# progress of a build that takes its time
$node->safe_psql('postgres', q{
	CREATE FUNCTION slow(v vector) RETURNS vector LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE AS
		$$ BEGIN PERFORM pg_sleep(0.001); RETURN v; END $$});
my $build = IPC::Run::start([ 'psql', '-Xq', '-d', $node->connstr('postgres'), '-c',
	'CREATE INDEX t_slow ON t USING hnsw ((slow(v)::vector(96)) vector_l2_ops)' ]);
my $watch = q{SELECT phase, tuples_done, tuples_total FROM pg_stat_progress_create_index};
my %phases;
my ($last_done, $last_total, $first_total) = (0, 0, 0);
my $backwards = 0;
for (1 .. 600)
{
	my $now = $node->safe_psql('postgres', $watch);
	last if $now eq '' && $last_total > 0;
	my ($phase, $done, $total) = split /\|/, $now;
	next unless defined $total && $phase =~ /^building index: (.*)/;
	$phases{$1} = 1;
	$backwards++ if $done < $last_done || $total < $last_total || $done > $total;
	$first_total ||= $total;
	($last_done, $last_total) = ($done, $total);
}
continue { usleep(20_000); }
$build->finish;
is($backwards, 0, 'rows done and rows in all never become fewer, nor are more done than there are');
ok($first_total > 2500 && $first_total < 3700, "rows in all are known from the beginning: $first_total of 3100");
ok($last_done > 0, "rows done are told: $last_done");
ok($phases{'inserting rows in memory'}, 'phases are told: ' . join(', ', sort keys %phases));
$node->stop;
done_testing();
