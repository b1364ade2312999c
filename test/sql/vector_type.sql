-- text in and out

SELECT '[1,2,3]'::vector;
SELECT '[-1,-2,-3]'::vector;
SELECT '[1.,.5,+3,-0,1e3,1E-2,2.5e+1]'::vector;
SELECT E' \t[ 1 ,\n 2\t, 3 ] \r\n'::vector;
SELECT '[0.1,1e-05,16777216,123456.789,3.1415927]'::vector;
SELECT '[1.23456789012345678901234567890,0.000000000000000000000000000000000000000000001]'::vector;
SELECT '[3.4028235e38,-3.4028235e38,1.17549435e-38]'::vector;
-- subnormal numbers, and what is nearer to zero than to the smallest of them
SELECT '[1e-45,7.1e-46,7e-46,-1e-50,1e-400]'::vector;
SELECT '[0x10,0x1p-1]'::vector;

-- text that is refused

SELECT ''::vector;
SELECT ' '::vector;
SELECT '1,2,3'::vector;
SELECT '{1,2,3}'::vector;
SELECT '['::vector;
SELECT '[ '::vector;
SELECT '[1'::vector;
SELECT '[1,'::vector;
SELECT '[,'::vector;
SELECT '[,]'::vector;
SELECT '[1,]'::vector;
SELECT '[1,,2]'::vector;
SELECT '[1 2]'::vector;
SELECT '[1;2]'::vector;
SELECT '[1e]'::vector;
SELECT '[1e+]'::vector;
SELECT '[.]'::vector;
SELECT '[-]'::vector;
SELECT '[1.2.3]'::vector;
SELECT '[hello]'::vector;
SELECT '[[1]]'::vector;
SELECT '[1,2]3'::vector;
SELECT '[1,2],'::vector;
SELECT '[]'::vector;
SELECT '[ ]'::vector;
SELECT '[NaN]'::vector;
SELECT '[1,nan]'::vector;
SELECT '[Infinity]'::vector;
SELECT '[-inf]'::vector;
SELECT '[3.4028236e38]'::vector;
SELECT '[1,-4e38,2]'::vector;
SELECT '[1e400]'::vector;

-- type modifier

SELECT '[1,2,3]'::vector(3);
SELECT '[1,2,3]'::vector(2);
SELECT '[1,2,3]'::vector(4);
SELECT '[1]'::vector(0);
SELECT '[1]'::vector(-1);
SELECT '[1]'::vector(16000);
SELECT '[1]'::vector(16001);
SELECT '[1]'::vector(3, 2);
SELECT '[1]'::vector('a');
SELECT format_type('vector'::regtype, 3);
SELECT unnest('{"[1,2,3]","[4,5,6]"}'::vector(3)[]);
SELECT '{"[1,2,3]"}'::vector(2)[];

-- SQLSTATEs

\set VERBOSITY sqlstate
SELECT '[1'::vector;
SELECT '[]'::vector;
SELECT '[nan]'::vector;
SELECT '[inf]'::vector;
SELECT '[1e39]'::vector;
SELECT '[1,2,3]'::vector(2);
SELECT '[1]'::vector(16001);
SELECT ('[' || repeat('1,', 16000) || '1]')::vector;
\set VERBOSITY default

-- the most dimensions there may be, stored out of line

SELECT ('[' || repeat('1,', 16000) || '1]')::vector;
CREATE TABLE vector_big (id int PRIMARY KEY, v vector(16000));
INSERT INTO vector_big SELECT k, array_agg(i * k)::vector FROM generate_series(1, 16000) i, generate_series(1, 3) k GROUP BY k;
SELECT attstorage FROM pg_attribute WHERE attrelid = 'vector_big'::regclass AND attname = 'v';
SELECT pg_relation_size(reltoastrelid) > 3 * 64000 AS out_of_line FROM pg_class WHERE oid = 'vector_big'::regclass;
SELECT id, vector_dims(v), pg_column_size(v), subvector(v, 15998, 5), v = v::text::vector AS text_round_trip FROM vector_big ORDER BY id;
SELECT id, v = (SELECT array_agg(i * id)::vector FROM generate_series(1, 16000) i) AS same FROM vector_big ORDER BY id;
ALTER TABLE vector_big ALTER v SET STORAGE EXTENDED;
INSERT INTO vector_big SELECT 4, array_agg(1)::vector FROM generate_series(1, 16000);
SELECT pg_column_size(v) < 16000 AS compressed, vector_dims(v), vector_norm(v) FROM vector_big WHERE id = 4;
INSERT INTO vector_big VALUES (5, '[1]');
DROP TABLE vector_big;

-- COPY, text and binary

CREATE TABLE vector_copy (id serial, v vector(3));
INSERT INTO vector_copy (v) VALUES ('[1,2,3]'), ('[-0.1,1e-45,3.4028235e38]'), (NULL), ('[-0,0,0.33333334]');
COPY vector_copy (v) TO STDOUT;
COPY vector_copy (v) FROM STDIN;
[1e-3,2,3]
\N
\.
COPY vector_copy (v) FROM STDIN;
[1,2]
\.
CREATE TABLE vector_copied (LIKE vector_copy);
\copy vector_copy to 'results/vector_type.bin' with (format binary)
\copy vector_copied from 'results/vector_type.bin' with (format binary)
SELECT id, v FROM vector_copied ORDER BY id;
SELECT count(*) FROM vector_copy a FULL JOIN vector_copied b USING (id) WHERE vector_send(a.v) IS DISTINCT FROM vector_send(b.v);

SELECT vector_send('[1,-2.5]');

-- binary that is refused; bytea is sent as it is
CREATE TABLE vector_received (v vector);
\copy (SELECT '\x000200003f800000c0200000'::bytea) to 'results/vector_type.bin' with (format binary)
\copy vector_received from 'results/vector_type.bin' with (format binary)
SELECT * FROM vector_received;
\copy vector_copied (v) from 'results/vector_type.bin' with (format binary)
\copy (SELECT '\x000100013f800000'::bytea) to 'results/vector_type.bin' with (format binary)
\copy vector_received from 'results/vector_type.bin' with (format binary)
\copy (SELECT '\x00000000'::bytea) to 'results/vector_type.bin' with (format binary)
\copy vector_received from 'results/vector_type.bin' with (format binary)
\copy (SELECT '\xffff0000'::bytea) to 'results/vector_type.bin' with (format binary)
\copy vector_received from 'results/vector_type.bin' with (format binary)
\copy (SELECT '\x7fff0000'::bytea) to 'results/vector_type.bin' with (format binary)
\copy vector_received from 'results/vector_type.bin' with (format binary)
\copy (SELECT '\x000200003f800000'::bytea) to 'results/vector_type.bin' with (format binary)
\copy vector_received from 'results/vector_type.bin' with (format binary)
\copy (SELECT '\x000100003f80000000'::bytea) to 'results/vector_type.bin' with (format binary)
\copy vector_received from 'results/vector_type.bin' with (format binary)
\copy (SELECT '\x000100007fc00000'::bytea) to 'results/vector_type.bin' with (format binary)
\copy vector_received from 'results/vector_type.bin' with (format binary)
\copy (SELECT '\x00010000ff800000'::bytea) to 'results/vector_type.bin' with (format binary)
\copy vector_received from 'results/vector_type.bin' with (format binary)
SELECT count(*) FROM vector_received;

DROP TABLE vector_copy, vector_copied, vector_received;
