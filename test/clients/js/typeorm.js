// TypeORM, which has the types vector and halfvec itself, and creates the extension "vector" when it connects, unless told not to.
import 'reflect-metadata';
import { DataSource, EntitySchema } from 'typeorm';
import { assert, assertOrder, bitQuery, bits, check, extension, query, vectors } from './common.js';

const Item = new EntitySchema({
	name: 'Item',
	tableName: 'typeorm_items',
	columns: {
		id: { type: Number, primary: true, generated: true },
		v: { type: 'vector', length: 3 },
		h: { type: 'halfvec', length: 3 },
		b: { type: 'bit', length: '3' },
	},
});
const source = new DataSource({
	type: 'postgres', host: process.env.PGHOST, port: Number(process.env.PGPORT), username: process.env.PGUSER,
	database: process.env.PGDATABASE, entities: [Item], logging: false, installExtensions: extension === 'vector',
});

await check('typeorm: schema', async () => {
	await source.initialize();
	await source.synchronize(true);
	for (const index of ['v vector_l2_ops', 'v vector_ip_ops', 'v vector_cosine_ops', 'v vector_l1_ops', 'h halfvec_l2_ops',
		'b bit_hamming_ops', 'b bit_jaccard_ops']) {
		await source.query(`CREATE INDEX ON typeorm_items USING hnsw (${index})`);
	}
});
const items = source.getRepository(Item);

await check('typeorm: insert and read back', async () => {
	await items.save(vectors.map((v, i) => ({ v, h: v, b: bits[i] })));
	assert.deepEqual((await items.find({ order: { id: 'ASC' } })).map(({ v, h, b }) => ({ v, h, b })),
		vectors.map((v, i) => ({ v, h: v, b: bits[i] })));
});

for (const [operator, column, value] of [['<->', 'v', query], ['<#>', 'v', query], ['<=>', 'v', query], ['<+>', 'v', query],
	['<->', 'h', query], ['<~>', 'b', bitQuery], ['<%>', 'b', bitQuery]]) {
	await check(`typeorm: ${column} ${operator}`, async () => {
		const text = Array.isArray(value) ? JSON.stringify(value) : value;
		const found = await items.createQueryBuilder('item').orderBy(`item.${column} ${operator} :value`)
			.setParameter('value', text).limit(5).getMany();
		assertOrder(found, operator);
	});
}

await check('typeorm: the schema it reads is the one it made', async () => {
	const upgrade = await source.driver.createSchemaBuilder().log();
	assert.deepEqual(upgrade.upQueries.map((q) => q.query).filter((q) => !q.startsWith('DROP INDEX')), []);
});

await source.query('DROP TABLE IF EXISTS typeorm_items');
await source.destroy();
