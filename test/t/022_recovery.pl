# Replay: standbys under load, with hot_standby_feedback and without, give complete answers or are told why not; a standby that
# is promoted, an old primary that is rewound and a backup that is restored to a moment have sound indexes with all rows.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use HnswTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seconds = is_long() ? 60 : 5;
my $archive = PostgreSQL::Test::Utils::tempdir();
my $primary = hnsw_node('primary', 'wal_consistency_checking = generic', 'wal_log_hints = on', 'max_wal_size = 128MB', 'wal_keep_size = 1GB',
	'archive_mode = on', "archive_command = 'cp \"%p\" \"$archive/%f\"'", 'restart_after_crash = off');
my @indexes = ([ 't_l2', '<->' ], [ 't_cosine', '<=>' ], [ 't_ip', '<#>' ]);
$primary->safe_psql('postgres', q{
	CREATE TABLE t (id serial, v vector(16));
	INSERT INTO t (v) SELECT test_vector(i, 16) FROM generate_series(1, 1500) i;
	INSERT INTO t (v) SELECT test_vector(i % 5, 16) FROM generate_series(1, 500) i;
	CREATE INDEX t_l2 ON t USING hnsw (v vector_l2_ops) WITH (m = 6, ef_construction = 16);
	CREATE INDEX t_cosine ON t USING hnsw (v vector_cosine_ops) WITH (bits = 1, rerank = half, m = 5, ef_construction = 12);
	CREATE UNLOGGED TABLE u AS SELECT v::vector(16) FROM t LIMIT 10;
	CREATE INDEX u_idx ON u USING hnsw (v vector_l2_ops);
	CREATE INDEX t_ip ON t USING hnsw (v vector_ip_ops) WITH (rerank = table, m = 6, ef_construction = 16);
});
$primary->backup('base');

sub new_standby
{
	my ($name, @settings) = @_;
	my $standby = PostgreSQL::Test::Cluster->new($name);
	$standby->init_from_backup($primary, 'base', has_streaming => 1);
	$standby->append_conf('postgresql.conf', join("\n", @settings, ''));
	$standby->start;
	return $standby;
}

