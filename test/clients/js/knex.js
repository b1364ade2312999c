// knex with pgvector's column types and distances.
import knexModule from 'knex';
import pgvector from 'pgvector/knex';
import { SparseVector } from 'pgvector';
import { assert, assertOrder, bitQuery, bits, check, query, vectors } from './common.js';

const knex = knexModule({ client: 'pg', connection: {} });

await check('knex: schema and insert', async () => {
	await knex.schema.createTable('knex_items', (table) => {
		table.increments('id');
		table.vector('v', 3);
		table.halfvec('h', { dimensions: 3 });
		table.sparsevec('s', 3);
		table.specificType('b', 'bit(3)');
	});
	await knex.schema.alterTable('knex_items', (table) => {
		table.index([knex.raw('v vector_l2_ops')], 'knex_items_l2_idx', 'hnsw');
		table.index([knex.raw('v vector_ip_ops')], 'knex_items_ip_idx', 'hnsw');
		table.index([knex.raw('v vector_cosine_ops')], 'knex_items_cosine_idx', 'hnsw');
		table.index([knex.raw('v vector_l1_ops')], 'knex_items_l1_idx', 'hnsw');
		table.index([knex.raw('h halfvec_l2_ops')], 'knex_items_h_idx', 'hnsw');
		table.index([knex.raw('s sparsevec_l2_ops')], 'knex_items_s_idx', 'hnsw');
		table.index([knex.raw('b bit_hamming_ops')], 'knex_items_hamming_idx', 'hnsw');
		table.index([knex.raw('b bit_jaccard_ops')], 'knex_items_jaccard_idx', 'hnsw');
	});
	await knex('knex_items').insert(vectors.map((v, i) => (
		{ v: pgvector.toSql(v), h: pgvector.toSql(v), s: new SparseVector(v).toPostgres(), b: bits[i] })));
});

await check('knex: read back', async () => {
	const row = await knex('knex_items').where({ id: 2 }).first();
	assert.deepEqual(pgvector.fromSql(row.v), vectors[1]);
	assert.deepEqual(pgvector.fromSql(row.h), vectors[1]);
	assert.deepEqual(new SparseVector(row.s).toArray(), vectors[1]);
});

const distances = {
	l2Distance: ['<->', query], maxInnerProduct: ['<#>', query], cosineDistance: ['<=>', query], l1Distance: ['<+>', query],
	hammingDistance: ['<~>', bitQuery], jaccardDistance: ['<%>', bitQuery],
};
for (const [method, [operator, value]] of Object.entries(distances)) {
	await check(`knex: ${method}`, async () => {
		const column = value === bitQuery ? 'b' : 'v';
		assertOrder(await knex('knex_items').orderBy(knex[method](column, value)).limit(5), operator);
	});
}

await check('knex: halfvec and sparsevec', async () => {
	assertOrder(await knex('knex_items').orderBy(knex.l2Distance('h', query)).limit(5), '<->');
	assertOrder(await knex('knex_items').orderBy(knex.raw('s <-> ?', [new SparseVector(query).toPostgres()])).limit(5), '<->');
});

await knex.schema.dropTableIfExists('knex_items');
await knex.destroy();
