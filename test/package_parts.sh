# What test/packages does inside of its chroots, as root: each function is a test, and succeeds or fails. Packages that were built are in
# /out, the tree in /src.
# shellcheck shell=bash disable=SC2034,SC2015
set -euo pipefail

tree() { cp -r /src /tmp/tree; cd /tmp/tree; rm -rf dist sql/built; find . \( -name "*.o" -o -name "*.bc" -o -name "*.so" \) -delete; }
cluster() { pg_createcluster "$1" "$2" -- -A trust >/dev/null; pg_ctlcluster "$1" "$2" start; }
sql() { runuser -u postgres -- psql -qXAt -v ON_ERROR_STOP=1 --cluster "$cluster" "$@"; }
same() { [ "$1" = "$2" ] || { printf "got:    %s\nwanted: %s\n" "$1" "$2"; return 1; }; }
not() { if "$@"; then return 1; fi; } # unlike  ! command,  it ends a script
data="CREATE TABLE items (id int PRIMARY KEY, v vector(3), h halfvec(3), s sparsevec(3), b bit(3));
	INSERT INTO items SELECT i, a::vector, a::halfvec, a::sparsevec, (i % 8)::bit(3)
		FROM generate_series(1, 500) i, LATERAL (SELECT ARRAY[i % 50, i * 7 % 113, 1.5]::real[] AS a) s;
	CREATE INDEX ON items (h); CREATE INDEX ON items USING hnsw ((v::halfvec(3)) halfvec_l2_ops) WHERE id > 5;
	CREATE UNLOGGED TABLE unlogged AS TABLE items; CREATE INDEX ON unlogged USING hnsw (v vector_l2_ops);
	CREATE TABLE parts (id int, v vector(3)) PARTITION BY RANGE (id);
	CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (1000);
	INSERT INTO parts SELECT id, v FROM items; CREATE INDEX ON parts USING hnsw (v vector_ip_ops) WITH (m = 8, ef_construction = 32);
	DO \$\$ DECLARE c record; BEGIN
		FOR c IN SELECT opcname, opcintype::regtype::text AS type FROM pg_opclass JOIN pg_am a ON a.oid = opcmethod WHERE amname = 'hnsw'
			AND opcintype::regtype::text IN ('vector', 'halfvec', 'sparsevec', 'bit') LOOP
			EXECUTE format('CREATE INDEX ON items USING hnsw (%I %I)',
				CASE c.type WHEN 'vector' THEN 'v' WHEN 'halfvec' THEN 'h' WHEN 'sparsevec' THEN 's' ELSE 'b' END, c.opcname);
		END LOOP;
	END \$\$"
answers() {
	sql -d "$1" -c "SELECT md5(string_agg(i::text, ',' ORDER BY id)) FROM items i" -c "SET enable_seqscan = off" -c "SET enable_sort = off" \
		-c "SELECT array_agg(d) FROM (SELECT (v <-> '[3,3,3]')::numeric(9,3) AS d FROM items ORDER BY v <-> '[3,3,3]' LIMIT 9) s" \
		-c "SELECT array_agg(d) FROM (SELECT (h <-> '[3,3,3]')::numeric(9,3) AS d FROM items ORDER BY h <-> '[3,3,3]' LIMIT 9) s" \
		-c "SELECT array_agg(d) FROM (SELECT (s <+> '{1:3}/3')::numeric(9,3) AS d FROM items ORDER BY s <+> '{1:3}/3' LIMIT 9) s" \
		-c "SELECT array_agg(d) FROM (SELECT (b <~> B'101')::int AS d FROM items ORDER BY b <~> B'101' LIMIT 9) s" \
		-c "SELECT array_agg(d) FROM (SELECT (v <#> '[3,3,3]')::numeric(9,3) AS d FROM parts ORDER BY v <#> '[3,3,3]' LIMIT 9) s"
}
by_index() {
	local plan
	plan=$(sql -d "$1" -c "SET enable_seqscan = off" -c "EXPLAIN SELECT id FROM items ORDER BY v <-> '[3,3,3]' LIMIT 9")
	grep -q "Index Scan using items_v_idx" <<<"$plan" || { echo "$plan"; return 1; }
}

