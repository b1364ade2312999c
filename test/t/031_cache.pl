# Pages that searches read without a pin: they stay in shared buffers as pages that are pinned do, and they are counted as hits.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use HnswTest;
use Test::More;

my $node = hnsw_node('cache', 'shared_buffers = 16MB', 'max_parallel_workers_per_gather = 0', 'effective_io_concurrency = 0');
my ($rows, $searches) = (4000, 1200);

plan skip_all => 'pg_buffercache is not installed'
	if $node->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_buffercache'}) eq '0';
# t_idx has vector pages beside its nodes.  2,048 buffers hold it, its table and what is read beside them.
$node->safe_psql('postgres', qq{
	CREATE EXTENSION pg_buffercache;
	CREATE TABLE t (id int, v vector(64));
	INSERT INTO t SELECT i, test_vector(i, 64) FROM generate_series(1, $rows) i;
	CREATE INDEX t_idx ON t USING hnsw (v vector_l2_ops);
	CREATE TABLE queries AS SELECT test_vector(1000000 + i, 64) AS v FROM generate_series(1, $searches) i;
	CREATE TABLE other (id int, filler text);
	ALTER TABLE other ALTER filler SET STORAGE PLAIN;
	INSERT INTO other SELECT i, repeat('x', 7500) FROM generate_series(1, 6000) i;
	CREATE INDEX other_idx ON other (id);
	VACUUM ANALYZE;
});
my $search = q{SET enable_seqscan = off;
	SELECT count(*) FROM queries q CROSS JOIN LATERAL (SELECT id FROM t ORDER BY t.v <-> q.v LIMIT 10) s};

# Of a relation's blocks those that are in shared buffers, and that have the highest usage count there is; in percent.
sub cached
{
	my ($relation, $least) = @_;
	return $node->safe_psql('postgres', qq{
		SELECT round(100.0 * count(*) / (pg_relation_size('$relation') / 8192)) FROM pg_buffercache
		WHERE relfilenode = pg_relation_filenode('$relation') AND relforknumber = 0 AND usagecount >= $least
			AND reldatabase = (SELECT oid FROM pg_database WHERE datname = 'postgres')});
}

sub statistics
{
	my @counts = split /\|/, $node->safe_psql('postgres', q{
		SELECT idx_blks_hit, heap_blks_hit, idx_blks_read FROM pg_statio_user_tables WHERE relname = 't'});
	return @counts;
}

### Usage counts

$node->restart;
$node->safe_psql('postgres', $search);
cmp_ok(cached('t_idx', 5), '>=', 97, 'blocks of the index, its vectors included, have the highest usage count');
cmp_ok(cached('t', 5), '>=', 90, 'and blocks of the table');

# The sweep lowers each count by one in a pass, and a pass frees one in two of the buffers that nobody keeps: three passes or
# so leave of 5 enough.
my $free = 2048 - $node->safe_psql('postgres', q{SELECT (pg_relation_size('t_idx') + pg_relation_size('t')) / 8192});
my $scan = 'SET enable_seqscan = off; SET enable_indexscan = off; SELECT count(filler) FROM other WHERE id BETWEEN %d AND %d';
$node->safe_psql('postgres', sprintf($scan, 1, 2 * $free));
cmp_ok(cached('t_idx', 0), '>=', 97, 'the index is in shared buffers after much else has been read');
cmp_ok(cached('other', 0), '>=', 5, 'of which some is there');

# and what is searched meanwhile stays whatever is read
foreach my $i (0 .. 5)
{
	$node->safe_psql('postgres', sprintf($scan, 1 + $i * int($free / 2), ($i + 1) * int($free / 2)));
	$node->safe_psql('postgres', $search);
}
cmp_ok(cached('t_idx', 5), '>=', 97, 'the index is in use');

### Statistics

my @before = statistics();
my $plan = $node->safe_psql('postgres', "SET enable_seqscan = off;
	EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) SELECT id FROM t ORDER BY v <-> test_vector(1000001, 64) LIMIT 10");
my ($explained) = $plan =~ /Index Scan.*?Buffers: shared hit=(\d+)/s;
my @after = statistics();
my ($index, $table, $read) = map { $after[$_] - $before[$_] } 0 .. 2;
note("EXPLAIN: $explained; pg_statio_user_tables: index $index, table $table");
cmp_ok($index, '>=', 200, 'many blocks of the index are met by a search');
is($read, 0, 'none was read from disk');
cmp_ok(abs($index + $table - $explained), '<=', 0.05 * $explained, 'pg_statio_user_tables counts what EXPLAIN counts');

SKIP:
{
	skip 'pg_stat_io is there since 16', 1 if $node->safe_psql('postgres', 'SHOW server_version_num') < 160000;
	my $hits = q{SELECT hits FROM pg_stat_io WHERE backend_type = 'client backend' AND object = 'relation' AND context = 'normal'};
	my $began = $node->safe_psql('postgres', $hits);
	$node->safe_psql('postgres', $search);
	cmp_ok($node->safe_psql('postgres', $hits) - $began, '>=', 200 * $searches, 'so does pg_stat_io');
}

done_testing();
