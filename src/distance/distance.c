/*
 * distance.c: which kernels this CPU runs.
 */
#include "distance/distance.h"
#include "distance/distance_internal.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

const DistanceKernels *distance = &distance_portable;

#if defined(__x86_64__)
/* Conversion of halves: not every compiler's __builtin_cpu_supports() knows the name. */
static bool
cpu_has_f16c(void)
{
	unsigned int eax, ebx, ecx, edx;

	return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & bit_F16C) != 0;
}

static bool
cpu_has_avx2(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
		   __builtin_cpu_supports("popcnt") && cpu_has_f16c();
}

static bool
cpu_has_avx512(void)
{
	return cpu_has_avx2() && __builtin_cpu_supports("avx512f") &&
		   __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
		   __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vnni") &&
		   __builtin_cpu_supports("avx512vpopcntdq");
}
#endif

const DistanceKernels *
distance_kernels(DistanceLevel level)
{
#if defined(__x86_64__)
	__builtin_cpu_init();
#endif
	switch (level)
	{
		case DISTANCE_PORTABLE:
			return &distance_portable;
#if defined(__x86_64__)
		case DISTANCE_AVX2:
			return cpu_has_avx2() ? &distance_avx2 : NULL;
		case DISTANCE_AVX512:
			return cpu_has_avx512() ? &distance_avx512 : NULL;
#elif defined(__aarch64__)
		case DISTANCE_NEON:
			return &distance_neon;
#endif
		default:
			return NULL;
	}
}

DistanceLevel
distance_init(DistanceLevel level)
{
	static const DistanceLevel from_best[] = {DISTANCE_AVX512, DISTANCE_AVX2, DISTANCE_NEON,
											  DISTANCE_PORTABLE};

	for (size_t i = 0; i < sizeof(from_best) / sizeof(from_best[0]); i++)
	{
		const DistanceKernels *kernels = distance_kernels(from_best[i]);

		if (kernels != NULL && (level == DISTANCE_AUTO || from_best[i] <= level))
		{
			distance = kernels;
			break;
		}
	}
	return distance->level;
}
