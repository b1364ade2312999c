# Vacuum: what is left is found as well as in a new index; and a load of inserts, deletes and searches may go on beside
# it, after which the index returns every committed row and none that was deleted.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use HnswTest;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $rows = is_long() ? 30000 : 6000;
my $seconds = is_long() ? 120 : 12;
my $node = hnsw_node('vacuum', 'max_wal_size = 1GB');
my $all_once = '0 missed, 0 too many, 0 twice';

# Deleted at random, and in one corner of the space.
foreach my $case (
	[ 'l2', '<->', '', 'a fifth', 'hashint4(id) % 5 = 0' ],
	[ 'l2', '<->', 'WITH (bits = 1)', 'half', 'hashint4(id) % 2 = 0' ],
	[ 'cosine', '<=>', 'WITH (rerank = half)', 'nine of ten', 'hashint4(id) % 10 <> 0' ],
	[ 'l2', '<->', '', 'all but one of a hundred', 'hashint4(id) % 100 <> 0' ],
	[ 'l1', '<+>', 'WITH (m = 8, rerank = table)', 'a fifth', 'hashint4(id) % 5 = 0' ],
	[ 'l2', '<->', '', 'the nearest third', "id IN (SELECT id FROM t ORDER BY v <-> test_vector(3, 32) LIMIT $rows / 3)" ])
{
	my ($metric, $operator, $with, $what, $which) = @$case;
	my $name = "$metric $with, $what deleted";

	$node->safe_psql('postgres', qq{
		CREATE TABLE t (id int, v vector(32));
		INSERT INTO t SELECT i, test_vector(i, 32) FROM generate_series(1, $rows) i;
		CREATE INDEX t_idx ON t USING hnsw (v vector_${metric}_ops) $with;
		DELETE FROM t WHERE $which});
	$node->safe_psql('postgres', 'VACUUM t');
	is(rows_match($node, 't', $operator), $all_once, "$name: all rows once");
	my $found = recall($node, 't', $operator, ef => 40, queries => 150);
	$node->safe_psql('postgres', 'REINDEX INDEX t_idx');
	my $fresh = recall($node, 't', $operator, ef => 40, queries => 150);
	cmp_ok($found, '>=', $fresh - 0.02, "$name: recall $found, of a new index $fresh");
	$node->safe_psql('postgres', 'DROP TABLE t');
}

# Vacuum may be interrupted at any point; the next one ends its work.
my $interrupted = 0;
$node->safe_psql('postgres', qq{
	CREATE TABLE t (id int, v vector(32));
	INSERT INTO t SELECT i, test_vector(i - i / 5 % 2, 32) FROM generate_series(1, $rows) i;
	CREATE INDEX t_idx ON t USING hnsw (v vector_l2_ops);
	DELETE FROM t WHERE hashint4(id) % 3 = 0});
foreach my $timeout (1 .. 40)
{
	my $err;
	$node->psql('postgres', "SET statement_timeout = $timeout; VACUUM t", stderr => \$err);
	$interrupted++ if $err =~ /statement timeout/;
	next if $timeout % 10;
	is(rows_match($node, 't', '<->'), $all_once, "after $interrupted interrupted vacuums: all rows once");
	$node->safe_psql('postgres', qq{
		DELETE FROM t WHERE id % 7 = $timeout / 10;
		INSERT INTO t SELECT $rows + 1000 * $timeout + i, test_vector(i, 32) FROM generate_series(1, 100) i});
}
cmp_ok($interrupted, '>', 0, 'vacuums were interrupted');
$node->safe_psql('postgres', 'VACUUM t');
is(rows_match($node, 't', '<->'), $all_once, 'after one that was not: all rows once');
$node->safe_psql('postgres', 'DROP TABLE t');

# Unlogged and temporary tables.
is($node->safe_psql('postgres', q{
	CREATE UNLOGGED TABLE u (id int, v vector(32));
	CREATE INDEX u_idx ON u USING hnsw (v vector_l2_ops);
	INSERT INTO u SELECT i, test_vector(i, 32) FROM generate_series(1, 1000) i;
	DELETE FROM u WHERE id % 3 = 0}), '', 'an unlogged table');
$node->safe_psql('postgres', 'VACUUM u');
is(rows_match($node, 'u', '<->'), $all_once, 'an unlogged table: all rows once');
is($node->safe_psql('postgres', q{
	SET client_min_messages = warning;
	CREATE TEMP TABLE own (id int, v vector(32));
	CREATE INDEX own_idx ON own USING hnsw (v vector_l2_ops);
	INSERT INTO own SELECT i, test_vector(i % 900, 32) FROM generate_series(1, 1000) i;
	DELETE FROM own WHERE id % 3 = 0;
	\\o /dev/null
	VACUUM own;
	INSERT INTO own SELECT i, test_vector(i, 32) FROM generate_series(2001, 2300) i;
	\\o
	SELECT test_difference('own', '<->')}), $all_once, 'a temporary table: all rows once');

