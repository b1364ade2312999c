# Torture: several sessions change tables in every way at once, the server is stopped at a random moment, and after recovery
# every index has exactly the rows that the clients know to be committed.
#
#   HNSWC_TORTURE_SEED    repeats a run's random choices (not its timing); the seed is printed
#   HNSWC_TORTURE_ROUNDS  crashes: 20, 1,000 in make test-long
#
# A round: each writer runs a script of transactions that is written beforehand, so that it is known what each of them does
# (@ops), and notes outside the server which have ended. Writers own disjoint ids, and a table each that they may truncate.
# Another session vacuums, builds and checks indexes. Then the server is stopped with no notice, or a backend is killed, and
# recovers. Of each writer the first transaction without an answer may be there or not, as a whole; all before it are.
# Prepared transactions that are left are ended one way or the other.
#
# wal_consistency_checking compares each page that a record of ours replays with what it was, full_page_writes or not. Only
# PostgreSQL itself cannot have that without full_page_writes where files go: replaying what a file's pages were changed to
# before it went, it stops at one that the file, made again, does not have. Such a round has no TRUNCATE and no REINDEX, or no
# such check.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use HnswTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep time);

my $seed = $ENV{HNSWC_TORTURE_SEED} // (time() * 1000) % 1_000_000_007;
my $rounds = $ENV{HNSWC_TORTURE_ROUNDS} // (is_long() ? 1000 : 20);
my $writers = 3;
my $transactions = 150; # in a script: more than a round has time for
my $most_rows = 150;    # of a writer in a table: with more it rather deletes
my $dir = PostgreSQL::Test::Utils::tempdir();
diag("seed $seed");
srand($seed);

# Options of every kind; each index with the operator that its scans are asked for by.
my @index_kinds = (
	[ 'v vector_l2_ops', 'v <->', '' ],
	[ 'v vector_ip_ops', 'v <#>', 'WITH (bits = 2, rerank = half, m = 6, ef_construction = 20)' ],
	[ 'v vector_cosine_ops', 'v <=>', 'WITH (bits = 1, rerank = table, m = 4, ef_construction = 8)' ],
	[ '(v::halfvec(16)) halfvec_l1_ops', 'v::halfvec(16) <+>', 'WITH (m = 8, ef_construction = 20)' ],
	[ 'v vector_l2_ops', 'v <->', 'WITH (bits = 32, m = 5, ef_construction = 12)' ],
	[ '(binary_quantize(v)::bit(16)) bit_hamming_ops', 'binary_quantize(v)::bit(16) <~>', 'WITH (m = 5, ef_construction = 12)' ]);
my @shared = ([ 't0', 0, 1 ], [ 't1', 2, 3 ]); # table, kinds of its indexes
my @own = map { [ "own$_", 4, 5 ] } 0 .. $writers - 1;
my @tables = (@shared, @own);

my $node = hnsw_node('torture', 'restart_after_crash = on', 'log_statement = none', 'shared_buffers = 4MB', 'max_connections = 20', 'max_prepared_transactions = 10',
	'checkpoint_timeout = 30s', 'max_wal_size = 64MB', 'maintenance_work_mem = 4MB', 'deadlock_timeout = 100ms', 'max_worker_processes = 4',
	'max_parallel_maintenance_workers = 2', 'min_parallel_table_scan_size = 0');
foreach my $table (@tables)
{
	my ($name, @kinds) = @$table;
	$node->safe_psql('postgres', "CREATE TABLE $name (id int, n int, v vector(16));"
		. join('', map { "CREATE INDEX ${name}_$_ ON $name USING hnsw ($index_kinds[$_][0]) $index_kinds[$_][2];" } @kinds));
}

my %rows;                             # what is committed: table => { id => n }
my @next_id = map { 1_000_000 * $_ } 0 .. $writers - 1;
my $next_gid = 0;
my $files_go;                         # in this round

sub pick { return $_[ int(rand(@_)) ]; }
sub owner { return int($_[0] / 1_000_000); }
sub some_vector { return rand() < 0.25 ? int(rand(6)) : 10 + int(rand(1_000_000)); }

