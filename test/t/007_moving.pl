# Data of every type on its way: dump and restore with all indexes, logical replication, a foreign table whose ORDER BY is
# shipped to where the index is.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use HnswTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = hnsw_node('source', 'wal_level = logical');
my $table = 'CREATE TABLE t (id int PRIMARY KEY, v vector(24), h halfvec(24), s sparsevec(24), b bit(24))';
my @classes = ([ 'v', 'vector_l2_ops', '<->' ], [ 'v', 'vector_ip_ops', '<#>' ], [ 'v', 'vector_cosine_ops', '<=>' ], [ 'v', 'vector_l1_ops', '<+>' ],
	[ 'h', 'halfvec_l2_ops', '<->' ], [ 'h', 'halfvec_cosine_ops', '<=>' ], [ 's', 'sparsevec_l2_ops', '<->' ], [ 'b', 'bit_hamming_ops', '<~>' ],
	[ 'b', 'bit_jaccard_ops', '<%>' ]);
$node->safe_psql('postgres', "$table; INSERT INTO t SELECT i, v, v, v, binary_quantize(v)::bit(24) FROM (SELECT i, test_vector(i, 24) AS v FROM generate_series(1, 600) i) x;
	INSERT INTO t VALUES (601, NULL, ('[65504,6e-8,-0,' || repeat('0,', 20) || '1]')::halfvec(24), '{}/24', NULL)");
foreach my $class (@classes)
{
	my ($column, $name) = @$class;
	$node->safe_psql('postgres', "CREATE INDEX t_${column}_$name ON t USING hnsw ($column $name) WITH (m = 12, ef_construction = 50)");
}
my $contents = q{SELECT string_agg(t::text, E'\n' ORDER BY id) FROM t};
my $expected = $node->safe_psql('postgres', $contents);

# dump and restore
my $file = PostgreSQL::Test::Utils::tempdir() . '/dump';
foreach my $format ('plain', 'custom')
{
	my $database = "restored_$format";
	command_ok([ 'pg_dump', '-F', $format, '-f', "$file.$format", '-d', $node->connstr('postgres') ], "$format: pg_dump");
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	if ($format eq 'plain')
	{
		command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($database), '-f', "$file.$format" ], "$format: restored");
	}
	else
	{
		command_ok([ 'pg_restore', '-e', '-d', $node->connstr($database), "$file.$format" ], "$format: restored");
	}
	is($node->safe_psql($database, $contents), $expected, "$format: the same rows");
	is($node->safe_psql($database, "SELECT count(*) FROM pg_indexes WHERE indexdef LIKE '%USING hnsw%m=%12%ef_construction=%50%'"),
		scalar(@classes), "$format: all indexes with their options");
	foreach my $class (@classes)
	{
		my ($column, $name, $operator) = @$class;
		is($node->safe_psql($database, "SET enable_seqscan = off; SELECT 7 IN (SELECT id FROM t ORDER BY $column $operator (SELECT $column FROM t WHERE id = 7) LIMIT 20)"),
			't', "$format: $name answers");
	}
}

# logical replication
my $subscriber = PostgreSQL::Test::Cluster->new('subscriber');
$subscriber->init;
$subscriber->start;
$subscriber->safe_psql('postgres', "CREATE EXTENSION hnswc; $table; CREATE INDEX ON t USING hnsw (v vector_l2_ops)");
$node->safe_psql('postgres', 'CREATE PUBLICATION p FOR TABLE t');
$subscriber->safe_psql('postgres', 'CREATE SUBSCRIPTION s CONNECTION $c$' . $node->connstr('postgres') . '$c$ PUBLICATION p WITH (binary = true)');
$subscriber->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_subscription_rel WHERE srsubstate = 'r'") or die 'no initial copy';
$node->safe_psql('postgres', 'UPDATE t SET v = test_vector(9000, 24) WHERE id = 5; DELETE FROM t WHERE id = 6; INSERT INTO t SELECT 700, v, h, s, b FROM t WHERE id = 8');
$node->wait_for_catchup('s');
is($subscriber->safe_psql('postgres', $contents), $node->safe_psql('postgres', $contents), 'logical replication: the same rows');
is($subscriber->safe_psql('postgres', 'SET enable_seqscan = off; SELECT id FROM t ORDER BY v <-> (SELECT v FROM t WHERE id = 5) LIMIT 1'), '5',
	'logical replication: the subscriber has its own index');

# a foreign table
SKIP:
{
	skip 'postgres_fdw is not installed', 2
		if $node->safe_psql('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw'") eq '0';
	my $port = $node->port;
	my $host = $node->host;
	$subscriber->safe_psql('postgres', qq{
		CREATE EXTENSION postgres_fdw;
		CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname 'postgres', extensions 'hnswc');
		CREATE USER MAPPING FOR CURRENT_USER SERVER far;
		CREATE FOREIGN TABLE far_t (id int, v vector(24), h halfvec(24), s sparsevec(24), b bit(24)) SERVER far OPTIONS (table_name 't');
	});
	my $query = "SELECT id FROM far_t ORDER BY v <-> (SELECT v FROM t WHERE id = 17) LIMIT 3";
	like($subscriber->safe_psql('postgres', "EXPLAIN (VERBOSE, COSTS OFF) $query"), qr/Remote SQL: .*ORDER BY.*<->.*LIMIT 3/,
		'foreign table: order and limit are shipped');
	is($subscriber->safe_psql('postgres', $query), $node->safe_psql('postgres', 'SELECT id FROM t ORDER BY v <-> test_vector(17, 24) LIMIT 3'),
		'foreign table: the same rows');
}

done_testing();
