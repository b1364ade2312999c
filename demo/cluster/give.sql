-- On the shard that gives half of its rows away. The parent divides ids by 4 and remainder; by 8 it will be this remainder and
-- the one that is 4 more. A table that is empty for ever lends its partition key, so that the same function tells rows
-- apart that the parent's partitions do.
CREATE TABLE items_key (id bigint) PARTITION BY HASH (id);

-- What is to stay, as a table to read and write, while the other half is still there.
CREATE VIEW items_kept AS SELECT * FROM items
	WHERE satisfies_hash_partition('items_key'::regclass, 2 * :shards, 0, id);

-- What is to go, and every change of it from now on.
CREATE PUBLICATION given FOR TABLE items
	WHERE (satisfies_hash_partition('items_key'::regclass, 2 * :shards, :shards, id));
