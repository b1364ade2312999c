# Rounds of deletes, vacuum and inserts: what vacuum frees is used again, so that an index settles at a size; all rows are
# found and recall stays.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use HnswTest;
use Test::More;

my $rounds = is_long() ? 40 : 10;
my $rows = is_long() ? 10000 : 3000;
my $node = hnsw_node('recycle');
my $all_once = '0 missed, 0 too many, 0 twice';

# A fifth of each load repeats vectors of the round, so that lists of duplicates come and go too.
my $next = 0;

sub load_rows
{
	my ($table, $count, $pieces) = @_;
	my $piece = $count / $pieces;
	foreach (1 .. $pieces)
	{
		$node->safe_psql('postgres', qq{
			INSERT INTO $table SELECT $next + i, test_vector($next + i - CASE WHEN i % 5 = 0 THEN i / 2 % 7 ELSE 0 END, 32)
			FROM generate_series(1, $piece) i});
		$next += $piece;
	}
	return;
}

sub size_of
{
	my ($index) = @_;
	return $node->safe_psql('postgres', "SELECT pg_relation_size('$index')");
}

foreach my $case ([ 'plain', '' ], [ 'coarse', "WITH (bits = 1, rerank = half)" ], [ 'bare', "WITH (rerank = table, m = 6)" ])
{
	my ($table, $with) = @$case;
	my $batch = $rows / 5;
	my @sizes;

	$node->safe_psql('postgres', "CREATE TABLE $table (id int, v vector(32))");
	load_rows($table, $rows, 1);
	$node->safe_psql('postgres', "CREATE INDEX ${table}_idx ON $table USING hnsw (v vector_l2_ops) $with");
	foreach my $round (1 .. $rounds)
	{
		$node->safe_psql('postgres', qq{
			DELETE FROM $table WHERE id IN (SELECT id FROM $table ORDER BY hashint4(id + $round) LIMIT $batch)});
		$node->safe_psql('postgres', "VACUUM $table");
		# in one transaction, which can use what former rounds have freed, and in several
		load_rows($table, $batch, $round % 2 ? 1 : 4);
		push @sizes, size_of("${table}_idx");
	}
	is($node->safe_psql('postgres', "SELECT count(*) FROM $table"), $rows, "$table: as many rows as before");
	cmp_ok($sizes[-1], '<=', 1.03 * $sizes[$rounds / 2 - 1], "$table: the index has settled at a size: @sizes");
	cmp_ok($sizes[-1], '<=', 1.75 * $sizes[0], "$table: which is not far from what it needs");
	is(rows_match($node, $table, '<->'), $all_once, "$table: all rows are found once");

	my $found = recall($node, $table, '<->');
	$node->safe_psql('postgres', "REINDEX INDEX ${table}_idx");
	my $fresh = recall($node, $table, '<->');
	cmp_ok($found, '>=', $fresh - 0.02, "$table: recall $found, of a new index $fresh");
}

# An index that has been emptied is filled again in its own space.
load_rows('plain', $rows, 1);
my $size = size_of('plain_idx');
foreach my $round (1 .. 3)
{
	$node->safe_psql('postgres', 'DELETE FROM plain');
	$node->safe_psql('postgres', 'VACUUM plain');
	is($node->safe_psql('postgres', 'SET enable_seqscan = off; SELECT count(*) FROM (SELECT id FROM plain ORDER BY v <-> test_vector(1, 32)) s'),
		'0', "round $round: nothing is found in an emptied index");
	# a transaction in between, so that what has been freed is older than whoever inserts
	$node->safe_psql('postgres', 'SELECT pg_current_xact_id()');
	load_rows('plain', 2 * $rows, 1);
	is(rows_match($node, 'plain', '<->'), $all_once, "round $round: all rows are found once");
}
cmp_ok(size_of('plain_idx'), '<=', 1.1 * $size, "the index is as large as before: $size");

# The statistics.
is($node->safe_psql('postgres', "SELECT reltuples FROM pg_class WHERE relname = 'plain_idx'"), '0', 'vacuum has counted the rows');
$node->safe_psql('postgres', 'VACUUM plain');
is($node->safe_psql('postgres', "SELECT reltuples FROM pg_class WHERE relname = 'plain_idx'"), 2 * $rows,
	'so does one that has nothing to delete');

done_testing();
