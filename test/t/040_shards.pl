# A table over several servers: random queries have the answers of a table in one place, the shards' indexes are used, settings
# reach them; and when one fails an error says so, until its standby takes over with all that was committed.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use HnswTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $parent = hnsw_node('parent');
my @shards = map { hnsw_node("shard$_", 'wal_level = replica') } 1 .. 3;
$_->safe_psql('postgres', 'CREATE TABLE items (title text, id int PRIMARY KEY, kind int, v vector(16))') foreach @shards;

# The first shard has a standby, which acknowledges what it can show.
$shards[0]->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($shards[0], 'base', has_streaming => 1);
$standby->start;
$shards[0]->append_conf('postgresql.conf', "synchronous_standby_names = 'ANY 1 (standby)'\nsynchronous_commit = remote_apply\n");
$shards[0]->reload;

$parent->safe_psql('postgres', q{
	CREATE EXTENSION postgres_fdw;
	ALTER DATABASE postgres SET session_preload_libraries = 'hnswc';
	CREATE TABLE items (id int, kind int, title text, v vector(16)) PARTITION BY HASH (id);
	CREATE TABLE whole (id int PRIMARY KEY, kind int, title text, v vector(16));
});
foreach my $i (0 .. 2)
{
	my @nodes = ($shards[$i], $i == 0 ? $standby : ());
	my $hosts = join(',', map { $_->host } @nodes);
	my $ports = join(',', map { $_->port } @nodes);
	$parent->safe_psql('postgres', qq{
		CREATE SERVER s$i FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$hosts', port '$ports', dbname 'postgres',
			target_session_attrs 'read-write', extensions 'hnswc', async_capable 'true', options '-c hnsw.ef_search=77');
		CREATE USER MAPPING FOR CURRENT_USER SERVER s$i;
		CREATE FOREIGN TABLE items_$i PARTITION OF items FOR VALUES WITH (MODULUS 3, REMAINDER $i) SERVER s$i OPTIONS (table_name 'items');
	});
}
$parent->safe_psql('postgres', q{
	INSERT INTO whole SELECT i, hashint4(i) % 10, 'title ' || i % 40, CASE WHEN i % 50 > 0 THEN test_vector(i, 16) END
		FROM generate_series(1, 2000) i;
	INSERT INTO items SELECT * FROM whole;
	ANALYZE whole;
});

# Without indexes on the shards all searches are exact.
srand(5);
sub pick { return $_[int(rand(@_))] }

sub random_query
{
	my $value = pick("'[" . join(',', map { sprintf '%.2f', rand(2) - 1 } 1 .. 16) . "]'",
		sprintf('(SELECT v FROM TABLE_NAME WHERE id = %d)', 1 + int(rand(40))), "test_vector(-3, 16)");
	my $operator = pick('<->', '<=>', '<#>', '<+>');
	my $distance = pick("v $operator $value", "v $operator $value", "${value}::vector(16) $operator v");
	my $order = pick($distance, $distance, "$distance NULLS FIRST", "$distance DESC", "1 - ($distance) DESC NULLS LAST",
		"($distance)::real", "coalesce($distance, 0.5)", "round(($distance)::numeric, 2)");
	my $columns = pick('id', 'id, title', "id, $distance AS d", 'id, kind + 1, upper(title)', 'v, id', "$distance > 0.5, id");
	my @conditions = grep { rand() < 0.25 } 'kind > 0', "title <> 'title 7'", "$distance < 2", 'v IS NOT NULL', 'id % 3 = 1',
		'id <= (SELECT 1500)', "now() > '2001-01-01' AND kind < 5", 'id IN (3, 4, 5, 6, 7, 8)', "EXISTS (SELECT WHERE kind < 8)";
	my $where = @conditions ? 'WHERE ' . join(' AND ', @conditions) : '';
	my $limit = pick('LIMIT 5', 'LIMIT 20 OFFSET 7', 'LIMIT 3 OFFSET (SELECT 2)', 'LIMIT 2500', 'FETCH FIRST 6 ROWS ONLY');
	my $query = "SELECT $columns FROM TABLE_NAME $where ORDER BY $order, id $limit";
	return pick($query, $query, "SELECT * FROM ($query) s", "WITH s AS MATERIALIZED ($query) SELECT count(*), min(s::text) FROM s");
}

