# Damage of an index with key columns: hnsw_check names it, and whatever stands in the place of what, no statement brings the
# server down or returns rows of another key.  HNSWC_DAMAGE_SEED repeats a run, HNSWC_DAMAGE_COPIES changes how long it is.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use HnswPages;
use HnswTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($ELEMENT, $UPPER, $KEY, $KEY_ROOT) = (HnswPages::ELEMENT, HnswPages::UPPER, HnswPages::KEY, HnswPages::KEY_ROOT);
my $LIVE = HnswPages::LIVE;
my $seed = $ENV{HNSWC_DAMAGE_SEED} // int(rand(2**31));
my $copies = $ENV{HNSWC_DAMAGE_COPIES} // (is_long() ? 300 : 12);
my $node = hnsw_node('keys_damage', 'restart_after_crash = off', 'ignore_checksum_failure = on', 'statement_timeout = 60s');

$node->safe_psql('postgres', q{
	CREATE DATABASE good TEMPLATE postgres;
});
$node->safe_psql('good', q{
	CREATE TABLE t (id int, tenant int, v vector(24));
	INSERT INTO t SELECT i, i % 9, test_vector(i, 24) FROM generate_series(1, 400) i;
	INSERT INTO t SELECT i, i % 150 + 10, test_vector(7, 24) FROM generate_series(401, 800) i;
	CREATE INDEX t_idx ON t USING hnsw (tenant, v vector_l2_ops) WITH (m = 4, ef_construction = 16, row_map = off);
	DELETE FROM t WHERE tenant % 5 = 0;
	VACUUM t;
	INSERT INTO t SELECT i, i % 9, test_vector(i, 24) FROM generate_series(801, 900) i;
});
$node->safe_psql('postgres', 'CHECKPOINT');
my $path = $node->safe_psql('good', q{SELECT pg_relation_filepath('t_idx')});
my $good = slurp_file($node->data_dir . "/$path");

# A copy of the database whose index file `damage` has changed.
my $ncopies = 0;
sub damaged
{
	my ($damage) = @_;
	my $name = 'copy' . $ncopies++;
	my $strategy = $node->pg_version >= 15 ? 'STRATEGY file_copy' : '';
	$node->safe_psql('postgres', "CREATE DATABASE $name TEMPLATE good $strategy");
	my $file = HnswPages->new($node->data_dir . '/' . $node->safe_psql($name, q{SELECT pg_relation_filepath('t_idx')}));
	$damage->($file);
	$file->write;
	return $name;
}

sub word { my ($file, $node, $offset, $value) = @_; return $file->at($file->slot_offset($node) + $offset, 'L', $value); }
# keys with a graph, and the key that a node names
sub keys_of { my ($file) = @_; return $file->nodes($KEY, $LIVE, sub { word($file, $_[0], 0) != 0 }); }
sub key_of { my ($file, $node, @value) = @_; return $file->at($file->link_offset($node, 2 * $file->{m}), 'L', @value); }
sub elements_of { my ($file, $key) = @_; return $file->nodes($ELEMENT, $LIVE, sub { key_of($file, $_[0]) == $key }); }
# the place of the word that leads to a key
sub way_to
{
	my ($file, $key) = @_;
	my ($root) = $file->pages_of($KEY_ROOT);
	my @places = ((map { $root * 8192 + 24 + 4 * $_ } 0 .. 2039), map { my $n = $_; map { $file->slot_offset($n) + 20 + 4 * $_ } 0 .. 7 } $file->nodes($KEY, $LIVE));
	return (grep { $file->at($_, 'L') == $key } @places)[0];
}

my @cases = (
	[ 'entry point of another graph', sub { my $f = shift; my @k = keys_of($f); word($f, $k[0], 0, word($f, $k[1], 0)) }, 'its entry point leads to .*: a node of another graph' ],
	[ 'entry point that is free', sub { my $f = shift; my ($k) = keys_of($f); word($f, $k, 0, ($f->nodes($ELEMENT, HnswPages::FREE))[0]) }, 'its entry point leads to .*: a slot that is free' ],
	[ 'no entry point', sub { my $f = shift; word($f, (keys_of($f))[0], 0, 0) }, 'the index has elements, but no entry point' ],
	[ 'hash', sub { my $f = shift; my ($k) = keys_of($f); word($f, $k, 12, word($f, $k, 12) ^ 1) }, "a key's hash is [0-9a-f]{8}, but that of its value [0-9a-f]{8}" ],
	[ 'value', sub { my $f = shift; my ($k) = keys_of($f); $f->at($f->slot_offset($k) + 52 + 1, 'L', 77777) }, "a key's hash is [0-9a-f]{8}, but that of its value [0-9a-f]{8}" ],
	[ 'value of other columns', sub { my $f = shift; $f->at($f->slot_offset((keys_of($f))[0]) + 4, 'S', 6) }, "a key's value is not one of the index's columns" ],
	[ 'size', sub { my $f = shift; $f->at($f->slot_offset((keys_of($f))[0]) + 4, 'S', 9999) }, 'a key has 9999 bytes, but room for \d+' ],
	[ 'way', sub { my $f = shift; $f->at(way_to($f, (keys_of($f))[0]), 'L', 0) }, 'no way leads to a key' ],
	[ 'way to a node', sub { my $f = shift; $f->at(way_to($f, (keys_of($f))[0]), 'L', ($f->nodes($ELEMENT, $LIVE))[0]) }, 'expected a page of kind "key", not "element"' ],
	[ 'circle', sub { my $f = shift; my ($k) = keys_of($f); word($f, $k, 20 + 4 * $_, $k) foreach 0 .. 7 }, 'a key leads to itself' ],
	[ 'key of a node', sub { my $f = shift; my @k = keys_of($f); key_of($f, (elements_of($f, $k[0]))[1], $k[1]) }, "a node of another (key's )?graph" ],
	[ 'key that is none', sub { my $f = shift; my ($k) = keys_of($f); key_of($f, (elements_of($f, $k))[1], 0x7FFFFFFF) }, "(its key leads to .*: the file has no such node|a node of another key's graph)" ],
	[ 'link into another graph', sub { my $f = shift; my @k = keys_of($f); $f->at($f->link_offset((elements_of($f, $k[0]))[1], 0), 'L', (elements_of($f, $k[1]))[0]) }, "a link leads to .*: a node of another key's graph" ],
	[ 'entry point of the meta page', sub { my $f = shift; $f->meta('entry', ($f->nodes($ELEMENT, $LIVE))[0]) }, 'the meta page has an entry point' ],
);
foreach my $case (@cases)
{
	my ($what, $damage, $error) = @$case;
	my $name = damaged($damage);
	my ($status, $out, $errors) = $node->psql($name, "\\set VERBOSITY verbose\nSELECT hnsw_check('t_idx')");
	like($errors, qr/XX002.*$error/, $what);
	$node->safe_psql('postgres', "DROP DATABASE $name");
}
is($node->safe_psql('good', q{SELECT elements > 100 FROM hnsw_check('t_idx', true)}), 't', 'the index itself is sound');

