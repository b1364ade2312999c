# The file of an index as docs/FORMAT.md describes it, to be damaged by tests: a change of the format is a change of the
# tables below.
package HnswPages;

use strict;
use warnings;
use PostgreSQL::Test::Utils;

use constant { BLOCK => 8192, HEADER => 24, TAIL => 32, NONE => 0xFFFFFFFF };
use constant { ELEMENT => 0, UPPER => 1, DUPLICATE => 2, KEY => 3, VECTOR => 4, PARAMS => 5, META => 6, MAP_LEAF => 7, KEY_ROOT => 9 };
use constant { UNUSED => 0, LIVE => 1, SHELL => 2, DEAD => 3, FREE => 4 };

# Field => [ offset, what pack() calls its type ]: of the page header and of the tail, in a page; of the meta page; of slots.
my %page_fields = (
	lower => [ 12, 'S' ], upper => [ 14, 'S' ], special => [ 16, 'S' ],
	free_xid => [ BLOCK - TAIL, 'Q' ], next_page => [ BLOCK - TAIL + 8, 'L' ], vector_block => [ BLOCK - TAIL + 12, 'L' ],
	vector_offset => [ BLOCK - TAIL + 16, 'S' ], used => [ BLOCK - TAIL + 18, 'S' ], nfree => [ BLOCK - TAIL + 20, 'S' ],
	reserved => [ BLOCK - TAIL + 22, 'C' ], kind => [ BLOCK - 4, 'C' ], flags => [ BLOCK - 3, 'C' ], page_id => [ BLOCK - 2, 'S' ]);
my %meta_fields = (
	magic => [ 0, 'L' ], version => [ 4, 'L' ], m => [ 20, 'S' ], code_size => [ 28, 'L' ], vector_size => [ 32, 'L' ],
	slot_size => [ 36, 'S' ], slot_start => [ 38, 'S' ], slots_per_page => [ 40, 'S' ], left_out => [ 42, 'S' ],
	entry => [ 52, 'L' ], fill_page => [ 56, 'L' ], free_head => [ 72, 'L' ], free_tail => [ 88, 'L' ],
	vector_block => [ 104, 'L' ], vector_end => [ 108, 'L' ], vector_offset => [ 112, 'L' ], reserved => [ 116, 'L' ], tuples => [ 120, 'd' ],
	reach => [ 128, 'f' ], map_root => [ 148, 'L' ], map_root_2 => [ 156, 'L' ], map_stride => [ 164, 'S' ]);
my %slot_fields = (
	tid => [ 0, 'a6' ], base => [ 0, 'L' ], base_rest => [ 4, 'S' ], owner => [ 0, 'L' ], count => [ 4, 'S' ], generation => [ 6, 'S' ],
	state => [ 8, 'C' ], layer => [ 9, 'C' ], reserved => [ 10, 'S' ], next => [ 12, 'L' ]);

sub new
{
	my ($class, $file) = @_;
	my $self = bless { file => $file, bytes => slurp_file($file) }, $class;
	$self->{$_} = $self->meta($_) foreach ('m', 'code_size', 'vector_size', 'slot_size', 'slot_start', 'slots_per_page');
	return $self;
}

sub write
{
	my ($self) = @_;
	open my $handle, '>', $self->{file} or die "$self->{file}: $!";
	binmode $handle;
	print $handle $self->{bytes};
	close $handle or die "$self->{file}: $!";
	return;
}

# Reads a number at a place, or writes one.
sub at
{
	my ($self, $offset, $type, $value) = @_;
	my $size = length(pack($type, 0));
	substr($self->{bytes}, $offset, $size) = pack($type, $value) if defined $value;
	return unpack($type, substr($self->{bytes}, $offset, $size));
}

sub field
{
	my ($self, $fields, $start, $name, $value) = @_;
	my $field = $fields->{$name} or die "no field $name";
	return $self->at($start + $field->[0], $field->[1], $value);
}

# page(BLOCK, FIELD [, VALUE]), meta(FIELD [, VALUE]), slot(NODE, FIELD [, VALUE]); of meta's arrays, the entry of a kind
sub page { my ($self, $block, @rest) = @_; return $self->field(\%page_fields, $block * BLOCK, @rest); }
sub meta { my ($self, @rest) = @_; return $self->field(\%meta_fields, HEADER, @rest); }
sub slot { my ($self, $node, @rest) = @_; return $self->field(\%slot_fields, $self->slot_offset($node), @rest); }

sub meta_of_kind
{
	my ($self, $name, $kind, $value) = @_;
	return $self->at(HEADER + $meta_fields{$name}[0] + 4 * $kind, 'L', $value);
}

sub blocks { my ($self) = @_; return length($self->{bytes}) / BLOCK; }
sub block_of { my ($self, $node) = @_; return int($node / $self->{slots_per_page}); }
sub node { my ($self, $block, $slot) = @_; return $block * $self->{slots_per_page} + $slot; }

sub slot_offset
{
	my ($self, $node) = @_;
	return $self->block_of($node) * BLOCK + $self->{slot_start} + $node % $self->{slots_per_page} * $self->{slot_size};
}

# Offsets in the file: of a node's code, of a link of it, of a row in a list of duplicates.
sub code_offset { my ($self, $node) = @_; return $self->slot_offset($node) + 16; }
sub link_offset { my ($self, $node, $i) = @_; return $self->code_offset($node) + $self->{code_size} + 4 * $i; }
sub row_offset { my ($self, $node, $i) = @_; return $self->slot_offset($node) + 16 + 6 * $i; }

sub links
{
	my ($self, $node) = @_;
	return grep { $_ != 0 } unpack('L*', substr($self->{bytes}, $self->link_offset($node, 0), 4 * 2 * $self->{m}));
}

sub pages_of
{
	my ($self, $kind) = @_;
	return grep { $self->page($_, 'upper') != 0 && $self->page($_, 'kind') == $kind } 0 .. $self->blocks - 1;
}

# The nodes of a kind that are in a state, and that a condition holds for.
sub nodes
{
	my ($self, $kind, $state, $condition) = @_;
	my @found;
	foreach my $block ($self->pages_of($kind))
	{
		foreach my $node (map { $self->node($block, $_) } 0 .. $self->page($block, 'used') - 1)
		{
			push @found, $node if $self->slot($node, 'state') == $state && (!$condition || $condition->($node));
		}
	}
	return @found;
}

1;
