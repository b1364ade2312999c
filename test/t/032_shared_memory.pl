# Parallel builds with little shared memory, as containers have: a build takes what there is, and does without workers where that is
# too little.  It does not fail for it, and nothing is left.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use Namespace;
my ($mounted, $size);
BEGIN
{
	$size = 64 * 1024;
	$mounted = mount_small('/dev/shm' => $size);
}
use HnswTest;
use Test::More;
use Watch;

plan skip_all => 'this system lets nobody mount a file system' unless $mounted;

my $rows = is_long() ? 40000 : 10000;
my $node = hnsw_node('shared_memory', 'dynamic_shared_memory_type = posix', 'min_parallel_table_scan_size = 0',
	'maintenance_work_mem = 1GB', 'max_parallel_maintenance_workers = 2');
$node->safe_psql('postgres', qq{
	CREATE TABLE t (id int, v vector(64));
	INSERT INTO t SELECT i, array_fill(hashint4(i) / 1e9::real, ARRAY[1])::vector || test_vector(i % 5000, 63)
		FROM generate_series(1, $rows) i;
	ALTER TABLE t SET (parallel_workers = 2);
});

# Kilobytes that are taken of the file system.
sub taken
{
	my $taken = 0;
	$taken += (stat $_)[12] / 2 foreach glob('/dev/shm/*');
	return $taken;
}

my $before = taken();
my $most_shared = 0;
# the 16 MB that are left to others, around it, and all
foreach my $megabytes (is_long() ? (1, 4, 15 .. 24, 32, 60) : (1, 17, 20, 60))
{
	my $filler = $size - taken() - 1024 * $megabytes;
	system('dd', 'if=/dev/zero', 'of=/dev/shm/filler', 'bs=1024', "count=$filler", 'status=none') == 0 or die 'dd';
	my ($failed, $said, $private, $shared) = watch_sql($node, 'CREATE INDEX t_idx ON t USING hnsw (v vector_l2_ops) WITH (ef_construction = 32)');
	unlink '/dev/shm/filler';
	is($failed, 0, "$megabytes MB of shared memory: the index is built") or diag($said);
	note(sprintf('of %d MB of shared memory a process mapped %.1f MB', $megabytes, $shared / 1048576));
	cmp_ok($shared, '<=', 1048576 * ($megabytes + 1.5), 'and takes no more than there is');
	$most_shared = $shared if $shared > $most_shared;
	is($node->safe_psql('postgres', q{SELECT reltuples FROM pg_class WHERE relname = 't_idx'}), $rows, 'all rows are in it');
	$node->safe_psql('postgres', 'DROP INDEX t_idx');
	cmp_ok(taken(), '<=', $before + 64, 'nothing is left');
}
cmp_ok($most_shared, '>=', 3 * 1048576, 'with enough of it there are workers') if has_proc();

done_testing();
