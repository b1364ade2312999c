/*
 * binary_form.c: reads and writes the binary forms of the types.
 *
 * Whether enough bytes are left is asked once for all elements. Loops over elements have no branch
 * but their end: what is wrong with an element is looked for when something is.
 */
#include "binary_form.h"

#include <stdbool.h>
#include <string.h>

#define FLOAT_EXPONENT \
	0x7F800000u /* all of it set: infinite, or NaN when the mantissa is not zero */
#define FLOAT_MANTISSA 0x007FFFFFu
#define HALF_EXPONENT 0x7C00u
#define HALF_MANTISSA 0x03FFu

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define NETWORK_16(x) __builtin_bswap16(x)
#define NETWORK_32(x) __builtin_bswap32(x)
#else
#define NETWORK_16(x) (x)
#define NETWORK_32(x) (x)
#endif

static inline uint16_t
load_16(const unsigned char *p)
{
	uint16_t x;

	memcpy(&x, p, sizeof(x));
	return NETWORK_16(x);
}

static inline uint32_t
load_32(const unsigned char *p)
{
	uint32_t x;

	memcpy(&x, p, sizeof(x));
	return NETWORK_32(x);
}

static inline void
store_16(unsigned char *p, uint16_t x)
{
	x = NETWORK_16(x);
	memcpy(p, &x, sizeof(x));
}

static inline void
store_32(unsigned char *p, uint32_t x)
{
	x = NETWORK_32(x);
	memcpy(p, &x, sizeof(x));
}

/* The next `size` bytes, or NULL if there are not as many. */
static const unsigned char *
take(BinaryInput *input, size_t size)
{
	const unsigned char *bytes = input->bytes;

	if (input->left < size)
		return NULL;
	input->bytes += size;
	input->left -= size;
	return bytes;
}

BinaryStatus
binary_read_dense_head(BinaryInput *input, int max_dim, BinaryHead *head)
{
	const unsigned char *p = take(input, BINARY_DENSE_HEAD);

	*head = (BinaryHead){0};
	if (p == NULL)
		return BINARY_SHORT;
	head->dim = head->nnz = (int16_t) load_16(p);
	head->unused = (int16_t) load_16(p + 2);
	if (head->dim < 1 || head->dim > max_dim)
		return BINARY_DIM;
	return head->unused == 0 ? BINARY_OK : BINARY_UNUSED;
}

BinaryStatus
binary_read_sparse_head(BinaryInput *input, int max_dim, int max_nnz, BinaryHead *head)
{
	const unsigned char *p = take(input, BINARY_SPARSE_HEAD);

	*head = (BinaryHead){0};
	if (p == NULL)
		return BINARY_SHORT;
	head->dim = (int32_t) load_32(p);
	head->nnz = (int32_t) load_32(p + 4);
	head->unused = (int32_t) load_32(p + 8);
	if (head->dim < 1 || head->dim > max_dim)
		return BINARY_DIM;
	if (head->nnz < 0 || head->nnz > max_nnz || head->nnz > head->dim)
		return BINARY_NNZ;
	return head->unused == 0 ? BINARY_OK : BINARY_UNUSED;
}

BinaryStatus
binary_read_floats(BinaryInput *input, float *x, int n)
{
	const unsigned char *p = take(input, (size_t) n * sizeof(float));
	bool bad = false;

	if (p == NULL)
		return BINARY_SHORT;
	for (int i = 0; i < n; i++)
	{
		uint32_t bits = load_32(p + (size_t) i * sizeof(float));

		bad |= (bits & FLOAT_EXPONENT) == FLOAT_EXPONENT;
		memcpy(&x[i], &bits, sizeof(bits));
	}
	for (int i = 0; bad && i < n; i++)
	{
		uint32_t bits = load_32(p + (size_t) i * sizeof(float));

		if ((bits & FLOAT_EXPONENT) == FLOAT_EXPONENT)
			return (bits & FLOAT_MANTISSA) != 0 ? BINARY_NAN : BINARY_INFINITE;
	}
	return BINARY_OK;
}

BinaryStatus
binary_read_halves(BinaryInput *input, uint16_t *x, int n)
{
	const unsigned char *p = take(input, (size_t) n * sizeof(uint16_t));
	bool bad = false;

	if (p == NULL)
		return BINARY_SHORT;
	for (int i = 0; i < n; i++)
	{
		x[i] = load_16(p + (size_t) i * sizeof(uint16_t));
		bad |= (x[i] & HALF_EXPONENT) == HALF_EXPONENT;
	}
	for (int i = 0; bad && i < n; i++)
		if ((x[i] & HALF_EXPONENT) == HALF_EXPONENT)
			return (x[i] & HALF_MANTISSA) != 0 ? BINARY_NAN : BINARY_INFINITE;
	return BINARY_OK;
}

BinaryStatus
binary_read_sparse(BinaryInput *input, const BinaryHead *head, int32_t *indices, float *values)
{
	const unsigned char *p = take(input, (size_t) head->nnz * sizeof(int32_t));
	int32_t previous = -1;
	BinaryStatus status;

	if (p == NULL)
		return BINARY_SHORT;
	for (int i = 0; i < head->nnz; i++)
	{
		indices[i] = (int32_t) load_32(p + (size_t) i * sizeof(int32_t));
		if (indices[i] < 0 || indices[i] >= head->dim)
			return BINARY_INDEX;
		if (indices[i] <= previous)
			return indices[i] == previous ? BINARY_DUPLICATE : BINARY_ORDER;
		previous = indices[i];
	}
	status = binary_read_floats(input, values, head->nnz);
	for (int i = 0; status == BINARY_OK && i < head->nnz; i++)
		if (values[i] == 0)
			status = BINARY_ZERO;
	return status;
}

unsigned char *
binary_write_dense_head(unsigned char *out, int dim)
{
	store_16(out, (uint16_t) dim);
	store_16(out + 2, 0);
	return out + BINARY_DENSE_HEAD;
}

unsigned char *
binary_write_sparse_head(unsigned char *out, int dim, int nnz)
{
	store_32(out, (uint32_t) dim);
	store_32(out + 4, (uint32_t) nnz);
	store_32(out + 8, 0);
	return out + BINARY_SPARSE_HEAD;
}

unsigned char *
binary_write_floats(unsigned char *out, const float *x, int n)
{
	for (int i = 0; i < n; i++)
	{
		uint32_t bits;

		memcpy(&bits, &x[i], sizeof(bits));
		store_32(out + (size_t) i * sizeof(bits), bits);
	}
	return out + (size_t) n * sizeof(float);
}

unsigned char *
binary_write_halves(unsigned char *out, const uint16_t *x, int n)
{
	for (int i = 0; i < n; i++)
		store_16(out + (size_t) i * sizeof(uint16_t), x[i]);
	return out + (size_t) n * sizeof(uint16_t);
}

unsigned char *
binary_write_indices(unsigned char *out, const int32_t *indices, int n)
{
	for (int i = 0; i < n; i++)
		store_32(out + (size_t) i * sizeof(int32_t), (uint32_t) indices[i]);
	return out + (size_t) n * sizeof(int32_t);
}