# builds the packages of this Debian
test_build() {
	tree
	make deb
	cp dist/*.deb dist/*.changes dist/*.buildinfo /out/
	apt-get install -q -y lintian
	lintian --allow-root --tag-display-limit 0 --fail-on error,warning --display-info dist/*.changes
}

# VERSION: installs, uses, upgrades and purges the packages for PostgreSQL VERSION
test_install() {
	version=$1 package=postgresql-$1-hnswc cluster=$1/test
	deb=$(ls /out/${package}_*.deb) vector=$(ls /out/$package-vector_*.deb)
	apt-get update -q
	# an earlier version: the same files, but of 0.1.0
	dpkg-deb -R "$deb" /tmp/old
	extension=/tmp/old/usr/share/postgresql/$version/extension
	sed -i "s/^Version: .*/Version: 0.1.0-1/" /tmp/old/DEBIAN/control
	sed -i "s/^default_version = .*/default_version = '0.1.0'/" "$extension/hnswc.control"
	find "$extension" -name "hnswc--*" ! -name hnswc--0.1.0.sql -delete
	(cd /tmp/old && find usr -type f -exec md5sum {} + >DEBIAN/md5sums)
	dpkg-deb -b /tmp/old "/tmp/${package}_0.1.0-1_amd64.deb"
	apt-get install -q -y "/tmp/${package}_0.1.0-1_amd64.deb"
	cluster "$version" test
	sql -d postgres -c "CREATE DATABASE d" -c "CREATE DATABASE e"
	sql -d d -c "CREATE EXTENSION hnswc" -c "$data"
	same "$(sql -d d -c "SELECT extversion FROM pg_extension WHERE extname = 'hnswc'")" 0.1.0
	by_index d
	before=$(answers d)
	# the upgrade, with the database and its sessions there
	apt-get install -q -y "$deb" "$vector"
	same "$(answers d)" "$before"
	sql -d d -c "ALTER EXTENSION hnswc UPDATE"
	same "$(sql -d d -c "SELECT extversion FROM pg_extension WHERE extname = 'hnswc'")" "$(sed -n "s/^default_version = '\(.*\)'/\1/p" /src/hnswc.control)"
	same "$(answers d)" "$before"
	# by the other name
	sql -d e -c "CREATE EXTENSION IF NOT EXISTS vector" -c "$data"
	same "$(answers e)" "$before"
	by_index e
	[ -f "/usr/share/postgresql/$version/contrib/hnswc/pgvector_to_hnswc.sql" ]
	# gone
	pg_dropcluster --stop "$version" test
	apt-get purge -q -y "$package" "$package-vector"
	left=$(find / -xdev \( -path /out -o -path /src -o -path /proc -o -path /tmp \) -prune -o -name "*hnswc*" -print -o -path "*/extension/vector*" -print | grep -v /var/lib/dpkg/info || true)
	same "$left" ""
	same "$(dpkg -l "*hnswc*" 2>/dev/null | grep -c "^[ir][iUFHc]" || true)" 0
}

# moves databases over from pgvector's real extension
test_pgvector() {
	cluster=17/test
	apt-get update -q
	apt-get install -q -y postgresql-17-pgvector /out/postgresql-17-hnswc_*.deb
	cluster 17 test
	sql -d postgres -c "CREATE DATABASE d" -c "CREATE DATABASE e" -c "CREATE DATABASE f"
	sql -d d -c "CREATE EXTENSION vector" -c "$data"
	before=$(answers d)
	# CREATE EXTENSION says where to look
	said=$(sql -d d -c "CREATE EXTENSION hnswc" 2>&1) && exit 1
	grep -q "HINT:.*MIGRATION.md" <<<"$said"
	# preloaded for the whole server, hnswc does no harm to databases of pgvector
	sql -d postgres -c "ALTER SYSTEM SET session_preload_libraries = hnswc" -c "SELECT pg_reload_conf()" >/dev/null
	sleep 1
	same "$(sql -d d -c "SET hnsw.ef_search = 50" -c "SELECT '[1,2]'::vector <-> '[1,2]'")" 0
	sql -d f -c "CREATE EXTENSION hnswc" -c "$data"
	same "$(answers f)" "$before"
	sql -d postgres -c "ALTER SYSTEM RESET session_preload_libraries" -c "SELECT pg_reload_conf()" >/dev/null
	# in place
	script=/usr/share/postgresql/17/contrib/hnswc/pgvector_to_hnswc.sql
	sql -d d -v dry_run=1 -f "$script"
	same "$(sql -d d -c "SELECT extname FROM pg_extension WHERE extname <> 'plpgsql'")" vector
	sql -d d -f "$script"
	same "$(answers d)" "$before"
	by_index d
	same "$(sql -d d -c "SELECT extname FROM pg_extension WHERE extname <> 'plpgsql'")" hnswc
	sql -d d -f /src/test/extension_objects.sql
	sql -d f -f /src/test/extension_objects.sql
	sql -d d -c "SELECT test_objects('hnswc')" | sort >/tmp/moved
	sql -d f -c "SELECT test_objects('hnswc')" | sort >/tmp/fresh
	diff /tmp/moved /tmp/fresh
	# pgvector by dump into the extension by its name; the packages exclude each other
	sql -d e -c "CREATE EXTENSION vector" -c "$data"
	runuser -u postgres -- pg_dump --cluster "$cluster" -Fc -f /tmp/e.dump e
	apt-get install -q -y /out/postgresql-17-hnswc-vector_*.deb
	[ "$(dpkg -l postgresql-17-pgvector | grep -c "^ii")" = 0 ]
	sql -d postgres -c "CREATE DATABASE restored"
	runuser -u postgres -- pg_restore --cluster "$cluster" --exit-on-error -d restored /tmp/e.dump
	same "$(answers restored)" "$before"
	by_index restored
	# in place, with the name kept
	sql -d e -v name=vector -f "$script"
	same "$(answers e)" "$before"
	same "$(sql -d e -c "SELECT extname FROM pg_extension WHERE extname <> 'plpgsql'")" vector
	said=$(apt-get install -s -q -y postgresql-17-pgvector)
	grep -q "^Remv postgresql-17-hnswc-vector" <<<"$said"
}

