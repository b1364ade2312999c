# migrate/pgvector_to_hnswc.sql, on a database that has objects of pgvector's names: their types are a copy of this library under
# pgvector's name, their access methods those of pgvector/vector.c. Tables keep their files and every row; indexes answer
# afterwards; a dry run and a refusal change nothing. Besides, the extension's other name: make install-vector and
# migrate/rename_extension.sql.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use HnswTest;
use File::Copy;
use File::Path qw(make_path);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $root = "$FindBin::RealBin/../..";
my $script = "$root/migrate/pgvector_to_hnswc.sql";
my $pg_config = $ENV{PG_CONFIG} // 'pg_config';
my %dir = map { $_ => `$pg_config --$_` } qw(includedir-server pkglibdir sharedir);
chomp %dir;
my $libraries = PostgreSQL::Test::Utils::tempdir();
make_path("$libraries/types", "$libraries/am", "$libraries/settings");
chmod 0755, $libraries, "$libraries/types", "$libraries/am", "$libraries/settings";
copy("$dir{pkglibdir}/hnswc.so", "$libraries/types/vector.so") or die "hnswc.so: $!";
chmod 0755, "$libraries/types/vector.so";
my $compile = "gcc -O1 -fPIC -shared -I'$dir{'includedir-server'}' '$FindBin::RealBin/pgvector/vector.c'";
if (system("$compile -o '$libraries/am/vector.so' && $compile -DSTANDIN_SETTINGS -o '$libraries/settings/vector.so'") != 0)
{
	plan skip_all => 'gcc cannot make the stand-in for pgvector';
}

# What pgvector 0.8 creates: the same types, functions, operators and casts as this extension does, and operator classes of its own.
sub standin_script
{
	my $sql = slurp_file("$dir{sharedir}/extension/hnswc--0.1.0.sql"); # has nothing that pgvector does not have
	my %support = (
		vector => { l2 => ['vector_l2_squared_distance'], ip => ['vector_negative_inner_product'],
			cosine => ['vector_negative_inner_product', 'vector_norm'], l1 => ['l1_distance'] },
		halfvec => { l2 => ['halfvec_l2_squared_distance'], ip => ['halfvec_negative_inner_product'],
			cosine => ['halfvec_negative_inner_product', 'l2_norm'], l1 => ['l1_distance'] },
		sparsevec => { l2 => ['sparsevec_l2_squared_distance'], ip => ['sparsevec_negative_inner_product'],
			cosine => ['sparsevec_negative_inner_product', 'l2_norm'], l1 => ['l1_distance'] },
		bit => { hamming => ['hamming_distance'], jaccard => ['jaccard_distance'] });
	my %operator = (l2 => '<->', ip => '<#>', cosine => '<=>', l1 => '<+>', hamming => '<~>', jaccard => '<%>');

	$sql =~ s/^\\echo.*\n//mg;
	$sql =~ s/CREATE FUNCTION hnsw_\w+_support.*?;\n//sg;
	$sql =~ s/CREATE OPERATOR CLASS \w+\s+FOR TYPE \w+ USING hnsw.*?;\n//sg;
	$sql =~ s/(FUNCTION hnswhandler.*?)MODULE_PATHNAME/$1$libraries\/am\/vector/s;
	$sql =~ s/MODULE_PATHNAME/$libraries\/types\/vector/g;
	$sql .= "CREATE FUNCTION $_(internal) RETURNS internal AS '$libraries/am/vector', 'standin_support' LANGUAGE C;\n"
		foreach qw(hnsw_halfvec_support hnsw_sparsevec_support hnsw_bit_support ivfflat_halfvec_support ivfflat_bit_support);
	$sql .= "CREATE FUNCTION ivfflathandler(internal) RETURNS index_am_handler AS '$libraries/am/vector' LANGUAGE C;
		CREATE ACCESS METHOD ivfflat TYPE INDEX HANDLER ivfflathandler;\n";
	foreach my $am (qw(hnsw ivfflat))
	{
		foreach my $type (sort keys %support)
		{
			foreach my $metric (sort keys %{ $support{$type} })
			{
				my ($distance, $norm) = @{ $support{$type}{$metric} };
				next if $am eq 'ivfflat' && ($type eq 'sparsevec' || $metric eq 'l1' || $metric eq 'jaccard');
				my $default = $am eq 'ivfflat' && $type eq 'vector' && $metric eq 'l2' ? 'DEFAULT' : '';
				$sql .= "CREATE OPERATOR CLASS ${type}_${metric}_ops $default FOR TYPE $type USING $am AS
					OPERATOR 1 $operator{$metric} ($type, $type) FOR ORDER BY float_ops, FUNCTION 1 $distance($type, $type)"
					. ($norm ? ", FUNCTION 2 $norm($type)" : '')
					. ($type ne 'vector' ? ', FUNCTION ' . ($am eq 'hnsw' ? 3 : 5) . " ${am}_${type}_support(internal)" : '') . ";\n";
			}
		}
	}
	return $sql;
}

