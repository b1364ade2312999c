# ALTER EXTENSION hnswc UPDATE: a database that 0.1.0's script made, with objects of every kind and an index of every
# operator class, has the same catalogs afterwards as a new one, and answers the same. An index file of an earlier
# format, a real one, says what to do, and REINDEX does it.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use HnswTest;
use IO::Uncompress::Gunzip qw(gunzip $GunzipError);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $helpers = slurp_file("$FindBin::RealBin/../extension_objects.sql");
# the file from another cluster has no checksums, the default since 18
my $node = hnsw_node('upgrade', 'ignore_checksum_failure = on');

# Lines that only one of two databases has.
sub compare
{
	my ($got, $wanted, $what, %extension) = @_;
	my %lines;
	foreach my $database ($got, $wanted)
	{
		my $extension = $extension{$database} // 'hnswc';
		my $separator = "\x01";
		my $objects = $node->safe_psql($database, "SELECT string_agg(o, chr(1)) FROM test_objects('$extension') o");
		$lines{$database} = { map { $_ => 1 } split /$separator/, $objects };
	}
	cmp_ok(scalar keys %{ $lines{$wanted} }, '>', 200, "$what: objects to compare");
	is(join("\n", sort grep { !$lines{$wanted}{$_} } keys %{ $lines{$got} }), '', "$what: nothing that a new one lacks");
	is(join("\n", sort grep { !$lines{$got}{$_} } keys %{ $lines{$wanted} }), '', "$what: all that a new one has");
	return;
}

sub new_database
{
	my ($name, $sql) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $name");
	$node->safe_psql($name, $sql);
	return;
}

# What a user may have: every type, an index of every operator class, and objects that depend on the extension's.
my $data = q{
	CREATE TABLE items (id int PRIMARY KEY, v vector(3), h halfvec(3), s sparsevec(3), b bit(3), anything vector DEFAULT '[1,2]',
		n vector(3) GENERATED ALWAYS AS (l2_normalize(v)) STORED, CHECK (vector_norm(v) < 1000));
	INSERT INTO items SELECT i, a::vector, a::halfvec, a::sparsevec, (i % 8)::bit(3)
		FROM generate_series(1, 500) i, LATERAL (SELECT ARRAY[i % 50, i * 7 % 113, 1.5]::real[] AS a) s;
	CREATE INDEX items_btree ON items (h);
	CREATE INDEX ON items USING hnsw ((v::halfvec(3)) halfvec_l1_ops) WHERE id > 3;
	CREATE TABLE parts (id int, v vector(2)) PARTITION BY RANGE (id);
	CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
	CREATE INDEX ON parts USING hnsw (v vector_ip_ops) WITH (m = 8, ef_construction = 40, bits = 8, rerank = half);
	CREATE VIEW nearest AS SELECT id, v <-> '[3,3,3]' AS far FROM items ORDER BY far, id LIMIT 5;
	CREATE MATERIALIZED VIEW means AS SELECT id % 3 AS class, avg(v) AS mean, sum(h) AS total FROM items GROUP BY 1 ORDER BY 1;
	CREATE DOMAIN embedding AS vector(3) CHECK (vector_dims(VALUE) = 3);
	CREATE TYPE pair AS (a vector(2), b halfvec(3));
	CREATE FUNCTION twice(vector) RETURNS vector LANGUAGE sql IMMUTABLE AS 'SELECT $1 + $1';
	DO $$ DECLARE c record; BEGIN
		FOR c IN SELECT opcname, opcintype::regtype::text AS type FROM pg_opclass JOIN pg_am a ON a.oid = opcmethod WHERE amname = 'hnsw' LOOP
			EXECUTE format('CREATE INDEX ON items USING hnsw (%I %I)',
				CASE c.type WHEN 'vector' THEN 'v' WHEN 'halfvec' THEN 'h' WHEN 'sparsevec' THEN 's' ELSE 'b' END, c.opcname);
		END LOOP;
	END $$;
};

