# What the TAP tests share: a cluster with the extension, vectors, and recall by exact search.
package HnswTest;

use strict;
use warnings;
use File::Basename;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Exporter 'import';
our @EXPORT = qw(hnsw_node recall rows_match is_long);

# make test-long
sub is_long
{
	return $ENV{HNSWC_TEST_LONG} ? 1 : 0;
}

my $functions = slurp_file(dirname(__FILE__) . '/../test_vector.sql') . q{
-- The share of the k nearest rows by exact search that a search through the index finds.
CREATE FUNCTION test_recall(tbl text, op text, k int, queries int) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
	statement text := format('SELECT array_agg(d) FROM (SELECT v %s $1 AS d FROM %I ORDER BY v %1$s $1 LIMIT $2) s', op, tbl);
	dims int;
	query vector;
	exact float8[];
	found float8[];
	good int := 0;
	wanted int := 0;
BEGIN
	EXECUTE format('SELECT vector_dims(v) FROM %I LIMIT 1', tbl) INTO dims;
	FOR q IN 1..queries LOOP
		query := test_vector(1000000 + q, dims);
		PERFORM set_config('enable_indexscan', 'off', true), set_config('enable_seqscan', 'on', true);
		EXECUTE statement INTO exact USING query, k;
		PERFORM set_config('enable_indexscan', 'on', true), set_config('enable_seqscan', 'off', true);
		EXECUTE statement INTO found USING query, k;
		wanted := wanted + cardinality(exact);
		good := good + (SELECT count(*) FROM unnest(found) d WHERE d <= exact[cardinality(exact)] + 1e-6);
	END LOOP;
	RETURN round(good / wanted::numeric, 4);
END $$;

-- Rows that a scan of the whole index misses, and rows that it returns though it should not, or twice.
CREATE FUNCTION test_difference(tbl text, op text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	statement text;
	result text;
	dims int;
BEGIN
	EXECUTE format('SELECT vector_dims(v) FROM %I LIMIT 1', tbl) INTO dims;
	PERFORM set_config('enable_indexscan', 'on', true), set_config('enable_seqscan', 'off', true),
		set_config('enable_sort', 'off', true);
	EXECUTE format('CREATE TEMP TABLE scanned AS SELECT id FROM %I ORDER BY v %s $1', tbl, op) USING test_vector(0, dims);
	PERFORM set_config('enable_indexscan', 'off', true), set_config('enable_seqscan', 'on', true),
		set_config('enable_sort', 'on', true);
	EXECUTE format('SELECT format(''%%s missed, %%s too many, %%s twice'',
			(SELECT count(*) FROM (SELECT id FROM %I EXCEPT SELECT id FROM scanned) s),
			(SELECT count(*) FROM (SELECT id FROM scanned EXCEPT SELECT id FROM %1$I) s),
			(SELECT count(*) - count(DISTINCT id) FROM scanned))', tbl) INTO result;
	DROP TABLE scanned;
	RETURN result;
END $$;
};

# A started cluster with the extension and the functions above.  Settings that begin with -- are arguments of initdb.
sub hnsw_node
{
	my ($name, @settings) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	my @extra = grep { /^--/ } @settings;
	@settings = grep { !/^--/ } @settings;
	$node->init(allows_streaming => 1, extra => \@extra);
	# 16 and 17 sort for test_vector's array_agg: with enable_sort = off that looks dear enough to be compiled, at each call
	$node->append_conf('postgresql.conf', join("\n", 'autovacuum = off', 'fsync = off', 'jit = off', @settings, ''));
	$node->start;
	$node->safe_psql('postgres', "CREATE EXTENSION hnswc; $functions");
	return $node;
}

sub recall
{
	my ($node, $table, $operator, %options) = @_;
	my $ef = $options{ef} // 100;
	my $queries = $options{queries} // 40;
	return $node->safe_psql('postgres',
		"SET hnsw.ef_search = $ef; SELECT test_recall('$table', '$operator', 10, $queries)");
}

# '0 missed, 0 too many, 0 twice' when a scan of the index returns exactly the table's rows.  Dies if hnsw_check() finds one of
# the table's indexes damaged.
sub rows_match
{
	my ($node, $table, $operator) = @_;
	$node->safe_psql('postgres', qq{SELECT hnsw_check(indexrelid, true) FROM pg_index JOIN pg_class c ON c.oid = indexrelid
		WHERE indrelid = '$table'::regclass AND indisvalid AND relam = (SELECT oid FROM pg_am WHERE amname = 'hnsw')});
	return $node->safe_psql('postgres', "SELECT test_difference('$table', '$operator')");
}

1;