my $standin = standin_script();
my $node = PostgreSQL::Test::Cluster->new('migration');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\nfsync = off");
$node->start;

# A database with the stand-in as the extension vector in a schema; its objects become members one by one.
sub standin_database
{
	my ($name, $schema, $version) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $name");
	$node->safe_psql($name, qq{
		CREATE SCHEMA IF NOT EXISTS $schema;
		SET search_path = $schema;
		CREATE TEMP TABLE before AS SELECT max(oid::int8) AS oid FROM (
			SELECT oid FROM pg_proc UNION SELECT oid FROM pg_type UNION SELECT oid FROM pg_am UNION SELECT oid FROM pg_cast) s;
		$standin
		INSERT INTO pg_extension SELECT pg_nextoid('pg_extension', 'oid', 'pg_extension_oid_index'), 'vector', 10,
			'$schema'::regnamespace, true, '$version';
		INSERT INTO pg_depend SELECT c, o.oid, 0, 'pg_extension'::regclass, e.oid, 0, 'e'
			FROM pg_extension e, (
				SELECT 'pg_proc'::regclass, oid FROM pg_proc
				UNION ALL SELECT 'pg_operator'::regclass, oid FROM pg_operator
				UNION ALL SELECT 'pg_cast'::regclass, oid FROM pg_cast
				UNION ALL SELECT 'pg_opclass'::regclass, oid FROM pg_opclass
				UNION ALL SELECT 'pg_opfamily'::regclass, oid FROM pg_opfamily
				UNION ALL SELECT 'pg_am'::regclass, oid FROM pg_am) o (c, oid)
			WHERE e.extname = 'vector' AND o.oid::int8 > (SELECT oid FROM before);
		ALTER EXTENSION vector ADD TYPE vector; -- with its array type, where those are members: since 17
		ALTER EXTENSION vector ADD TYPE halfvec;
		ALTER EXTENSION vector ADD TYPE sparsevec;
	});
	return;
}

# Everything in a database that the script may change, or nothing when it is refused.
sub state
{
	my ($name) = @_;
	return $node->safe_psql($name, q{
		SELECT extname, extversion, extnamespace::regnamespace FROM pg_extension;
		SELECT md5(string_agg(p::text, ',' ORDER BY oid)) FROM pg_proc p;
		SELECT md5(string_agg(p::text, ',' ORDER BY oid)) FROM pg_amproc p;
		SELECT md5(string_agg(p::text, ',' ORDER BY oid)) FROM pg_am p;
		SELECT md5(string_agg(p::text, ',' ORDER BY oid)) FROM pg_opclass p;
		SELECT md5(string_agg(d::text, ',' ORDER BY d::text)) FROM pg_depend d;
		SELECT md5(string_agg(c::text, ',' ORDER BY oid)) FROM pg_class c WHERE oid >= 16384;
		SELECT md5(string_agg(n::text, ',' ORDER BY oid)) FROM pg_namespace n WHERE nspname !~ '^pg_(toast_)?temp';
	});
}

