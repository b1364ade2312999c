/*
 * distance_internal.h: the tables of the levels, one file each, and how a file is compiled for an
 * instruction set.
 *
 * DISTANCE_TARGET_BEGIN(list) lets all functions up to DISTANCE_TARGET_END use the instruction sets
 * of the list: builds take no -m flags, so nothing outside can come to use what the CPU may not
 * have.
 */
#ifndef HNSWC_DISTANCE_INTERNAL_H
#define HNSWC_DISTANCE_INTERNAL_H

#include "distance/distance.h"

#define DISTANCE_PRAGMA(text) _Pragma(#text)
#if defined(__clang__)
#define DISTANCE_TARGET_BEGIN(list) \
	DISTANCE_PRAGMA(clang attribute push(__attribute__((target(list))), apply_to = function))
#define DISTANCE_TARGET_END DISTANCE_PRAGMA(clang attribute pop)
#else
#define DISTANCE_TARGET_BEGIN(list) \
	DISTANCE_PRAGMA(GCC push_options) DISTANCE_PRAGMA(GCC target(list))
#define DISTANCE_TARGET_END DISTANCE_PRAGMA(GCC pop_options)
#endif

/* A level's table, from functions that have the names of its members. */
#define DISTANCE_TABLE(table, table_name, table_level) \
	const DistanceKernels table = {                    \
		.name = (table_name),                          \
		.level = (table_level),                        \
		.l2_f32 = l2_f32,                              \
		.ip_f32 = ip_f32,                              \
		.l1_f32 = l1_f32,                              \
		.cosine_f32 = cosine_f32,                      \
		.l2_f16 = l2_f16,                              \
		.ip_f16 = ip_f16,                              \
		.l1_f16 = l1_f16,                              \
		.cosine_f16 = cosine_f16,                      \
		.l2_halves = l2_halves,                        \
		.ip_halves = ip_halves,                        \
		.l1_halves = l1_halves,                        \
		.cosine_halves = cosine_halves,                \
		.half_from_f32 = half_from_f32,                \
		.f32_from_half = f32_from_half,                \
		.dot_u8 = dot_u8,                              \
		.dot_u4 = dot_u4,                              \
		.dot_u2 = dot_u2,                              \
		.dot_u4_u4 = dot_u4_u4,                        \
		.dot_planes = dot_planes,                      \
		.l1_u8 = l1_u8,                                \
		.hadamard_f32 = hadamard_f32,                  \
		.hamming = hamming,                            \
		.and_count = and_count,                        \
	}

extern const DistanceKernels distance_portable;
#if defined(__x86_64__)
extern const DistanceKernels distance_avx2;
extern const DistanceKernels distance_avx512;
#elif defined(__aarch64__)
extern const DistanceKernels distance_neon;
#endif

#endif /* HNSWC_DISTANCE_INTERNAL_H */
