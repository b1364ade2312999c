# Partitioned tables: an index over all partitions, rows that move, partitions that come and go.
query "CREATE TABLE items (id int, class int, v vector(4)) PARTITION BY LIST (class);
	CREATE TABLE items_1 PARTITION OF items FOR VALUES IN (1);
	CREATE TABLE items_2 PARTITION OF items FOR VALUES IN (2);
	CREATE INDEX items_idx ON items USING hnsw (v vector_l2_ops);
	CREATE TABLE items_3 PARTITION OF items FOR VALUES IN (3);
	INSERT INTO items SELECT i, i % 3 + 1, ARRAY[i, 3 * i % 7, i % 11, 1]::vector FROM generate_series(1, 600) i"

nearest() { # CONDITION
	echo "SELECT string_agg(id::text, ' ') FROM (SELECT id FROM items $1 ORDER BY v <-> '[100,1,1,1]' LIMIT 8) s"
}

agree() { # the index finds what an exact search finds
	same "$(query "SET enable_seqscan = off; SET enable_sort = off; $(nearest "${1:-}")")" "$(query "SET enable_indexscan = off; $(nearest "${1:-}")")"
}

merged() {
	local plan
	plan=$(query "SET enable_seqscan = off; EXPLAIN SELECT id FROM items ORDER BY v <-> '[100,1,1,1]' LIMIT 8")
	has "$plan" 'Merge Append'
	has "$plan" 'Index Scan using items_3_v_idx'
	agree
}

pruned() {
	local plan
	plan=$(query "SET enable_seqscan = off; EXPLAIN SELECT id FROM items WHERE class = 2 ORDER BY v <-> '[100,1,1,1]' LIMIT 8")
	has_no "$plan" 'items_[13]'
	agree 'WHERE class = 2'
}

moved() {
	query 'UPDATE items SET class = 2 WHERE id % 10 = 0; UPDATE items SET v = v + v WHERE id BETWEEN 40 AND 60'
	agree
}

attached() {
	query "CREATE TABLE items_4 (id int, class int, v vector(4));
		INSERT INTO items_4 SELECT i, 4, ARRAY[i, 0, i % 11, 1]::vector FROM generate_series(90, 110) i;
		CREATE INDEX items_4_idx ON items_4 USING hnsw (v vector_l2_ops);
		ALTER TABLE items ATTACH PARTITION items_4 FOR VALUES IN (4)"
	same "$(query "SELECT inhparent::regclass FROM pg_inherits WHERE inhrelid = 'items_4_idx'::regclass")" items_idx
	agree
	query 'ALTER TABLE items DETACH PARTITION items_1'
	agree
	query 'DROP TABLE items_1'
	query 'REINDEX TABLE items'
	agree
}

check "partitions: merged by distance" merged
check "partitions: pruned" pruned
check "partitions: rows that move" moved
check "partitions: attached, detached, reindexed" attached