# installs the archive with pgxnclient
test_pgxn() {
	apt-get update -q
	apt-get install -q -y postgresql-15 postgresql-server-dev-15 gcc make libc6-dev pgxnclient
	cluster=15/test
	pgxn install --unstable /out/hnswc-*.zip
	cluster 15 test
	sql -d postgres -c "CREATE EXTENSION hnswc" -c "$data"
	by_index postgres
}

# LINES: runs the RUN lines of the Dockerfile
test_docker() {
	apt-get update -q
	apt-get install -q -y postgresql-17
	cp -r /src /tmp/hnswc # COPY
	export PG_MAJOR=17
	sh -ec "$1"
	cluster=17/test
	cluster 17 test
	sql -d postgres -c "CREATE EXTENSION vector" -c "$data"
	by_index postgres
	[ ! -e /tmp/hnswc ]
}

# pg_upgrade from 15 to 17
test_upgrade() {
	sed "s/trixie/bookworm/g" /etc/apt/sources.list >/etc/apt/sources.list.d/bookworm.list
	apt-get update -q
	apt-get install -q -y postgresql-15 postgresql-17 /out/postgresql-15-hnswc*_amd64.deb /out/postgresql-17-hnswc*_amd64.deb
	cluster=15/test
	cluster 15 test
	sql -d postgres -c "CREATE DATABASE d" -c "CREATE DATABASE e"
	sql -d d -c "CREATE EXTENSION hnswc" -c "$data"
	sql -d e -c "CREATE SCHEMA ext" -c "CREATE EXTENSION vector SCHEMA ext" -c "ALTER DATABASE e SET search_path = public, ext"
	sql -d e -c "$data"
	before=$(answers d)
	pg_ctlcluster 15 test stop
	pg_createcluster 17 test -- -A trust --no-data-checksums >/dev/null 2>&1 || pg_createcluster 17 test -- -A trust >/dev/null
	cd /tmp
	runuser -u postgres -- /usr/lib/postgresql/17/bin/pg_upgrade -b /usr/lib/postgresql/15/bin -B /usr/lib/postgresql/17/bin \
		-d /var/lib/postgresql/15/test -D /var/lib/postgresql/17/test \
		-o "-c config_file=/etc/postgresql/15/test/postgresql.conf" -O "-c config_file=/etc/postgresql/17/test/postgresql.conf" ||
		{ find /var/lib/postgresql/17/test/pg_upgrade_output.d -name "*.log" -exec tail -n 20 {} +; exit 1; }
	cluster=17/test
	pg_ctlcluster 17 test start
	same "$(answers d)" "$before"
	same "$(answers e)" "$before"
	by_index d
	by_index e
	sql -d d -c "INSERT INTO items (id, v) VALUES (1000, '[3,3,3]')" -c "DELETE FROM items WHERE id < 100" -c "VACUUM items"
	same "$(sql -d d -c "SET enable_seqscan = off" -c "SELECT id FROM items ORDER BY v <-> '[3,3,3]' LIMIT 1")" 1000
	sql -d d -c "ALTER EXTENSION hnswc UPDATE" -c "REINDEX TABLE items" -c "DROP EXTENSION hnswc CASCADE"
	sql -d e -c "ALTER EXTENSION vector UPDATE" -c "DROP EXTENSION vector CASCADE"
}

# the demo as a newcomer meets it
test_demo() {
	apt-get update -q
	apt-get install -q -y make
	tree
	# wrong arguments: a message, and nothing is installed
	packages=$(dpkg -l | wc -l)
	for arguments in "DATA=/nowhere" "DATA=/tmp" "DATA=/nowhere METRIC=l3"; do
		if env ${arguments#* } make demo ${arguments% *} >/tmp/log 2>&1; then echo "not refused: $arguments"; exit 1; fi
		grep -q "^demo: " /tmp/log
	done
	same "$(dpkg -l | wc -l)" "$packages"
	# on a terminal of size 0, where psql would wait in a pager

	script -qec "stty rows 0 cols 0; exec make demo" /tmp/log </dev/null >/dev/null
	tail -n 40 /tmp/log
	grep -q "exact scan" /tmp/log
	grep -q "Index Scan using items_v_idx" /tmp/log
	grep -q "the cluster and its data are removed" /tmp/log
	not grep -q Traceback /tmp/log
	[ -z "$(ls /var/lib/postgresql/*/* 2>/dev/null)" ] # no cluster of Debian
	[ -z "$(find / -xdev -name "hnswc.control" ! -path "/src/*" ! -path "/tmp/tree/*")" ]
	# interrupted
	timeout -s INT 20 make demo >/tmp/log 2>&1 </dev/null || true
	sleep 2
	tail -n 5 /tmp/log
	grep -q "interrupted" /tmp/log
	not grep -q Traceback /tmp/log
	[ -z "$(find /tmp -maxdepth 1 -name "hnswc.*")" ]
	not grep -qsx postgres /proc/[0-9]*/comm
}
