# A build puts rows that are near each other on the same pages, whatever order they come in, and leaves hardly any page
# part-filled: with and without workers, when rows are more or fewer than the build can know, and when memory runs out.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use HnswTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $rows = 20000;
my $groups = 6;
my $node = hnsw_node('placement', 'max_parallel_maintenance_workers = 2', 'min_parallel_table_scan_size = 0');

# groups are far apart, rows come from them at random; every 20th vector is there twice
$node->safe_psql('postgres', qq{
	CREATE FUNCTION place_vector(i int) RETURNS vector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS \$\$
		SELECT array_agg(((hashint4(abs(hashint4(i)) % $groups * 1009 + j) + 0.1 * hashint4(i * 1013 + j)) / 2147483648.0)::real
			ORDER BY j)::vector FROM generate_series(1, 256) j \$\$;
	CREATE TABLE t (id int, place int, v vector(256));
	ALTER TABLE t ALTER v SET STORAGE PLAIN;
	INSERT INTO t SELECT i, abs(hashint4(n)) % $groups, place_vector(n)
		FROM generate_series(1, $rows) i, LATERAL (SELECT CASE WHEN i % 20 = 0 THEN i - 1 ELSE i END AS n) s;
});

# The groups of the rows on each element page of an index, from its file as docs/FORMAT.md describes it.
sub element_pages
{
	my %place = map { split /\|/ } split /\n/, $node->safe_psql('postgres', "SELECT ctid, place FROM t");
	my $path = $node->safe_psql('postgres', "CHECKPOINT; SELECT pg_relation_filepath('t_idx')");
	my $file = slurp_file($node->data_dir . "/$path");
	my ($slot_size, $slot_start, $slots_per_page) = unpack('S3', substr($file, 24 + 36, 6));
	my @pages;

	for (my $page = 8192; $page < length($file); $page += 8192)
	{
		next if unpack('C', substr($file, $page + 8192 - 32 + 28, 1)) != 0;
		my $used = unpack('S', substr($file, $page + 8192 - 32 + 18, 2));
		my %groups;
		foreach my $slot (0 .. $used - 1)
		{
			my ($high, $low, $offset) = unpack('S3', substr($file, $page + $slot_start + $slot * $slot_size, 6));
			$groups{ $place{ sprintf('(%d,%d)', $high * 65536 + $low, $offset) } }++;
		}
		push @pages, { used => $used, groups => scalar keys %groups };
	}
	return ($slots_per_page, @pages);
}

# How many groups a page has rows of, and the part of all slots that is unused.
sub placement
{
	my ($slots_per_page, @pages) = element_pages();
	my ($elements, $groups) = (0, 0);

	foreach my $page (@pages)
	{
		$elements += $page->{used};
		$groups += $page->{groups};
	}
	return ($groups / @pages, 1 - $elements / ($slots_per_page * @pages));
}

my $serial = 'SET max_parallel_maintenance_workers = 0';
foreach my $case (
	[ 'serial', $serial, 2 ],
	[ 'parallel', 'ALTER TABLE t SET (parallel_workers = 2)', 2 ],
	[ 'some of the rows', $serial, 2, 'WHERE id < 14000 OR id % 4 = 0' ],
	[ 'little memory', "$serial; SET maintenance_work_mem = '4MB'", 4 ]) # what does not fit is put anywhere
{
	my ($name, $settings, $most, $where) = (@$case, '');
	$node->safe_psql('postgres', "$settings; CREATE INDEX t_idx ON t USING hnsw (v vector_l2_ops) $where");
	my ($groups_on_page, $unused) = placement();
	note(sprintf("%s: %.2f groups on a page, %.4f of the slots unused", $name, $groups_on_page, $unused));
	cmp_ok($groups_on_page, '<', $most, "$name: rows of different groups are on different pages");
	cmp_ok($unused, '<', 0.02, "$name: pages are full");
	is(rows_match($node, 't', '<->'), '0 missed, 0 too many, 0 twice', "$name: all rows are found once") unless $where;
	$node->safe_psql('postgres', 'DROP INDEX t_idx');
}
done_testing();