sub migrate
{
	my ($name, @options) = @_;
	my ($stdout, $stderr);
	my $status = $node->psql($name, '', extra_params => [ '-X', @options, '-f', $script ], stdout => \$stdout, stderr => \$stderr);
	return ($status, $stdout, $stderr);
}

# The script ends with an error of this wording and has done nothing.
sub refused
{
	my ($what, $name, $pattern, @options) = @_;
	my $before = state($name);
	my ($status, $stdout, $stderr) = migrate($name, @options);
	isnt($status, 0, "$what: refused");
	like($stderr, $pattern, "$what: the message");
	is(state($name), $before, "$what: nothing has changed");
	return;
}

# Objects by which a row, a plan or a definition may refer to a database's vectors.
sub objects
{
	my ($name) = @_;
	return $node->safe_psql($name, q{
		SELECT md5(string_agg(i::text, ',' ORDER BY id)) FROM items i;
		SELECT md5(string_agg(i::text, ',' ORDER BY id)) FROM items i WHERE h > '[0,0,0]' AND v <> '[1,1,1]';
		SELECT pg_relation_filepath('items'), pg_relation_filepath('items_btree'), 'items_idx'::regclass::oid;
		SELECT 'vector'::regtype::oid, '<->(vector,vector)'::regoperator::oid, 'l2_distance(vector,vector)'::regprocedure::oid;
		TABLE nearest;
		TABLE means;
		SELECT pg_get_viewdef('nearest'), pg_get_indexdef('items_idx'::regclass), pg_get_indexdef('items_bits'::regclass);
	});
}

my $data = q{
	CREATE TABLE items (id int PRIMARY KEY, v vector(3), h halfvec(3), s sparsevec(3), b bit(3), n vector(3) GENERATED ALWAYS AS (l2_normalize(v)) STORED);
	INSERT INTO items SELECT i, a::vector, a::halfvec, a::sparsevec, (i % 8)::bit(3)
		FROM generate_series(1, 500) i, LATERAL (SELECT ARRAY[i % 50, i * 7 % 113, 1.5]::real[] AS a) s;
	CREATE INDEX items_btree ON items (h);
	CREATE INDEX items_idx ON items USING hnsw (v vector_l2_ops) WITH (m = 8, ef_construction = 40);
	CREATE INDEX items_cosine ON items USING hnsw (v vector_cosine_ops) WHERE id > 3;
	CREATE INDEX items_h ON items USING hnsw ((v::halfvec(3)) halfvec_l1_ops);
	CREATE INDEX items_s ON items USING hnsw (s sparsevec_ip_ops);
	CREATE INDEX items_bits ON items USING hnsw (b bit_jaccard_ops);
	CREATE UNLOGGED TABLE unlogged AS SELECT id, v FROM items;
	CREATE INDEX ON unlogged USING hnsw (v vector_l1_ops);
	CREATE TABLE parts (id int, v vector(2)) PARTITION BY RANGE (id);
	CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
	CREATE INDEX ON parts USING hnsw (v vector_ip_ops);
	CREATE VIEW nearest AS SELECT id, v <-> '[3,3,3]' AS far FROM items ORDER BY far, id LIMIT 5;
	CREATE MATERIALIZED VIEW means AS SELECT id % 3 AS class, avg(v) AS mean, sum(h) AS total FROM items GROUP BY 1 ORDER BY 1;
	GRANT EXECUTE ON FUNCTION l2_distance(vector, vector) TO PUBLIC;
};

standin_database('d', 'public', '0.8.1');
$node->safe_psql('d', $data);
my $before = objects('d');

