-- On the shard that gave: what is gone is removed, and the view is not needed any more once the parent reads the table again.
DROP PUBLICATION given;
DELETE FROM items WHERE satisfies_hash_partition('items_key'::regclass, 2 * :shards, :shards, id);
VACUUM ANALYZE items;
