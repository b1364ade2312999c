-- Comments on what 0.1.0 created without one. What came later has its comment beside it.

-- the type vector

COMMENT ON TYPE vector IS 'vector of single-precision numbers';
COMMENT ON FUNCTION vector_in(cstring, oid, integer) IS 'I/O';
COMMENT ON FUNCTION vector_out(vector) IS 'I/O';
COMMENT ON FUNCTION vector_typmod_in(cstring[]) IS 'I/O typmod';
COMMENT ON FUNCTION vector_recv(internal, oid, integer) IS 'I/O';
COMMENT ON FUNCTION vector_send(vector) IS 'I/O';
COMMENT ON FUNCTION l2_distance(vector, vector) IS 'Euclidean distance, operator <->';
COMMENT ON FUNCTION inner_product(vector, vector) IS 'inner product; operator <#> is its negative';
COMMENT ON FUNCTION cosine_distance(vector, vector) IS
	'cosine distance, 1 - cosine similarity, operator <=>';
COMMENT ON FUNCTION l1_distance(vector, vector) IS 'taxicab distance, operator <+>';
COMMENT ON FUNCTION vector_dims(vector) IS 'number of dimensions';
COMMENT ON FUNCTION vector_norm(vector) IS 'Euclidean length';
COMMENT ON FUNCTION l2_normalize(vector) IS 'scaled to Euclidean length 1';
COMMENT ON FUNCTION binary_quantize(vector) IS
	'one bit per dimension: 1 where the element is above zero';
COMMENT ON FUNCTION subvector(vector, integer, integer) IS
	'part of a vector: first element, counted from 1, and number of elements';
COMMENT ON FUNCTION vector_add(vector, vector) IS 'implementation of + operator';
COMMENT ON FUNCTION vector_sub(vector, vector) IS 'implementation of - operator';
COMMENT ON FUNCTION vector_mul(vector, vector) IS 'implementation of * operator';
COMMENT ON FUNCTION vector_concat(vector, vector) IS 'implementation of || operator';
COMMENT ON FUNCTION vector_lt(vector, vector) IS 'implementation of < operator';
COMMENT ON FUNCTION vector_le(vector, vector) IS 'implementation of <= operator';
COMMENT ON FUNCTION vector_eq(vector, vector) IS 'implementation of = operator';
COMMENT ON FUNCTION vector_ne(vector, vector) IS 'implementation of <> operator';
COMMENT ON FUNCTION vector_ge(vector, vector) IS 'implementation of >= operator';
COMMENT ON FUNCTION vector_gt(vector, vector) IS 'implementation of > operator';
COMMENT ON FUNCTION vector_cmp(vector, vector) IS 'less-equal-greater';
COMMENT ON FUNCTION vector_l2_squared_distance(vector, vector) IS
	'square of the Euclidean distance';
COMMENT ON FUNCTION vector_negative_inner_product(vector, vector) IS
	'implementation of <#> operator';
COMMENT ON FUNCTION vector_spherical_distance(vector, vector) IS
	'angle between vectors of length 1, divided by pi';
COMMENT ON FUNCTION vector_accum(double precision[], vector) IS 'aggregate transition function';
COMMENT ON FUNCTION vector_avg(double precision[]) IS 'aggregate final function';
COMMENT ON FUNCTION vector_combine(double precision[], double precision[]) IS
	'aggregate combine function';
COMMENT ON AGGREGATE avg(vector) IS
	'the average, element by element, of all input vectors that are not null';
COMMENT ON AGGREGATE sum(vector) IS
	'the sum, element by element, of all input vectors that are not null';
COMMENT ON FUNCTION vector(vector, integer, boolean) IS
	'checks the dimensions of a vector against those of its column';
COMMENT ON FUNCTION array_to_vector(integer[], integer, boolean) IS 'convert integer[] to vector';
COMMENT ON FUNCTION array_to_vector(real[], integer, boolean) IS 'convert real[] to vector';
COMMENT ON FUNCTION array_to_vector(double precision[], integer, boolean) IS
	'convert double precision[] to vector';
COMMENT ON FUNCTION array_to_vector(numeric[], integer, boolean) IS 'convert numeric[] to vector';
COMMENT ON FUNCTION vector_to_float4(vector, integer, boolean) IS 'convert vector to real[]';

