# A build keeps to maintenance_work_mem, whatever that is and whoever takes part: the graph in memory is not larger, and all rows
# are indexed whether they fit or not.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use HnswTest;
use Test::More;

my $all = 230000;
my $node = hnsw_node('build_memory', 'min_parallel_table_scan_size = 0', 'shared_buffers = 512MB');

$node->safe_psql('postgres', qq{
	CREATE TABLE t AS
		SELECT i AS id, array[hashint4(i), hashint4(-i), hashint4(7 * i), 0]::vector(4) AS v FROM generate_series(1, $all) i;
});
my $node_size = 16 + 16 + 4 + 2 * 16 * 4; # head, factors, code of 8 bits a dimension, links

# with as many clusters as the last has to place rows by, rows find room on open pages for long after the last page was taken
foreach my $case ([ 1, 0, 15000 ], [ 4, 1, 15000 ], [ 30, 1, $all ])
{
	my ($megabytes, $workers, $rows) = @$case;
	my $err;
	my $name = "$megabytes MB, $workers workers";
	my $fit = $rows;

	my $failed = $node->psql('postgres', qq{
		SET maintenance_work_mem = '${megabytes}MB';
		SET max_parallel_maintenance_workers = $workers;
		CREATE INDEX t_idx ON t USING hnsw (v vector_l2_ops) WITH (ef_construction = 32)
			WHERE id <= $rows}, stderr => \$err);
	is($failed, 0, "$name: the index is built") or diag($err);
	$fit = $1 if $err =~ /no longer fits into maintenance_work_mem after (\d+) tuples/;
	note("$name: $fit tuples");
	cmp_ok($fit * $node_size, '<=', $megabytes * 1024 * 1024, "$name: no more memory than that");
	cmp_ok($fit * $node_size, '>=', 0.4 * $megabytes * 1024 * 1024, "$name: and most of it") if $fit < $rows;
	is($node->safe_psql('postgres', "SELECT reltuples FROM pg_class WHERE relname = 't_idx'"), $rows, "$name: all rows");
	$node->safe_psql('postgres', 'DROP INDEX t_idx');
}
done_testing();
