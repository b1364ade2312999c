// Texts with made-up embeddings, the answers to expect, and whether an index was used. No model is needed: a text's embedding
// follows from its number.
import pg from 'pg';
import { assert } from './common.js';

export const dimensions = 8;
export const count = 300;

// Numbers that look random, in steps that half precision has, too.
export function embeddingOf(number) {
	let state = number * 2654435761 % 2 ** 32;
	return Array.from({ length: dimensions }, () => {
		state = (state * 1664525 + 1013904223) % 2 ** 32;
		return Math.floor(state / 2 ** 24) / 128 - 1;
	});
}

export const texts = Array.from({ length: count }, (_, i) => `text ${i}`);
export const metadatas = texts.map((_, i) => ({ number: i, parity: i % 2 ? 'odd' : 'even' }));

// What LangChain and LlamaIndex call a model.
export const model = {
	embedDocuments: async (list) => list.map((text) => embeddingOf(Number(text.split(' ')[1]))),
	embedQuery: async (text) => embeddingOf(Number(text.split(' ')[1])),
};

function cosineDistance(a, b) {
	const dot = (x, y) => x.reduce((sum, value, i) => sum + value * y[i], 0);
	return 1 - dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

// The numbers of the texts that are nearest to text `number`, among those that pass, exactly.
export function nearest(number, limit, passes = () => true) {
	const target = embeddingOf(number);
	return texts.map((_, i) => i).filter(passes)
		.sort((a, b) => cosineDistance(target, embeddingOf(a)) - cosineDistance(target, embeddingOf(b))).slice(0, limit);
}

// The extension that the framework created is the one that the server calls "vector" and that has this library.
export async function assertOurs() {
	const client = new pg.Client();
	await client.connect();
	const { rows } = await client.query(`SELECT DISTINCT extname, probin FROM pg_extension e JOIN pg_depend d
		ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
		WHERE extname = 'vector' AND probin IS NOT NULL`);
	await client.end();
	assert.deepEqual(rows, [{ extname: 'vector', probin: '$libdir/hnswc' }]);
}

// Runs a search; the hnsw indexes of a table have been scanned once more, or oftener, when it is done. Counts are published by a session
// when it has been idle for a second.
export async function byIndex(table, search) {
	const client = new pg.Client();
	await client.connect();
	const scans = async () => Number((await client.query(`SELECT coalesce(sum(idx_scan), 0) AS scans FROM pg_stat_user_indexes s
		JOIN pg_class c ON c.oid = indexrelid JOIN pg_am a ON a.oid = relam WHERE amname = 'hnsw' AND s.relname = $1`, [table])).rows[0].scans);
	try {
		const before = await scans();
		const result = await search();
		for (let waited = 0; await scans() <= before; waited += 100) {
			assert.ok(waited < 20000, 'the index was not used');
			await new Promise((resolve) => setTimeout(resolve, 100));
		}
		return result;
	} finally {
		await client.end();
	}
}