COMMENT ON OPERATOR <-> (vector, vector) IS 'Euclidean distance';
COMMENT ON OPERATOR <#> (vector, vector) IS 'negative inner product';
COMMENT ON OPERATOR <=> (vector, vector) IS 'cosine distance';
COMMENT ON OPERATOR <+> (vector, vector) IS 'taxicab distance';
COMMENT ON OPERATOR + (vector, vector) IS 'add element by element';
COMMENT ON OPERATOR - (vector, vector) IS 'subtract element by element';
COMMENT ON OPERATOR * (vector, vector) IS 'multiply element by element';
COMMENT ON OPERATOR || (vector, vector) IS 'concatenate';
COMMENT ON OPERATOR < (vector, vector) IS 'less than';
COMMENT ON OPERATOR <= (vector, vector) IS 'less than or equal';
COMMENT ON OPERATOR = (vector, vector) IS 'equal';
COMMENT ON OPERATOR <> (vector, vector) IS 'not equal';
COMMENT ON OPERATOR >= (vector, vector) IS 'greater than or equal';
COMMENT ON OPERATOR > (vector, vector) IS 'greater than';
COMMENT ON OPERATOR CLASS vector_ops USING btree IS
	'order: element by element, a shorter prefix first';

-- the type halfvec

COMMENT ON TYPE halfvec IS 'vector of half-precision numbers';
COMMENT ON FUNCTION halfvec_in(cstring, oid, integer) IS 'I/O';
COMMENT ON FUNCTION halfvec_out(halfvec) IS 'I/O';
COMMENT ON FUNCTION halfvec_typmod_in(cstring[]) IS 'I/O typmod';
COMMENT ON FUNCTION halfvec_recv(internal, oid, integer) IS 'I/O';
COMMENT ON FUNCTION halfvec_send(halfvec) IS 'I/O';
COMMENT ON FUNCTION l2_distance(halfvec, halfvec) IS 'Euclidean distance, operator <->';
COMMENT ON FUNCTION inner_product(halfvec, halfvec) IS
	'inner product; operator <#> is its negative';
COMMENT ON FUNCTION cosine_distance(halfvec, halfvec) IS
	'cosine distance, 1 - cosine similarity, operator <=>';
COMMENT ON FUNCTION l1_distance(halfvec, halfvec) IS 'taxicab distance, operator <+>';
COMMENT ON FUNCTION vector_dims(halfvec) IS 'number of dimensions';
COMMENT ON FUNCTION l2_norm(halfvec) IS 'Euclidean length';
COMMENT ON FUNCTION l2_normalize(halfvec) IS 'scaled to Euclidean length 1';
COMMENT ON FUNCTION binary_quantize(halfvec) IS
	'one bit per dimension: 1 where the element is above zero';
COMMENT ON FUNCTION subvector(halfvec, integer, integer) IS
	'part of a vector: first element, counted from 1, and number of elements';
COMMENT ON FUNCTION halfvec_add(halfvec, halfvec) IS 'implementation of + operator';
COMMENT ON FUNCTION halfvec_sub(halfvec, halfvec) IS 'implementation of - operator';
COMMENT ON FUNCTION halfvec_mul(halfvec, halfvec) IS 'implementation of * operator';
COMMENT ON FUNCTION halfvec_concat(halfvec, halfvec) IS 'implementation of || operator';
COMMENT ON FUNCTION halfvec_lt(halfvec, halfvec) IS 'implementation of < operator';
COMMENT ON FUNCTION halfvec_le(halfvec, halfvec) IS 'implementation of <= operator';
COMMENT ON FUNCTION halfvec_eq(halfvec, halfvec) IS 'implementation of = operator';
COMMENT ON FUNCTION halfvec_ne(halfvec, halfvec) IS 'implementation of <> operator';
COMMENT ON FUNCTION halfvec_ge(halfvec, halfvec) IS 'implementation of >= operator';
COMMENT ON FUNCTION halfvec_gt(halfvec, halfvec) IS 'implementation of > operator';
COMMENT ON FUNCTION halfvec_cmp(halfvec, halfvec) IS 'less-equal-greater';
COMMENT ON FUNCTION halfvec_l2_squared_distance(halfvec, halfvec) IS
	'square of the Euclidean distance';
