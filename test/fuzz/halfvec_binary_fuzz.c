/*
 * halfvec_binary_fuzz.c: the binary form of halfvec.
 */
#include "distance/half.h"

#define ELEMENT uint16_t
#define READ binary_read_halves
#define WRITE binary_write_halves
#define IS_FINITE(bits) (((bits) >> 10 & 0x1F) != 0x1F)
#define TO_FLOAT(x) half_to_float(x)
#define FROM_FLOAT(x) half_from_float(x)

#include "dense_binary.h"