# What the database answers, exactly and by its indexes.
sub answers
{
	my ($name) = @_;
	return $node->safe_psql($name, q{
		SELECT md5(string_agg(i::text, ',' ORDER BY id)) FROM items i;
		TABLE nearest; TABLE means; SELECT twice('[1,2]'), '[1,2,3]'::embedding;
		SET enable_seqscan = off; SET enable_sort = off;
		SELECT array_agg(d) FROM (SELECT (v <=> '[3,3,3]')::numeric(9,4) AS d FROM items ORDER BY v <=> '[3,3,3]' LIMIT 20) s;
		SELECT array_agg(d) FROM (SELECT (b <%> B'101')::numeric(9,4) AS d FROM items ORDER BY b <%> B'101' LIMIT 20) s;
		SELECT array_agg(d) FROM (SELECT (s <+> '{1:3}/3')::numeric(9,4) AS d FROM items ORDER BY s <+> '{1:3}/3' LIMIT 20) s;
		SELECT count(*) FROM pg_index JOIN pg_class c ON c.oid = indexrelid JOIN pg_am a ON a.oid = relam WHERE amname = 'hnsw' AND indisvalid;
	});
}

new_database('fresh', "CREATE EXTENSION hnswc; $helpers");
new_database('old', "CREATE EXTENSION hnswc VERSION '0.1.0'; $helpers $data");
my $version = $node->safe_psql('fresh', q{SELECT extversion FROM pg_extension WHERE extname = 'hnswc'});
my $before = answers('old');
$node->safe_psql('old', 'ALTER EXTENSION hnswc UPDATE');
is($node->safe_psql('old', q{SELECT extversion FROM pg_extension WHERE extname = 'hnswc'}), $version, 'the version');
compare('old', 'fresh', 'upgraded');
is(answers('old'), $before, 'the same answers');
$node->safe_psql('old', 'DROP EXTENSION hnswc CASCADE');
is($node->safe_psql('old', q{SELECT count(*) FROM pg_proc WHERE probin ~ 'hnswc'}), '0', 'DROP EXTENSION takes all with it');

# in a schema of its own, by the owner of the database
$node->safe_psql('postgres', 'CREATE ROLE ordinary LOGIN; CREATE DATABASE owned OWNER ordinary; CREATE DATABASE owned_fresh OWNER ordinary');
foreach my $create ([ 'owned', q{VERSION '0.1.0'} ], [ 'owned_fresh', '' ])
{
	my ($database, $which) = @$create;
	$node->safe_psql($database, "SET ROLE ordinary; CREATE SCHEMA ext; CREATE EXTENSION hnswc SCHEMA ext $which; RESET ROLE; $helpers");
}
$node->safe_psql('owned', 'SET ROLE ordinary; ALTER EXTENSION hnswc UPDATE');
compare('owned', 'owned_fresh', 'upgraded in another schema, by the owner');

# The extension "vector" is the same, where it is installed and ours.
SKIP:
{
	skip 'the extension "vector" is not installed or not ours', 3
		if $node->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extension_versions
			WHERE name = 'vector' AND version ~ '^0\.8\.\d{3,}$'}) eq '0';
	new_database('by_name', "CREATE EXTENSION vector; $helpers");
	compare('by_name', 'fresh', 'the extension "vector"', by_name => 'vector');
}

# A file of format 1.
$node->safe_psql('postgres', q{
	CREATE TABLE t (id int, v vector(3));
	INSERT INTO t SELECT i, array[i, i * 7 % 13, 1]::vector FROM generate_series(1, 50) i;
	CREATE INDEX t_idx ON t USING hnsw (v vector_l2_ops);
});
my $file = $node->data_dir . '/' . $node->safe_psql('postgres', q{SELECT pg_relation_filepath('t_idx')});
$node->stop;
my $content;
gunzip("$FindBin::RealBin/../upgrade/format-1.index.gz" => \$content) or die $GunzipError;
open my $handle, '>', $file or die "$file: $!";
binmode $handle;
print $handle $content;
close $handle;
$node->start;
my $search = q{SELECT id FROM t ORDER BY v <-> '[20,10,1]' LIMIT 3};
foreach my $statement ("SET enable_seqscan = off; SET enable_sort = off; $search", q{INSERT INTO t VALUES (51, '[1,2,3]')},
	'DELETE FROM t WHERE id = 50; VACUUM (INDEX_CLEANUP on) t')
{
	my $stderr = '';
	$node->psql('postgres', "\\set VERBOSITY verbose\n$_;", stderr => \$stderr) foreach split /; (?=VACUUM)/, $statement;
	like($stderr, qr/XX002: index "t_idx" has format version 1, but this is version \d+.*HINT: .*REINDEX/s, "format 1: $statement");
}
$node->safe_psql('postgres', 'REINDEX INDEX t_idx');
is($node->safe_psql('postgres', "SET enable_seqscan = off; $search"), $node->safe_psql('postgres', "SET enable_indexscan = off; $search"),
	'REINDEX makes it anew');
$node->stop;

done_testing();
