# Bulk loading by binary COPY: the programs of examples/ in C, Python and Node, as the documentation shows them.
examples=$clients/../../examples

# loaded TABLE: rows, vectors and index are right. The text form of sin() in float4 is what each program has to have sent.
loaded() {
	same "$(query "SELECT count(*), count(DISTINCT id), min(id), max(id) FROM $1")" '5000|5000|1|5000'
	same "$(query "SELECT count(*) FROM $1 WHERE embedding <> (SELECT array_agg(sin(id * i)::real ORDER BY i)::vector FROM generate_series(1, 8) i)")" 0
	same "$(query "SET enable_seqscan = off; SELECT id FROM $1 ORDER BY embedding <-> (SELECT embedding FROM $1 WHERE id = 4321) LIMIT 1")" 4321
	has "$(query "SET enable_seqscan = off; EXPLAIN SELECT id FROM $1 ORDER BY embedding <-> '[1,1,1,1,1,1,1,1]' LIMIT 1")" 'Index Scan using'
	query "DROP TABLE $1"
}

by_c() {
	local pg_config=${PG_CONFIG:-pg_config}
	gcc -O2 -Wall -Wextra -Werror -I"$("$pg_config" --includedir)" "$examples/load.c" -L"$("$pg_config" --libdir)" -lpq -lm -o "$work/load"
	"$work/load" 5000
	loaded loaded_by_c
}

by_python() { # MODULE: the other driver is hidden from the program
	local hidden=psycopg2
	[ "$1" = psycopg ] || hidden=psycopg
	mkdir -p "$work/hidden_$1"
	echo "raise ImportError('hidden')" >"$work/hidden_$1/$hidden.py"
	has "$(PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$work/hidden_$1 /usr/bin/python3 "$examples/load.py" 5000)" "5000 rows by $1"
	loaded loaded_by_python
}

by_node() {
	cp "$examples/load.js" "$work/js/"
	(cd "$work/js" && node load.js 5000)
	loaded loaded_by_node
}

if [ -e "$("${PG_CONFIG:-pg_config}" --includedir)/libpq-fe.h" ] && command -v gcc >/dev/null 2>&1; then
	check "bulk loading: C" by_c
else
	skipped "bulk loading: C" "gcc or libpq's headers are missing"
fi
for module in psycopg psycopg2; do
	if /usr/bin/python3 -c "import $module" >/dev/null 2>&1; then
		check "bulk loading: Python, $module" by_python "$module"
	else
		skipped "bulk loading: Python" "$module is missing"
	fi
done
node_directory js
if [ -d "$work/js/node_modules" ]; then
	check "bulk loading: Node" by_node
fi