my $split = 0;
my $bad = 0;
my $tried = 0;
my $script = '';
foreach (1 .. 150)
{
	my $query = random_query();
	(my $here = $query) =~ s/TABLE_NAME/whole/g;
	(my $there = $query) =~ s/TABLE_NAME/items/g;
	$script .= "\\echo query $there\nEXPLAIN VERBOSE $there;\n\\echo answer\n$there;\n\\echo expected\n$here;\n";
}
my $output = $parent->safe_psql('postgres', $script);
foreach my $part (split /^query /m, $output)
{
	next unless $part =~ /^(.*?)\n(.*)^answer\n(.*)^expected\n?(.*)/ms;
	my ($query, $plan, $answer, $expected) = ($1, $2, $3, $4);
	s/\s+\z// foreach $answer, $expected;
	$tried++;
	$split++ if $plan =~ /Remote SQL: .* LIMIT /;
	next if $answer eq $expected;
	$bad++;
	diag("$query\n$plan\ngives\n$answer\ninstead of\n$expected");
}
is($tried, 150, 'all queries were answered');
is($bad, 0, 'random queries have the answers of one table');
cmp_ok($split, '>', 75, "most are split: $split");

# By the shards' indexes, and with the settings of the server
$_->safe_psql('postgres', 'CREATE INDEX items_v_idx ON items USING hnsw (v vector_l2_ops); ANALYZE items;
	CREATE VIEW settings AS SELECT current_setting($$hnsw.ef_search$$) AS ef') foreach @shards;
$parent->safe_psql('postgres', q{CREATE FOREIGN TABLE settings (ef text) SERVER s1 OPTIONS (table_name 'settings')});
is($parent->safe_psql('postgres', 'SELECT ef FROM settings'), 77, 'a setting of the server is one of its sessions');
my $search = q{SELECT id FROM items ORDER BY v <-> (SELECT test_vector(4, 16)) LIMIT 5};
my $expected = $parent->safe_psql('postgres', $search =~ s/items/whole/r);
is($parent->safe_psql('postgres', $search), $expected, 'by the indexes');
foreach my $shard (@shards)
{
	$shard->poll_query_until('postgres', q{SELECT idx_scan > 0 FROM pg_stat_user_indexes WHERE indexrelname = 'items_v_idx'})
	  or die 'the index is not used on ' . $shard->name;
}

# What a commit has acknowledged, the standby shows: read-your-writes by remote_apply.
my @written = map { $_ + 0 } split /\n/, $parent->safe_psql('postgres', q{INSERT INTO items SELECT i, 1, 'new', test_vector(i, 16)
	FROM generate_series(20001, 20030) i RETURNING CASE WHEN tableoid = 'items_0'::regclass THEN id END});
@written = grep { $_ } @written;
cmp_ok(scalar @written, '>', 3, 'rows came to the first shard');
is($standby->safe_psql('postgres', 'SELECT count(*) FROM items WHERE id IN (' . join(',', @written) . ')'), scalar @written,
	'the standby shows them at once');
my $before = $parent->safe_psql('postgres', $search);
my $rows = $parent->safe_psql('postgres', 'SELECT count(*) FROM items');

# A shard fails: an error names its server.
$shards[0]->stop('immediate');
my ($status, $out, $err) = $parent->psql('postgres', $search);
isnt($status, 0, 'a search fails');
like($err, qr/could not connect to server "s0"/, 'and says which server is away');
is($parent->safe_psql('postgres', q{SELECT count(*) > 100 FROM items_1}), 't', 'the other shards can be asked by themselves');

# Its standby takes over, under the same name.
$standby->promote;
is($parent->safe_psql('postgres', $search), $before, 'the standby answers in its place');
is($parent->safe_psql('postgres', 'SELECT count(*) FROM items'), $rows, 'with every committed row');
$standby->safe_psql('postgres', q{ALTER SYSTEM SET synchronous_standby_names = ''; SELECT pg_reload_conf()});
$parent->safe_psql('postgres', q{INSERT INTO items SELECT i, 1, 'new', test_vector(4, 16) FROM generate_series(30001, 30030) i});
is($parent->safe_psql('postgres', 'SELECT count(*) FROM items'), $rows + 30, 'and takes new ones');
done_testing();
