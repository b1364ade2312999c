/*
 * vector_binary_fuzz.c: the binary form of vector.
 */
#define ELEMENT float
#define READ binary_read_floats
#define WRITE binary_write_floats
#define IS_FINITE(bits) (((bits) >> 23 & 0xFF) != 0xFF)
#define TO_FLOAT(x) (x)
#define FROM_FLOAT(x) (x)

#include "dense_binary.h"
