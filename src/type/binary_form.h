/*
 * binary_form.h: the binary forms of the types, between bytes in network order and elements.
 *
 *	vector, halfvec		int16 dimensions, int16 zero, then the elements
 *	sparsevec			int32 dimensions, int32 elements, int32 zero, int32 indices from 0 that
 *                      ascend, float4 values
 *
 * Bytes come from clients, so nothing about them is believed. A value is read in two steps: its
 * head, and, once the caller has made room for as many as the head says, its elements. What is read
 * without an error is a valid value, and writing it gives the same bytes again.
 *
 * Plain C without PostgreSQL, like vector_parse.h: nothing is allocated, nothing is thrown, so it
 * can be fuzzed alone.
 */
#ifndef HNSWC_BINARY_FORM_H
#define HNSWC_BINARY_FORM_H

#include <stddef.h>
#include <stdint.h>

typedef enum BinaryStatus
{
	BINARY_OK,
	BINARY_SHORT, /* the message ends early */
	BINARY_DIM,   /* less than one dimension, or more than there may be */
	/* a negative number of elements, or more than there may be or there are dimensions */
	BINARY_NNZ,
	BINARY_UNUSED,    /* the field that has to be zero is not */
	BINARY_NAN,       /* an element is NaN */
	BINARY_INFINITE,  /* or infinite */
	BINARY_INDEX,     /* an index is negative or beyond the dimensions */
	BINARY_DUPLICATE, /* an index is there twice */
	BINARY_ORDER,     /* an index is smaller than the one before */
	BINARY_ZERO,      /* an element of a sparse vector is zero */
} BinaryStatus;

/* The part of a message that has not been read. */
typedef struct BinaryInput
{
	const unsigned char *bytes;
	size_t left;
} BinaryInput;

/* What precedes the elements; set as far as it was read, for messages about it. */
typedef struct BinaryHead
{
	int32_t dim;
	int32_t nnz; /* elements that follow */
	int32_t unused;
} BinaryHead;

#define BINARY_DENSE_HEAD 4   /* bytes of the head of a vector or halfvec */
#define BINARY_SPARSE_HEAD 12 /* and of a sparsevec */

/* Read a head; what they return is the first thing wrong with it. */
extern BinaryStatus binary_read_dense_head(BinaryInput *input, int max_dim, BinaryHead *head);
extern BinaryStatus binary_read_sparse_head(BinaryInput *input, int max_dim, int max_nnz,
											BinaryHead *head);

/* Read the elements, finite ones, of a vector of n and of a halfvec of n, here as their bits. */
extern BinaryStatus binary_read_floats(BinaryInput *input, float *x, int n);
extern BinaryStatus binary_read_halves(BinaryInput *input, uint16_t *x, int n);

/* Reads head->nnz indices and values. */
extern BinaryStatus binary_read_sparse(BinaryInput *input, const BinaryHead *head, int32_t *indices,
									   float *values);

/* Write what the functions above read; they return where they stopped. */
extern unsigned char *binary_write_dense_head(unsigned char *out, int dim);
extern unsigned char *binary_write_sparse_head(unsigned char *out, int dim, int nnz);
extern unsigned char *binary_write_floats(unsigned char *out, const float *x, int n);
extern unsigned char *binary_write_halves(unsigned char *out, const uint16_t *x, int n);
extern unsigned char *binary_write_indices(unsigned char *out, const int32_t *indices, int n);

#endif /* HNSWC_BINARY_FORM_H */
