// drizzle-orm, which has the types and distances itself.
import { asc, cosineDistance, desc, gt, hammingDistance, innerProduct, jaccardDistance, l1Distance, l2Distance, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { bit, halfvec, pgTable, serial, sparsevec, vector } from 'drizzle-orm/pg-core';
import pg from 'pg';
import { assert, assertOrder, bitQuery, bits, check, query, vectors } from './common.js';

const client = new pg.Client();
await client.connect();
const db = drizzle(client);

const items = pgTable('drizzle_items', {
	id: serial('id').primaryKey(),
	v: vector('v', { dimensions: 3 }),
	h: halfvec('h', { dimensions: 3 }),
	s: sparsevec('s', { dimensions: 3 }),
	b: bit('b', { dimensions: 3 }),
});

await check('drizzle: insert and read back', async () => {
	await db.execute(sql`CREATE TABLE drizzle_items
		(id serial PRIMARY KEY, v vector(3), h halfvec(3), s sparsevec(3), b bit(3))`);
	for (const index of ['v vector_l2_ops', 'v vector_ip_ops', 'v vector_cosine_ops', 'v vector_l1_ops', 'h halfvec_l2_ops',
		's sparsevec_l2_ops', 'b bit_hamming_ops', 'b bit_jaccard_ops']) {
		await db.execute(sql.raw(`CREATE INDEX ON drizzle_items USING hnsw (${index})`));
	}
	const text = vectors.map((v) => `{${v.map((x, i) => `${i + 1}:${x}`).join(',')}}/3`);
	await db.insert(items).values(vectors.map((v, i) => ({ v, h: v, s: text[i], b: bits[i] })));
	const rows = await db.select().from(items).orderBy(asc(items.id));
	assert.deepEqual(rows, vectors.map((v, i) => ({ id: i + 1, v, h: v, s: text[i], b: bits[i] })));
});

const distances = { '<->': l2Distance, '<#>': innerProduct, '<=>': cosineDistance, '<+>': l1Distance, '<~>': hammingDistance, '<%>': jaccardDistance };
for (const [operator, distance] of Object.entries(distances)) {
	await check(`drizzle: ${distance.name}`, async () => {
		const onBits = distance === hammingDistance || distance === jaccardDistance;
		const by = onBits ? distance(items.b, bitQuery) : distance(items.v, query);
		assertOrder(await db.select().from(items).orderBy(by).limit(5), operator);
	});
}

// As its guide to similarity search has it; each mention of the query is a parameter of its own.
await check('drizzle: by similarity', async () => {
	const similarity = sql`1 - (${cosineDistance(items.v, query)})`;
	const find = db.select({ id: items.id, similarity }).from(items).where(gt(similarity, -0.5))
		.orderBy((row) => desc(row.similarity)).limit(4);
	assertOrder(await find, '<=>');
	const plan = (await db.execute(sql`EXPLAIN ${find.getSQL()}`)).rows.map((row) => row['QUERY PLAN']).join('\n');
	assert.match(plan, /Index Scan/);
	assert.doesNotMatch(plan, /Sort/);
});

await check('drizzle: halfvec and sparsevec', async () => {
	assertOrder(await db.select().from(items).orderBy(l2Distance(items.h, query)).limit(5), '<->');
	assertOrder(await db.select().from(items).orderBy(l2Distance(items.s, '{1:1,2:1,3:1}/3')).limit(5), '<->');
});

await db.execute(sql`DROP TABLE IF EXISTS drizzle_items`);
await client.end();
