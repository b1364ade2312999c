# A session on a standby drops its plans by an index when the primary leaves out a row, whatever becomes of the transaction that
# left out the first one.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use HnswTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = hnsw_node('primary', 'max_prepared_transactions = 5');
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

# One session of the standby: each statement's answer.
my ($in, $out, $err) = ('', '', '');
my $session = IPC::Run::start([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $standby->connstr('postgres') ],
	\$in, \$out, \$err, my $timer = IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
sub ask
{
	my ($statement) = @_;
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('write'));
	$out = '';
	$in .= "$statement;\n\\echo done\n";
	$session->pump until $out =~ /^done$/m || $err ne '';
	die $err if $err ne '';
	$out =~ s/done\n//;
	return join ' ', split /\n/, $out;
}

sub make_table
{
	$primary->safe_psql('postgres', q{
		DROP TABLE IF EXISTS t;
		CREATE TABLE t (id int, v vector(2));
		INSERT INTO t SELECT i, ARRAY[i, 1]::vector FROM generate_series(1, 5000) i;
		CREATE INDEX t_l2 ON t USING hnsw (v vector_l2_ops);
		CREATE INDEX t_cosine ON t USING hnsw (v vector_cosine_ops);
		ANALYZE t;
	});
}

sub by_index { return ask("EXPLAIN (COSTS OFF) EXECUTE $_[0]") =~ /Index Scan/ ? 1 : 0; }

make_table();
ask(q{LOAD 'hnswc'; SET plan_cache_mode = force_generic_plan});
ask(q{PREPARE nearest AS SELECT id FROM t ORDER BY -(v <-> '[3.3,1]') DESC LIMIT 3});
ask(q{PREPARE likest AS SELECT id FROM t ORDER BY 1 - (v <=> '[3.3,1]') DESC NULLS LAST LIMIT 3});

sub test_way
{
	my ($way, $statements, $answers) = @_;
	make_table();
	is(by_index('nearest') + by_index('likest'), 2, "$way: both go by an index");
	foreach my $i (0 .. $#$statements)
	{
		my ($name, $expected) = @{ $answers->[$i] };
		$primary->psql('postgres', $statements->[$i]);
		is(ask("EXECUTE $name"), $expected, "$way: the answer after statement " . ($i + 1));
	}
}

my $null = 'INSERT INTO t VALUES (9000, NULL)';
my $zero = q{INSERT INTO t VALUES (9000, '[0,0]')};
test_way('a row is left out', [ $null ], [ [ nearest => '9000 3 4' ] ]);
test_way('the first is rolled back', [ "BEGIN; $null; ROLLBACK", $null ], [ [ nearest => '3 4 2' ], [ nearest => '9000 3 4' ] ]);
test_way('in one session', [ "BEGIN; $null; ROLLBACK; $null" ], [ [ nearest => '9000 3 4' ] ]);
test_way('an error undoes the first', [ "INSERT INTO t SELECT 9000, CASE WHEN i < 2 THEN NULL ELSE ARRAY[1 / (i - 2)]::vector END FROM generate_series(1, 2) i", $null ],
	[ [ nearest => '3 4 2' ], [ nearest => '9000 3 4' ] ]);
test_way('a vector of zeroes', [ "BEGIN; $zero; ROLLBACK", $zero ], [ [ likest => '3 4 5' ], [ likest => '9000 3 4' ] ]);
test_way('a prepared transaction', [ "BEGIN; $null; PREPARE TRANSACTION 'p'", "COMMIT PREPARED 'p'" ], [ [ nearest => '3 4 2' ], [ nearest => '9000 3 4' ] ]);
test_way('an update', [ "BEGIN; UPDATE t SET v = NULL WHERE id = 3; ROLLBACK", "UPDATE t SET v = NULL WHERE id = 2" ], [ [ nearest => '3 4 2' ], [ nearest => '2 3 4' ] ]);

$in .= "\\q\n";
$session->finish;
done_testing();
