# hnsw_check: every kind of damage that it knows gives an error that names the index, the block and the slot; undamaged
# indexes of every kind give none, also while others write and on a standby (see also 021 to 023).
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use HnswPages;
use HnswTest;
use PostgreSQL::Test::Utils;
use Test::More;

# Shorter names for what FORMAT.md has.
my ($ELEMENT, $UPPER, $DUPLICATE, $VECTOR) = (HnswPages::ELEMENT, HnswPages::UPPER, HnswPages::DUPLICATE, HnswPages::VECTOR);
my ($LIVE, $SHELL, $DEAD, $FREE, $NONE) = (HnswPages::LIVE, HnswPages::SHELL, HnswPages::DEAD, HnswPages::FREE, HnswPages::NONE);

# Nodes that most cases need: a live element with no node above it and no list, an upper node on a layer with no node above it.
sub plain_element
{
	my ($file, $n) = @_;
	my %bases = map { $file->slot($_, 'base') => 1 } $file->nodes($UPPER, $LIVE);
	return ($file->nodes($ELEMENT, $LIVE, sub { !$bases{ $_[0] } && $file->slot($_[0], 'next') == 0 }))[ $n // 0 ];
}
sub upper_node
{
	my ($file, $layer, $n) = @_;
	my %below = map { $file->slot($_, 'next') => 1 } $file->nodes($UPPER, $LIVE);
	return ($file->nodes($UPPER, $LIVE, sub { $file->slot($_[0], 'layer') == $layer && !$below{ $_[0] } }))[ $n // 0 ];
}
sub free_node { my ($file, $kind) = @_; return ($file->nodes($kind, $FREE))[0]; }
# a list in use, of which there is another behind it on its chain
sub first_list { my ($file) = @_; return ($file->nodes($DUPLICATE, $LIVE, sub { $file->slot($_[0], 'next') != 0 }))[0]; }
# a page with slots that were never used, and one with free slots
sub open_page { my ($file, $kind) = @_; return (grep { $file->page($_, 'used') < $file->{slots_per_page} } $file->pages_of($kind))[0]; }
sub listed_page { my ($file, $kind) = @_; return $file->meta_of_kind('free_head', $kind); }
sub set_link { my ($file, $node, $i, $to) = @_; return $file->at($file->link_offset($node, $i), 'L', $to); }

# [ what is done to the file, how, the error ]; in the error, BLOCK is any block and SLOT any block and slot.
my @cases = (
	# pages
	[ 'page id', sub { $_[0]->page(2, 'page_id', 1) }, 'at BLOCK: it is not a page of this access method' ],
	[ 'kind of page', sub { $_[0]->page(2, 'kind', 11) }, 'at BLOCK: it is not a page of this access method' ],
	[ 'a kind that is only asked for', sub { $_[0]->page(2, 'kind', 10) }, 'at BLOCK: it is not a page of this access method' ],
	# the row map
	[ 'a root that is no page of the map', sub { my $f = shift; $f->meta('map_root', ($f->pages_of($ELEMENT))[0]) }, 'at BLOCK: the row map leads to block \\d+, which is no such page' ],
	[ 'a page of the map that nothing leads to', sub { my $f = shift; $f->meta('map_root', 0) }, 'at BLOCK: nothing leads to this page of the row map' ],
	[ 'an entry that is no element', sub { my $f = shift; $f->at(($f->pages_of(HnswPages::MAP_LEAF))[0] * 8192 + 24, 'L', $f->node(($f->pages_of($UPPER))[0], 0)) }, 'at BLOCK: entry 0 of the row map leads to block \\d+, which has no elements' ],
	[ 'a page of the map twice', sub { my $f = shift; my ($b) = $f->pages_of(HnswPages::MAP_LEAF); $f->page($b, 'kind', HnswPages::MAP_LEAF + 1); $f->meta('map_root', 0); $f->meta('map_root_2', $b); $f->at($b * 8192 + 24, 'L', $b) }, 'at BLOCK: block \\d+ of the row map is reached a second time' ],
	[ 'a root without a map', sub { my $f = shift; $f->meta('map_stride', 0); substr($f->{bytes}, $_ * 8192, 8192) = "\0" x 8192 foreach $f->pages_of(HnswPages::MAP_LEAF) }, 'at BLOCK: an index without a row map has a root of one' ],
	[ 'reserved bytes of the meta page', sub { $_[0]->meta('reserved', 1) }, 'at BLOCK: the reserved bytes of the page are not zero' ],
	[ 'elements as upper nodes', sub { my $f = shift; $f->page(($f->pages_of($ELEMENT))[0], 'kind', $UPPER) }, 'at BLOCK: a page without elements has vectors' ],
	[ 'a second page of parameters', sub { my $f = shift; $f->page(($f->pages_of($VECTOR))[0], 'kind', HnswPages::PARAMS) }, 'at BLOCK: a page of parameters is where none can be' ],
	[ 'vectors in place of parameters', sub { $_[0]->page(1, 'kind', $VECTOR) }, 'at BLOCK: expected a page of kind "parameters", not "vector"' ],
	[ 'end of a page', sub { $_[0]->page(2, 'lower', 100) }, "at BLOCK: the page's header contradicts its number of slots" ],
	[ 'end of a page without slots', sub { my $f = shift; $f->page(($f->pages_of($ELEMENT))[0], $_, 0) foreach ('used', 'nfree') }, 'at BLOCK: 0 slots are in use, but the page ends at byte \d+' ],
	[ 'end of a page of vectors', sub { my $f = shift; $f->page(($f->pages_of($VECTOR))[0], 'lower', 10) }, 'at BLOCK: the page ends at byte 10' ],
	[ 'free space', sub { my $f = shift; $f->page(open_page($f, $ELEMENT), 'upper', 8150) }, 'at BLOCK: it is not a page of this access method' ],
	[ 'unused slots', sub { my $f = shift; my $b = open_page($f, $ELEMENT); $f->at($f->slot_offset($f->node($b, $f->page($b, 'used'))) + 40, 'C', 1) }, 'at BLOCK: what is not in use is not zero' ],
	[ 'reserved bytes of a page', sub { $_[0]->page(2, 'reserved', 1) }, 'at BLOCK: the reserved bytes of the page are not zero' ],
	[ 'reserved flags of a page', sub { $_[0]->page(2, 'flags', 0x40) }, 'at BLOCK: the reserved bytes of the page are not zero' ],
	[ 'flags of a page of vectors', sub { my $f = shift; $f->page(($f->pages_of($VECTOR))[0], 'flags', 1) }, 'at BLOCK: the reserved bytes of the page are not zero' ],
	[ 'next page', sub { my $f = shift; my ($b) = $f->pages_of($ELEMENT); $f->page($b, 'flags', 0); $f->page($b, 'next_page', 3) }, 'at BLOCK: the page is on no free list, but another follows it' ],
	[ 'slots in use', sub { $_[0]->page(2, 'used', 999) }, 'at BLOCK: more slots in use than fit' ],
	[ 'free slots', sub { my $f = shift; my $b = listed_page($f, $ELEMENT); $f->page($b, 'nfree', $f->page($b, 'nfree') - 1) }, 'at BLOCK: \d+ slots are free, but the page counts \d+' ],
	[ 'place of vectors', sub { my $f = shift; $f->page(($f->pages_of($ELEMENT))[0], 'vector_offset', 8170) }, 'at BLOCK: its vectors are not where vectors can be' ],
	# slots
	[ 'state', sub { my $f = shift; $f->slot(plain_element($f), 'state', 9) }, 'at SLOT: the state of a slot is 9' ],
	[ 'state of an upper node', sub { my $f = shift; $f->slot(upper_node($f, 1), 'state', $SHELL) }, "at SLOT: the state of a slot is $SHELL" ],
	[ 'reserved bytes of a slot', sub { my $f = shift; $f->slot(plain_element($f), 'reserved', 1) }, 'at SLOT: the reserved bytes of a slot are not zero' ],
	[ 'layer of an element', sub { my $f = shift; $f->slot(plain_element($f), 'layer', 1) }, 'at SLOT: an element is on layer 1' ],
	[ 'layer of an upper node', sub { my $f = shift; $f->slot(upper_node($f, 1), 'layer', 0) }, 'at SLOT: an upper node is on layer 0' ],
	[ 'layer of a list', sub { my $f = shift; $f->slot(first_list($f), 'layer', 1) }, 'at SLOT: a list of duplicates is on layer 1' ],
	[ 'link to itself', sub { my $f = shift; my $n = plain_element($f); set_link($f, $n, 0, $n) }, 'at SLOT: the node links to itself' ],
	[ 'two links', sub { my $f = shift; my $n = plain_element($f); set_link($f, $n, 0, ($f->links($n))[1]) }, 'at SLOT: two links lead to SLOT' ],
	[ 'gap among links', sub { my $f = shift; set_link($f, plain_element($f), 1, 0) }, 'at SLOT: the list of links does not end behind 1 links' ],
	[ 'time a slot was freed', sub { my $f = shift; my $n = free_node($f, $ELEMENT); $f->at($f->slot_offset($n), 'L', 4_000_000_000) }, 'at SLOT: the slot was freed by transaction 4000000000, but the next one is \d+' ],
	[ 'time a page was freed', sub { my $f = shift; my $b = listed_page($f, $ELEMENT); $f->page($b, 'free_xid', $f->page($b, 'free_xid') + 1) }, 'at SLOT: the slot was freed by transaction \d+, but the first of its page by \d+' ],
	[ 'removed element with duplicates', sub { my $f = shift; $f->slot(free_node($f, $ELEMENT), 'next', first_list($f)) }, 'at SLOT: an element that is removed has duplicates' ],
	[ 'address of a row', sub { my $f = shift; $f->at($f->slot_offset(plain_element($f)) + 4, 'S', 0) }, "at SLOT: the element's row has no address" ],
	[ 'address of an element', sub { my $f = shift; $f->slot(upper_node($f, 1), 'base_rest', 7) }, "at SLOT: the address of the node's element is none" ],
	[ 'node below layer 1', sub { my $f = shift; $f->slot(upper_node($f, 1), 'next', plain_element($f)) }, 'at SLOT: the node below one on layer 1 is not its element' ],
	[ 'rows of a list', sub { my $f = shift; $f->slot(first_list($f), 'count', 999) }, 'at SLOT: a list of duplicates has 999 rows, but room for \d+' ],
	[ 'address of a duplicate', sub { my $f = shift; $f->at($f->row_offset(first_list($f), 1) + 4, 'S', 0) }, 'at SLOT: row 1 of a list of duplicates has no address' ],
	# links
	[ 'link to a free slot', sub { my $f = shift; set_link($f, plain_element($f), 0, free_node($f, $ELEMENT)) }, 'at SLOT: a link leads to SLOT: a slot that is free' ],
	[ 'link beyond the file', sub { my $f = shift; set_link($f, plain_element($f), 0, 0x7FFFFFFF) }, 'at SLOT: a link leads to SLOT: the file has no such node' ],
	[ 'link to the meta page', sub { my $f = shift; set_link($f, plain_element($f), 0, 1) }, 'at SLOT: a link leads to SLOT: the file has no such node' ],
	[ 'link to an unused slot', sub { my $f = shift; my $b = open_page($f, $ELEMENT); set_link($f, plain_element($f), 0, $f->node($b, $f->page($b, 'used'))) }, 'at SLOT: a link leads to SLOT: the slot was never used' ],
	[ 'link to a vector', sub { my $f = shift; set_link($f, plain_element($f), 0, $f->node(($f->pages_of($VECTOR))[0], 0)) }, 'at SLOT: a link leads to SLOT: the page is of another kind' ],
	[ 'link to another layer', sub { my $f = shift; set_link($f, upper_node($f, 1), 0, upper_node($f, 2)) }, 'at SLOT: a link leads to SLOT: a node of another layer' ],
	[ 'empty page', sub { my $f = shift; my ($b) = $f->pages_of($ELEMENT); substr($f->{bytes}, $b * 8192, 8192) = "\0" x 8192 }, 'at SLOT: .* leads to SLOT: the page is empty' ],
	[ 'link of a removed node', sub { my $f = shift; set_link($f, free_node($f, $ELEMENT), 0, 0x7FFFFFFF) }, 'at SLOT: a link of a node that is removed leads to SLOT: the file has no such node' ],
	# ways down
	[ 'way down to the same layer', sub { my $f = shift; $f->slot(upper_node($f, 2), 'next', upper_node($f, 2, 1)) }, 'at SLOT: the way down leads to SLOT: a node that is not one layer lower' ],
	[ 'way down to a free slot', sub { my $f = shift; my $n = $f->slot(upper_node($f, 2), 'next'); $f->slot($n, 'state', $FREE); $f->slot($n, $_, 0) foreach ('base', 'base_rest'); my $b = $f->block_of($n); $f->page($b, 'nfree', $f->page($b, 'nfree') + 1) }, 'at SLOT: .* leads to SLOT: a slot that is free' ],
	[ 'way down to another element', sub { my $f = shift; $f->slot(upper_node($f, 2), 'next', $f->slot(upper_node($f, 2, 1), 'next')) }, 'at SLOT: the way down leads to SLOT: a node of another element' ],
	[ 'removed element', sub { my $f = shift; my $n = upper_node($f, 1); my $e = free_node($f, $ELEMENT); $f->slot($n, $_, $e) foreach ('base', 'next') }, 'at SLOT: its element leads to SLOT: a slot that is free' ],
	[ 'another element', sub { my $f = shift; my $n = upper_node($f, 1); my $e = plain_element($f); $f->slot($n, $_, $e) foreach ('base', 'next') }, 'at SLOT: its element leads to SLOT: an element with another code' ],
	[ 'two nodes above', sub { my $f = shift; my ($n, $o) = (upper_node($f, 1), upper_node($f, 1, 1)); my $e = $f->slot($o, 'base'); $f->slot($n, $_, $e) foreach ('base', 'next');
			substr($f->{bytes}, $f->code_offset($n), $f->{code_size}) = substr($f->{bytes}, $f->code_offset($o), $f->{code_size}) },
		'at SLOT: the node leads down to SLOT, and so does that of SLOT' ],
	# codes
	[ 'level of a code', sub { my $f = shift; my $at = $f->code_offset(plain_element($f)) + 18; $f->at($at, 'C', $f->at($at, 'C') ^ 0x40) }, 'at SLOT: its code is not that of its vector' ],
	(map { my $i = $_; [ "factor $i of a code", sub { my $f = shift; my $at = $f->code_offset(plain_element($f)) + 4 * $i; $f->at($at, 'f', 1.5 * $f->at($at, 'f') + 0.1) }, 'at SLOT: its code is not that of its vector' ] } 0 .. 3),
	[ 'vector', sub { my $f = shift; my $b = $f->block_of(plain_element($f)); $f->at($f->page($b, 'vector_block') * 8192 + 24 + $f->page($b, 'vector_offset'), 'f', 50) }, 'at SLOT: its code is not that of its vector' ],
	[ 'end of vectors', sub { my $f = shift; $f->page($f->page($f->block_of(plain_element($f)), 'vector_block'), 'lower', 24) }, 'at SLOT: its vector is not on pages of vectors' ],
	# lists of duplicates
	[ 'list of another element', sub { my $f = shift; $f->slot(plain_element($f), 'next', first_list($f)) }, 'at SLOT: the way to a list of duplicates leads to SLOT: a list of another element' ],
	[ 'free list', sub { my $f = shift; $f->slot($f->slot(first_list($f), 'owner'), 'next', free_node($f, $DUPLICATE)) }, 'at SLOT: the way to a list of duplicates leads to SLOT: a list that is free' ],
	[ 'no list', sub { my $f = shift; $f->slot(first_list($f), 'next', 0x7FFFFFFF) }, 'at SLOT: the way to a list of duplicates leads to SLOT: the file has no such node' ],
	[ 'circle', sub { my $f = shift; my $n = first_list($f); $f->slot($n, 'next', $n) }, 'at SLOT: its lists of duplicates have no end' ],
	[ 'list that is lost', sub { my $f = shift; $f->slot(first_list($f), 'next', 0) }, 'at SLOT: the list of duplicates is not on the chain of its element at SLOT' ],
	[ 'list of no element', sub { my $f = shift; my $n = first_list($f); my $e = $f->slot($n, 'owner'); $f->slot($e, 'next', 0) }, 'at SLOT: the list of duplicates is not on the chain of its element at SLOT' ],
	# free lists, space
	[ 'head of a free list', sub { $_[0]->meta_of_kind('free_head', $ELEMENT, 9999) }, 'at BLOCK: block 9999 follows on a free list, but the file has no such block' ],
	[ 'meta page on a free list', sub { $_[0]->meta_of_kind('free_head', $ELEMENT, 0) }, 'at BLOCK: block 0 follows on a free list, but the file has no such block' ],
	[ 'circle of free pages', sub { my $f = shift; my $b = listed_page($f, $ELEMENT); $f->page($b, 'next_page', $b) }, 'at BLOCK: block \d+ follows on a free list, but it is on the list already' ],
	[ 'another kind on a free list', sub { my $f = shift; $f->meta_of_kind('free_head', $UPPER, listed_page($f, $ELEMENT)) }, 'at BLOCK: block \d+ follows on a free list, but it is of another kind' ],
	[ 'flag of a free page', sub { my $f = shift; my ($b) = grep { $f->page($_, 'next_page') == $NONE && $f->page($_, 'flags') } $f->pages_of($ELEMENT); $f->page($b, 'flags', 0) }, 'at BLOCK: block \d+ follows on a free list, but it is on no list' ],
	[ 'tail of a free list', sub { my $f = shift; $f->meta_of_kind('free_tail', $ELEMENT, listed_page($f, $ELEMENT)) }, 'at BLOCK: the last block of a free list is \d+, but the meta page has \d+' ],
	[ 'page that is lost', sub { my $f = shift; my $b = listed_page($f, $ELEMENT); $f->meta_of_kind('free_head', $ELEMENT, $f->page($b, 'next_page')) }, 'at BLOCK: the page is on a free list, but the list does not have it' ],
	[ 'page to be filled', sub { my $f = shift; $f->meta_of_kind('fill_page', $ELEMENT, ($f->pages_of($VECTOR))[0]) }, 'at BLOCK: block \d+ is to be filled with slots of kind 0, but has none' ],
	[ 'page to be filled beyond the file', sub { $_[0]->meta_of_kind('fill_page', $UPPER, 9999) }, 'at BLOCK: block 9999 is to be filled with slots of kind 1, but has none' ],
	[ 'vectors of two pages', sub { my $f = shift; my ($a, $b) = $f->pages_of($ELEMENT); $f->page($b, $_, $f->page($a, $_)) foreach ('vector_block', 'vector_offset') }, 'at (BLOCK: vectors of its elements are where those of BLOCK are|SLOT: its code is not that of its vector)' ],
	[ 'vectors where new ones go', sub { my $f = shift; my ($b) = $f->pages_of($VECTOR); $f->meta('vector_block', $b); $f->meta('vector_offset', 0); $f->meta('vector_end', $b + 1) }, 'at BLOCK: vectors of its elements are where new ones are to be written' ],
	[ 'end of the stream', sub { $_[0]->meta('vector_end', 9999) }, 'at BLOCK: new vectors are to be written where none can be' ],
	[ 'place in the stream', sub { $_[0]->meta('vector_offset', 8160) }, 'at BLOCK: new vectors are to be written where none can be' ],
	[ 'flags of the meta page', sub { $_[0]->meta('left_out', 0x80) }, 'at BLOCK: the reserved flags are not zero' ],
	[ 'number of rows', sub { $_[0]->meta('tuples', -1) }, 'at BLOCK: the statistics are no numbers' ],
	[ 'reach', sub { $_[0]->meta('reach', 'nan') }, 'at BLOCK: the statistics are no numbers' ],
	# the entry point
	[ 'no entry point', sub { $_[0]->meta('entry', 0) }, 'at SLOT: the index has elements, but no entry point' ],
	[ 'free entry point', sub { my $f = shift; $f->meta('entry', free_node($f, $ELEMENT)) }, 'at BLOCK: the entry point is at SLOT: a slot that is free' ],
	[ 'entry point beyond the file', sub { $_[0]->meta('entry', 0x7FFFFFFF) }, 'at BLOCK: the entry point is at SLOT: the file has no such node' ],
	[ 'low entry point', sub { my $f = shift; $f->meta('entry', upper_node($f, 1)) }, 'at SLOT: the node is on layer \d+, but the entry point, at SLOT, on layer 1' ],
	# rows
	[ 'row in two places', sub { my $f = shift; $f->slot(plain_element($f), 'tid', $f->slot(plain_element($f, 1), 'tid')) }, 'at SLOT: row \(\d+,\d+\) is there, and at SLOT, too' ],
	[ 'row twice in a list', sub { my $f = shift; my $n = first_list($f); substr($f->{bytes}, $f->row_offset($n, 0), 6) = substr($f->{bytes}, $f->row_offset($n, 1), 6) }, 'at SLOT: row \(\d+,\d+\) is there, and at SLOT, too' ],
	[ 'row beyond the table', sub { my $f = shift; $f->at($f->slot_offset(plain_element($f)) + 2, 'S', 9999) }, 'at SLOT: row \(9999,\d+\) is beyond the end of the table, which has \d+ blocks' ],
	[ 'row that is missing', sub { my $f = shift; $f->slot(plain_element($f), 'state', $DEAD) }, 'does not have row \(\d+,\d+\) of table "t"' ],
	[ 'rows exchanged', sub { my $f = shift; my ($a, $b) = (plain_element($f), plain_element($f, 1)); my $tid = $f->slot($a, 'tid'); $f->slot($a, 'tid', $f->slot($b, 'tid')); $f->slot($b, 'tid', $tid) }, 'at SLOT: the vector is not that of row \(\d+,\d+\)' ],
	[ 'row without a vector', sub { my $f = shift; my ($n) = $f->nodes($DUPLICATE, $LIVE, sub { $f->slot($_[0], 'count') < 5 });
			my $count = $f->slot($n, 'count'); substr($f->{bytes}, $f->row_offset($n, $count), 6) = $f->{null_row}; $f->slot($n, 'count', $count + 1) }, 'at SLOT: row \(\d+,\d+\) is there, but has no vector to be indexed' ],
	[ 'nulls', sub { my $f = shift; $f->meta('left_out', $f->meta('left_out') | 1) }, 'at BLOCK: the table has nulls, but the index does not know of any' ],
);

my $node = hnsw_node('check', 'restart_after_crash = off', 'ignore_checksum_failure = on', 'max_prepared_transactions = 5');
# Of every kind: upper layers, lists of duplicates longer than one, free slots of elements and lists, a null
$node->safe_psql('postgres', q{
	CREATE TABLE t (id int, v vector(16));
	INSERT INTO t SELECT i, test_vector(i, 16) FROM generate_series(1, 400) i;
	INSERT INTO t SELECT 1000 + i, test_vector(i % 4, 16) FROM generate_series(1, 400) i;
	INSERT INTO t VALUES (2001, NULL), (2003, array_fill(0, ARRAY[16])::vector)});
$node->safe_psql('postgres', join(';', map { "CREATE INDEX damaged_$_ ON t USING hnsw (v vector_l2_ops) WITH (m = 4, ef_construction = 16)" } 0 .. @cases));
$node->safe_psql('postgres', q{
	CREATE INDEX cosine_idx ON t USING hnsw (v vector_cosine_ops) WITH (m = 4, ef_construction = 16);
	CREATE INDEX zero_idx ON t USING hnsw (v vector_cosine_ops) WITH (m = 4, ef_construction = 16);
	DELETE FROM t WHERE id % 10 = 0 OR id BETWEEN 1301 AND 1380});
$node->safe_psql('postgres', 'VACUUM t');
my ($block, $offset) = $node->safe_psql('postgres', 'SELECT ctid FROM t WHERE id = 2001') =~ /\((\d+),(\d+)\)/;
my $null_row = pack('SSS', 0, $block, $offset);
my @files = map { $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('damaged_$_')") } 0 .. $#cases;
my $zero_file = $node->data_dir . '/' . $node->safe_psql('postgres', q{SELECT pg_relation_filepath('zero_idx')});
my $cosine_file = $node->data_dir . '/' . $node->safe_psql('postgres', q{SELECT pg_relation_filepath('cosine_idx')});
my $other_file = $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('damaged_" . @cases . "')");

my $good = $node->safe_psql('postgres', q{SELECT elements, duplicates, unreachable, searched = elements, found, heap_rows FROM hnsw_check('damaged_0', true, NULL)});
is($good, '362|287|0|t|1|650', 'before: all rows are there');
$node->stop;
foreach my $i (0 .. $#cases)
{
	my $file = HnswPages->new($files[$i]);
	my $before = $file->{bytes};
	$file->{null_row} = $null_row;
	$cases[$i][1]->($file);
	ok($file->{bytes} ne $before, "$cases[$i][0]: the file is changed");
	$file->write;
}
my $zero = HnswPages->new($zero_file);
$zero->meta('left_out', $zero->meta('left_out') | 2);
$zero->write;
my $cosine = HnswPages->new($cosine_file);
$cosine->{file} = $other_file;
$cosine->write;
$node->start;

sub check_error
{
	my ($index, $heapallindexed) = @_;
	my $stderr = '';
	$node->psql('postgres', "\\set VERBOSITY verbose\nSET statement_timeout = '60s'; SELECT hnsw_check('$index', $heapallindexed)", stderr => \$stderr);
	return $stderr;
}

foreach my $i (0 .. $#cases)
{
	my ($name, undef, $error) = @{ $cases[$i] };
	$error =~ s/SLOT/block \\d+, slot \\d+/g;
	$error =~ s/BLOCK/block \\d+/g;
	my $prefix = $error =~ /^at / ? 'is damaged ' : '';
	like(check_error("damaged_$i", 'true'), qr/ERROR:  XX002: index "damaged_$i" $prefix$error\nHINT:  REINDEX the index\./, $name);
}
like(check_error('damaged_' . @cases, 'false'), qr/XX002.*the meta page is that of an index of another type, operator class or dimensions/, 'the file of another index');
like(check_error('zero_idx', 'true'), qr/XX002.*at block 0: the table has vectors without a direction, but the index does not know of any/, 'zero vectors');

# and the way out
$node->safe_psql('postgres', 'REINDEX INDEX damaged_0');
is($node->safe_psql('postgres', q{SELECT heap_rows FROM hnsw_check('damaged_0', true)}), '650', 'after REINDEX');

done_testing();