COMMENT ON FUNCTION halfvec_negative_inner_product(halfvec, halfvec) IS
	'implementation of <#> operator';
COMMENT ON FUNCTION halfvec_spherical_distance(halfvec, halfvec) IS
	'angle between vectors of length 1, divided by pi';
COMMENT ON FUNCTION halfvec_accum(double precision[], halfvec) IS 'aggregate transition function';
COMMENT ON FUNCTION halfvec_avg(double precision[]) IS 'aggregate final function';
COMMENT ON FUNCTION halfvec_combine(double precision[], double precision[]) IS
	'aggregate combine function';
COMMENT ON AGGREGATE avg(halfvec) IS
	'the average, element by element, of all input vectors that are not null';
COMMENT ON AGGREGATE sum(halfvec) IS
	'the sum, element by element, of all input vectors that are not null';
COMMENT ON FUNCTION halfvec(halfvec, integer, boolean) IS
	'checks the dimensions of a halfvec against those of its column';
COMMENT ON FUNCTION array_to_halfvec(integer[], integer, boolean) IS 'convert integer[] to halfvec';
COMMENT ON FUNCTION array_to_halfvec(real[], integer, boolean) IS 'convert real[] to halfvec';
COMMENT ON FUNCTION array_to_halfvec(double precision[], integer, boolean) IS
	'convert double precision[] to halfvec';
COMMENT ON FUNCTION array_to_halfvec(numeric[], integer, boolean) IS 'convert numeric[] to halfvec';
COMMENT ON FUNCTION halfvec_to_float4(halfvec, integer, boolean) IS 'convert halfvec to real[]';
COMMENT ON FUNCTION halfvec_to_vector(halfvec, integer, boolean) IS 'convert halfvec to vector';
COMMENT ON FUNCTION vector_to_halfvec(vector, integer, boolean) IS 'convert vector to halfvec';

COMMENT ON OPERATOR <-> (halfvec, halfvec) IS 'Euclidean distance';
COMMENT ON OPERATOR <#> (halfvec, halfvec) IS 'negative inner product';
COMMENT ON OPERATOR <=> (halfvec, halfvec) IS 'cosine distance';
COMMENT ON OPERATOR <+> (halfvec, halfvec) IS 'taxicab distance';
COMMENT ON OPERATOR + (halfvec, halfvec) IS 'add element by element';
COMMENT ON OPERATOR - (halfvec, halfvec) IS 'subtract element by element';
COMMENT ON OPERATOR * (halfvec, halfvec) IS 'multiply element by element';
COMMENT ON OPERATOR || (halfvec, halfvec) IS 'concatenate';
COMMENT ON OPERATOR < (halfvec, halfvec) IS 'less than';
COMMENT ON OPERATOR <= (halfvec, halfvec) IS 'less than or equal';
COMMENT ON OPERATOR = (halfvec, halfvec) IS 'equal';
COMMENT ON OPERATOR <> (halfvec, halfvec) IS 'not equal';
COMMENT ON OPERATOR >= (halfvec, halfvec) IS 'greater than or equal';
COMMENT ON OPERATOR > (halfvec, halfvec) IS 'greater than';
COMMENT ON OPERATOR CLASS halfvec_ops USING btree IS
	'order: element by element, a shorter prefix first';

-- the type sparsevec

COMMENT ON TYPE sparsevec IS 'vector of single-precision numbers of which most are zero';
COMMENT ON FUNCTION sparsevec_in(cstring, oid, integer) IS 'I/O';
COMMENT ON FUNCTION sparsevec_out(sparsevec) IS 'I/O';
COMMENT ON FUNCTION sparsevec_typmod_in(cstring[]) IS 'I/O typmod';
COMMENT ON FUNCTION sparsevec_recv(internal, oid, integer) IS 'I/O';
COMMENT ON FUNCTION sparsevec_send(sparsevec) IS 'I/O';
COMMENT ON FUNCTION l2_distance(sparsevec, sparsevec) IS 'Euclidean distance, operator <->';
COMMENT ON FUNCTION inner_product(sparsevec, sparsevec) IS
	'inner product; operator <#> is its negative';
