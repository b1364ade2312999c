// Sequelize with pgvector's types.
import Sequelize from 'sequelize';
import pgvector from 'pgvector/sequelize';
import { SparseVector } from 'pgvector';
import { assert, assertOrder, bitQuery, bits, check, query, vectors } from './common.js';

const { DataTypes } = Sequelize;
pgvector.registerTypes(Sequelize);
const sequelize = new Sequelize({
	dialect: 'postgres', logging: false, host: process.env.PGHOST, port: process.env.PGPORT,
	username: process.env.PGUSER, database: process.env.PGDATABASE,
});

const index = (field, operator) => ({ name: `sequelize_${field}_${operator}`, fields: [field], using: 'hnsw', operator });
const Item = sequelize.define('Item', {
	v: DataTypes.VECTOR(3),
	h: DataTypes.HALFVEC(3),
	s: DataTypes.SPARSEVEC(3),
	b: 'BIT(3)',
}, {
	tableName: 'sequelize_items',
	timestamps: false,
	indexes: [
		index('v', 'vector_l2_ops'), index('v', 'vector_ip_ops'), index('v', 'vector_cosine_ops'), index('v', 'vector_l1_ops'),
		index('h', 'halfvec_l2_ops'), index('s', 'sparsevec_l2_ops'), index('b', 'bit_hamming_ops'), index('b', 'bit_jaccard_ops'),
	],
});

await check('sequelize: schema, insert and read back', async () => {
	await Item.sync({ force: true });
	for (const [i, v] of vectors.entries()) {
		await Item.create({ v, h: v, s: new SparseVector(v), b: bits[i] });
	}
	const found = await Item.findAll({ order: ['id'] });
	for (const [i, v] of vectors.entries()) {
		assert.deepEqual(found[i].v, v);
		assert.deepEqual(found[i].h, v);
		assert.deepEqual(found[i].s.toArray(), v);
		assert.equal(found[i].b, bits[i]);
	}
});

const distances = {
	l2Distance: ['<->', query], maxInnerProduct: ['<#>', query], cosineDistance: ['<=>', query], l1Distance: ['<+>', query],
	hammingDistance: ['<~>', bitQuery], jaccardDistance: ['<%>', bitQuery],
};
for (const [name, [operator, value]] of Object.entries(distances)) {
	await check(`sequelize: ${name}`, async () => {
		const column = value === bitQuery ? 'b' : 'v';
		assertOrder(await Item.findAll({ order: pgvector[name](column, value, sequelize), limit: 5 }), operator);
	});
}

await check('sequelize: halfvec and sparsevec', async () => {
	assertOrder(await Item.findAll({ order: pgvector.l2Distance('h', query, sequelize), limit: 5 }), '<->');
	assertOrder(await Item.findAll({ order: pgvector.l2Distance('s', new SparseVector(query), sequelize), limit: 5 }), '<->');
});

await Item.drop();
await sequelize.close();
