# Damaged files.  Whatever bytes an index consists of, each statement that uses it ends soon, with an answer or with an error that
# names the index and the block; the server lives, and the table is as it was.
#
# A database of many indexes is copied as files, so that nothing of a copy is in shared buffers.  Then every index of the copy gets
# one change, made on disk, and is searched, inserted into, vacuumed and checked.
#
# HNSWC_DAMAGE_SEED chooses the changes (the builds' random layers are not the same in each run; a file that fails is kept), and
# HNSWC_DAMAGE_COPIES how many copies are made.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use HnswTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $seed = $ENV{HNSWC_DAMAGE_SEED} // 42;
my $copies = $ENV{HNSWC_DAMAGE_COPIES} // (is_long() ? 250 : 20);
# What a statement may take, in seconds, and what a copy may take that cannot be cancelled.
my ($patience, $limit) = (20, 300);
my $page = 8192;

# The column's type, its value for the row i, operator class, options.
my %kinds = (
	l2 => [ 'vector(24)', 'test_vector(i, 24)', 'vector_l2_ops', '' ],
	few_links => [ 'vector(24)', 'test_vector(i, 24)', 'vector_cosine_ops', 'm = 2, bits = 1, rerank = table, ef_construction = 8' ],
	half_copy => [ 'vector(24)', 'test_vector(i, 24)', 'vector_ip_ops', 'm = 4, bits = 4, rerank = half, ef_construction = 16' ],
	exact => [ 'vector(24)', 'test_vector(i, 24)', 'vector_l2_ops', 'm = 4, bits = 32, ef_construction = 16' ],
	l1 => [ 'vector(24)', 'test_vector(i, 24)', 'vector_l1_ops', 'm = 4, ef_construction = 16' ],
	wide => [ 'vector(700)', 'test_vector(i % 50, 700)', 'vector_l2_ops', 'm = 3, bits = 2, ef_construction = 8' ],
	halves => [ 'halfvec(24)', 'test_vector(i, 24)::halfvec', 'halfvec_cosine_ops', 'm = 4, ef_construction = 16' ],
	bits => [ 'bit(64)', 'hashint8extended(i, 1)::bit(64)', 'bit_hamming_ops', 'm = 4, ef_construction = 16' ],
	jaccard => [ 'bit(64)', 'hashint8extended(i, 1)::bit(64)', 'bit_jaccard_ops', 'm = 4, ef_construction = 16' ],
	sparse => [ 'sparsevec(500)', q[format('{%s:1,%s:%s}/500', 1 + i % 100, 101 + i % 37, i)::sparsevec], 'sparsevec_l2_ops', 'm = 4, ef_construction = 16' ],
);
my %operators = (l2 => '<->', few_links => '<=>', half_copy => '<#>', exact => '<->', l1 => '<+>', wide => '<->',
	halves => '<=>', bits => '<~>', jaccard => '<%>', sparse => '<->');
my @kinds = sort keys %kinds;
# and indexes of one kind, for changes that are aimed at something
my @cases = map { "case$_" } 1 .. 16;
($kinds{$_}, $operators{$_}) = ($kinds{l1}, $operators{l1}) foreach @cases;

# Data checksums, the default since 18, would be first to notice: they are PostgreSQL's to test.
my $node = hnsw_node('damage', 'restart_after_crash = off', 'ignore_checksum_failure = on', 'max_connections = 20');

