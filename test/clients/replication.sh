# Logical replication, text and binary, from one database of a cluster into another; the subscriber has indexes of its own.
# shellcheck disable=SC2031
replicated() { # whether both sides have the same rows, within a minute
	local there here
	for _ in $(seq 600); do
		here=$(sql -d postgres -c "SELECT md5(string_agg(t::text, ',' ORDER BY id)) FROM $1 t")
		there=$(sql -d subscriber -c "SELECT md5(string_agg(t::text, ',' ORDER BY id)) FROM $1 t")
		[ "$here" != "$there" ] || return 0
		sleep 0.1
	done
	same "$there" "$here"
}

changed() {
	sql -d postgres -c "INSERT INTO $1 SELECT id + 1000, v + v, h + h, s, b FROM $1; UPDATE $1 SET v = v * v, h = h * h WHERE id % 3 = 0;
		DELETE FROM $1 WHERE id % 5 = 0; INSERT INTO $1 (id) VALUES (0)"
	replicated "$1"
	same "$(sql -d subscriber -c "SET enable_seqscan = off; SELECT id FROM $1 ORDER BY v <-> '[1007,7,1]' LIMIT 1")" \
		"$(sql -d postgres -c "SET enable_indexscan = off; SELECT id FROM $1 ORDER BY v <-> '[1007,7,1]' LIMIT 1")"
}

replication() {
	local binary tables
	sql -d postgres -c 'CREATE DATABASE subscriber'
	tables="CREATE EXTENSION $extension;
		CREATE TABLE keyed (id int PRIMARY KEY, v vector(3), h halfvec(3), s sparsevec(3), b bit(3));
		CREATE TABLE keyless (LIKE keyed); ALTER TABLE keyless REPLICA IDENTITY FULL" # rows are found by the types' equality
	sql -d postgres -c "$tables"
	sql -d subscriber -c "$tables" -c 'CREATE INDEX ON keyed USING hnsw (v vector_l2_ops); CREATE INDEX ON keyless USING hnsw (v vector_l2_ops)'
	sql -d postgres -c 'CREATE PUBLICATION p FOR ALL TABLES'
	for binary in off on; do
		sql -d postgres -c 'TRUNCATE keyed, keyless' -c "INSERT INTO keyed SELECT i, a::vector, a::halfvec, a::sparsevec, (i % 8)::bit(3)
			FROM generate_series(1, 300) i, LATERAL (SELECT ARRAY[i, i * 7 % 13, sin(i)]::real[] AS a) s; INSERT INTO keyless SELECT * FROM keyed" \
			-c "SELECT pg_create_logical_replication_slot('s', 'pgoutput')" >/dev/null
		sql -d subscriber -c 'TRUNCATE keyed, keyless' -c "CREATE SUBSCRIPTION s CONNECTION 'dbname=postgres host=$PGHOST port=$PGPORT user=$PGUSER'
			PUBLICATION p WITH (create_slot = false, slot_name = 's', binary = $binary)"
		check "replication: initial copy (binary $binary)" replicated keyed
		check "replication: initial copy without a key (binary $binary)" replicated keyless
		check "replication: changes (binary $binary)" changed keyed
		check "replication: changes without a key (binary $binary)" changed keyless
		sql -d subscriber -c 'DROP SUBSCRIPTION s'
	done
}

if "$clients/../cluster" start "$work/pg" -o wal_level=logical >"$work/environment" 2>"$work/log"; then
	(
		# shellcheck source=/dev/null
		. "$work/environment"
		replication
		exit "$failed"
	) || failed=1
	"$clients/../cluster" stop "$work/pg"
else
	failed "replication: a cluster" <"$work/log"
fi
