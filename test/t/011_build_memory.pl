# A build keeps to maintenance_work_mem, whatever that is and whoever takes part: neither the graph in memory nor what the processes
# take from the system is larger, and all rows are indexed whether they fit or not.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use HnswTest;
use Test::More;
use Watch;

my $all = 230000;
my $node = hnsw_node('build_memory', 'min_parallel_table_scan_size = 0', 'shared_buffers = 512MB', 'max_wal_size = 4GB');
my $megabyte = 1024 * 1024;
# What a process has of its own before it builds, and what one row and the search for its neighbours take; in MB.
my $own = 8;

$node->safe_psql('postgres', qq{
	CREATE TABLE t AS
		SELECT i AS id, array[hashint4(i), hashint4(-i), hashint4(7 * i), 0]::vector(4) AS v FROM generate_series(1, $all) i;
});

# Builds an index; returns the most private and the most shared memory of a process, and psql's output.
sub build
{
	my ($name, $sql) = @_;
	my ($failed, $said, @most) = watch_sql($node, $sql);
	is($failed, 0, "$name: the index is built") or diag($said);
	return (@most, $said);
}

# Checks what build() has seen.
sub keeps_to
{
	my ($name, $megabytes, $workers, $private, $shared) = @_;
	note(sprintf('%s: a process takes %.1f MB, shared memory %.1f MB', $name, $private / $megabyte, $shared / $megabyte));
	SKIP:
	{
		skip 'there is no /proc', 2 unless has_proc();
		# the sample is taken by the leader before there is a graph
		my $most = $workers > 0 ? $megabytes / 4 : $megabytes;
		cmp_ok($private, '<=', ($most + $own) * $megabyte, "$name: memory of a process");
		cmp_ok($shared, '<=', ($workers > 0 ? $megabytes + 2 : 2) * $megabyte, "$name: shared memory");
	}
}

my $node_size = 16 + 16 + 4 + 2 * 16 * 4; # head, factors, code of 8 bits a dimension, links

# with as many clusters as the last has to place rows by, rows find room on open pages for long after the last page was taken
foreach my $case ([ 1, 0, 15000 ], [ 4, 1, 15000 ], [ 30, 1, $all ])
{
	my ($megabytes, $workers, $rows) = @$case;
	my $name = "$megabytes MB, $workers workers";
	my $fit = $rows;

	my ($private, $shared, $err) = build($name, qq{
		SET maintenance_work_mem = '${megabytes}MB';
		ALTER TABLE t SET (parallel_workers = $workers);
		CREATE INDEX t_idx ON t USING hnsw (v vector_l2_ops) WITH (ef_construction = 32)
			WHERE id <= $rows});
	$fit = $1 if $err =~ /no longer fits into maintenance_work_mem after (\d+) tuples/;
	note("$name: $fit tuples");
	cmp_ok($fit * $node_size, '<=', $megabytes * $megabyte, "$name: no more memory than that");
	cmp_ok($fit * $node_size, '>=', 0.4 * $megabytes * $megabyte, "$name: and most of it") if $fit < $rows;
	keeps_to($name, $megabytes, $workers, $private, $shared);
	is($node->safe_psql('postgres', "SELECT reltuples FROM pg_class WHERE relname = 't_idx'"), $rows, "$name: all rows");
	$node->safe_psql('postgres', 'DROP INDEX t_idx');
}

# sizes that are met: many rows, and wide ones
foreach my $table (is_long() ? ([ many => 200000, 128 ], [ wide => 30000, 1536 ]) : ())
{
	my ($name, $rows, $dims) = @$table;
	$node->safe_psql('postgres', qq{
		CREATE TABLE $name (id int, v vector($dims));
		INSERT INTO $name SELECT i, (SELECT array_agg(random()) FROM generate_series(1, $dims) WHERE i > 0) FROM generate_series(1, $rows) i});
	foreach my $case (map { my $megabytes = $_; map { [ $megabytes, $_ ] } 0, 2 } 16, 64, 1024)
	{
		my ($megabytes, $workers) = @$case;
		my ($private, $shared) = build("$name, $megabytes MB, $workers workers", qq{
			ALTER TABLE $name SET (parallel_workers = $workers);
			SET maintenance_work_mem = '${megabytes}MB';
			CREATE INDEX long_idx ON $name USING hnsw (v vector_l2_ops) WITH (ef_construction = 32)});
		keeps_to("$name, $megabytes MB, $workers workers", $megabytes, $workers, $private, $shared);
		$node->safe_psql('postgres', 'DROP INDEX long_idx');
	}
	$node->safe_psql('postgres', "DROP TABLE $name");
}

done_testing();