# The load.  Rows up to 100 stay for ever, and a search for one of them has to find it.
$node->safe_psql('postgres', q{
	CREATE TABLE t (id serial, v vector(32));
	INSERT INTO t (v) SELECT test_vector(i, 32) FROM generate_series(1, 2000) i;
	CREATE INDEX t_idx ON t USING hnsw (v vector_l2_ops);
	CREATE TABLE coarse (id serial, v vector(32));
	INSERT INTO coarse (v) SELECT test_vector(i, 32) FROM generate_series(1, 1000) i;
	CREATE INDEX coarse_idx ON coarse USING hnsw (v vector_cosine_ops) WITH (bits = 1, m = 6, ef_construction = 24);
	CREATE TABLE searches (found bool, twice bool);
});
my $directory = PostgreSQL::Test::Utils::tempdir();
my %scripts = (
	insert => q{
\set i random(1000, 1000000)
INSERT INTO t (v) SELECT test_vector(:i + n, 32) FROM generate_series(1, 5) n;
INSERT INTO t (v) SELECT test_vector(:i % 10 + 50, 32) FROM generate_series(1, 3);
INSERT INTO coarse (v) SELECT test_vector(:i % 1500, 32) FROM generate_series(1, 2);
},
	abort => q{
\set i random(1000, 1000000)
BEGIN;
INSERT INTO t (v) SELECT test_vector(:i + n, 32) FROM generate_series(1, 3) n;
INSERT INTO coarse (v) SELECT test_vector(:i, 32);
ROLLBACK;
},
	delete => q{
\set i random(1, 1000)
DELETE FROM t WHERE id IN (SELECT id FROM t WHERE id > 100 ORDER BY hashint4(id + :i) LIMIT 8);
DELETE FROM coarse WHERE id IN (SELECT id FROM coarse WHERE id > 100 ORDER BY hashint4(id + :i) LIMIT 2);
},
	search => q{
\set i random(1, 100)
SET enable_seqscan = off;
SET enable_sort = off;
INSERT INTO searches SELECT bool_or(id = :i), count(*) <> count(DISTINCT id)
	FROM (SELECT id FROM t ORDER BY v <-> test_vector(:i, 32) LIMIT 500) s;
INSERT INTO searches SELECT bool_or(id = :i), count(*) <> count(DISTINCT id)
	FROM (SELECT id FROM coarse ORDER BY v <=> test_vector(:i, 32)) s;
},
	cursor => q{
\set i random(1, 100)
BEGIN;
SET LOCAL enable_seqscan = off;
SET LOCAL enable_sort = off;
DECLARE c CURSOR FOR SELECT id FROM t ORDER BY v <-> test_vector(:i, 32);
FETCH 10 FROM c;
\sleep 50 ms
FETCH 1000 FROM c;
COMMIT;
});
my %weights = (insert => 4, abort => 1, delete => 4, search => 4, cursor => 1);
my @options = map { append_to_file("$directory/$_.sql", $scripts{$_}); ('-f', "$directory/$_.sql\@$weights{$_}") } sort keys %scripts;
my $output = '';
my $load = IPC::Run::start([ 'pgbench', '-n', '-c', '4', '-j', '2', '-T', $seconds, @options, $node->connstr('postgres') ],
	'>', \$output, '2>&1');
my $vacuums = 0;
my $errors = '';
for (my $end = time + $seconds; time < $end; $vacuums++)
{
	my $err;
	$node->psql('postgres', 'VACUUM t, coarse', stderr => \$err);
	$errors .= $err;
}
ok($load->finish, 'the load went well') or diag($output);
is($errors, '', "so did $vacuums vacuums");
is($node->safe_psql('postgres', 'SELECT count(*) FROM searches WHERE twice'), '0', 'no search returned a row twice');
is($node->safe_psql('postgres', 'SELECT count(*) FROM searches WHERE found IS NOT TRUE'), '0', 'each found its row');
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM searches'), '>', 0, 'there were searches');
foreach my $when ('after the load', 'after another vacuum')
{
	is(rows_match($node, 't', '<->'), $all_once, "t $when: all rows once");
	is(rows_match($node, 'coarse', '<=>'), $all_once, "coarse $when: all rows once");
	my $found = recall($node, 't', '<->');
	cmp_ok($found, '>=', 0.97, "recall $found");
	$node->safe_psql('postgres', 'VACUUM t, coarse');
}

done_testing();
