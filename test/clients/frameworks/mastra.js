// @mastra/pg, which looks for the extension "vector" and its version.
import { PgVector } from '@mastra/pg';
import { assert, check } from './common.js';
import { assertOurs, byIndex, count, dimensions, embeddingOf, metadatas, nearest, texts } from './made_up.js';

const { PGHOST, PGPORT = '5432', PGUSER, PGDATABASE } = process.env;
const store = new PgVector({ id: 'test', host: PGHOST, port: Number(PGPORT), user: PGUSER, password: 'unused', database: PGDATABASE, ssl: false });
const numbers = (found) => found.map((row) => row.metadata.number);

for (const vectorType of ['vector', 'halfvec']) {
	const indexName = `mastra_${vectorType}`;
	await check(`mastra: create an index (${vectorType})`, async () => {
		await store.createIndex({ indexName, dimension: dimensions, metric: 'cosine', vectorType,
			indexConfig: { type: 'hnsw', hnsw: { m: 16, efConstruction: 64 } }, metadataIndexes: ['parity'] });
		await assertOurs();
		const { dimension, metric, type, config } = await store.describeIndex({ indexName });
		assert.deepEqual({ dimension, metric, type, m: config.m }, { dimension: dimensions, metric: 'cosine', type: 'hnsw', m: 16 });
	});

	await check(`mastra: upsert (${vectorType})`, async () => {
		const ids = texts.map((_, i) => `id-${i}`);
		await store.upsert({ indexName, vectors: texts.map((_, i) => embeddingOf(i)), metadata: metadatas, ids });
		await store.upsert({ indexName, vectors: [embeddingOf(3)], metadata: [metadatas[3]], ids: ['id-3'] });
		assert.equal((await store.describeIndex({ indexName })).count, count);
	});

	await check(`mastra: search (${vectorType})`, async () => {
		const found = await byIndex(indexName, () => store.query({ indexName, queryVector: embeddingOf(100), topK: 9 }));
		assert.deepEqual(numbers(found), nearest(100, 9));
		assert.ok(Math.abs(found[0].score - 1) < 1e-3);
	});

	await check(`mastra: search with a filter (${vectorType})`, async () => {
		const found = await byIndex(indexName, () => store.query({ indexName, queryVector: embeddingOf(100), topK: 9, filter: { parity: 'odd' } }));
		assert.deepEqual(numbers(found), nearest(100, 9, (i) => i % 2 === 1));
	});

	await check(`mastra: update and delete (${vectorType})`, async () => {
		await store.deleteVector({ indexName, id: 'id-100' });
		await store.updateVector({ indexName, id: 'id-0', update: { vector: embeddingOf(100), metadata: { ...metadatas[0], number: 1000 } } });
		const found = await byIndex(indexName, () => store.query({ indexName, queryVector: embeddingOf(100), topK: 1 }));
		assert.deepEqual(numbers(found), [1000]);
		await store.deleteIndex({ indexName });
		assert.ok(!(await store.listIndexes()).includes(indexName));
	});
}
await store.disconnect();
