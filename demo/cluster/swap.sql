-- On the parent, in one transaction. Readers wait for the last two statements only. Writers wait from LOCK on, so that nothing
-- changes while the new shard catches up.
BEGIN;
LOCK TABLE items IN SHARE MODE;
\set caught_up `"$WAIT_UNTIL_CAUGHT_UP"`
-- if not: division by zero, and nothing is swapped
SELECT 1 / (:'caught_up' = 'yes')::int AS caught_up;
ALTER TABLE items DETACH PARTITION items_1;
DROP FOREIGN TABLE items_1;
SELECT format($partition$
CREATE FOREIGN TABLE items_1 PARTITION OF items FOR VALUES WITH (MODULUS %1$s, REMAINDER 0)
	SERVER shard1 OPTIONS (table_name 'items_kept');
CREATE FOREIGN TABLE items_%2$s PARTITION OF items FOR VALUES WITH (MODULUS %1$s, REMAINDER %3$s)
	SERVER shard%2$s OPTIONS (table_name 'items');
$partition$, 2 * :shards, :shards + 1, :shards) \gexec
COMMIT;