# Every index is sound and has every row of the table.
sub sound
{
	my ($node, $when) = @_;
	my $rows = $node->safe_psql('postgres', 'SELECT count(*) FROM t');
	cmp_ok($rows, '>', 1000, "$when: the table has rows: $rows");
	foreach my $index (@indexes)
	{
		my ($name, $operator) = @$index;
		is($node->safe_psql('postgres', "SELECT heap_rows FROM hnsw_check('$name', true)"), $rows, "$when: $name is sound");
		is($node->safe_psql('postgres', "SET enable_seqscan = off; SET enable_sort = off;
			SELECT count(DISTINCT id), count(*) FROM (SELECT id FROM t ORDER BY v $operator test_vector(1, 16)) s"), "$rows|$rows", "$when: $name has all rows once");
	}
	return;
}

sub content { my ($node) = @_; return $node->safe_psql('postgres', q{SELECT count(*), md5(string_agg(id || ':' || v, ' ' ORDER BY id)) FROM t}); }

sub script
{
	my ($name, $text) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir() . "/$name.sql";
	append_to_file($file, $text);
	return $file;
}

# pgbench on a node, in the background; its errors go to where the reference leads
sub pgbench
{
	my ($node, $errors, $clients, @files) = @_;
	return IPC::Run::start([ 'pgbench', '-n', '-c', $clients, '-T', $seconds, (map { ('-f', $_) } @files), $node->connstr('postgres') ], '>', '/dev/null', '2>', $errors);
}

my $write = script('write', q{
\set i random(1, 1000000)
\set d random(0, 4)
INSERT INTO t (v) SELECT test_vector(:i + n, 16) FROM generate_series(1, 8) n;
INSERT INTO t (v) SELECT test_vector(:d, 16) FROM generate_series(1, 4) n;
DELETE FROM t WHERE id IN (SELECT id FROM t ORDER BY hashint4(id + :i) LIMIT 12);
});
my $vacuum = script('vacuum', "VACUUM t;\n");
# under one snapshot all rows, in three ways; division by zero where they are not the same
my $read = script('read', q{
BEGIN ISOLATION LEVEL REPEATABLE READ;
SET LOCAL enable_seqscan = off;
SET LOCAL enable_sort = off;
SELECT count(*) FROM t;
SELECT pg_sleep(0.1 * random());
SELECT 1 / (count(*) = (SELECT count(*) FROM t) AND count(*) = count(DISTINCT id))::int FROM (SELECT id FROM t ORDER BY v <-> test_vector(1, 16)) s;
SELECT 1 / (count(*) = (SELECT count(*) FROM t) AND count(*) = count(DISTINCT id))::int FROM (SELECT id FROM t ORDER BY v <=> test_vector(2, 16)) s;
SELECT 1 / (count(*) = (SELECT count(*) FROM t) AND count(*) = count(DISTINCT id))::int FROM (SELECT id FROM t ORDER BY v <#> test_vector(3, 16)) s;
COMMIT;
});
my $check = script('check', join('', map { "SELECT hnsw_check('$_->[0]', true, 50);\n" } @indexes));

# Reads and checks on a standby, again and again; what psql says, and how often.
sub read_until
{
	my ($node, $until) = @_;
	my $errors = '';
	my $runs = 0;
	while (time() < $until)
	{
		foreach my $file ($read, $check)
		{
			my ($out, $err) = ('', '');
			IPC::Run::run([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-v', 'VERBOSITY=verbose', '-f', $file, $node->connstr('postgres') ], '>', \$out, '2>', \$err);
			$errors .= $err;
			$runs++;
		}
	}
	return ($errors, $runs);
}

# The load on the primary, and meanwhile `reader`, which gets the time when it is to end.
sub under_load
{
	my ($reader) = @_;
	my @errors = ('', '');
	my @load = (pgbench($primary, \$errors[0], 2, $write), pgbench($primary, \$errors[1], 1, $vacuum));
	my @result = $reader->(time() + $seconds);
	IPC::Run::finish($_) foreach @load;
	is(join('', grep { /ERROR|FATAL/ } map { split(/^/, $_) } @errors), '', 'the load on the primary runs');
	return @result;
}

sub caught_up
{
	my ($standby, $when) = @_;
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
	is(content($standby), content($primary), "$when: the rows of the primary");
	sound($standby, $when);
	return;
}

my $standby = new_standby('standby', 'hot_standby_feedback = on', 'wal_receiver_status_interval = 1s', 'max_standby_streaming_delay = -1');
$primary->poll_query_until('postgres', 'SELECT backend_xmin IS NOT NULL FROM pg_stat_replication') or die 'no feedback';
my ($errors, $runs) = under_load(sub { return read_until($standby, @_) });
is($errors, '', "with feedback: $runs transactions are complete, and no check finds damage");
caught_up($standby, 'with feedback');
my ($status, $out, $err) = $standby->psql('postgres', q{SELECT hnsw_check('u_idx')});
like($err, qr/index "u_idx" is unlogged, and so does not exist during recovery/, 'unlogged indexes are not there');

$standby->append_conf('postgresql.conf', "hot_standby_feedback = off\nmax_standby_streaming_delay = 50ms\n");
$standby->reload;
$primary->poll_query_until('postgres', 'SELECT backend_xmin IS NULL FROM pg_stat_replication') or die 'feedback goes on';
($errors, $runs) = under_load(sub { return read_until($standby, @_) });
my @lines = grep { /(ERROR|FATAL|PANIC): / } split(/^/, $errors);
my @unexpected = grep { !/(?:40(?:001|P01)|FATAL): +(?:canceling statement|terminating connection) due to conflict with recovery/ } @lines;
is(join('', @unexpected), '', "without feedback: $runs transactions are complete or, " . @lines . ' of them, cancelled as conflicts are');
caught_up($standby, 'without feedback');

# A moment to return to: what is committed before it, and an insert that has not ended then
my $then = content($primary);
my $unfinished = IPC::Run::start([ 'psql', '-X', '-q', '-c', q{BEGIN; INSERT INTO t (v) SELECT test_vector(i, 16) FROM generate_series(1, 30) i; SELECT pg_sleep(3); ROLLBACK},
	$primary->connstr('postgres') ], '>', '/dev/null', '2>', '/dev/null');
$primary->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE 'BEGIN; INSERT%' AND wait_event = 'PgSleep'}) or die 'no open transaction';
$primary->safe_psql('postgres', q{SELECT pg_create_restore_point('then')});
$primary->safe_psql('postgres', q{DELETE FROM t WHERE id % 2 = 0; INSERT INTO t (v) SELECT test_vector(-i, 16) FROM generate_series(1, 400) i});
IPC::Run::finish($unfinished);
$primary->safe_psql('postgres', 'VACUUM t; SELECT pg_switch_wal()');
$primary->poll_query_until('postgres', q{SELECT last_archived_wal >= pg_walfile_name(pg_current_wal_lsn() - 1) OR pg_switch_wal() IS NULL FROM pg_stat_archiver}) or die 'nothing is archived';
my $restored = PostgreSQL::Test::Cluster->new('restored');
$restored->init_from_backup($primary, 'base');
$restored->append_conf('postgresql.conf', "restore_command = 'cp \"$archive/%f\" \"%p\"'\nrecovery_target_name = 'then'\nrecovery_target_action = promote\narchive_mode = off\n");
append_to_file($restored->data_dir . '/recovery.signal', '');
$restored->start;
$restored->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'recovery does not end';
is(content($restored), $then, 'restored: the rows of that moment');
sound($restored, 'restored');
$restored->safe_psql('postgres', 'DELETE FROM t WHERE id % 3 = 0; VACUUM t; INSERT INTO t (v) SELECT test_vector(i, 16) FROM generate_series(1, 500) i');
sound($restored, 'restored, changed and vacuumed');
$restored->stop;

# The standby takes over; what the old primary did meanwhile is undone by pg_rewind
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
$standby->promote;
$primary->safe_psql('postgres', q{INSERT INTO t (v) SELECT test_vector(i, 16) FROM generate_series(1, 700) i; DELETE FROM t WHERE id % 3 = 0; VACUUM t});
$standby->safe_psql('postgres', q{DELETE FROM t WHERE id % 4 = 0; VACUUM t; INSERT INTO t (v) SELECT test_vector(2000 + i, 16) FROM generate_series(1, 300) i; CHECKPOINT});
sound($standby, 'promoted');
$primary->stop;
command_ok([ 'pg_rewind', '--source-server', $standby->connstr('postgres'), '--target-pgdata', $primary->data_dir, '--no-sync' ], 'pg_rewind');
$primary->append_conf('postgresql.conf', 'port = ' . $primary->port . "\narchive_mode = off\n");
$primary->enable_streaming($standby);
$primary->start;
$standby->wait_for_catchup($primary, 'replay', $standby->lsn('insert'));
is(content($primary), content($standby), 'rewound: the rows of the new primary');
sound($primary, 'rewound');
$standby->safe_psql('postgres', q{DELETE FROM t WHERE id % 5 = 0; VACUUM t; INSERT INTO t (v) SELECT test_vector(3000 + i, 16) FROM generate_series(1, 300) i});
$standby->wait_for_catchup($primary, 'replay', $standby->lsn('insert'));
sound($primary, 'rewound, and followed');

foreach my $node ($primary, $standby, $restored)
{
	unlike(slurp_file($node->logfile), qr/PANIC:|TRAP:|inconsistent page/, $node->name . ': nothing bad in the log');
}
done_testing();
