// PGVectorStore of @llamaindex/postgres. It makes no index on the vectors: that is the user's.
import { PGVectorStore } from '@llamaindex/postgres';
import { Document } from '@llamaindex/core/schema';
import { assert, check } from './common.js';
import { assertOurs, byIndex, count, dimensions, embeddingOf, metadatas, model, nearest, texts } from './made_up.js';

const { PGHOST, PGPORT = '5432', PGUSER, PGDATABASE } = process.env;
const tableName = 'llamaindex';
const store = new PGVectorStore({ tableName, dimensions, embedModel: model,
	clientConfig: { host: PGHOST, port: Number(PGPORT), user: PGUSER, database: PGDATABASE } });
const id = (i) => `00000000-0000-0000-0000-${String(i).padStart(12, '0')}`;
const numbers = (found) => found.nodes.map((node) => node.metadata.number);
let db;

await check('llamaindex: create a store and index it', async () => {
	store.setCollection('texts');
	db = await store.client();
	await assertOurs();
	await db.query(`CREATE INDEX ON ${tableName} USING hnsw (embeddings vector_cosine_ops)`);
});

await check('llamaindex: add', async () => {
	const added = await store.add(texts.map((text, i) => new Document({ id_: id(i), text, metadata: metadatas[i], embedding: embeddingOf(i) })));
	assert.equal(added.length, count);
});

await check('llamaindex: search', async () => {
	const found = await byIndex(tableName, () => store.query({ queryEmbedding: embeddingOf(100), similarityTopK: 9, mode: 'default' }));
	assert.deepEqual(numbers(found), nearest(100, 9));
	assert.ok(Math.abs(found.similarities[0] - 1) < 1e-5);
});

await check('llamaindex: search with filters', async () => {
	const filters = { filters: [{ key: 'parity', value: 'odd', operator: '==' }, { key: 'number', value: 100, operator: '>' }], condition: 'and' };
	const found = await byIndex(tableName, () => store.query({ queryEmbedding: embeddingOf(100), similarityTopK: 9, mode: 'default', filters }));
	assert.deepEqual(numbers(found), nearest(100, 9, (i) => i % 2 === 1 && i > 100));
});

await check('llamaindex: delete', async () => {
	await store.delete(id(100));
	const found = await store.query({ queryEmbedding: embeddingOf(100), similarityTopK: 9, mode: 'default' });
	assert.deepEqual(numbers(found), nearest(100, 9, (i) => i !== 100));
	await store.clearCollection();
	assert.deepEqual((await store.query({ queryEmbedding: embeddingOf(100), similarityTopK: 9, mode: 'default' })).nodes, []);
});
await db.close?.();
process.exit();
