# An insert that does not go on, and a vacuum that waits for it, stop nobody else's inserts.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use HnswTest;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $node = hnsw_node('stalled');
my $page_locks = q{pg_locks WHERE locktype = 'page' AND relation = 't_idx'::regclass};
$node->safe_psql('postgres', q{
	CREATE TABLE t (id int, v vector(32));
	INSERT INTO t SELECT i, test_vector(i, 32) FROM generate_series(1, 2000) i;
	CREATE TABLE more AS TABLE t;
	CREATE INDEX t_idx ON t USING hnsw (v vector_l2_ops) WITH (ef_construction = 400);
	DELETE FROM t WHERE id % 3 = 0});

# The result of a query; undef if it does not come within some seconds, because the stopped process holds a latch of the
# server, too.
sub ask
{
	my ($query) = @_;
	my ($output, $timed_out) = ('', 0);
	my $code = $node->psql('postgres', "SET statement_timeout = 4000; $query", stdout => \$output, timeout => 5, timed_out => \$timed_out);
	return !$timed_out && $code == 0 ? $output : undef;
}

sub wait_for
{
	my ($query) = @_;
	foreach (1 .. 30)
	{
		my $answer = ask($query) // return 0;
		return 1 if $answer eq 't';
		sleep 0.1;
	}
	return 0;
}

# Starts psql with a statement; returns what IPC::Run gives and the place of its output.
sub background
{
	my ($statement) = @_;
	my $output = '';
	my $run = IPC::Run::start([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-c', $statement ], '>', \$output, '2>&1');
	return ($run, \$output);
}

# One session inserts for long and is stopped between its lock and its unlock.  Where it is stopped it may hold a latch or the
# lock of a page, too, which everybody has to wait for: then it goes on and is stopped again.
my ($writer, $writer_output) = background('INSERT INTO t SELECT more.id, v FROM generate_series(1, 1000), more');
my ($vacuum, $vacuum_output);
my ($stopped, $inserted) = (0, 0);
my $pid = '';
foreach (1 .. 600)
{
	$pid = $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE query LIKE 'INSERT INTO t SELECT more%' AND state = 'active'});
	last if $pid;
	sleep 0.1;
}
ok($pid, 'a session inserts');
foreach (1 .. 10)
{
	kill 'STOP', $pid;
	if ((ask("SELECT string_agg(DISTINCT pid::text, ' ') FROM $page_locks AND granted") // '') eq $pid)
	{
		$stopped++;
		($vacuum, $vacuum_output) = background('VACUUM t');
		$inserted = wait_for("SELECT EXISTS (SELECT FROM $page_locks AND NOT granted)")
			&& defined ask('INSERT INTO t SELECT -id, v FROM more LIMIT 5');
	}
	kill 'CONT', $pid;
	last if $inserted;
	# the next one has something to do again
	$vacuum->finish if $vacuum;
	$node->safe_psql('postgres', 'DELETE FROM t WHERE ctid IN (SELECT ctid FROM t LIMIT 5)');
	sleep 0.03;
}
ok($inserted, "beside an insert that is stopped and a vacuum that waits for it another session inserts ($stopped tries)");
ok($vacuum && $vacuum->finish, 'vacuum goes on when the insert does') or diag($vacuum_output ? $$vacuum_output : 'not started');
$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)");
$writer->finish;
like($$writer_output, qr/canceling statement/, 'the insert was still going on');
$node->safe_psql('postgres', 'VACUUM t');
is(rows_match($node, 't', '<->'), '0 missed, 0 too many, 0 twice', 'all rows once');

done_testing();