# What is on the free lists needs rows that have gone: whole pages of them, and duplicates.  Layers, lists of duplicates of several
# slots and pages that INSERT has added are there as well.
sub table_of
{
	my ($kind) = @_;
	my ($type, $value, $opclass, $options) = @{ $kinds{$kind} };
	my $with = $options ? "WITH ($options)" : '';
	return qq{
		CREATE TABLE $kind (id int, v $type);
		INSERT INTO $kind SELECT i, $value FROM generate_series(1, 300) i;
		INSERT INTO $kind SELECT 300 + n, $value FROM (SELECT n, 7 AS i FROM generate_series(1, 120) n) s;
		CREATE INDEX ${kind}_idx ON $kind USING hnsw (v $opclass) $with;
		INSERT INTO $kind SELECT i, $value FROM generate_series(421, 500) i;
		INSERT INTO $kind SELECT 500 + n, $value FROM (SELECT n, 9 AS i FROM generate_series(1, 90) n) s;
		DELETE FROM $kind WHERE id BETWEEN 101 AND 180 OR id BETWEEN 301 AND 350 OR id BETWEEN 421 AND 440 OR id > 550;
		VACUUM $kind;
		DELETE FROM $kind WHERE id > 540;
	};
}
my (%template, %expected, %path, %good);
foreach my $template ([ kinds => @kinds ], [ cases => @cases ])
{
	my ($database, @tables) = @$template;
	$node->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE postgres");
	$node->safe_psql($database, join("\n", map { table_of($_) } @tables));
	foreach my $kind (@tables)
	{
		$template{$kind} = $database;
		# what is left of it after statements()
		$expected{$kind} = $node->safe_psql($database, "SELECT count(*) FROM $kind WHERE id % 5 <> 0");
		$path{$kind} = $node->safe_psql($database, "SELECT pg_relation_filepath('${kind}_idx')");
	}
}
my $has_check = $node->safe_psql('kinds', "SELECT to_regprocedure('hnsw_check(regclass, boolean)') IS NOT NULL") eq 't';
$node->safe_psql('postgres', 'CHECKPOINT');
foreach my $kind (@kinds, @cases)
{
	$good{$kind} = slurp_file($node->data_dir . "/$path{$kind}");
	cmp_ok(length($good{$kind}) / $page, '>=', 6, "$kind: a file of several pages");
}

# The fields of a page's end, and of the meta page, that the tests set: offset, size and where they are.
my %meta = (magic => 0, version => 4, params_block => 48, entry => 52, fill_page => 56, free_head => 72, free_tail => 88,
	vector_block => 104, vector_end => 108, vector_offset => 112);
my %tail = (next_page => 8, vector_block => 12, vector_offset => 16, used => 18, nfree => 20, kind => 28, flags => 29);

