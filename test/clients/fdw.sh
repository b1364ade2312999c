# postgres_fdw: operators of an extension that both servers have are computed over there. The server is its own remote.
foreign_table() {
	query "CREATE EXTENSION postgres_fdw;
		CREATE SERVER remote FOREIGN DATA WRAPPER postgres_fdw
			OPTIONS (host '${PGHOST}', port '${PGPORT:-5432}', dbname 'hnswc_clients', extensions '$extension');
		CREATE USER MAPPING FOR CURRENT_USER SERVER remote OPTIONS (user '$PGUSER');
		CREATE TABLE items (id int, v vector(3), h halfvec(3), s sparsevec(3), b bit(3));
		INSERT INTO items SELECT i, a::vector, a::halfvec, a::sparsevec, (i % 8)::bit(3)
			FROM generate_series(1, 200) i, LATERAL (SELECT ARRAY[i, i * 7 % 13, 1]::real[] AS a) s;
		CREATE INDEX ON items USING hnsw (v vector_l2_ops);
		CREATE FOREIGN TABLE there (id int, v vector(3), h halfvec(3), s sparsevec(3), b bit(3)) SERVER remote OPTIONS (table_name 'items')"
	same "$(query 'SELECT count(*) FROM (SELECT t::text FROM there t INTERSECT SELECT i::text FROM items i) s')" 200
}

shipped() { # COLUMN OPERATOR VALUE
	local order="ORDER BY $1 $2 '$3', id LIMIT 5" plan
	plan=$(query "EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM there $order")
	has "$plan" "Remote SQL: SELECT .* ORDER BY \\(?$1 OPERATOR\\(public\\.${2//+/\\+}\\) .* LIMIT 5"
	same "$(query "SELECT id FROM there $order")" "$(query "SELECT id FROM items $order")"
}

filtered() {
	has "$(query "EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM there WHERE l2_distance(v, '[3,3,1]') < 3")" 'Remote SQL: .* WHERE .*l2_distance'
	same "$(query "SELECT sum(id) FROM there WHERE v <-> '[3,3,1]' < 30")" "$(query "SELECT sum(id) FROM items WHERE v <-> '[3,3,1]' < 30")"
}

written() {
	query "INSERT INTO there VALUES (1000, '[1,2,3]', '[1,2,3]', '{1:1}/3', B'111'); UPDATE there SET v = '[4,5,6]' WHERE id = 1000"
	same "$(query 'SELECT i::text FROM items i WHERE id = 1000')" '(1000,"[4,5,6]","[1,2,3]",{1:1}/3,111)'
	query "ANALYZE there"
}

if [ -z "$(query "SELECT 1 FROM pg_available_extensions WHERE name = 'postgres_fdw'")" ]; then
	skipped "postgres_fdw" "this server has no postgres_fdw"
else
	check "postgres_fdw: a foreign table" foreign_table
	check "postgres_fdw: vector <-> shipped" shipped v '<->' '[3,3,1]'
	check "postgres_fdw: vector <#> shipped" shipped v '<#>' '[3,3,1]'
	check "postgres_fdw: vector <=> shipped" shipped v '<=>' '[3,3,1]'
	check "postgres_fdw: vector <+> shipped" shipped v '<+>' '[3,3,1]'
	check "postgres_fdw: halfvec <-> shipped" shipped h '<->' '[3,3,1]'
	check "postgres_fdw: sparsevec <-> shipped" shipped s '<->' '{1:3,2:3,3:1}/3'
	check "postgres_fdw: bit <~> shipped" shipped b '<~>' 101
	check "postgres_fdw: conditions shipped" filtered
	check "postgres_fdw: writing" written
fi
