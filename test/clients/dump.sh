# pg_dump and restore of a database with every type and an index of every operator class.
query "CREATE TABLE items (id int PRIMARY KEY, v vector(8), h halfvec(8), s sparsevec(8), b bit(8), anything vector DEFAULT '[1,2]',
		same vector(8) GENERATED ALWAYS AS (l2_normalize(v)) STORED, CHECK (vector_norm(v) < 1000));
	INSERT INTO items SELECT i, a::vector, a::halfvec, a::sparsevec, (i % 255 + 1)::bit(8)
		FROM generate_series(1, 300) i, LATERAL (SELECT array_agg(sin(i * j + j))::real[] AS a FROM generate_series(1, 8) j) s;
	CREATE UNIQUE INDEX ON items (h);
	CREATE INDEX ON items USING hnsw ((v::halfvec(8)) halfvec_l2_ops) WHERE id > 5;
	CREATE INDEX ON items USING hnsw (v vector_l2_ops) WITH (m = 5, ef_construction = 33, bits = 8, rerank = half);
	CREATE INDEX ON items USING hnsw (id, (v::halfvec(8)) halfvec_cosine_ops);
	CREATE VIEW nearest AS SELECT id, v <-> '[1,1,1,1,1,1,1,1]' AS far FROM items ORDER BY far LIMIT 3;
	CREATE MATERIALIZED VIEW means AS SELECT id % 3 AS class, avg(v) AS v, sum(h) AS h FROM items GROUP BY 1;
	CREATE FUNCTION double(vector) RETURNS vector LANGUAGE sql IMMUTABLE AS 'SELECT \$1 + \$1';
	CREATE DOMAIN embedding AS vector(8) CHECK (vector_dims(VALUE) = 8);
	CREATE TYPE pair AS (a vector(2), b halfvec(3));
	DO \$\$ DECLARE c record; BEGIN
		FOR c IN SELECT opcname, opcintype::regtype AS type FROM pg_opclass JOIN pg_am a ON a.oid = opcmethod WHERE amname = 'hnsw'
			AND opcintype::regtype::text IN ('vector', 'halfvec', 'sparsevec', 'bit') LOOP
			EXECUTE format('CREATE INDEX ON items USING hnsw (%I %I)',
				CASE c.type::text WHEN 'vector' THEN 'v' WHEN 'halfvec' THEN 'h' WHEN 'sparsevec' THEN 's' ELSE 'b' END, c.opcname);
		END LOOP;
	END \$\$"

# The whole database but for the lines that differ between any two dumps.
whole_dump() { pg_dump "$1" | grep -vE '^(--|\\(un)?restrict|$)'; }

# An answer by the index and whether the rest is there.
summary() {
	sql -d "$1" -c 'SET enable_seqscan = off; SET enable_sort = off' \
		-c "SELECT array_agg(id) FROM (SELECT id FROM items ORDER BY v <-> (SELECT v FROM items WHERE id = 7) LIMIT 5) s" \
		-c "SELECT array_agg(id) FROM (SELECT id FROM items ORDER BY s <#> (SELECT s FROM items WHERE id = 7) LIMIT 5) s" \
		-c "SELECT array_agg(id) FROM (SELECT id FROM items ORDER BY b <~> B'10101010', id LIMIT 5) s" \
		-c "SELECT count(*) FROM pg_index JOIN pg_class c ON c.oid = indexrelid JOIN pg_am a ON a.oid = relam WHERE amname = 'hnsw' AND indisvalid" \
		-c 'TABLE nearest' -c 'TABLE means' -c "SELECT double('[1,2]'), '[1,2,3,4,5,6,7,8]'::embedding"
}

restored() { # FORMAT PG_DUMP_OPTION...
	local format=$1
	shift
	rm -rf "$work/dump"
	pg_dump -F "$format" -f "$work/dump" "$@" hnswc_clients
	psql -qXd postgres -c 'DROP DATABASE IF EXISTS hnswc_clients_restored' -c 'CREATE DATABASE hnswc_clients_restored'
	case $format in
		p) sql -d hnswc_clients_restored -f "$work/dump" >/dev/null ;;
		*) pg_restore --exit-on-error -j 2 -d hnswc_clients_restored "$work/dump" ;;
	esac
	query 'ANALYZE'
	sql -d hnswc_clients_restored -c 'ANALYZE'
	whole_dump hnswc_clients >"$work/before"
	whole_dump hnswc_clients_restored >"$work/after"
	diff "$work/before" "$work/after"
	same "$(summary hnswc_clients_restored)" "$(summary hnswc_clients)"
}

check "pg_dump: plain" restored p
check "pg_dump: plain, as inserts" restored p --inserts
check "pg_dump: custom" restored c
check "pg_dump: directory, parallel" restored d -j 2