sub meta_at { my ($field, $i) = @_; return 24 + $meta{$field} + 4 * ($i // 0); }
sub tail_at { my ($block, $field) = @_; return ($block + 1) * $page - 32 + $tail{$field}; }
sub u32 { my ($bytes, $at) = @_; return unpack('L', substr($bytes, $at, 4)); }
sub u16 { my ($bytes, $at) = @_; return unpack('S', substr($bytes, $at, 2)); }
sub blocks { my ($bytes) = @_; return length($bytes) / $page; }
sub page_kind { my ($bytes, $block) = @_; return ord(substr($bytes, tail_at($block, 'kind'), 1)); }
sub slot_at { my ($bytes, $block, $slot) = @_; return $block * $page + u16($bytes, 24 + 38) + $slot * u16($bytes, 24 + 36); }
sub node_at { my ($bytes, $node) = @_; my $per = u16($bytes, 24 + 40); return slot_at($bytes, int($node / $per), $node % $per); }

# The first block of a kind of page.
sub block_of
{
	my ($bytes, $kind) = @_;
	return (grep { page_kind($bytes, $_) == $kind } 1 .. blocks($bytes) - 1)[0];
}

sub word { my ($bytes, $at, $value) = @_; substr($bytes, $at, 4) = pack('L', $value); return $bytes; }
sub byte { my ($bytes, $at, $value) = @_; substr($bytes, $at, 1) = chr($value); return $bytes; }

sub write_file
{
	my ($file, $content) = @_;
	open my $handle, '>', $file or die "$file: $!";
	binmode $handle;
	print $handle $content;
	close $handle;
}

my $copied = 0;
my %errors;

# Makes a copy of a database, with what is given for the files of some of its indexes.
sub damaged_copy
{
	my (%files) = @_;
	my $name = 'copy' . ++$copied;
	my ($template) = map { $template{$_} } keys %files;
	$node->safe_psql('postgres', "CREATE DATABASE $name TEMPLATE $template STRATEGY file_copy");
	my $oid = $node->safe_psql('postgres', "SELECT oid FROM pg_database WHERE datname = '$name'");
	foreach my $kind (keys %files)
	{
		my $file = $node->data_dir . "/$path{$kind}";
		$file =~ s{base/\d+/}{base/$oid/};
		write_file($file, $files{$kind});
	}
	return $name;
}

# All that can be done to an index of a kind; or first of all what is given, with the table's name for TABLE.
sub statements
{
	my ($kind, $first) = @_;
	my $value = $kinds{$kind}[1];
	my $order = "v $operators{$kind} (SELECT v FROM (SELECT $value AS v FROM generate_series(9, 9) i) s)";
	my $check = $has_check ? "SELECT count(*) FROM hnsw_check('${kind}_idx', true);" : '';
	$first =~ s/TABLE/$kind/g;
	return qq{
		\\warn AT $kind
		$first
		SELECT count(*) FROM (SELECT id FROM $kind ORDER BY $order LIMIT 10) s;
		SELECT count(*) FROM (SELECT id FROM $kind ORDER BY $order) s;
		$check
		INSERT INTO $kind SELECT i, $value FROM generate_series(1000, 1060) i;
		INSERT INTO $kind SELECT 2000 + n, $value FROM (SELECT n, 9 AS i FROM generate_series(1, 40) n) s;
		DELETE FROM $kind WHERE id >= 1000 OR id % 5 = 0;
		VACUUM $kind;
		SELECT count(*) FROM (SELECT id FROM $kind ORDER BY $order) s;
		INSERT INTO $kind SELECT i, $value FROM generate_series(3000, 3060) i;
		VACUUM $kind;
		$check
		RESET enable_seqscan; SET enable_indexscan = off;
		SELECT 'rows $kind', count(*) FROM $kind WHERE id < 1000;
		SET enable_seqscan = off; RESET enable_indexscan;
	};
}

# May a statement end so?  An error names the index and, unless it is about the file as a whole, a block.  Where PostgreSQL itself
# does not take the page, it names the file.
sub is_good_error
{
	my ($kind, $line) = @_;
	return 1 if $line =~ /ERROR:  XX002: index "${kind}_idx" is damaged at block \d+: /;
	return 1 if $line =~ /ERROR:  XX002: index "${kind}_idx" (has format version|was built by)/;
	return 1 if $line =~ /ERROR:  XX002: index "${kind}_idx" is damaged: it refers to block \d+ of table "$kind", /;
	return 1 if $line =~ /ERROR:  XX001: invalid page in block \d+ of relation/;
	return 0;
}

# Does all to the indexes of a copy, and first of all what is given for them; returns what must not be and all errors, by index.
sub try_copy
{
	my ($name, %first) = @_;
	my ($stdout, $stderr, $timed_out) = ('', '', 0);
	my $script = "\\set VERBOSITY verbose\nSET statement_timeout = '${patience}s'; SET enable_seqscan = off;\n"
		. join("\n", map { statements($_, $first{$_}) } sort keys %first);
	$node->psql($name, $script, stdout => \$stdout, stderr => \$stderr, on_error_stop => 0, timeout => $limit,
		timed_out => \$timed_out);
	my (%bad, %seen);
	my $kind = '';
	foreach my $line (split /\n/, $stderr)
	{
		$kind = $1 if $line =~ /^AT (\w+)$/;
		next unless $line =~ /ERROR:|FATAL:|PANIC:|server closed|connection/;
		$errors{$1}++ if $line =~ /(?:ERROR|FATAL|PANIC): +(\w{5}):/;
		push @{ $bad{$kind} }, $line unless is_good_error($kind, $line);
		$seen{$kind} .= "$line\n";
	}
	push @{ $bad{$kind} }, "no answer for $limit seconds" if $timed_out;
	foreach my $kind (keys %first)
	{
		push @{ $bad{$kind} }, 'the table has changed'
			if !$bad{$kind} && $stdout !~ /^rows $kind\|$expected{$kind}$/m;
	}
	return (\%bad, \%seen);
}

# Damages some indexes of a copy and looks what comes of it.  Of each: the file, what was done to it, what to do first of all.
sub try_files
{
	my ($what, %damage) = @_;
	my $name = damaged_copy(map { $_ => $damage{$_}[0] } keys %damage);
	my ($bad, $seen) = try_copy($name, map { $_ => $damage{$_}[2] // '' } keys %damage);
	foreach my $kind (sort keys %$bad)
	{
		my $kept = "${PostgreSQL::Test::Utils::log_path}/damage_${name}_$kind";
		write_file($kept, $damage{$kind}[0]);
		fail("$what, $kind: $damage{$kind}[1]");
		diag(join("\n", @{ $bad->{$kind} }, "the file: $kept"));
	}
	ok(!%$bad, $what) unless %$bad;
	BAIL_OUT('the server has gone') unless $node->psql('postgres', 'SELECT 1', timeout => $limit) == 0;
	$node->safe_psql('postgres', "DROP DATABASE $name");
	return %$seen;
}

my (%waiting, %wanted);

# Tries what is waiting.
sub try_waiting
{
	my %seen = try_files(join(', ', sort keys %waiting), %waiting);
	foreach my $case (sort keys %waiting)
	{
		my $what = $waiting{$case}[1];
		if (defined $wanted{$case}) { like($seen{$case} // '', $wanted{$case}, "$what: the error"); }
		else { is($seen{$case}, undef, "$what: no error"); }
	}
	%waiting = ();
}

# The next case: its file is what $damage makes of it, and it has to give an error (undef: none).
sub expect
{
	my ($what, $error, $damage, $first) = @_;
	my $case = $cases[ scalar keys %waiting ];
	$error =~ s/INDEX/${case}_idx/ if defined $error;
	$wanted{$case} = defined $error ? qr/$error/ : undef;
	$waiting{$case} = [ $damage->($good{$case}), $what, $first ];
	try_waiting() if keys %waiting == @cases;
}

### The file as a whole

my $damaged = 'XX002: index "INDEX" is damaged at block';
expect('the file as it was', undef, sub { return $_[0]; });
expect('another version', 'XX002.*"INDEX" has format version 999', sub { return word($_[0], meta_at('version'), 999); });
expect('another implementation', 'XX002.*"INDEX".*another implementation', sub { return word($_[0], meta_at('magic'), 0xA953A953); });
expect('a wrong magic number', "$damaged 0", sub { return word($_[0], meta_at('magic'), 0x64636261); });
expect('an empty file', "$damaged 0", sub { return ''; });
expect('a truncated file', "$damaged \\d", sub { return substr($_[0], 0, 3 * $page); });
expect('a file of zeroes', "$damaged 0", sub { return "\0" x length($_[0]); });
expect('the file of another index', "$damaged 0: .*of another type, operator class or dimensions", sub { return $good{wide}; });
expect('zeroed pages', "$damaged \\d", sub { return substr($_[0], 0, 2 * $page) . "\0" x (length($_[0]) - 2 * $page); });

### Addresses that lead to where the backend already is, or nowhere: some of these were waits without end

my %nowhere = (
	'the meta page' => sub { return 0; },
	'beyond the file' => sub { return 100000; },
	'a page of another kind' => sub { return block_of($_[0], 3); });

sub per_page { return u16($_[0], 24 + 40); }
sub node_on { my ($bytes, $block) = @_; return $block * per_page($bytes) + 1; }
# with no page to fill the list of free pages is asked
sub unfilled { my ($bytes, $i) = @_; return word($bytes, meta_at('fill_page', $i), 0xFFFFFFFF); }
sub free_head { return u32($_[0], meta_at('free_head')); }
sub free_tail { return u32($_[0], meta_at('free_tail')); }

# Where the heads of the slots are of elements that have duplicates.
sub owners
{
	my ($bytes) = @_;
	my @owners;
	foreach my $block (grep { page_kind($bytes, $_) == 0 } 1 .. blocks($bytes) - 1)
	{
		push @owners, grep { ord(substr($bytes, $_ + 8, 1)) == 1 && u32($bytes, $_ + 12) != 0 }
			map { slot_at($bytes, $block, $_) } 0 .. u16($bytes, tail_at($block, 'used')) - 1;
	}
	return @owners;
}
sub first_list { my ($bytes) = @_; return u32($bytes, (owners($bytes))[0] + 12); }

foreach my $case (@cases)
{
	cmp_ok(free_head($good{$case}), '<', blocks($good{$case}), "$case: there is a list of pages with free slots");
	cmp_ok(scalar(owners($good{$case})), '>=', 2, "$case: there are elements with duplicates");
}
foreach my $where (sort keys %nowhere)
{
	my $block = $nowhere{$where};
	foreach my $i (0 .. 2)
	{
		expect("the free list $i begins at $where", $damaged,
			sub { return word(unfilled($_[0], $i), meta_at('free_head', $i), $block->($_[0])); });
		expect("the page to fill $i is $where", $damaged,
			sub { return word($_[0], meta_at('fill_page', $i), $block->($_[0])); });
	}
	expect("the free list ends at $where", $damaged, sub { return word($_[0], meta_at('free_tail'), $block->($_[0])); },
		'VACUUM TABLE;');
	expect("the entry point is on $where", $damaged, sub { return word($_[0], meta_at('entry'), node_on($_[0], $block->($_[0]))); });
	expect("the parameters are on $where", $damaged, sub { return word($_[0], meta_at('params_block'), $block->($_[0])); });
	expect("vectors are on $where", $damaged, sub { return word($_[0], tail_at(block_of($_[0], 0), 'vector_block'), $block->($_[0])); })
		unless $where eq 'a page of another kind';
	expect("duplicates are on $where", $damaged, sub { return word($_[0], (owners($_[0]))[0] + 12, node_on($_[0], $block->($_[0]))); });
}
expect('the last of the free list has lost its mark', $damaged, sub { return byte($_[0], tail_at(free_tail($_[0]), 'flags'), 0); },
	'VACUUM TABLE;');
expect('the free list leads into itself', $damaged,
	sub { return word(unfilled($_[0], 0), tail_at(free_head($_[0]), 'next_page'), free_head($_[0])); },
	'INSERT INTO TABLE SELECT i, test_vector(i, 24) FROM generate_series(5000, 5400) i;');
expect('the vector stream ends before it begins', $damaged, sub { return word(unfilled($_[0], 0), meta_at('vector_end'), 1); });
expect('vectors are on no block', $damaged, sub { return word($_[0], tail_at(block_of($_[0], 0), 'vector_block'), 0xFFFFFFFF); });
expect('vectors are on their own elements', $damaged,
	sub { my $block = block_of($_[0], 0); return word($_[0], tail_at($block, 'vector_block'), $block); });
expect('duplicates are on the page of their element', $damaged,
	sub { my $owner = (owners($_[0]))[0]; return word($_[0], $owner + 12, node_on($_[0], int($owner / $page))); });
expect('a row is beyond the table', 'XX002: index "INDEX" is damaged: it refers to block', sub { return word($_[0], (owners($_[0]))[0], 1); });
expect('a list of duplicates leads into itself', $damaged,
	sub { my $list = first_list($_[0]); return word($_[0], node_at($_[0], $list) + 12, $list); });
expect('a list of duplicates leads into itself and is empty', $damaged,
	sub {
		my $list = first_list($_[0]);
		return word(word($_[0], node_at($_[0], $list) + 12, $list), node_at($_[0], $list) + 4, 1 << 16);
	},
	'VACUUM TABLE;');
expect('a list of duplicates is too long', "$damaged \\d+: a list of duplicates is too long",
	sub { return word($_[0], node_at($_[0], first_list($_[0])) + 4, 1 << 16 | 999); }, 'VACUUM TABLE;');
expect('a row of a list of duplicates has no address', "$damaged \\d+: a list of duplicates has a row that cannot be",
	sub { my $at = node_at($_[0], first_list($_[0])); return byte(byte($_[0], $at + 20, 0), $at + 21, 0); }, 'VACUUM TABLE;');
expect('the row of an element has no address', "$damaged \\d+: an element's row has no address",
	sub { my $at = (owners($_[0]))[0]; return byte(byte($_[0], $at + 4, 0), $at + 5, 0); }, 'VACUUM TABLE;');
expect('an element is on a layer', "$damaged \\d", sub { return byte($_[0], (owners($_[0]))[0] + 9, 1); }, 'VACUUM TABLE;');
expect('an empty list of duplicates has no owner', "$damaged \\d+: a list of duplicates has no owner",
	sub {
		my $at = node_at($_[0], first_list($_[0]));
		return word(word($_[0], $at, 0x7FFFFFFF), $at + 4, 1 << 16);
	},
	'VACUUM TABLE;');
expect('the list behind an empty one is of another element', "$damaged \\d+: a list of duplicates belongs to another element",
	sub {
		my $at = node_at($_[0], first_list($_[0]));
		return word(word($_[0], $at + 4, 1 << 16), node_at($_[0], u32($_[0], $at + 12)), 0x7FFFFFFF);
	},
	'VACUUM TABLE;');
expect('a page of no kind', "$damaged \\d+: the page is of no known kind", sub { return byte($_[0], tail_at(block_of($_[0], 0), 'kind'), 11); },
	'VACUUM TABLE;');
expect('the entry point is on no layer', "$damaged \\d+: the entry point has no such layer",
	sub { return byte($_[0], node_at($_[0], u32($_[0], meta_at('entry'))) + 9, 77); });
expect('the free list ends at the page that is put on it', "$damaged \\d+: the page ends the free list and says that it is not on it",
	sub {
		my ($bytes) = @_;
		my ($unlisted) = grep { page_kind($bytes, $_) == 0 && !ord(substr($bytes, tail_at($_, 'flags'), 1)) } 1 .. blocks($bytes) - 1;
		return word($bytes, meta_at('free_tail'), $unlisted);
	},
	'DELETE FROM TABLE WHERE id % 5 = 0; VACUUM TABLE;');
try_waiting() if %waiting;

### Anything at all in the place of anything

srand($seed);
note("HNSWC_DAMAGE_SEED=$seed HNSWC_DAMAGE_COPIES=$copies");

sub pick { return $_[ int(rand(@_)) ]; }

# A place that is worth a change: of the meta page, a page's header or end, the head of a slot, a link, or anywhere.
sub pick_place
{
	my ($bytes) = @_;
	my $block = 1 + int(rand(blocks($bytes) - 1));
	my $r = rand();
	return 24 + 4 * int(rand(33)) if $r < 0.2;
	return $block * $page + int(rand(24)) if $r < 0.25;
	return ($block + 1) * $page - 32 + 2 * int(rand(16)) if $r < 0.45;
	return int(rand(length($bytes) - 4)) if $r > 0.85 || page_kind($bytes, $block) > 2;
	my $slot = slot_at($bytes, $block, int(rand(u16($bytes, tail_at($block, 'used')) || 1)));
	return $slot + 4 * int(rand(4)) if $r < 0.7;
	return $slot + 16 + u32($bytes, 24 + 28) + 4 * int(rand(2 * u16($bytes, 24 + 20)));
}

sub pick_word
{
	my ($bytes) = @_;
	my $blocks = blocks($bytes);
	return pick(0, 1, 2, $blocks - 1, $blocks, int(rand($blocks)), int(rand($blocks * per_page($bytes))), 0x7FFFFFFF, 0xFFFFFFFE,
		0xFFFFFFFF, int(rand(4294967296)));
}

# Changes the file of a kind of index in one place; returns it and what was done.
sub change
{
	my ($kind) = @_;
	my $bytes = $good{$kind};
	my $other = pick(@kinds);
	my ($from, $to) = map { int(rand(blocks($bytes))) } 1 .. 2;
	my $at = pick_place($bytes);
	my $r = rand();
	if ($r < 0.15)
	{
		my $bit = 1 << int(rand(8));
		return (byte($bytes, $at, ord(substr($bytes, $at, 1)) ^ $bit), "bit $bit of byte $at");
	}
	if ($r < 0.35)
	{
		my $value = int(rand(256));
		return (byte($bytes, $at, $value), "byte $at is $value");
	}
	if ($r < 0.7)
	{
		my $value = pick_word($bytes);
		return (word($bytes, $at, $value), "word $at is $value");
	}
	if ($r < 0.78)
	{
		my $size = 1 + int(rand(pick(8, 200, $page)));
		$size = length($bytes) - $at if $at + $size > length($bytes);
		substr($bytes, $at, $size) = "\0" x $size;
		return ($bytes, "$size bytes from $at are 0");
	}
	if ($r < 0.86)
	{
		substr($bytes, $to * $page, $page) = substr($bytes, $from * $page, $page);
		return ($bytes, "block $from over $to");
	}
	if ($r < 0.92)
	{
		$from = int(rand(blocks($good{$other})));
		substr($bytes, $to * $page, $page) = substr($good{$other}, $from * $page, $page);
		return ($bytes, "block $from of $other over $to");
	}
	return (substr($bytes, 0, $to * $page), "truncated to $to blocks") if $r < 0.96;
	return ($good{$other}, "the file of $other");
}

%errors = ();
my $began = time();
foreach my $n (1 .. $copies)
{
	try_files("seed $seed, copy $n", map { $_ => [ change($_) ] } @kinds);
}
diag(sprintf('%d changes, seed %d, %.0f s; errors: %s', $copies * @kinds, $seed, time() - $began,
	join(', ', map { "$_ $errors{$_}" } sort keys %errors)));

### And the way out

my $copy = damaged_copy(map { $_ => word($good{$_}, meta_at('magic'), 0) } @kinds);
foreach my $kind (@kinds)
{
	my $order = "v $operators{$kind} (SELECT v FROM (SELECT $kinds{$kind}[1] AS v FROM generate_series(9, 9) i) s)";
	is($node->safe_psql($copy, qq{
		REINDEX INDEX ${kind}_idx;
		SET enable_seqscan = off;
		SELECT count(*) FROM (SELECT id FROM $kind WHERE id % 5 <> 0 ORDER BY $order) s}), $expected{$kind},
		"$kind: all is there after REINDEX");
}

done_testing();
