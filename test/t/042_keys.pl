# Key columns: builds by several processes and beyond memory, sessions that add new keys at the same time while vacuum takes
# empty ones away, a crash in the middle of that, and a standby: each key's rows are found, all of them and no others.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use HnswTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $rounds = is_long() ? 10 : 1;
my $node = hnsw_node('keys', 'checkpoint_timeout = 30s', 'max_wal_size = 64MB', 'max_parallel_maintenance_workers = 2');

$node->safe_psql('postgres', q{
	CREATE TABLE t (id serial, tenant int, v vector(16)) WITH (parallel_workers = 2);
	-- Keys whose rows by the index are not those of the table, and rows of other keys
	CREATE FUNCTION keys_wrong(OUT wrong int, OUT strange int) LANGUAGE plpgsql AS $$
	DECLARE key int; more int; here int[]; there int[];
	BEGIN
		SET LOCAL enable_seqscan = off;
		SET LOCAL enable_sort = off;
		wrong := 0;
		strange := 0;
		FOR key IN SELECT DISTINCT tenant FROM t UNION SELECT i * 1000 FROM generate_series(1, 20) i LOOP
			SELECT array_agg(id ORDER BY id), count(*) FILTER (WHERE tenant <> key) INTO here, more
				FROM (SELECT id, tenant FROM t WHERE tenant = key ORDER BY v <-> test_vector(key, 16) LIMIT 100000) s;
			SELECT array_agg(id ORDER BY id) INTO there FROM t WHERE tenant + 0 = key;
			wrong := wrong + (here IS DISTINCT FROM there)::int;
			strange := strange + more;
		END LOOP;
	END $$;
	INSERT INTO t (tenant, v) SELECT (random() ^ 3 * 200)::int, test_vector(i % 5000, 16) FROM generate_series(1, 3000) i;
});

sub is_sound
{
	my ($when, $at) = @_;
	is(($at // $node)->safe_psql('postgres', 'SELECT * FROM keys_wrong()'), '0|0', "$when: each key has its rows and no others");
	is(($at // $node)->safe_psql('postgres', q{SELECT elements <= index_rows FROM hnsw_check('t_idx', true)}), 't', "$when: the index is sound");
	return;
}

like($node->safe_psql('postgres', 'EXPLAIN SELECT id FROM t WHERE tenant = 1 ORDER BY v <-> test_vector(1, 16) LIMIT 5'), qr/Sort/, 'without the index');
foreach my $case ([ 'one process', 'max_parallel_maintenance_workers = 0', '' ], [ 'three processes', 'min_parallel_table_scan_size = 0', '' ],
	[ 'beyond memory', q{maintenance_work_mem = '1MB'}, 'WITH (rerank = table, bits = 2)' ])
{
	my ($what, $setting, $with) = @$case;
	$node->safe_psql('postgres', qq{
		DROP INDEX IF EXISTS t_idx; SET client_min_messages = error; SET $setting;
		CREATE INDEX t_idx ON t USING hnsw (tenant, v vector_l2_ops) $with});
	is_sound("built by $what");
}
$node->safe_psql('postgres', 'DROP INDEX t_idx; CREATE INDEX t_idx ON t USING hnsw (tenant, v vector_l2_ops) WITH (m = 4, ef_construction = 16); CREATE INDEX ON t (id)');

# An emptied key that comes back, keys behind it, the size when keys come and go
my @sizes;
foreach my $round (1 .. 6)
{
	$node->safe_psql('postgres', qq{
		INSERT INTO t (tenant, v) SELECT 100000 * $round + i, test_vector(i, 16) FROM generate_series(1, 1500) i;
		DELETE FROM t WHERE tenant >= 100000});
	$node->safe_psql('postgres', 'VACUUM t');
	push @sizes, $node->safe_psql('postgres', q{SELECT pg_relation_size('t_idx')});
}
cmp_ok($sizes[5], '<=', 1.1 * $sizes[1], "the room of keys that are gone is used again: @sizes");
is_sound('after keys have come and gone');

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('keys_standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;

my $load = PostgreSQL::Test::Utils::tempdir() . '/load.sql';
append_to_file($load, q{
\set i random(1, 1000000)
\set key random(1000, 1060)
INSERT INTO t (tenant, v) SELECT :key, test_vector(:i + n, 16) FROM generate_series(1, 3) n;
INSERT INTO t (tenant, v) VALUES (:i + 2000, test_vector(7, 16)), (:key, test_vector(7, 16));
SELECT 1 / count(*) FILTER (WHERE tenant = :key) / (count(*) = count(*) FILTER (WHERE tenant = :key))::int
	FROM (SELECT tenant FROM t WHERE tenant = :key ORDER BY v <-> test_vector(:i, 16) LIMIT 5) s HAVING count(*) > 0;
UPDATE t SET tenant = :key WHERE id = (SELECT id FROM t WHERE tenant > 2000 LIMIT 1);
DELETE FROM t WHERE tenant = 1000 + :i % 60;
});
my $maintain = PostgreSQL::Test::Utils::tempdir() . '/maintain.sql';
append_to_file($maintain, "DELETE FROM t WHERE tenant > 2000;\nVACUUM t;\n");

foreach my $round (1 .. $rounds)
{
	my $errors = '';
	my $inserts = IPC::Run::start([ 'pgbench', '-n', '-c', '6', '-j', '2', '-T', '60', '-f', $load, $node->connstr('postgres') ],
		'>', '/dev/null', '2>', \$errors);
	my $vacuums = IPC::Run::start([ 'pgbench', '-n', '-c', '1', '-T', '60', '-f', $maintain, $node->connstr('postgres') ],
		'>', '/dev/null', '2>', '/dev/null');
	usleep(int(1_500_000 + rand(1_000_000)));
	$node->safe_psql('postgres', q{SELECT hnsw_check('t_idx', true)});
	$node->stop('immediate');
	$inserts->finish;
	$vacuums->finish;
	unlike($errors, qr/division by zero|XX00|damaged|cache lookup/, "round $round: no session has seen rows of another key");
	$node->start;
	is_sound("round $round, after a crash");
	$node->safe_psql('postgres', 'VACUUM t');
	is_sound("round $round, after a vacuum");
}
$node->wait_for_catchup($standby, 'replay', $node->lsn('write'));
is_sound('the standby', $standby);

done_testing();
