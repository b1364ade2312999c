# Small file systems for a test: it runs again in a namespace of its own, where they are mounted.  That needs no privilege, where the
# system allows it at all.
package Namespace;

use strict;
use warnings;
use Exporter 'import';
our @EXPORT = qw(mount_small);

# Runs the test again with file systems mounted on the directories given, of so many kilobytes each.  To be called in a BEGIN block,
# before there is a server.  Returns true in that second run, false if the system does not allow it.
sub mount_small
{
	my (%kilobytes) = @_;
	my $mounted = join(' ', %kilobytes);
	return 1 if ($ENV{HNSWC_MOUNTED} // '') eq $mounted;
	my $mount = join(' && ', map { "mount -t tmpfs -o size=$kilobytes{$_}k,mode=1777 tmpfs '$_'" } sort keys %kilobytes);
	# root in a namespace may mount; in another one within it the user is himself again, as the server refuses root
	my @enter = ('unshare', '--user', '--map-root-user', '--mount', 'sh', '-c',
		"$mount && exec unshare --user --map-user=$> --map-group=" . (split / /, $))[0] . ' "$@"', 'sh');
	return 0 if system('sh', '-c', '"$@" >/dev/null 2>&1', 'sh', @enter, 'true') != 0;
	$ENV{HNSWC_MOUNTED} = $mounted;
	exec @enter, $^X, (map { "-I$_" } @INC), $0;
	die "unshare: $!";
}

1;
