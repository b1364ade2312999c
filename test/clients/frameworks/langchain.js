// PGVectorStore of @langchain/community.
import { PGVectorStore } from '@langchain/community/vectorstores/pgvector';
import { Document } from '@langchain/core/documents';
import { assert, check } from './common.js';
import { assertOurs, byIndex, count, dimensions, metadatas, model, nearest, texts } from './made_up.js';

const { PGHOST, PGPORT = '5432', PGUSER, PGDATABASE } = process.env;
const tableName = 'langchain';
const numbers = (found) => found.map((document) => document.metadata.number);
let store;
let ids;

await check('langchain: create a store', async () => {
	store = await PGVectorStore.initialize(model, { tableName, dimensions, distanceStrategy: 'cosine',
		postgresConnectionOptions: { host: PGHOST, port: Number(PGPORT), user: PGUSER, database: PGDATABASE } });
	await assertOurs();
});

await check('langchain: add and index', async () => {
	const documents = texts.map((pageContent, i) => new Document({ pageContent, metadata: metadatas[i] }));
	await store.addDocuments(documents);
	await store.createHnswIndex({ dimensions, m: 16, efConstruction: 64 });
	const { rows } = await store.pool.query(`SELECT id, (metadata ->> 'number')::int AS number FROM ${tableName} ORDER BY number`);
	ids = rows.map((row) => row.id);
	assert.equal(ids.length, count);
	const index = await store.pool.query("SELECT indexdef FROM pg_indexes WHERE tablename = $1 AND indexdef LIKE '%USING hnsw%'", [tableName]);
	assert.equal(index.rowCount, 1);
});

await check('langchain: search', async () => {
	const found = await byIndex(tableName, () => store.similaritySearch('text 100', 9));
	assert.deepEqual(numbers(found), nearest(100, 9));
});

await check('langchain: search with a filter', async () => {
	const found = await byIndex(tableName, () => store.similaritySearchWithScore('text 100', 9, { parity: 'odd' }));
	assert.deepEqual(numbers(found.map(([document]) => document)), nearest(100, 9, (i) => i % 2 === 1));
	assert.ok(found.every(([, score], i) => i === 0 || score >= found[i - 1][1]));
});

await check('langchain: search for diverse documents', async () => {
	const found = await store.maxMarginalRelevanceSearch('text 100', { k: 3, fetchK: 20 });
	assert.equal(found[0].metadata.number, 100);
	assert.equal(new Set(numbers(found)).size, 3);
});

await check('langchain: delete', async () => {
	await store.delete({ ids: [ids[100]] });
	await store.delete({ filter: { parity: 'odd' } });
	assert.deepEqual(numbers(await store.similaritySearch('text 100', 9)), nearest(100, 9, (i) => i % 2 === 0 && i !== 100));
});
await store.end();