# refusals
$node->safe_psql('d', 'CREATE INDEX items_ivfflat ON items USING ivfflat (v)');
refused('ivfflat in use', 'd', qr/no ivfflat, which is the access method of: public\.items_ivfflat/);
refused('ivfflat in use, dry run', 'd', qr/no ivfflat/, '-v', 'dry_run=1');
$node->safe_psql('d', 'DROP INDEX items_ivfflat');

$node->safe_psql('d', q{UPDATE pg_extension SET extversion = '0.7.4' WHERE extname = 'vector'});
refused('another version', 'd', qr/version 0\.7\.4, and only 0\.8/);
$node->safe_psql('d', q{UPDATE pg_extension SET extversion = '0.8.1' WHERE extname = 'vector'});

$node->safe_psql('d', 'CREATE FUNCTION stranger(vector) RETURNS int LANGUAGE sql AS $$ SELECT 1 $$;
	ALTER EXTENSION vector ADD FUNCTION stranger(vector)');
refused('a function of another language in the extension', 'd', qr/not functions of pgvector's library: function (public\.)?stranger/);
$node->safe_psql('d', 'ALTER EXTENSION vector DROP FUNCTION stranger(vector); DROP FUNCTION stranger(vector);
	CREATE TABLE stranger (a int); ALTER EXTENSION vector ADD TABLE stranger');
refused('a table in the extension', 'd', qr/has what hnswc does not: .*table stranger/);
$node->safe_psql('d', 'ALTER EXTENSION vector DROP TABLE stranger; ALTER EXTENSION vector DROP FUNCTION subvector(vector, int, int)');
refused('a function missing', 'd', qr/lacks what hnswc has: function subvector\(vector,integer,integer\)/);
$node->safe_psql('d', 'ALTER EXTENSION vector ADD FUNCTION subvector(vector, int, int); ALTER FUNCTION subvector(vector, int, int) VOLATILE');
refused('a function with other properties', 'd', qr/defined otherwise than hnswc's:\s+function subvector\(vector,integer,integer\)/);
$node->safe_psql('d', 'ALTER FUNCTION subvector(vector, int, int) IMMUTABLE;
	CREATE OPERATOR CLASS mine FOR TYPE vector USING hnsw AS OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops, FUNCTION 1 l2_distance(vector, vector)');
refused('an operator class of one\'s own', 'd', qr/operator classes for hnsw that are not pgvector's: .*mine/);
$node->safe_psql('d', 'DROP OPERATOR FAMILY mine USING hnsw CASCADE; CREATE ROLE ordinary LOGIN; ALTER DATABASE d OWNER TO ordinary');
refused('an ordinary role', 'd', qr/only a superuser/, '-U', 'ordinary');
my $other = $node->background_psql('d');
$other->query_safe('SELECT 1') if $other->can('query_safe');
refused('others connected', 'd', qr/others are connected/);
$other->can('quit') ? $other->quit : $other->{run}->finish;
$node->safe_psql('postgres', 'CREATE DATABASE without');
refused('a database without pgvector', 'without', qr/nothing to do/);
is(objects('d'), $before, 'all as before after the refusals');

# a dry run
my $untouched = state('d');
my ($status, $stdout, $stderr) = migrate('d', '-v', 'dry_run=1');
is($status, 0, 'dry run') or diag $stderr;
like($stderr, qr/index public\.items_idx is built anew/, 'the dry run names an index');
like($stderr, qr/dropped: .*access method ivfflat/, 'the dry run says what is dropped');
like($stdout, qr/dry run/, 'the dry run says that it was one');
is(state('d'), $untouched, 'the dry run changed nothing');

# and in earnest
($status, $stdout, $stderr) = migrate('d');
is($status, 0, 'migration') or diag $stderr;
like($stdout, qr/has hnswc now/, 'the script says so');
is(objects('d'), $before, 'tables have their files and rows, objects their OIDs and definitions');
is($node->safe_psql('d', q{SELECT string_agg(extname, ' ' ORDER BY extname) FROM pg_extension}), 'hnswc plpgsql', 'the extension');
is($node->safe_psql('d', q{SELECT count(*) FROM pg_proc WHERE probin ~ 'vector'}), '0', 'nothing refers to the other library');
is($node->safe_psql('d', q{SELECT count(*) FROM pg_am WHERE amname ~ 'ivfflat|pgvector'}), '0', 'no other access method');
is($node->safe_psql('d', q{SELECT count(*) FROM pg_index WHERE NOT indisvalid}), '0', 'all indexes are valid');

# The catalog is that of a database where hnswc was created, but for OIDs.
my $helpers = slurp_file("$FindBin::RealBin/../extension_objects.sql");
$node->safe_psql('postgres', 'CREATE DATABASE fresh');
# with the privilege that the data grant
$node->safe_psql('fresh', "CREATE EXTENSION hnswc; GRANT EXECUTE ON FUNCTION l2_distance(vector, vector) TO PUBLIC; $helpers");
sub same_catalog
{
	my ($name, $extension) = @_;
	my $objects = q{SELECT string_agg(o, chr(1)) FROM test_objects('%s') o};
	my %there = map { $_ => 1 } split /\x01/, $node->safe_psql($name, "$helpers; " . sprintf($objects, $extension));
	my %wanted = map { $_ => 1 } split /\x01/, $node->safe_psql('fresh', sprintf($objects, 'hnswc'));
	cmp_ok(scalar keys %wanted, '>', 200, 'objects to compare');
	is(join("\n", grep { !$wanted{$_} } sort keys %there), '', "$name: nothing in the catalog that a new database does not have");
	is(join("\n", grep { !$there{$_} } sort keys %wanted), '', "$name: all that it has");
	$node->safe_psql($name, 'DROP FUNCTION test_objects, test_rows, test_named');
	return;
}
same_catalog('d', 'hnswc');
is($node->safe_psql('d', q{SELECT obj_description(oid, 'pg_extension') FROM pg_extension WHERE extname = 'hnswc'}),
	$node->safe_psql('fresh', q{SELECT obj_description(oid, 'pg_extension') FROM pg_extension WHERE extname = 'hnswc'}), 'the extension\'s comment');

# Indexes answer, are extended and built, and a dump says hnswc.
foreach my $query (q{v <-> '[3,3,3]'}, q{v <=> '[3,3,3]'}, q{v::halfvec(3) <+> '[3,3,3]'}, q{s <#> '{1:3,2:3,3:3}/3'}, q{b <%> B'101'})
{
	my $search = "SELECT array_agg(d) FROM (SELECT ($query)::numeric(10,3) AS d FROM items WHERE id > 3 ORDER BY $query LIMIT 5) s";
	my $by_index = 'SET enable_seqscan = off; SET enable_sort = off';
	like($node->safe_psql('d', "$by_index; EXPLAIN $search"), qr/(Index Scan using|Index Name:) items_(idx|cosine|h|s|bits)/, "$query uses its index");
	is($node->safe_psql('d', "$by_index; $search"), $node->safe_psql('d', "SET enable_indexscan = off; $search"), "$query: the same by index");
}
$node->safe_psql('d', q{INSERT INTO items (id, v) VALUES (1000, '[3,3,3]'); INSERT INTO parts VALUES (1, '[1,2]'); VACUUM items;
	CREATE INDEX ON items USING hnsw (n vector_l2_ops)});
is($node->safe_psql('d', q{SET enable_seqscan = off; SELECT id FROM items ORDER BY v <-> '[3,3,3]' LIMIT 1}), '1000', 'a row inserted afterwards');
command_like([ 'pg_dump', '-s', '-d', $node->connstr('d') ], qr/CREATE EXTENSION IF NOT EXISTS hnswc/, 'pg_dump');
refused('a second time', 'd', qr/the extension hnswc is in this database already/);
$node->safe_psql('d', 'DROP EXTENSION hnswc CASCADE');
is($node->safe_psql('d', q{SELECT count(*) FROM pg_proc WHERE probin ~ 'hnswc'}), '0', 'DROP EXTENSION takes everything with it');

# in another schema, whose name needs quotes
standin_database('q', '"Ext.1 x"', '0.8.0');
$node->safe_psql('q', 'SET search_path = "Ext.1 x"; ' . $data);
($status, $stdout, $stderr) = migrate('q');
is($status, 0, 'migration in another schema') or diag $stderr;
is($node->safe_psql('q', q{SELECT extnamespace::regnamespace FROM pg_extension WHERE extname = 'hnswc'}), '"Ext.1 x"', 'the schema stays');
is($node->safe_psql('q', q{SET search_path = "Ext.1 x"; SET enable_seqscan = off; SELECT id % 50 FROM items ORDER BY v <-> '[3,21,1.5]' LIMIT 1}),
	'3', 'a search there');

# hnswc says where to look when it is created in a database that has pgvector, or itself under its other name.
standin_database('p', 'public', '0.8.0');
my $stderr2 = '';
$node->psql('p', 'CREATE EXTENSION hnswc', stderr => \$stderr2);
like($stderr2, qr/type "vector" already exists.*has pgvector, as the extension "vector", version 0\.8\.0.*HINT: .*MIGRATION\.md/s,
	'CREATE EXTENSION hnswc beside pgvector');
$node->psql('p', 'CREATE SCHEMA other; CREATE EXTENSION hnswc SCHEMA other', stderr => \$stderr2);
like($stderr2, qr/HINT: .*MIGRATION\.md/s, 'the same in another schema');

# The two libraries in one session: the settings are those of the library that was there first, and the other works.
my $load = "LOAD '$libraries/settings/vector'";
$node->psql('fresh', "$load; SET hnsw.ef_search = 7; SELECT '[1,2]'::vector <-> '[1,2]'; SELECT l2_distance('[1]'::vector, '[1]')",
	stdout => \$stdout, stderr => \$stderr2);
is($stdout, "0\n0", 'hnswc works where pgvector was loaded before');
is(() = $stderr2 =~ /WARNING: .*settings hnsw\.\* are pgvector's/g, 1, 'and says so once');
unlike($stderr2, qr/ERROR/, 'without an error');
$node->safe_psql('postgres', "ALTER DATABASE p SET session_preload_libraries = 'hnswc'; ALTER DATABASE fresh SET session_preload_libraries = 'hnswc'");
$node->psql('p', "SHOW hnswc.simd_level; $load; SHOW hnsw.ef_search; SHOW hnsw.adaptive_search", stderr => \$stderr2);
like($stderr2, qr/\A[^\n]*ERROR: +unrecognized configuration parameter "hnsw.adaptive_search"/,
	'preloaded, hnswc leaves the settings of a database of pgvector\'s to pgvector');
is($node->safe_psql('fresh', 'SHOW hnsw.adaptive_search'), 'on', 'and defines its own elsewhere');
$node->safe_psql('postgres', "ALTER DATABASE p RESET session_preload_libraries; ALTER DATABASE fresh RESET session_preload_libraries");

# The extension's other name, where that is installed.
my $ours = $node->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'vector' AND comment LIKE 'hnswc %'});
sub rename_extension
{
	my ($database, $name) = @_;
	my $stderr = '';
	$node->psql($database, '', extra_params => [ '-X', '-v', "name=$name", '-f', "$root/migrate/rename_extension.sql" ], stderr => \$stderr);
	return $stderr;
}
like(rename_extension('p', 'hnswc'), qr/the extension vector in this database is not hnswc/, 'pgvector is not renamed');
like(rename_extension('fresh', 'pgvector'), qr/can be called hnswc or vector, not pgvector/, 'no other names');
if (!$ours)
{
	refused('a name that is not installed', 'p', qr/not installed in this server under the name vector/, '-v', 'name=vector');
	like(rename_extension('fresh', 'vector'), qr/not installed in this server under the name vector/, 'rename: not installed');
}
SKIP:
{
	skip 'the extension "vector" is not installed or not ours', 1 if !$ours;
	$node->safe_psql('p', $data);
	($status, $stdout, $stderr) = migrate('p', '-v', 'name=vector');
	is($status, 0, 'migration that keeps the name') or diag $stderr;
	same_catalog('p', 'vector');
	is($node->safe_psql('p', q{SET enable_seqscan = off; SELECT id % 50 FROM items ORDER BY v <-> '[3,21,1.5]' LIMIT 1}), '3', 'a search');
	$node->psql('p', 'CREATE EXTENSION hnswc', stderr => \$stderr2);
	like($stderr2, qr/has hnswc already, as the extension "vector".*two names of one extension/s, 'CREATE EXTENSION hnswc there');
	like(rename_extension('p', 'hnswc'), qr/the extension vector is called hnswc now/, 'rename to hnswc');
	same_catalog('p', 'hnswc');
	like(rename_extension('p', 'vector'), qr/the extension hnswc is called vector now, version 0\.8\./, 'and back');
	same_catalog('p', 'vector');
	like(rename_extension('p', 'vector'), qr/has an extension vector already/, 'but not twice');
	$node->safe_psql('p', 'ALTER EXTENSION vector UPDATE; DROP EXTENSION vector CASCADE');
	is($node->safe_psql('p', q{SELECT count(*) FROM pg_proc WHERE probin ~ 'hnswc'}), '0', 'DROP EXTENSION takes all with it');
}
$node->stop;

# make install-vector never goes over pgvector's files; make uninstall takes everything away.
SKIP:
{
	my $there = PostgreSQL::Test::Utils::tempdir();
	my $make = "make -s -C '$root' PG_CONFIG='$pg_config' with_llvm=no DESTDIR='$there'";
	my $extensions = "$there$dir{sharedir}/extension";
	my $files = sub { my $found = `find '$there' -type f ! -name log`; return $found; };
	skip 'no make', 1 if system("make --version >$there/log 2>&1") != 0;
	is(system("$make install-vector >$there/log 2>&1"), 0, 'install-vector') or diag slurp_file("$there/log");
	like($files->(), qr{vector\.control}, 'its files');
	like($files->(), qr{hnswc\.so}, 'with the library');
	is(system("$make install-vector >$there/log 2>&1"), 0, 'and again');
	is(system("$make uninstall-vector >$there/log 2>&1"), 0, 'uninstall-vector');
	unlike($files->(), qr/vector[.-]/, 'takes them away');
	like($files->(), qr{hnswc\.control}, 'and hnswc stays');
	system("$make install-vector >$there/log 2>&1");
	append_to_file("$extensions/hnswc--0.0.9.sql", '-- of another version');
	is(system("$make uninstall >$there/log 2>&1"), 0, 'uninstall');
	is($files->(), '', 'takes everything away');
	append_to_file("$extensions/vector--0.7.0.sql", 'SELECT 1');
	isnt(system("$make install-vector >$there/log 2>&1"), 0, 'not where pgvector has scripts');
	like(slurp_file("$there/log"), qr/pgvector is installed in this server.*MIGRATION\.md/s, 'the message');
	ok(!-f "$extensions/vector.control", 'and nothing of that name is written');
	unlink "$extensions/vector--0.7.0.sql";
	append_to_file("$extensions/vector.control", "default_version = '0.8.0'\n");
	isnt(system("$make install-vector >$there/log 2>&1"), 0, 'not over another control file');
	is(system("$make uninstall >$there/log 2>&1"), 0, 'uninstall beside pgvector');
	is($files->(), "$extensions/vector.control\n", 'leaves its files');
	unlink "$extensions/vector.control";
	append_to_file("$there$dir{pkglibdir}/vector.so", 'x');
	isnt(system("$make install-vector >$there/log 2>&1"), 0, 'not beside its library');
	ok(!-f "$extensions/vector.control", 'and then nothing of that name is written');
}

done_testing();
