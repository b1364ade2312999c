# A streaming standby gives the same answers as its primary: after a build, under inserts, after a vacuum.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use HnswTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = hnsw_node('primary');
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

$primary->safe_psql('postgres', q{
	CREATE TABLE t (id int, v vector(32));
	INSERT INTO t SELECT i, test_vector(i, 32) FROM generate_series(1, 3000) i;
	CREATE INDEX l2_idx ON t USING hnsw (v vector_l2_ops);
	CREATE INDEX cosine_idx ON t USING hnsw (v vector_cosine_ops) WITH (bits = 2, rerank = half);
});

sub same_answers
{
	my ($when) = @_;
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('write'));
	foreach my $operator ('<->', '<=>')
	{
		my $query = "SET enable_seqscan = off; SET enable_sort = off; SELECT q, (SELECT string_agg(id::text, ' ')
			FROM (SELECT id FROM t ORDER BY v $operator test_vector(-q, 32) LIMIT 20) s) FROM generate_series(1, 50) q";
		my $expected = $primary->safe_psql('postgres', $query);
		like($expected, qr/^50\|\d+ \d+/m, "$operator, $when: the primary answers");
		is($standby->safe_psql('postgres', $query), $expected, "$operator, $when: so does the standby");
	}
}

same_answers('after the build');

# several processes log the pages of one build
$primary->safe_psql('postgres', q{
	CREATE TABLE wide (id int, v vector(512)) WITH (parallel_workers = 2);
	INSERT INTO wide SELECT i, test_vector(i, 512) FROM generate_series(1, 2000) i;
	SET maintenance_work_mem = '128MB';
	SET min_parallel_table_scan_size = 0;
	CREATE INDEX wide_idx ON wide USING hnsw (v vector_l2_ops);
});
cmp_ok($primary->safe_psql('postgres', q{SELECT pg_relation_size('wide_idx') / 8192}), '>', 2 * 256, 'more than one process logs');
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('write'));
my $all = q{SET enable_seqscan = off; SET enable_sort = off;
	SELECT count(DISTINCT id), md5(string_agg(id::text, ' ')) FROM (SELECT id FROM wide ORDER BY v <-> test_vector(0, 512)) s};
my $on_primary = $primary->safe_psql('postgres', $all);
like($on_primary, qr/^2000\|/m, 'built in parallel: the primary has all rows');
is($standby->safe_psql('postgres', $all), $on_primary, 'built in parallel: so has the standby');
$primary->safe_psql('postgres', 'INSERT INTO t SELECT i, test_vector(i, 32) FROM generate_series(3001, 5000) i');
$primary->safe_psql('postgres', 'INSERT INTO t SELECT i, test_vector(1, 32) FROM generate_series(5001, 5600) i');
same_answers('after inserts');

my $load = PostgreSQL::Test::Utils::tempdir() . '/search.sql';
append_to_file($load, q{
\set q random(1, 1000)
SET enable_seqscan = off;
SELECT id FROM t ORDER BY v <-> test_vector(-:q, 32) LIMIT 50;
});
my $errors = '';
my $searches = IPC::Run::start([ 'pgbench', '-n', '-c', '2', '-T', '6', '-f', $load, $standby->connstr('postgres') ],
	'>', '/dev/null', '2>', \$errors);
foreach my $i (1 .. 5)
{
	$primary->safe_psql('postgres', "DELETE FROM t WHERE id % 5 = $i - 1");
	$primary->safe_psql('postgres', 'VACUUM t');
	$primary->safe_psql('postgres', "INSERT INTO t SELECT 10000 * $i + i, test_vector(10000 * $i + i, 32) FROM generate_series(1, 800) i");
}
IPC::Run::finish($searches);
# a query may be cancelled for the sake of replay, as on any standby; nothing else may go wrong
unlike($errors, qr/ERROR:(?!.*canceling statement due to conflict with recovery)/, 'searches on the standby during vacuum and reuse');
same_answers('after vacuums and reuse');
is(rows_match($primary, 't', '<->'), '0 missed, 0 too many, 0 twice', 'the primary has all rows');

# the first row that is left out of an index ends its use for orders in which that would come first
my $farthest = q{SELECT id FROM t ORDER BY -(v <-> test_vector(1, 32)) DESC LIMIT 1};
like($standby->safe_psql('postgres', "SET enable_seqscan = off; EXPLAIN $farthest"), qr/Index Scan/, 'a descending order by the index');
$primary->safe_psql('postgres', 'INSERT INTO t VALUES (100000, NULL)');
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('write'));
is($standby->safe_psql('postgres', "SET enable_seqscan = off; $farthest"), 100000, 'a null comes first');
$primary->safe_psql('postgres', 'DELETE FROM t WHERE v IS NULL');
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('write'));

# the standby takes over
$standby->promote;
$standby->safe_psql('postgres', 'INSERT INTO t SELECT i, test_vector(i, 32) FROM generate_series(100001, 100500) i');
is(rows_match($standby, 't', '<->'), '0 missed, 0 too many, 0 twice', 'promoted: all rows');
my $found = recall($standby, 't', '<->');
cmp_ok($found, '>=', 0.97, "promoted: recall $found");

done_testing();
