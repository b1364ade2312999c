# psql: copying in binary, describing, and the extension in the hands of an ordinary role.
query "CREATE TABLE items (id int, v vector(3), h halfvec(3), s sparsevec(5), b bit(9), plain vector);
	INSERT INTO items VALUES (1, '[1,2.5,-3e-30]', '[1,0.1,65504]', '{1:1.5,5:-2}/5', B'101010101', '[1]'), (2, NULL, NULL, NULL, NULL, NULL);
	INSERT INTO items SELECT i, ARRAY[i, sin(i), -i]::vector, ARRAY[i, sin(i), -i]::halfvec, ARRAY[0, i, 0, sin(i), 0]::sparsevec,
		(i % 512)::bit(9), (SELECT array_agg(j) FROM generate_series(1, i) j)::vector FROM generate_series(3, 1000) i;
	CREATE INDEX items_v_idx ON items USING hnsw (v vector_l2_ops) WITH (m = 8, bits = 8);
	CREATE INDEX items_b_idx ON items USING hnsw (b bit_jaccard_ops) WHERE id > 10"

rows() { query "SELECT md5(string_agg(i::text, ',' ORDER BY id)) FROM $1 i"; }

copy_there_and_back() { # FORMAT
	query 'CREATE TABLE copied (LIKE items)'
	sql -c "\\copy items TO '$work/items' WITH (FORMAT $1)" -c "\\copy copied FROM '$work/items' WITH (FORMAT $1)"
	same "$(rows copied)" "$(rows items)"
	query 'DROP TABLE copied'
}

damaged_copy() { # binary data that says it has more elements than it has is refused
	sql -c "\\copy (SELECT v FROM items WHERE id = 1) TO '$work/one' WITH (FORMAT binary)"
	query 'CREATE TABLE one (v vector)'
	printf '\x7f' | dd of="$work/one" bs=1 seek=26 conv=notrunc status=none # after the header, the field count and the length
	refused 'insufficient data' "\\copy one FROM '$work/one' WITH (FORMAT binary)"
	same "$(query 'SELECT count(*) FROM one')" 0
}

describe() {
	local table index
	table=$(psql -X -c '\d+ items')
	has "$table" '^ v +\| vector\(3\) .* external'
	has "$table" '^ h +\| halfvec\(3\) '
	has "$table" '^ s +\| sparsevec\(5\) '
	has "$table" '^ plain +\| vector '
	has "$table" "\"items_v_idx\" hnsw \\(v vector_l2_ops\\) WITH \\(m='8', bits='8'\\)"
	has "$table" '"items_b_idx" hnsw \(b bit_jaccard_ops\) WHERE id > 10'
	index=$(psql -X -c '\d items_v_idx')
	has "$index" '^ v +\| vector\(3\) '
	has "$index" 'hnsw, for table "public.items"'
	has "$(psql -X -c '\dAc hnsw vector')" 'vector_l2_ops'
	has "$(psql -X -c '\dT')" 'sparsevec'
	has "$(psql -X -c '\dx')" "$extension"
}

ordinary_role() { # a trusted extension: the owner of a database creates and drops it, and works with it
	query "DROP EXTENSION $extension CASCADE"
	query 'CREATE ROLE hnswc_client LOGIN; ALTER DATABASE hnswc_clients OWNER TO hnswc_client; GRANT ALL ON SCHEMA public TO hnswc_client'
	PGUSER=hnswc_client query "CREATE EXTENSION $extension; CREATE TABLE mine (v vector(2)); CREATE INDEX ON mine USING hnsw (v vector_l2_ops);
		SET hnsw.ef_search = 50; DROP EXTENSION $extension CASCADE"
}

schema_of_its_own() { # nothing depends on the search_path
	query "DROP EXTENSION IF EXISTS $extension CASCADE; CREATE SCHEMA ext; CREATE EXTENSION $extension SCHEMA ext;
		CREATE TABLE elsewhere (id int, v ext.vector(2)); CREATE INDEX ON elsewhere USING hnsw (v ext.vector_cosine_ops);
		INSERT INTO elsewhere SELECT i, ARRAY[i, 1]::ext.vector FROM generate_series(1, 100) i"
	same "$(query "SET enable_seqscan = off; SELECT id FROM elsewhere ORDER BY v OPERATOR(ext.<=>) '[9,1]' LIMIT 1")" 9
	query "ALTER EXTENSION $extension SET SCHEMA public"
	same "$(query "SET enable_seqscan = off; SELECT id FROM elsewhere ORDER BY v <=> '[9,1]' LIMIT 1")" 9
}

settings() { # unknown names are refused once the library is there; a level that the CPU lacks is said to be without effect
	local lacking=neon
	[ "$(uname -m)" = x86_64 ] || lacking=avx2
	refused 'invalid configuration parameter name "hnsw.ef_serch"' "SELECT '[1]'::vector; SET hnsw.ef_serch = 1"
	has "$(psql -qXAtc "SELECT '[1]'::vector" -c "SET hnswc.simd_level = $lacking" 2>&1)" "this CPU does not support the value \"$lacking\""
	same "$(sql -c "SELECT '[1]'::vector <-> '[1]'" -c 'SET hnswc.simd_level = portable' -c 'SHOW hnswc.simd_level' 2>&1)" $'0\nportable'
}

check "psql: COPY binary" copy_there_and_back binary
check "psql: COPY text" copy_there_and_back text
check "psql: COPY csv" copy_there_and_back csv
check "psql: COPY of damaged binary data" damaged_copy
check "psql: \\d" describe
check "psql: an ordinary role" ordinary_role
check "psql: a schema of its own" schema_of_its_own
check "psql: the settings" settings
query "ALTER DATABASE hnswc_clients OWNER TO $PGUSER; DROP OWNED BY hnswc_client; DROP ROLE hnswc_client" >/dev/null 2>&1