srand($seed);
note("HNSWC_DAMAGE_SEED=$seed HNSWC_DAMAGE_COPIES=$copies");

sub pick { return $_[ int(rand(@_)) ]; }
sub pick_word
{
	my ($file) = @_;
	return pick(0, 1, int(rand($file->blocks)), 0x7FFFFFFF, 0xFFFFFFFF, int(rand($file->blocks * $file->{slots_per_page})), int(rand(2**32)));
}

# One change: of a word of the root, of a key, of a node's key or a link, or a whole page of another kind.
sub change
{
	my ($file) = @_;
	my $r = rand();
	my $key = pick(keys_of($file));
	my $element = pick($file->nodes($ELEMENT, $LIVE));
	if ($r < 0.15) { my ($root) = $file->pages_of($KEY_ROOT); $file->at($root * 8192 + 24 + 4 * int(rand(2040)), 'L', pick_word($file)) foreach 1 .. 200; }
	elsif ($r < 0.5) { $file->at($file->slot_offset($key) + 4 * int(rand(15)), 'L', pick_word($file)); }
	elsif ($r < 0.6) { key_of($file, $element, pick($key, pick_word($file))); }
	elsif ($r < 0.75) { $file->at($file->link_offset($element, int(rand(4))), 'L', pick(pick($file->nodes($ELEMENT, $LIVE)), pick_word($file))); }
	elsif ($r < 0.85) { $file->at(24 + 4 * int(rand(44)), 'L', pick_word($file)); }
	else { my ($from, $to) = map { int(rand($file->blocks)) } 1 .. 2; substr($file->{bytes}, $to * 8192, 8192) = substr($good, $from * 8192, 8192); }
	return;
}

my $statements = join("\n", q{SET enable_seqscan = off; SET enable_sort = off;},
	(map { "SELECT 'strange' FROM (SELECT tenant FROM t WHERE tenant = $_ ORDER BY v <-> test_vector(3, 24) LIMIT 50) s WHERE tenant <> $_;" } 1, 7, 42, 12345),
	q{SELECT 'strange' FROM (SELECT tenant FROM t WHERE tenant IN (1, 2, 3) ORDER BY v <-> test_vector(3, 24) LIMIT 500) s WHERE tenant NOT IN (1, 2, 3);},
	q{INSERT INTO t SELECT i, i % 40, test_vector(i, 24) FROM generate_series(2001, 2080) i;}, q{DELETE FROM t WHERE tenant IN (1, 17);}, q{VACUUM t;},
	q{INSERT INTO t SELECT i, i % 40 + 3000, test_vector(i, 24) FROM generate_series(3001, 3040) i;}, q{SELECT hnsw_check('t_idx', true);},
	q{SELECT hnsw_prewarm('t_idx', 'nodes');}, q{SELECT hnsw_stats('t_idx');});
my %errors;
foreach my $n (1 .. $copies)
{
	my $name = damaged(\&change);
	my ($status, $out, $errors) = $node->psql($name, "\\set VERBOSITY sqlstate\n$statements");
	my @bad = grep { !/XX002|57014|XX001|53100|54000/ } $errors =~ /ERROR:\s+(\w{5})/g;
	$errors{$_}++ foreach $errors =~ /ERROR:\s+(\w{5})/g;
	ok($out !~ /strange/ && !@bad && $errors !~ /terminat|closed|FATAL|PANIC/, "seed $seed, copy $n") or diag("$out\n$errors");
	last unless $node->psql('postgres', 'SELECT 1', stdout => \my $one) == 0;
	$node->safe_psql('postgres', "DROP DATABASE $name");
}
is($node->safe_psql('postgres', 'SELECT 1'), '1', 'the server stands');
note(join(', ', map { "$_ $errors{$_}" } sort keys %errors));

done_testing();