COMMENT ON FUNCTION cosine_distance(sparsevec, sparsevec) IS
	'cosine distance, 1 - cosine similarity, operator <=>';
COMMENT ON FUNCTION l1_distance(sparsevec, sparsevec) IS 'taxicab distance, operator <+>';
COMMENT ON FUNCTION l2_norm(sparsevec) IS 'Euclidean length';
COMMENT ON FUNCTION l2_normalize(sparsevec) IS 'scaled to Euclidean length 1';
COMMENT ON FUNCTION sparsevec_lt(sparsevec, sparsevec) IS 'implementation of < operator';
COMMENT ON FUNCTION sparsevec_le(sparsevec, sparsevec) IS 'implementation of <= operator';
COMMENT ON FUNCTION sparsevec_eq(sparsevec, sparsevec) IS 'implementation of = operator';
COMMENT ON FUNCTION sparsevec_ne(sparsevec, sparsevec) IS 'implementation of <> operator';
COMMENT ON FUNCTION sparsevec_ge(sparsevec, sparsevec) IS 'implementation of >= operator';
COMMENT ON FUNCTION sparsevec_gt(sparsevec, sparsevec) IS 'implementation of > operator';
COMMENT ON FUNCTION sparsevec_cmp(sparsevec, sparsevec) IS 'less-equal-greater';
COMMENT ON FUNCTION sparsevec_l2_squared_distance(sparsevec, sparsevec) IS
	'square of the Euclidean distance';
COMMENT ON FUNCTION sparsevec_negative_inner_product(sparsevec, sparsevec) IS
	'implementation of <#> operator';
COMMENT ON FUNCTION sparsevec(sparsevec, integer, boolean) IS
	'checks the dimensions of a sparsevec against those of its column';
COMMENT ON FUNCTION array_to_sparsevec(integer[], integer, boolean) IS
	'convert integer[] to sparsevec';
COMMENT ON FUNCTION array_to_sparsevec(real[], integer, boolean) IS 'convert real[] to sparsevec';
COMMENT ON FUNCTION array_to_sparsevec(double precision[], integer, boolean) IS
	'convert double precision[] to sparsevec';
COMMENT ON FUNCTION array_to_sparsevec(numeric[], integer, boolean) IS
	'convert numeric[] to sparsevec';
COMMENT ON FUNCTION sparsevec_to_vector(sparsevec, integer, boolean) IS
	'convert sparsevec to vector';
COMMENT ON FUNCTION vector_to_sparsevec(vector, integer, boolean) IS 'convert vector to sparsevec';
COMMENT ON FUNCTION sparsevec_to_halfvec(sparsevec, integer, boolean) IS
	'convert sparsevec to halfvec';
COMMENT ON FUNCTION halfvec_to_sparsevec(halfvec, integer, boolean) IS
	'convert halfvec to sparsevec';

COMMENT ON OPERATOR <-> (sparsevec, sparsevec) IS 'Euclidean distance';
COMMENT ON OPERATOR <#> (sparsevec, sparsevec) IS 'negative inner product';
COMMENT ON OPERATOR <=> (sparsevec, sparsevec) IS 'cosine distance';
COMMENT ON OPERATOR <+> (sparsevec, sparsevec) IS 'taxicab distance';
COMMENT ON OPERATOR < (sparsevec, sparsevec) IS 'less than';
COMMENT ON OPERATOR <= (sparsevec, sparsevec) IS 'less than or equal';
COMMENT ON OPERATOR = (sparsevec, sparsevec) IS 'equal';
COMMENT ON OPERATOR <> (sparsevec, sparsevec) IS 'not equal';
COMMENT ON OPERATOR >= (sparsevec, sparsevec) IS 'greater than or equal';
COMMENT ON OPERATOR > (sparsevec, sparsevec) IS 'greater than';
COMMENT ON OPERATOR CLASS sparsevec_ops USING btree IS
	'order: element by element, a shorter prefix first';

-- distances of bit strings

COMMENT ON FUNCTION hamming_distance(bit, bit) IS 'number of bits that differ, operator <~>';
COMMENT ON FUNCTION jaccard_distance(bit, bit) IS
	'1 - common bits / bits set in either, operator <%>';
