/*
 * check.h: counted checks and random numbers. A program ends with check_result(), whose one line
 * says how it went.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdint.h>
#include <stdio.h>

static long checks;
static long failures;

/* At most so many failures are printed: one mistake can fail thousands of checks. */
#define MOST_PRINTED 20

#define CHECK(condition, ...)                                      \
	do                                                             \
	{                                                              \
		checks++;                                                  \
		if (!(condition) && ++failures <= MOST_PRINTED)            \
		{                                                          \
			printf("%s:%d: %s: ", __FILE__, __LINE__, #condition); \
			printf(__VA_ARGS__);                                   \
			printf("\n");                                          \
		}                                                          \
	} while (0)

static uint64_t drawn = 88172645463325252u;

/* The next number of a program's random ones, which are the same in each run (xorshift). */
static inline uint64_t
draw(void)
{
	drawn ^= drawn << 13;
	drawn ^= drawn >> 7;
	drawn ^= drawn << 17;
	return drawn;
}

/* The exit status of main(). */
static inline int
check_result(const char *program)
{
	if (failures > 0)
		printf("%s: %ld of %ld checks failed\n", program, failures, checks);
	else
		printf("%s: %ld checks passed\n", program, checks);
	return failures > 0;
}

#endif /* CHECK_H */
