# Drivers and ORMs of Node.
npm_install() {
	export HOME=$work npm_config_cache=$work/npm npm_config_update_notifier=false npm_config_fund=false npm_config_audit=false
	mkdir "$work/node"
	cp "$clients"/package.json "$clients"/package-lock.json "$clients"/js/*.js "$work/node/"
	cd "$work/node"
	npm ci --ignore-scripts
}

registry_answers() { npm ping --fetch-retries=0 --fetch-timeout=10000 --cache "$work/npm" >/dev/null 2>&1; }

node_is_new() { node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || a == 20 && b >= 19 ? 0 : 1)'; }

if ! command -v node >/dev/null 2>&1 || ! command -v npm >/dev/null 2>&1; then
	skipped "node" "node or npm is missing"
elif ! node_is_new; then
	skipped "node" "node 20.19 or later is needed, here is $(node --version)"
elif ! registry_answers; then
	skipped "node" "npm's registry does not answer"
else
	check "node: npm ci" npm_install
	for script in pg knex drizzle sequelize typeorm; do
		[ -d "$work/node/node_modules" ] || break
		(cd "$work/node" && PGOPTIONS="$PGOPTIONS -c enable_seqscan=off" timeout 120 node "$script.js") >"$work/log" 2>"$work/errors"
		status=$?
		cat "$work/log"
		sed 's/^/# /' "$work/errors"
		if grep -q '^not ok' "$work/log"; then
			failed=1
		elif [ "$status" != 0 ]; then
			failed "node: $script.js ends with status $status" </dev/null
		fi
	done
fi
