# Damaged files: a wrong version, another implementation's page, truncation, zeroed and scribbled pages. Each gives an error
# with an SQLSTATE, or an answer; never a crash, and the table is as it was.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use HnswTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $rounds = is_long() ? 300 : 25;
# Data checksums, the default since 18, would be first to notice: they are PostgreSQL's to test.
my $node = hnsw_node('damage', 'restart_after_crash = off', 'ignore_checksum_failure = on');
$node->safe_psql('postgres', q{
	CREATE TABLE t (id int, v vector(32));
	INSERT INTO t SELECT i, test_vector(i, 32) FROM generate_series(1, 1500) i;
	INSERT INTO t SELECT i, test_vector(1, 32) FROM generate_series(1501, 1800) i;
	CREATE INDEX t_idx ON t USING hnsw (v vector_l2_ops);
	CREATE TABLE other (short vector(16), half halfvec(32), v vector(32));
	INSERT INTO other SELECT test_vector(i, 16), test_vector(i, 32), test_vector(i, 32) FROM generate_series(1, 100) i;
	CREATE INDEX other_short ON other USING hnsw (short vector_l2_ops);
	CREATE INDEX other_half ON other USING hnsw (half halfvec_l2_ops);
	CREATE INDEX other_cosine ON other USING hnsw (v vector_cosine_ops);
});
sub file_of { return $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('$_[0]')"); }
my $file = file_of('t_idx');
my %others = map { $_ => file_of("other_$_") } qw(short half cosine);
$node->stop;
my $good = slurp_file($file);
my $search = q{SET enable_seqscan = off; SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> test_vector(3, 32)) s};

sub write_file
{
	my ($content) = @_;
	open my $handle, '>', $file or die "$file: $!";
	binmode $handle;
	print $handle $content;
	close $handle;
}

# Starts the server on a file, runs a statement and returns its standard error with the SQLSTATE.
sub try_file
{
	my ($content, $statement) = @_;
	my $stderr = '';
	write_file($content);
	$node->start;
	$node->psql('postgres', "\\set VERBOSITY verbose\n$statement", stderr => \$stderr);
	is($node->safe_psql('postgres', 'SELECT count(*) FROM t'), '1800', 'the server lives and the table is whole');
	$node->stop;
	return $stderr;
}

# The header of a page is 24 bytes; the meta page's contents follow it. See docs/FORMAT.md.
my $content = $good;
substr($content, 24 + 4, 4) = pack('L', 999);
like(try_file($content, $search), qr/XX002.*format version 999.*REINDEX/s, 'another version');
$content = $good;
substr($content, 24, 4) = pack('L', 0xA953A953);
like(try_file($content, $search), qr/XX002.*another implementation.*REINDEX/s, 'another implementation');
$content = $good;
substr($content, 24, 4) = 'abcd';
like(try_file($content, $search), qr/XX002.*damaged at block 0/s, 'a wrong magic number');
like(try_file('', $search), qr/XX002.*damaged/s, 'an empty file');
like(try_file(substr($good, 0, 8192 * 3), $search), qr/XX002.*damaged at block \d+.*REINDEX/s, 'a truncated file');
like(try_file("\0" x length($good), $search), qr/XX002.*damaged at block 0/s, 'a file of zeroes');
$content = $good;
substr($content, 8192 * 2, length($good) - 8192 * 2) = "\0" x (length($good) - 8192 * 2);
like(try_file($content, $search), qr/XX002.*damaged at block \d+/s, 'zeroed pages');
foreach my $other (sort keys %others)
{
	my $what = $other eq 'short' ? 'other dimensions' : 'another operator class';
	like(try_file(slurp_file($others{$other}), $search), qr/XX002.*index "t_idx" is damaged at block 0.*$what.*REINDEX/s, "the file of another index, $other");
	like(try_file(slurp_file($others{$other}), 'INSERT INTO t SELECT 2000, test_vector(2000, 32)'), qr/XX002.*index "t_idx" is damaged/s, "an insert into it, $other");
	unlike(try_file(slurp_file($others{$other}), "SET enable_indexscan = off; SELECT id FROM t ORDER BY 1 - (v <-> test_vector(3, 32)) DESC LIMIT 5"),
		qr/ERROR/, "a query that goes without it, $other");
}
unlike(try_file($good, $search), qr/ERROR/, 'the file as it was');

# anything at all in the place of anything: it may be an answer, it may be an error
srand(42);
my $errors = 0;
foreach my $round (1 .. $rounds)
{
	my $content = $good;
	my $places = 1 + int(rand(200));
	foreach (1 .. $places)
	{
		my $size = 1 + int(rand(8));
		my $at = int(rand(length($content) - $size));
		# page headers are PostgreSQL's own to check
		next if $at % 8192 < 24;
		substr($content, $at, $size) = join('', map { chr(int(rand(256))) } 1 .. $size);
	}
	my $stderr = try_file($content, "SET statement_timeout = '20s'; $search;
		INSERT INTO t SELECT 2000 + i, test_vector(2000 + i, 32) FROM generate_series(1, 20) i;
		DELETE FROM t WHERE id >= 2000; DELETE FROM t WHERE id < 0; VACUUM t;");
	$errors++ if $stderr =~ /ERROR/;
	unlike($stderr, qr/server closed the connection|terminated/, "round $round: no crash");
}
diag("$errors of $rounds scribbled files gave an error");

# and the way out
write_file($good);
$node->start;
$node->safe_psql('postgres', 'REINDEX INDEX t_idx');
is(rows_match($node, 't', '<->'), '0 missed, 0 too many, 0 twice', 'after REINDEX');

done_testing();
