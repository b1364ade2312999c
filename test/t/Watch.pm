# What the processes of a cluster take from the system while a statement runs; by /proc, where there is one.
package Watch;

use strict;
use warnings;
use Exporter 'import';
use POSIX qw(WNOHANG);
use PostgreSQL::Test::Utils;
use Time::HiRes qw(usleep);
our @EXPORT = qw(has_proc private_memory watch_sql);

sub has_proc
{
	return -r '/proc/self/status' ? 1 : 0;
}

# What a file holds; nothing if it has gone, as a process's files do with it.
sub content
{
	my ($name) = @_;
	open(my $file, '<', $name) or return '';
	local $/;
	return <$file> // '';
}

# Bytes that a process has to itself.
sub private_memory
{
	my ($pid) = @_;
	return content("/proc/$pid/status") =~ /^RssAnon:\s+(\d+) kB/m ? $1 * 1024 : 0;
}

# Bytes of dynamic shared memory that a process has mapped.
sub shared_memory
{
	my ($pid) = @_;
	my ($maps, $mapped) = (content("/proc/$pid/maps"), 0);
	no warnings 'portable'; # addresses of 64 bits
	$mapped += hex($2) - hex($1)
		while $maps =~ m{^([0-9a-f]+)-([0-9a-f]+) .*/dev/shm/PostgreSQL}mg;
	return $mapped;
}

# Of a cluster's processes: the most private memory, the most shared memory that one of them has.
sub look
{
	my ($node) = @_;
	my ($postmaster) = content($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
	my @most = (0, 0);
	foreach my $process (glob('/proc/[0-9]*'))
	{
		next unless content("$process/status") =~ /^PPid:\s+$postmaster$/m;
		my ($pid) = $process =~ /(\d+)$/;
		@most = most(\@most, [ private_memory($pid), shared_memory($pid) ]);
	}
	return @most;
}

sub most
{
	my ($a, $b) = @_;
	return map { $a->[$_] > $b->[$_] ? $a->[$_] : $b->[$_] } 0 .. $#$a;
}

# Runs statements in one session.  Returns psql's exit status, what it printed, and the most private and the most shared memory
# that a process of the cluster has had meanwhile.
sub watch_sql
{
	my ($node, $sql) = @_;
	my @most = (0, 0);
	my $output = "${PostgreSQL::Test::Utils::tmp_check}/watched.out";
	my $psql = fork // die "fork: $!";
	if ($psql == 0)
	{
		open(STDOUT, '>', $output) && open(STDERR, '>&', \*STDOUT) or die "$output: $!";
		exec('psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'),
			map { ('-c', $_) } split(/;\s*/, $sql));
	}
	while (waitpid($psql, WNOHANG) == 0)
	{
		@most = most(\@most, [ look($node) ]) if has_proc();
		usleep(20_000);
	}
	return ($?, content($output), @most);
}

1;
