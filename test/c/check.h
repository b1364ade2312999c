/*
 * check.h: counted checks.  A program ends with check_result(), whose one line says how it went.
 */
#ifndef CHECK_H
#define CHECK_H

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
