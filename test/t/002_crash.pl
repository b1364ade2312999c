# Immediate stops at random moments of a load of inserts, deletes, vacuums and builds: after recovery a scan of the index
# returns exactly the committed rows, and a search still finds the nearest.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use HnswTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $rounds = is_long() ? 40 : 5;
my $node = hnsw_node('crash', 'checkpoint_timeout = 30s', 'max_wal_size = 64MB', 'maintenance_work_mem = 8MB');

$node->safe_psql('postgres', q{
	CREATE TABLE t (id serial, v vector(32));
	INSERT INTO t (v) SELECT test_vector(i, 32) FROM generate_series(1, 2000) i;
	CREATE INDEX t_idx ON t USING hnsw (v vector_l2_ops);
	CREATE INDEX t_id ON t (id);
	CREATE TABLE coarse (id serial, v vector(32));
	INSERT INTO coarse (v) SELECT test_vector(i, 32) FROM generate_series(1, 500) i;
	CREATE INDEX coarse_idx ON coarse USING hnsw (v vector_cosine_ops) WITH (bits = 1, rerank = table, m = 4, ef_construction = 16);
	CREATE UNLOGGED TABLE u (id serial, v vector(32));
	CREATE INDEX u_idx ON u USING hnsw (v vector_l2_ops);
});

# Of ten sets of rows, those whose nearest are not the same by a filtered scan as by looking at all; and the scans that were not filtered.
sub filtered_wrong
{
	return $node->safe_psql('postgres', q{
		SET enable_seqscan = off; SET enable_sort = off;
		CREATE OR REPLACE FUNCTION filtered_wrong(OUT wrong int, OUT others int) LANGUAGE plpgsql AS $$
		DECLARE most int = max(id) FROM t; line text; plan text; found float8[]; wanted float8[];
		BEGIN
			wrong := 0;
			others := 0;
			FOR i IN 0 .. 9 LOOP
				plan := '';
				FOR line IN EXPLAIN SELECT id FROM t WHERE id BETWEEN most * i / 10 AND most * i / 10 + 150
					ORDER BY v <-> test_vector(7, 32) LIMIT 100 LOOP
					plan := plan || line;
				END LOOP;
				others := others + (plan !~ 'HNSW Filtered Scan')::int;
				SELECT array_agg(d) INTO found FROM (SELECT v <-> test_vector(7, 32) AS d FROM t
					WHERE id BETWEEN most * i / 10 AND most * i / 10 + 150 ORDER BY v <-> test_vector(7, 32) LIMIT 100) s;
				WITH a AS MATERIALIZED (SELECT v <-> test_vector(7, 32) AS d FROM t WHERE id BETWEEN most * i / 10 AND most * i / 10 + 150)
					SELECT array_agg(d) INTO wanted FROM (SELECT d FROM a ORDER BY d LIMIT 100) s;
				wrong := wrong + (found IS DISTINCT FROM wanted)::int;
			END LOOP;
		END $$;
		SELECT wrong || ' wrong, ' || others || ' others' FROM filtered_wrong();
	});
}

my $load = PostgreSQL::Test::Utils::tempdir() . '/load.sql';
append_to_file($load, q{
\set i random(1, 1000000)
INSERT INTO t (v) SELECT test_vector(:i + n, 32) FROM generate_series(1, 5) n;
INSERT INTO t (v) VALUES (test_vector(7, 32));
INSERT INTO coarse (v) VALUES (test_vector(:i, 32));
INSERT INTO u (v) VALUES (test_vector(:i, 32));
DELETE FROM t WHERE id IN (SELECT id FROM t ORDER BY random() LIMIT 4);
DELETE FROM coarse WHERE id = (SELECT min(id) FROM coarse);
});
my $maintain = PostgreSQL::Test::Utils::tempdir() . '/maintain.sql';
append_to_file($maintain, q{
VACUUM t;
VACUUM coarse;
CREATE INDEX other_idx ON t USING hnsw (v vector_ip_ops);
DROP INDEX other_idx;
});

foreach my $round (1 .. $rounds)
{
	my $inserts = IPC::Run::start([ 'pgbench', '-n', '-c', '2', '-T', '60', '-f', $load, $node->connstr('postgres') ],
		'>', '/dev/null', '2>', '/dev/null');
	my $maintenance = IPC::Run::start([ 'pgbench', '-n', '-c', '1', '-T', '60', '-f', $maintain, $node->connstr('postgres') ],
		'>', '/dev/null', '2>', '/dev/null');
	usleep(int(500_000 + rand(2_000_000)));
	$node->stop('immediate');
	IPC::Run::finish($inserts);
	IPC::Run::finish($maintenance);
	$node->start;
	is(rows_match($node, 't', '<->'), '0 missed, 0 too many, 0 twice', "round $round: t");
	is(rows_match($node, 'coarse', '<=>'), '0 missed, 0 too many, 0 twice', "round $round: coarse");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM u'), '0', "round $round: the unlogged table is empty");
	is($node->safe_psql('postgres', "SET enable_seqscan = off; SELECT count(*) FROM (SELECT id FROM u ORDER BY v <-> test_vector(1, 32)) s"),
		'0', "round $round: so is its index");
	is(filtered_wrong(), '0 wrong, 0 others', "round $round: sets of rows of t");
	my $found = recall($node, 't', '<->');
	cmp_ok($found, '>=', 0.97, "round $round: recall $found");
	$node->safe_psql('postgres', 'DROP INDEX IF EXISTS other_idx; VACUUM t');
	is(rows_match($node, 't', '<->'), '0 missed, 0 too many, 0 twice', "round $round: t after another vacuum");
}
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM t'), '>', 2000, 'the load inserted rows');

done_testing();
