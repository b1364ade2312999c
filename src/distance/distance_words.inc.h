/*
 * distance_words.inc.h: the kernels on bits, a word at a time, for levels that have nothing wider
 * for it.
 *
 * A body to be included once per level, where the level's instruction set is switched on.
 */

/* Up to eight bytes as a word, zero beyond the end. */
static inline uint64_t
word_at(const uint8_t *bytes, size_t i, size_t nbytes)
{
	uint64_t word = 0;

	if (nbytes - i >= sizeof(word))
		memcpy(&word, bytes + i, sizeof(word));
	else
		memcpy(&word, bytes + i, nbytes - i);
	return word;
}

static int64_t
hamming(const uint8_t *a, const uint8_t *b, size_t nbytes)
{
	int64_t sum = 0;

	for (size_t i = 0; i < nbytes; i += 8)
		sum += __builtin_popcountll(word_at(a, i, nbytes) ^ word_at(b, i, nbytes));
	return sum;
}

static int64_t
and_count(const uint8_t *a, const uint8_t *b, size_t nbytes)
{
	int64_t sum = 0;

	for (size_t i = 0; i < nbytes; i += 8)
		sum += __builtin_popcountll(word_at(a, i, nbytes) & word_at(b, i, nbytes));
	return sum;
}

static int32_t
dot_planes(const uint8_t *code, const uint8_t *planes, size_t stride, int nplanes, size_t n)
{
	int32_t sum = 0;

	for (int p = 0; p < nplanes; p++)
		sum += (int32_t) and_count(code, planes + (size_t) p * stride, n / 8) << p;
	return sum;
}
