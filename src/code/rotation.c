/*
 * rotation.c: the random rotation in front of the quantizer.
 *
 * A round turns random signs and applies a Hadamard transform; a few rounds come close enough to a
 * random rotation. The transform needs a power of two. For other lengths it is applied to the
 * longest head that is one, in the next round to the tail of the same length, and after every tail
 * the two halves of the vector are mixed by a butterfly: the overlap of head and tail alone would
 * carry energy across slowly when it is short. (A butterfly after a head would copy what lies
 * behind the head, not yet spread, to where the tail does not reach: a single large value then
 * survives all rounds.)
 *
 * Each factor (signs, scaled transform, butterfly) is its own transpose, so the inverse is the same
 * steps backwards. Scaling is done where it costs nothing: in the signs' pass, or, when all is
 * transformed, in one pass at the end.
 *
 * Section 3.2 of "RaBitQ" wants a random orthogonal matrix; that a Hadamard construction serves is
 * the authors' own practice as well.
 */
#include <math.h>

#include "code/loops.h"
#include "code/rotation.h"
#include "distance/distance.h"

/* Rounds for a power of two, and for other lengths (even: as many heads as tails). */
#define ROUNDS_WHOLE 3
#define ROUNDS_OVERLAP 4

typedef struct RotationShape
{
	size_t head; /* greatest power of two not above n */
	size_t half; /* a butterfly mixes the first and the last `half` */
	int rounds;
	float head_scale; /* of what is transformed, in each round */
	float end_scale;  /* of everything, once */
} RotationShape;

static RotationShape
rotation_shape(size_t n)
{
	RotationShape shape;

	shape.head = 1;
	while (shape.head * 2 <= n)
		shape.head *= 2;
	if (shape.head == n)
	{
		shape.half = 0;
		shape.rounds = ROUNDS_WHOLE;
		shape.head_scale = 1.0f;
		shape.end_scale = (float) pow((double) n, -0.5 * ROUNDS_WHOLE);
	}
	else
	{
		shape.half = n / 2 / 16 * 16;
		shape.rounds = ROUNDS_OVERLAP;
		shape.head_scale = (float) (1.0 / sqrt((double) shape.head));
		shape.end_scale = 1.0f;
	}
	return shape;
}

/* splitmix64: every seed gives a good stream */
void
rotation_signs(uint64_t seed, uint32_t *signs, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
	{
		uint64_t z = (seed += UINT64_C(0x9E3779B97F4A7C15));

		z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
		z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
		signs[i] = (uint32_t) ((z ^ (z >> 31)) >> 32);
	}
}

/* The signs of a round, and the scale of what its transform covers. */
static void
rotation_flip(const RotationShape *shape, const uint32_t *signs, float *x, size_t n, int round)
{
	const CodeLoops *loops = code_loops();
	size_t rest = n - shape->head;

	if (round % 2 == 0)
	{
		loops->flip(x, signs, round, shape->head_scale, shape->head);
		loops->flip(x + shape->head, signs + shape->head, round, 1.0f, rest);
	}
	else
	{
		loops->flip(x, signs, round, 1.0f, rest);
		loops->flip(x + rest, signs + rest, round, shape->head_scale, shape->head);
	}
}

/* The transform of a round: of the head in even rounds, of the tail in odd ones. */
static void
rotation_transform(const RotationShape *shape, float *x, size_t n, int round)
{
	distance->hadamard_f32(round % 2 == 0 ? x : x + (n - shape->head), shape->head);
}

float
rotation_apply(const uint32_t *signs, float *x, size_t n)
{
	const CodeLoops *loops = code_loops();
	RotationShape shape = rotation_shape(n);
	int round;

	for (round = 0; round < shape.rounds; round++)
	{
		rotation_flip(&shape, signs, x, n, round);
		rotation_transform(&shape, x, n, round);
		if (round % 2 == 1)
			loops->butterfly(x, x + (n - shape.half), shape.half);
	}
	return loops->scale(x, shape.end_scale, n);
}

void
rotation_undo(const uint32_t *signs, float *x, size_t n)
{
	const CodeLoops *loops = code_loops();
	RotationShape shape = rotation_shape(n);
	int round;

	for (round = shape.rounds - 1; round >= 0; round--)
	{
		if (round % 2 == 1)
			loops->butterfly(x, x + (n - shape.half), shape.half);
		rotation_transform(&shape, x, n, round);
		rotation_flip(&shape, signs, x, n, round);
	}
	loops->scale(x, shape.end_scale, n);
}
