// Loads vectors by binary COPY with pg and pg-copy-streams, then builds the index.
//
//   npm install pg pg-copy-streams
//   PGDATABASE=mydb node load.js 100000
//
// Makes the table loaded_by_node (id bigint, embedding vector(8)) with as many rows as asked for. Put your own vectors in the place of
// embeddingOf().
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';

const dimensions = 8;
const rows = Number(process.argv[2] ?? 1000);

function embeddingOf(id) {
	return Array.from({ length: dimensions }, (_, i) => Math.sin(id * (i + 1)));
}

// A row: two fields, each with its length in bytes before it. A vector: dimensions, zero, elements. All in network byte order.
function packRow(id, embedding) {
	const row = Buffer.alloc(2 + 4 + 8 + 4 + 4 + 4 * embedding.length);
	row.writeInt16BE(2, 0);
	row.writeInt32BE(8, 2);
	row.writeBigInt64BE(BigInt(id), 6);
	row.writeInt32BE(4 + 4 * embedding.length, 14);
	row.writeInt16BE(embedding.length, 18);
	row.writeInt16BE(0, 20);
	embedding.forEach((value, i) => row.writeFloatBE(value, 22 + 4 * i));
	return row;
}

function* pieces() {
	yield Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)]);
	for (let first = 1; first <= rows; first += 1000) {
		const ids = Array.from({ length: Math.min(1000, rows - first + 1) }, (_, i) => first + i);
		yield Buffer.concat(ids.map((id) => packRow(id, embeddingOf(id))));
	}
	yield Buffer.from([0xff, 0xff]);
}

const client = new pg.Client();
await client.connect();
await client.query('CREATE TABLE loaded_by_node (id bigint, embedding vector(8))');
const copy = client.query(copyFrom('COPY loaded_by_node (id, embedding) FROM STDIN (FORMAT binary)'));
await pipeline(Readable.from(pieces()), copy);
console.log(copy.rowCount, 'rows');
await client.query('CREATE INDEX ON loaded_by_node USING hnsw (embedding vector_l2_ops)');
await client.end();
