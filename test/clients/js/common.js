// What the client scripts share: the rows, the answers to expect, and the lines that report.
import assert from 'node:assert/strict';

// Rows 1 to 3; asked for are the nearest to `query` (bits: `bitQuery`).
export const vectors = [[1, 1, 1], [2, 2, 3], [1, 1, 2]];
export const bits = ['000', '101', '111'];
export const query = [1, 1, 1];
export const bitQuery = '101';

// The ids in order of distance, by operator; no two rows are equally far.
export const order = {
	'<->': [1, 3, 2],
	'<#>': [2, 3, 1],
	'<=>': [1, 2, 3],
	'<+>': [1, 3, 2],
	'<~>': [2, 3, 1],
	'<%>': [2, 3, 1],
};

export const vectorClasses = { l2: '<->', ip: '<#>', cosine: '<=>', l1: '<+>' };
export const bitClasses = { hamming: '<~>', jaccard: '<%>' };

export { assert };

// Runs one test; a line says how it went.
export async function check(name, test) {
	try {
		await test();
		console.log(`ok ${name}`);
	} catch (error) {
		console.log(`not ok ${name}`);
		console.error(error);
	}
}

// The rows of an answer are those of the operator, in order.
export function assertOrder(rows, operator) {
	assert.deepEqual(rows.map((row) => Number(row.id)), order[operator], operator);
}

// The name under which the extension is tested: hnswc or vector.
export const extension = process.env.HNSWC_EXTENSION ?? 'hnswc';
