-- malformed binary input: bytes that are written as a bytea are read as a sparsevec or halfvec
CREATE TABLE binary_raw (b bytea);
CREATE TABLE binary_sparse (v sparsevec);
CREATE TABLE binary_half (v halfvec);
CREATE FUNCTION words(VARIADIC int[]) RETURNS bytea LANGUAGE sql AS
$$ SELECT string_agg(int4send(w), '' ORDER BY i) FROM unnest($1) WITH ORDINALITY u(w, i) $$;
-- well-formed
TRUNCATE binary_raw; INSERT INTO binary_raw VALUES (words(5, 2, 0, 0, 2, 1056964608, 1073741824));
\copy binary_raw to 'results/sparsevec_binary.bin' with (format binary)
\copy binary_sparse from 'results/sparsevec_binary.bin' with (format binary)
-- no elements
TRUNCATE binary_raw; INSERT INTO binary_raw VALUES (words(5, 0, 0));
\copy binary_raw to 'results/sparsevec_binary.bin' with (format binary)
\copy binary_sparse from 'results/sparsevec_binary.bin' with (format binary)
-- no or too many dimensions
TRUNCATE binary_raw; INSERT INTO binary_raw VALUES (words(0, 0, 0));
\copy binary_raw to 'results/sparsevec_binary.bin' with (format binary)
\copy binary_sparse from 'results/sparsevec_binary.bin' with (format binary)
TRUNCATE binary_raw; INSERT INTO binary_raw VALUES (words(-1, 0, 0));
\copy binary_raw to 'results/sparsevec_binary.bin' with (format binary)
\copy binary_sparse from 'results/sparsevec_binary.bin' with (format binary)
TRUNCATE binary_raw; INSERT INTO binary_raw VALUES (words(1000000001, 0, 0));
\copy binary_raw to 'results/sparsevec_binary.bin' with (format binary)
\copy binary_sparse from 'results/sparsevec_binary.bin' with (format binary)
-- numbers of elements
TRUNCATE binary_raw; INSERT INTO binary_raw VALUES (words(5, -1, 0));
\copy binary_raw to 'results/sparsevec_binary.bin' with (format binary)
\copy binary_sparse from 'results/sparsevec_binary.bin' with (format binary)
TRUNCATE binary_raw; INSERT INTO binary_raw VALUES (words(5, 6, 0));
\copy binary_raw to 'results/sparsevec_binary.bin' with (format binary)
\copy binary_sparse from 'results/sparsevec_binary.bin' with (format binary)
TRUNCATE binary_raw; INSERT INTO binary_raw VALUES (words(20000, 16001, 0));
\copy binary_raw to 'results/sparsevec_binary.bin' with (format binary)
\copy binary_sparse from 'results/sparsevec_binary.bin' with (format binary)
-- the third field
TRUNCATE binary_raw; INSERT INTO binary_raw VALUES (words(5, 0, 1));
\copy binary_raw to 'results/sparsevec_binary.bin' with (format binary)
\copy binary_sparse from 'results/sparsevec_binary.bin' with (format binary)
-- indices
TRUNCATE binary_raw; INSERT INTO binary_raw VALUES (words(5, 1, 0, 5, 1056964608));
\copy binary_raw to 'results/sparsevec_binary.bin' with (format binary)
\copy binary_sparse from 'results/sparsevec_binary.bin' with (format binary)
TRUNCATE binary_raw; INSERT INTO binary_raw VALUES (words(5, 1, 0, -1, 1056964608));
\copy binary_raw to 'results/sparsevec_binary.bin' with (format binary)
\copy binary_sparse from 'results/sparsevec_binary.bin' with (format binary)
TRUNCATE binary_raw; INSERT INTO binary_raw VALUES (words(5, 2, 0, 2, 1, 1056964608, 1056964608));
\copy binary_raw to 'results/sparsevec_binary.bin' with (format binary)
\copy binary_sparse from 'results/sparsevec_binary.bin' with (format binary)
TRUNCATE binary_raw; INSERT INTO binary_raw VALUES (words(5, 2, 0, 2, 2, 1056964608, 1056964608));
\copy binary_raw to 'results/sparsevec_binary.bin' with (format binary)
\copy binary_sparse from 'results/sparsevec_binary.bin' with (format binary)
-- values
TRUNCATE binary_raw; INSERT INTO binary_raw VALUES (words(5, 1, 0, 2, 0));
\copy binary_raw to 'results/sparsevec_binary.bin' with (format binary)
\copy binary_sparse from 'results/sparsevec_binary.bin' with (format binary)
TRUNCATE binary_raw; INSERT INTO binary_raw VALUES (words(5, 1, 0, 2, 2143289344));
\copy binary_raw to 'results/sparsevec_binary.bin' with (format binary)
\copy binary_sparse from 'results/sparsevec_binary.bin' with (format binary)
TRUNCATE binary_raw; INSERT INTO binary_raw VALUES (words(5, 1, 0, 2, 2139095040));
\copy binary_raw to 'results/sparsevec_binary.bin' with (format binary)
\copy binary_sparse from 'results/sparsevec_binary.bin' with (format binary)
-- too few bytes, too many
TRUNCATE binary_raw; INSERT INTO binary_raw VALUES (words(5, 1, 0, 2));
\copy binary_raw to 'results/sparsevec_binary.bin' with (format binary)
\copy binary_sparse from 'results/sparsevec_binary.bin' with (format binary)
TRUNCATE binary_raw; INSERT INTO binary_raw VALUES (words(5, 1));
\copy binary_raw to 'results/sparsevec_binary.bin' with (format binary)
\copy binary_sparse from 'results/sparsevec_binary.bin' with (format binary)
TRUNCATE binary_raw; INSERT INTO binary_raw VALUES (words(5, 1, 0, 2, 1056964608, 1056964608));
\copy binary_raw to 'results/sparsevec_binary.bin' with (format binary)
\copy binary_sparse from 'results/sparsevec_binary.bin' with (format binary)
SELECT * FROM binary_sparse;

