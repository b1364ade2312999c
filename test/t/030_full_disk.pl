# A full disk.  Whatever statement meets it ends with PostgreSQL's error, soon, in all its processes; the index is as good as before,
# and goes on when there is room again.
#
# A limit on the size of a file stands for the disk: it fails at the same place, and needs no privilege.  HNSWC_SMALL_DISK, a file
# system with some 2 MB free, is used besides where test/run can mount one.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;

# Bytes that a file may have: more than any of an empty cluster, whose WAL comes in segments of 1 MB.
my $limit;
BEGIN
{
	$limit = 3 * 1024 * 1024;
	if (!$ENV{HNSWC_FILE_LIMIT})
	{
		$ENV{HNSWC_FILE_LIMIT} = $limit;
		exec 'sh', '-c', "ulimit -f " . $limit / 512 . ' && exec "$@"', 'sh', $^X, (map { "-I$_" } @INC), $0;
		die "sh: $!";
	}
}
use HnswTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $tries = is_long() ? 40 : 6;
# Seconds that a statement may take to fail, on a slow machine.
my $patience = 60;
# DSM is files, too, but in System V's shared memory it is not.
my $node = hnsw_node('full_disk', '--wal-segsize=1', 'dynamic_shared_memory_type = sysv', 'min_parallel_table_scan_size = 0',
	'max_wal_size = 32MB', 'maintenance_work_mem = 64MB', 'max_parallel_maintenance_workers = 2', 'log_statement = none');
my $full = qr/could not (extend|write) file/;

$node->safe_psql('postgres', q{
	CREATE TABLE t (id int, v vector(32));
	INSERT INTO t SELECT i, test_vector(i, 32) FROM generate_series(1, 9000) i;
});

# Runs a statement that must fail soon.
sub fails_soon
{
	my ($what, $statement) = @_;
	my ($stderr, $timed_out) = ('', 0);
	my $failed = $node->psql('postgres', $statement, stderr => \$stderr, timeout => $patience, timed_out => \$timed_out);
	ok(!$timed_out && $failed, "$what: ends");
	like($stderr, $full, "$what: the error");
	BAIL_OUT("$what hangs") if $timed_out;
}

sub is_whole
{
	my ($what, @tables) = @_;
	is(rows_match($node, $_, '<->'), '0 missed, 0 too many, 0 twice', "$what: $_") foreach @tables;
}

### Build

# pages of few nodes, so that all processes extend the file nearly all of the time
my $create = 'CREATE INDEX %s ON t USING hnsw (v vector_l2_ops) WITH (m = %d, ef_construction = %d) %s';
sub try_builds
{
	my ($where, $m, $tablespace) = @_;
	foreach my $workers (0, 1, 2)
	{
		$node->safe_psql('postgres', "ALTER TABLE t SET (parallel_workers = $workers)");
		fails_soon("$where, $workers workers, try $_", sprintf($create, 't_idx', $m, 2 * $m, $tablespace)) foreach 1 .. $tries;
		# what does not fit into memory is inserted page by page
		fails_soon("$where, $workers workers, little memory", "SET maintenance_work_mem = '1MB';"
			. sprintf($create, 't_idx', $m, 2 * $m, $tablespace));
	}
	is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker'"), '0',
		"$where: no worker is left");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_locks WHERE NOT granted'), '0', "$where: nobody waits");
}
try_builds('a limit', 64, '');
if ($ENV{HNSWC_SMALL_DISK})
{
	my $directory = "$ENV{HNSWC_SMALL_DISK}/full_disk";
	mkdir $directory or die "$directory: $!";
	$node->safe_psql('postgres', "CREATE TABLESPACE small LOCATION '$directory'");
	try_builds('a small disk', 16, 'TABLESPACE small');
	$node->safe_psql('postgres', 'DROP TABLESPACE small');
}
$node->safe_psql('postgres', 'DELETE FROM t WHERE id > 1000; VACUUM t;' . sprintf($create, 't_idx', 16, 64, ''));
is_whole('a build that fits, after those that did not', 't');

### Insert and vacuum

$node->safe_psql('postgres', q{
	CREATE TABLE u (id int, v vector(32));
	CREATE INDEX u_idx ON u USING hnsw (v vector_l2_ops) WITH (m = 48, ef_construction = 96);
	CREATE PROCEDURE fill(from_id int, to_id int) LANGUAGE plpgsql AS $$
	BEGIN
		FOR i IN from_id .. to_id LOOP
			INSERT INTO u VALUES (i, test_vector(i, 32));
			COMMIT;
		END LOOP;
	END $$;
});
fails_soon('inserts', 'CALL fill(1, 100000)');
my $rows = $node->safe_psql('postgres', 'SELECT count(*) FROM u');
my $size = $node->safe_psql('postgres', q{SELECT pg_relation_size('u_idx')});
note("$rows rows fit");
cmp_ok($size, '>=', $limit - 8192, 'nothing is left of the disk');
fails_soon("insert $_ more", "CALL fill(1000000 + 1000 * $_, 1000000 + 1000 * $_ + 999)") foreach 1 .. 5;
is_whole('after inserts that failed', 'u');

# blocks that are in the file and of no use: what an extension that failed has left
my $blank = 0;
$node->safe_psql('postgres', 'CHECKPOINT');
my $file = slurp_file($node->data_dir . '/' . $node->safe_psql('postgres', q{SELECT pg_relation_filepath('u_idx')}));
for (my $at = 0; $at < length($file); $at += 8192) { $blank++ if substr($file, $at, 8192) !~ /[^\0]/; }
cmp_ok($blank, '<=', 1, 'blocks that nothing uses');

my $err = '';
is($node->psql('postgres', 'DELETE FROM u WHERE id % 2 = 0; VACUUM u', stderr => \$err, timeout => $patience), 0, 'vacuum')
	or diag($err);
is_whole('after vacuum', 'u');
is($node->psql('postgres', 'SELECT txid_current(); CALL fill(2000000, 2000199)', stderr => \$err, timeout => $patience), 0,
	'inserts where vacuum has made room') or diag($err);
is_whole('after inserts into free slots', 'u');
is($node->safe_psql('postgres', q{SELECT pg_relation_size('u_idx')}), $size, 'the file has not grown');

done_testing();