# What a transaction's operations make of a table's rows.
sub apply
{
	my ($rows, @ops) = @_;
	foreach my $op (@ops)
	{
		my ($what, $table, $id, $n) = @$op;
		if ($what eq 'truncate') { $rows->{$table} = {}; }
		elsif ($what eq 'delete') { delete $rows->{$table}{$id}; }
		elsif ($what eq 'insert' || exists $rows->{$table}{$id}) { $rows->{$table}{$id} = $n; }
	}
	return;
}

# One statement of a writer: its SQL, and its operations are added to @$ops.
sub statement
{
	my ($writer, $rows, $ops) = @_;
	my $table = pick(@shared, @shared, $own[$writer])->[0];
	my @mine = grep { owner($_) == $writer } sort keys %{ $rows->{$table} };
	my $what = @mine > $most_rows ? 'delete' : pick('insert', 'insert', 'copy', 'update', 'touch', 'delete');
	my (@new, $sql);
	if ($what eq 'insert' || $what eq 'copy' || !@mine)
	{
		my $count = 1 + int(rand(8));
		my @ids = map { $next_id[$writer]++ } 1 .. $count;
		push @new, map { [ 'insert', $table, $_, 0 ] } @ids;
		$sql = "INSERT INTO $table VALUES " . join(', ', map { "($_, 0, test_vector(" . some_vector() . ', 16))' } @ids) . ";\n";
		$sql = "COPY $table FROM STDIN;\n" . join('', map { "$_\t0\t[" . join(',', map { rand() < 0.5 ? 1 : rand() } 1 .. 16) . "]\n" } @ids) . "\\.\n" if $what eq 'copy';
	}
	elsif ($what eq 'delete' && $table =~ /^own/ && $files_go && rand() < 0.3)
	{
		push @new, [ 'truncate', $table ];
		$sql = "TRUNCATE $table;\n";
	}
	else
	{
		my @ids = @mine[ map { int(rand(@mine)) } 1 .. ($what eq 'delete' ? 12 : 4) ];
		my $n = 1 + int(rand(1_000_000));
		push @new, map { [ $what eq 'delete' ? 'delete' : 'update', $table, $_, $n ] } @ids;
		my $where = 'WHERE id IN (' . join(', ', @ids) . ');';
		$sql = $what eq 'delete' ? "DELETE FROM $table $where\n" : "UPDATE $table SET n = $n" . ($what eq 'update' ? ', v = test_vector(' . some_vector() . ', 16)' : '') . " $where\n";
	}
	apply($rows, @new);
	push @$ops, @new;
	return $sql;
}

