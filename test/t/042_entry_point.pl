# Inserts beside a vacuum that replaces the entry point: no node is left above the new one.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use HnswTest;
use IPC::Run;
use Test::More;

my $rounds = is_long() ? 60 : 5;
my $node = hnsw_node('entry');
# with m = 2 a third of the nodes of a layer are on the next
$node->safe_psql('postgres', q{
	CREATE TABLE t (id serial, v vector(4));
	CREATE FUNCTION some_vector() RETURNS vector VOLATILE RETURN ARRAY[random(), random(), random(), random()]::vector;
	CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops) WITH (m = 2, ef_construction = 8)});

# Inserts a row at a time while vacuum runs.  None when it has ended: the next one on a high layer would become the entry
# point, whatever was left.
my $insert = q{
	DO $$
	DECLARE
		n int := 0;
	BEGIN
		WHILE EXISTS (SELECT FROM pg_stat_progress_vacuum WHERE relid = 't'::regclass) LOOP
			INSERT INTO t (v) SELECT some_vector();
			COMMIT;
			n := n + 1;
			PERFORM pg_sleep(0.05);
		END LOOP;
		RAISE NOTICE 'inserted %', n;
	END $$};

my ($inserted, $damage) = (0, '');
foreach (1 .. $rounds)
{
	# nearly all that is there goes, so the entry point does as well; vacuum rests behind each page
	$node->safe_psql('postgres', 'INSERT INTO t (v) SELECT some_vector() FROM generate_series(1, 600)');
	$node->safe_psql('postgres', 'DELETE FROM t WHERE id < (SELECT max(id) - 2 FROM t)');
	my $vacuum = IPC::Run::start([ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-c', q{SET vacuum_cost_delay = '4ms'},
		'-c', 'SET vacuum_cost_limit = 1', '-c', 'VACUUM t' ], '>', \my $output, '2>&1');
	$node->poll_query_until('postgres', q{SELECT EXISTS (SELECT FROM pg_stat_progress_vacuum WHERE relid = 't'::regclass)});
	my ($status, $out, $err) = $node->psql('postgres', $insert);
	$inserted += $1 if $err =~ /inserted (\d+)/;
	$vacuum->finish or diag($output);
	($status, $out, $err) = $node->psql('postgres', q{SELECT hnsw_check('t_v', true, 0)});
	$damage .= $err;
}
is($damage, '', "the index is sound after $rounds vacuums");
cmp_ok($inserted, '>=', 3 * $rounds, "rows were inserted beside them: $inserted");
is(rows_match($node, 't', '<->'), '0 missed, 0 too many, 0 twice', 'all rows once');

done_testing();
