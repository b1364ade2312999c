// node-postgres with pgvector's types.
import pg from 'pg';
import pgvector from 'pgvector/pg';
import { SparseVector } from 'pgvector';
import { assert, assertOrder, bitClasses, bitQuery, bits, check, extension, query, vectorClasses, vectors } from './common.js';

const client = new pg.Client();
await client.connect();

await check('pg: extension and types', async () => {
	await client.query(`CREATE EXTENSION IF NOT EXISTS ${extension}`);
	await pgvector.registerTypes(client);
});

await check('pg: insert and read back', async () => {
	await client.query('CREATE TABLE pg_items (id serial PRIMARY KEY, v vector(3), h halfvec(3), s sparsevec(3), b bit(3))');
	for (const [i, v] of vectors.entries()) {
		await client.query('INSERT INTO pg_items (v, h, s, b) VALUES ($1, $2, $3, $4)',
			[pgvector.toSql(v), pgvector.toSql(v), new SparseVector(v).toPostgres(), bits[i]]);
	}
	await client.query('INSERT INTO pg_items (id) VALUES (100)');
	const { rows } = await client.query('SELECT * FROM pg_items ORDER BY id');
	for (const [i, v] of vectors.entries()) {
		assert.deepEqual(rows[i].v, v);
		assert.deepEqual(rows[i].h, v);
		assert.deepEqual(rows[i].s.toArray(), v);
		assert.equal(rows[i].b, bits[i]);
	}
	assert.equal(rows[3].v, null);
	await client.query('DELETE FROM pg_items WHERE id = 100');
});

async function checkIndex(column, opclass, operator, value) {
	await check(`pg: ${column} ${operator} by ${opclass}`, async () => {
		await client.query(`CREATE INDEX pg_items_idx ON pg_items USING hnsw (${column} ${opclass})`);
		const nearest = `SELECT id FROM pg_items ORDER BY ${column} ${operator} $1 LIMIT 5`;
		const plan = await client.query(`EXPLAIN ${nearest}`, [value]);
		assert.match(plan.rows.map((row) => row['QUERY PLAN']).join('\n'), /Index Scan using pg_items_idx/);
		assertOrder((await client.query(nearest, [value])).rows, operator);
		// prepared by name, as poolers and drivers do
		const prepared = { name: `nearest ${column} ${opclass}`, text: nearest, values: [value] };
		for (let i = 0; i < 7; i++) {
			assertOrder((await client.query(prepared)).rows, operator);
		}
		await client.query('DROP INDEX pg_items_idx');
	});
}

for (const [metric, operator] of Object.entries(vectorClasses)) {
	await checkIndex('v', `vector_${metric}_ops`, operator, pgvector.toSql(query));
	await checkIndex('h', `halfvec_${metric}_ops`, operator, pgvector.toSql(query));
	await checkIndex('s', `sparsevec_${metric}_ops`, operator, new SparseVector(query).toPostgres());
}
for (const [metric, operator] of Object.entries(bitClasses)) {
	await checkIndex('b', `bit_${metric}_ops`, operator, bitQuery);
}

await check('pg: aggregates and arrays', async () => {
	const { rows } = await client.query('SELECT avg(v) AS mean, array_agg(v ORDER BY id) AS "all", $1::real[]::vector AS cast FROM pg_items', [query]);
	assert.deepEqual(rows[0].mean, [4 / 3, 4 / 3, 2].map(Math.fround).map((x) => Number(x.toPrecision(8))));
	assert.equal(rows[0].all, '{"[1,1,1]","[2,2,3]","[1,1,2]"}');
	assert.deepEqual(rows[0].cast, query);
});

await check('pg: errors have their class and words', async () => {
	await assert.rejects(client.query('INSERT INTO pg_items (v) VALUES ($1)', ['[1,2]']),
		{ code: '22000', message: 'expected 3 dimensions, not 2' });
	await assert.rejects(client.query('SELECT $1::vector', ['[1,']), { code: '22P02' });
	await assert.rejects(client.query('SELECT id FROM pg_items ORDER BY v <-> $1 LIMIT 1', ['[1,2]']),
		{ code: '22000', message: 'different vector dimensions 3 and 2' });
});

await client.query('DROP TABLE IF EXISTS pg_items');
await client.end();
