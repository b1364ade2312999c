/*
 * rotation.h: a random orthonormal rotation that costs n log n.
 */
#ifndef HNSWC_CODE_ROTATION_H
#define HNSWC_CODE_ROTATION_H

#include <stddef.h>
#include <stdint.h>

/* Fills the n sign words of the rotation that belongs to a seed. */
extern void rotation_signs(uint64_t seed, uint32_t *signs, size_t n);

/* Rotates n floats in place; returns the greatest absolute value.  n is a multiple of 16. */
extern float rotation_apply(const uint32_t *signs, float *x, size_t n);

/* The inverse: the transpose. */
extern void rotation_undo(const uint32_t *signs, float *x, size_t n);

#endif /* HNSWC_CODE_ROTATION_H */