COMMENT ON OPERATOR <~> (bit, bit) IS 'Hamming distance';
COMMENT ON OPERATOR <%> (bit, bit) IS 'Jaccard distance';

-- the access method hnsw

COMMENT ON FUNCTION hnswhandler(internal) IS 'hnsw index access method handler';
COMMENT ON FUNCTION hnsw_vector_l2_support(internal) IS
	'hnsw support: vector by Euclidean distance';
COMMENT ON FUNCTION hnsw_vector_ip_support(internal) IS
	'hnsw support: vector by negative inner product';
COMMENT ON FUNCTION hnsw_vector_cosine_support(internal) IS
	'hnsw support: vector by cosine distance';
COMMENT ON FUNCTION hnsw_vector_l1_support(internal) IS 'hnsw support: vector by taxicab distance';
COMMENT ON FUNCTION hnsw_halfvec_l2_support(internal) IS
	'hnsw support: halfvec by Euclidean distance';
COMMENT ON FUNCTION hnsw_halfvec_ip_support(internal) IS
	'hnsw support: halfvec by negative inner product';
COMMENT ON FUNCTION hnsw_halfvec_cosine_support(internal) IS
	'hnsw support: halfvec by cosine distance';
COMMENT ON FUNCTION hnsw_halfvec_l1_support(internal) IS
	'hnsw support: halfvec by taxicab distance';
COMMENT ON FUNCTION hnsw_bit_hamming_support(internal) IS 'hnsw support: bit by Hamming distance';
COMMENT ON FUNCTION hnsw_bit_jaccard_support(internal) IS 'hnsw support: bit by Jaccard distance';
COMMENT ON FUNCTION hnsw_sparsevec_l2_support(internal) IS
	'hnsw support: sparsevec by Euclidean distance';
COMMENT ON FUNCTION hnsw_sparsevec_ip_support(internal) IS
	'hnsw support: sparsevec by negative inner product';
COMMENT ON FUNCTION hnsw_sparsevec_cosine_support(internal) IS
	'hnsw support: sparsevec by cosine distance';
COMMENT ON FUNCTION hnsw_sparsevec_l1_support(internal) IS
	'hnsw support: sparsevec by taxicab distance';
COMMENT ON OPERATOR CLASS vector_l2_ops USING hnsw IS
	'nearest vector by Euclidean distance, operator <->';
COMMENT ON OPERATOR CLASS vector_ip_ops USING hnsw IS
	'nearest vector by negative inner product, operator <#>';
COMMENT ON OPERATOR CLASS vector_cosine_ops USING hnsw IS
	'nearest vector by cosine distance, operator <=>';
COMMENT ON OPERATOR CLASS vector_l1_ops USING hnsw IS
	'nearest vector by taxicab distance, operator <+>';
COMMENT ON OPERATOR CLASS halfvec_l2_ops USING hnsw IS
	'nearest halfvec by Euclidean distance, operator <->';
COMMENT ON OPERATOR CLASS halfvec_ip_ops USING hnsw IS
	'nearest halfvec by negative inner product, operator <#>';
COMMENT ON OPERATOR CLASS halfvec_cosine_ops USING hnsw IS
	'nearest halfvec by cosine distance, operator <=>';
COMMENT ON OPERATOR CLASS halfvec_l1_ops USING hnsw IS
	'nearest halfvec by taxicab distance, operator <+>';
COMMENT ON OPERATOR CLASS bit_hamming_ops USING hnsw IS
	'nearest bit by Hamming distance, operator <~>';
COMMENT ON OPERATOR CLASS bit_jaccard_ops USING hnsw IS
	'nearest bit by Jaccard distance, operator <%>';
COMMENT ON OPERATOR CLASS sparsevec_l2_ops USING hnsw IS
	'nearest sparsevec by Euclidean distance, operator <->';
COMMENT ON OPERATOR CLASS sparsevec_ip_ops USING hnsw IS
	'nearest sparsevec by negative inner product, operator <#>';
COMMENT ON OPERATOR CLASS sparsevec_cosine_ops USING hnsw IS
	'nearest sparsevec by cosine distance, operator <=>';
COMMENT ON OPERATOR CLASS sparsevec_l1_ops USING hnsw IS
	'nearest sparsevec by taxicab distance, operator <+>';