# A transaction: { sql, ops } and, if it is prepared, its gid.
sub transaction
{
	my ($writer, $rows) = @_;
	my (@ops, $sql);
	my $end = rand();
	foreach my $i (1 .. 1 + int(rand(4)))
	{
		if (rand() < 0.25)
		{
			my %undone = map { $_ => { %{ $rows->{$_} // {} } } } keys %$rows;
			$sql .= "SAVEPOINT s;\n" . statement($writer, \%undone, []) . (rand() < 0.5 ? "ROLLBACK TO s;\n" : "ROLLBACK TO s; RELEASE s;\n");
		}
		$sql .= statement($writer, $rows, \@ops);
	}
	return { sql => "BEGIN;\n${sql}SELECT 1 AS ok \\gset\nROLLBACK;\n", ops => [] } if $end < 0.1;
	return { sql => "BEGIN;\n${sql}SELECT 1 AS ok \\gset\nCOMMIT;\n", ops => \@ops } if $end < 0.8;
	my $gid = 'gid' . $next_gid++;
	return { sql => "BEGIN;\n${sql}SELECT 1 AS ok \\gset\nPREPARE TRANSACTION '$gid';\n\\if :ok\nCOMMIT PREPARED '$gid';\n\\endif\n", ops => \@ops, gid => $gid };
}

# A session: a script in psql, whose answers go to a file.
sub start_session
{
	my ($name, $script) = @_;
	my $session = { out => "$dir/$name.out", err => "$dir/$name.err" };
	open my $handle, '>', "$dir/$name.sql" or die $!;
	print $handle "\\set VERBOSITY verbose\n\\set ON_ERROR_STOP 0\n$script";
	close $handle;
	$session->{run} = IPC::Run::start([ 'psql', '-X', '-q', '-f', "$dir/$name.sql", '-d', $node->connstr('postgres') ], '>', $session->{out}, '2>', $session->{err});
	return $session;
}

sub start_writer
{
	my ($writer) = @_;
	my %known = map { $_ => { %{ $rows{$_} // {} } } } keys %rows;
	my @script = map { transaction($writer, \%known) } 1 .. $transactions;
	my $session = start_session("writer$writer", join('', map {
		"\\set ok 0\n$script[$_]{sql}\\if :ERROR\n\\set ok 0\n\\endif\n\\if :ok\n\\echo done $_\n\\else\n\\echo failed $_\n\\endif\n" } 0 .. $#script));
	return { %$session, writer => $writer, script => \@script };
}

sub start_maintenance
{
	my @commands;
	foreach (1 .. 60)
	{
		my $table = pick(@tables);
		my $index = "$table->[0]_" . pick(@$table[1, 2]);
		my $kind = pick(@index_kinds);
		my @building = ("REINDEX INDEX $index;", "REINDEX TABLE $table->[0];", "REINDEX INDEX CONCURRENTLY $index;",
			"CREATE INDEX CONCURRENTLY more ON $table->[0] USING hnsw ($kind->[0]) $kind->[2]; DROP INDEX CONCURRENTLY more;");
		push @commands, pick(("VACUUM $table->[0];") x 5, "VACUUM (FREEZE) $table->[0];", 'CHECKPOINT;', ("SELECT hnsw_check('$index', true, 20);") x 2,
			$files_go ? @building : ());
	}
	return start_session('maintenance', "SET lock_timeout = '2s';\n" . join("\n", @commands) . "\n");
}

# Stops the server by surprise, or kills one of its processes, and has it recover.
sub crash
{
	my ($how) = @_;
	my @pids = split(/\n/, $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity
		WHERE backend_type IN ('client backend', 'checkpointer', 'parallel worker') AND pid <> pg_backend_pid()}));
	my $log = -s $node->logfile;
	if ($how eq 'kill' && @pids && kill('KILL', pick(@pids)) == 1)
	{
		for (my $i = 0; $i < 1200; $i++)
		{
			my $since = slurp_file($node->logfile, $log);
			return if $since =~ /terminated by signal 9.*all server processes terminated.*database system is ready/s;
			BAIL_OUT('the server does not recover: see ' . $node->logfile) if $since =~ /database system is shut down/;
			# a process that had just ended
			last if $i > 100 && $since !~ /terminated by signal 9/;
			usleep(50_000);
		}
	}
	$node->stop('immediate');
	$node->start;
	return;
}

# The rows of a writer, or of all, as the server has them: "table:id:n ..."
sub as_text
{
	my ($rows, $writer) = @_;
	return join(' ', map { my $t = $_; map { "$t:$_:$rows->{$t}{$_}" } sort { $a <=> $b } grep { !defined $writer || owner($_) == $writer } keys %{ $rows->{$t} } } sort keys %$rows);
}

sub rows_of_server
{
	my %found = map { $_->[0] => {} } @tables;
	foreach my $line (split(/\n/, $node->safe_psql('postgres', join(' UNION ALL ', map { "SELECT '$_->[0]', id, n FROM $_->[0]" } @tables))))
	{
		my ($table, $id, $n) = split(/\|/, $line);
		$found{$table}{$id} = $n;
	}
	return \%found;
}

# After recovery: what a writer's transactions have done, by its notes and, for the last one, by what is there.
sub settle_writer
{
	my ($session, $found, $name) = @_;
	my ($writer, @script) = ($session->{writer}, @{ $session->{script} });
	my %state = map { $_->[0] => $rows{ $_->[0] } // {} } @tables;
	my $unknown = 0;
	foreach my $line (split(/\n/, slurp_file($session->{out})))
	{
		next unless $line =~ /^(done|failed) (\d+)$/;
		apply(\%state, @{ $script[$2]{ops} }) if $1 eq 'done';
		# what failed last may have lost its connection, with or without having been committed
		$unknown = $1 eq 'done' ? $2 + 1 : $2;
	}
	%rows = %state;
	if (as_text($found, $writer) ne as_text(\%state, $writer) && $unknown < @script)
	{
		my %with = map { $_ => { %{ $state{$_} } } } keys %state;
		apply(\%with, @{ $script[$unknown]{ops} });
		%rows = %with;
	}
	ok(as_text($found, $writer) eq as_text(\%rows, $writer), "$name: writer $writer: what was committed is there, after $unknown transactions")
		or diag("expected " . as_text(\%rows, $writer) . "\nfound    " . as_text($found, $writer));
	return $unknown;
}

# Every row is found exactly once through every index, and the indexes are sound.
sub check_indexes
{
	my ($name) = @_;
	foreach my $table (@tables)
	{
		my ($t, @kinds) = @$table;
		my $expected = join(' ', map { "$_:$rows{$t}{$_}" } sort { $a <=> $b } keys %{ $rows{$t} });
		foreach my $kind (@kinds)
		{
			my ($definition, $operator) = @{ $index_kinds[$kind] };
			my $query = $operator =~ /<~>/ ? "binary_quantize(test_vector(1, 16))::bit(16)" : 'test_vector(1, 16)' . ($operator =~ /halfvec/ ? '::halfvec(16)' : '');
			my ($status, $out, $err) = $node->psql('postgres', qq{
				SET enable_seqscan = off; SET enable_sort = off; SET statement_timeout = '60s';
				SELECT string_agg(id || ':' || n, ' ' ORDER BY id, n) FROM (SELECT id, n FROM $t ORDER BY $operator $query) s;
				SELECT heap_rows FROM hnsw_check('${t}_$kind', true, NULL)});
			is("$out|$err", "$expected\n" . scalar(keys %{ $rows{$t} }) . '|', "$name: ${t}_$kind has all rows once") or return;
		}
	}
	return;
}

my $done = 0;
foreach my $round (1 .. $rounds)
{
	my $how = pick('stop', 'kill');
	my ($full, $compare, $go) = @{ pick([ 'on', 'generic', 1 ], [ 'on', 'generic', 1 ], [ 'off', 'generic', 0 ], [ 'off', '', 1 ]) };
	my $name = "seed $seed, round $round ($how, full_page_writes = $full, wal_consistency_checking = '$compare')";
	$files_go = $go;
	$node->safe_psql('postgres', "ALTER SYSTEM SET full_page_writes = $full");
	$node->safe_psql('postgres', "ALTER SYSTEM SET wal_consistency_checking = '$compare'");
	$node->reload;
	# what was changed under other settings is no matter of this round
	$node->safe_psql('postgres', 'CHECKPOINT');
	my @sessions = ((map { start_writer($_) } 0 .. $writers - 1), start_maintenance());
	usleep(int(200_000 + rand(900_000)));
	crash($how);
	foreach my $session (@sessions)
	{
		IPC::Run::finish($session->{run});
		# What a crash, a deadlock or a lock that is not to be had gives, and nothing else. CREATE INDEX CONCURRENTLY, of any kind
		# of index, lets go of the table before it commits that the index is valid: a TRUNCATE in between finds its entry changed.
		my @errors = grep { /(ERROR|FATAL|PANIC):/ && !/:\s+(57P0[123]|40P01|55P03|42P07|42704|25P02|42601|25P01|3B001):/
			&& !/XX000: tuple concurrently updated$/ } split(/\n/, slurp_file($session->{err}));
		is(join("\n", @errors), '', "$name: no unexpected error");
	}
	foreach my $gid (split(/\n/, $node->safe_psql('postgres', 'SELECT gid FROM pg_prepared_xacts')))
	{
		my ($owner) = grep { my $s = $_; grep { ($_->{gid} // '') eq $gid } @{ $s->{script} } } @sessions[ 0 .. $writers - 1 ];
		$node->safe_psql('postgres', pick('COMMIT', 'ROLLBACK') . " PREPARED '$gid'");
	}
	$node->safe_psql('postgres', "DROP INDEX $_") foreach split(/\n/, $node->safe_psql('postgres', q{SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid AND indrelid >= 16384}));
	$node->safe_psql('postgres', 'DROP INDEX IF EXISTS more');
	my $found = rows_of_server();
	$done += settle_writer($_, $found, $name) foreach @sessions[ 0 .. $writers - 1 ];
	check_indexes($name);
	my $log = slurp_file($node->logfile);
	unlike($log, qr/PANIC:|TRAP:|inconsistent page|terminated by signal (?!9)/, "$name: nothing bad in the server's log");
	last unless Test::More->builder->is_passing;
}
cmp_ok($done, '>', 5 * $rounds, "$done transactions");

done_testing();