-- halfvec
TRUNCATE binary_raw; INSERT INTO binary_raw VALUES ('\x000200003c00c000');
\copy binary_raw to 'results/sparsevec_binary.bin' with (format binary)
\copy binary_half from 'results/sparsevec_binary.bin' with (format binary)
TRUNCATE binary_raw; INSERT INTO binary_raw VALUES ('\x000000000000');
\copy binary_raw to 'results/sparsevec_binary.bin' with (format binary)
\copy binary_half from 'results/sparsevec_binary.bin' with (format binary)
TRUNCATE binary_raw; INSERT INTO binary_raw VALUES ('\xffff0000');
\copy binary_raw to 'results/sparsevec_binary.bin' with (format binary)
\copy binary_half from 'results/sparsevec_binary.bin' with (format binary)
TRUNCATE binary_raw; INSERT INTO binary_raw VALUES ('\x000100013c00');
\copy binary_raw to 'results/sparsevec_binary.bin' with (format binary)
\copy binary_half from 'results/sparsevec_binary.bin' with (format binary)
TRUNCATE binary_raw; INSERT INTO binary_raw VALUES ('\x000100007e00');
\copy binary_raw to 'results/sparsevec_binary.bin' with (format binary)
\copy binary_half from 'results/sparsevec_binary.bin' with (format binary)
TRUNCATE binary_raw; INSERT INTO binary_raw VALUES ('\x000100007c00');
\copy binary_raw to 'results/sparsevec_binary.bin' with (format binary)
\copy binary_half from 'results/sparsevec_binary.bin' with (format binary)
TRUNCATE binary_raw; INSERT INTO binary_raw VALUES ('\x00010000fc00');
\copy binary_raw to 'results/sparsevec_binary.bin' with (format binary)
\copy binary_half from 'results/sparsevec_binary.bin' with (format binary)
TRUNCATE binary_raw; INSERT INTO binary_raw VALUES ('\x000200003c00');
\copy binary_raw to 'results/sparsevec_binary.bin' with (format binary)
\copy binary_half from 'results/sparsevec_binary.bin' with (format binary)
TRUNCATE binary_raw; INSERT INTO binary_raw VALUES ('\x3e810000');
\copy binary_raw to 'results/sparsevec_binary.bin' with (format binary)
\copy binary_half from 'results/sparsevec_binary.bin' with (format binary)
SELECT * FROM binary_half;
DROP TABLE binary_raw, binary_sparse, binary_half;
DROP FUNCTION words;
