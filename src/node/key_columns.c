/*
 * key_columns.c: from a row, or the conditions of a scan, to keys; see key_columns.h.
 *
 * The functions of operator classes are called without locks.
 *
 * Locks: none but those of key_find().
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/tupmacs.h"
#include "node/key_columns.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

#define NULL_HASH 0x6B657973

/* Of an operator class for key columns, see column/element.h: equality, and a hash. */
#define EQUAL_STRATEGY 2
#define HASH_PROC 2

/* One of the values that a column may have. */
typedef struct KeyChoice
{
	bool isnull;
	Datum value;
	uint32 hash;
	ScanKey condition; /* NULL for null */
} KeyChoice;

/* What a scan's conditions say of a column. */
typedef struct ColumnChoices
{
	KeyChoice *choices; /* NULL: nothing */
	int n;
} ColumnChoices;

/* A key that a scan looks for: a choice for each column. */
typedef struct ChosenKey
{
	KeyColumns *columns;
	const KeyChoice *choices[INDEX_MAX_KEYS];
} ChosenKey;

static void
open_column(Relation index, int i, KeyColumn *column)
{
	Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(index), i);
	Oid equal;

	column->family = index->rd_opfamily[i];
	column->type = index->rd_opcintype[i];
	column->collation = index->rd_indcollation[i];
	column->length = attribute->attlen;
	column->byval = attribute->attbyval;
	equal = get_opfamily_member(column->family, column->type, column->type, EQUAL_STRATEGY);
	if (!OidIsValid(equal) || column->length == -2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("the operator class of column \"%s\" of index \"%s\" is not one for keys",
						NameStr(attribute->attname), RelationGetRelationName(index))));
	fmgr_info(get_opcode(equal), &column->equal);
	fmgr_info_copy(&column->hash, index_getprocinfo(index, i + 1, HASH_PROC), CurrentMemoryContext);
}

KeyColumns *
key_columns_open(Relation index, const IndexState *state)
{
	KeyColumns *columns;
	int n = state->shape.nkeys;

	if (n == 0)
		return NULL;
	columns = palloc0(sizeof(KeyColumns));
	columns->index = index;
	columns->n = n;
	columns->cxt = CurrentMemoryContext;
	columns->room = key_room(&state->layout);
	columns->written = palloc(columns->room);
	for (int i = 0; i < n; i++)
		open_column(index, i, &columns->columns[i]);
	return columns;
}

/* Nulls of a column are equal. */
static uint32
add_hash(uint32 sum, bool isnull, uint32 hash)
{
	return hash_combine(sum, isnull ? NULL_HASH : hash);
}

/* Reads the next column of a key; false if there is none that is whole. */
static bool
read_column(const KeyColumn *column, const char **from, const char *end, bool *isnull, Datum *value)
{
	Size length = column->length;
	char *copy;

	if (*from >= end || (**from != 0 && **from != 1))
		return false;
	*isnull = *(*from)++ == 1;
	*value = (Datum) 0;
	if (*isnull)
		return true;
	if (column->length < 0)
	{
		uint16 size;

		if (end - *from < (ptrdiff_t) sizeof(size))
			return false;
		memcpy(&size, *from, sizeof(size));
		*from += sizeof(size);
		length = size;
	}
	if (end - *from < (ptrdiff_t) length)
		return false;
	if (column->length < 0)
	{
		copy = palloc(VARHDRSZ + length);
		SET_VARSIZE(copy, VARHDRSZ + length);
		memcpy(copy + VARHDRSZ, *from, length);
	}
	else
		copy = memcpy(palloc(Max(length, sizeof(Datum))), *from, length);
	*value = column->byval ? fetch_att(copy, true, column->length) : PointerGetDatum(copy);
	*from += length;
	return true;
}

pg_noreturn static void
raise_wide(const KeyColumns *columns)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("key of hnsw index \"%s\" exceeds %u bytes",
					RelationGetRelationName(columns->index), columns->room),
			 errdetail("That is the room that a node of the index has."),
			 errhint("Use a shorter key, for example a number in place of a name, or a hash of it "
					 "(CREATE INDEX ... USING hnsw (md5(column), ...)).")));
}

/* Writes a column of the row at hand. */
static Size
write_column(const KeyColumns *columns, int i, Size at)
{
	const KeyColumn *column = &columns->columns[i];
	Datum value = columns->values[i];
	Size length = column->length;
	const char *from = NULL;
	char *to = columns->written;

	if (at + 1 + sizeof(uint16) > columns->room)
		raise_wide(columns);
	to[at++] = columns->isnull[i];
	if (columns->isnull[i])
		return at;
	if (column->length < 0)
	{
		struct varlena *packed = PG_DETOAST_DATUM_PACKED(value);

		length = VARSIZE_ANY_EXHDR(packed);
		from = VARDATA_ANY(packed);
		if (length < columns->room)
		{
			uint16 size = (uint16) length;

			memcpy(to + at, &size, sizeof(size));
			at += sizeof(size);
		}
	}
	else if (!column->byval)
		from = DatumGetPointer(value);
	if (at + Max(length, column->byval ? sizeof(Datum) : 0) > columns->room)
		raise_wide(columns);
	if (column->byval)
	{
		char bytes[sizeof(Datum)] __attribute__((aligned(sizeof(Datum)))) = {0};

		store_att_byval(bytes, value, column->length);
		memcpy(to + at, bytes, length);
	}
	else
		memcpy(to + at, from, length);
	return at + length;
}

static uint32
hash_row(KeyColumns *columns, const Datum *values, const bool *isnull)
{
	uint32 sum = 0;

	for (int i = 0; i < columns->n; i++)
	{
		KeyColumn *column = &columns->columns[i];

		sum = add_hash(sum, isnull[i],
					   isnull[i] ? 0
								 : DatumGetUInt32(FunctionCall1Coll(&column->hash,
																	column->collation, values[i])));
	}
	return sum;
}

bool
key_columns_are(KeyColumns *columns, const Datum *values, const bool *isnull, const char *key,
				Size size)
{
	const char *end = key + size;

	for (int i = 0; i < columns->n; i++)
	{
		KeyColumn *column = &columns->columns[i];
		bool other_isnull;
		Datum other;

		if (!read_column(column, &key, end, &other_isnull, &other) || other_isnull != isnull[i])
			return false;
		if (!isnull[i] &&
			!DatumGetBool(FunctionCall2Coll(&column->equal, column->collation, other, values[i])))
			return false;
	}
	return key == end;
}

static bool
equals_row(const char *key, Size size, void *arg)
{
	KeyColumns *columns = arg;

	return key_columns_are(columns, columns->values, columns->isnull, key, size);
}

void
key_columns_probe(KeyColumns *columns, const Datum *values, const bool *isnull, KeyProbe *probe)
{
	Size size = 0;

	columns->values = values;
	columns->isnull = isnull;
	for (int i = 0; i < columns->n; i++)
		size = write_column(columns, i, size);
	probe->hash = hash_row(columns, values, isnull);
	probe->equals = equals_row;
	probe->arg = columns;
	probe->value = columns->written;
	probe->size = size;
}

bool
key_columns_hash(KeyColumns *columns, const char *key, Size size, uint32 *hash)
{
	const char *end = key + size;
	Datum values[INDEX_MAX_KEYS];
	bool isnull[INDEX_MAX_KEYS];

	for (int i = 0; i < columns->n; i++)
		if (!read_column(&columns->columns[i], &key, end, &isnull[i], &values[i]))
			return false;
	*hash = hash_row(columns, values, isnull);
	return key == end;
}

/* The hash function for values of a condition's type. */
static FmgrInfo *
condition_hash(KeyColumns *columns, Relation index, KeyColumn *column, Oid type)
{
	Oid function;

	if (!OidIsValid(type) || type == column->type)
		return &column->hash;
	if (column->other_type == type)
		return &column->other_hash;
	function = get_opfamily_proc(column->family, type, type, HASH_PROC);
	if (!OidIsValid(function))
		elog(ERROR, "operator family %u of index \"%s\" has no hash function for type %u",
			 column->family, RelationGetRelationName(index), type);
	fmgr_info_cxt(function, &column->other_hash, columns->cxt);
	column->other_type = type;
	return &column->other_hash;
}

static void
add_choice(KeyColumns *columns, Relation index, ColumnChoices *to, ScanKey condition, Datum value)
{
	KeyColumn *column = &columns->columns[condition->sk_attno - 1];
	KeyChoice *choice = &to->choices[to->n++];

	choice->isnull = false;
	choice->value = value;
	choice->condition = condition;
	choice->hash = DatumGetUInt32(FunctionCall1Coll(
		condition_hash(columns, index, column, condition->sk_subtype), column->collation, value));
}

static void
add_array(KeyColumns *columns, Relation index, ColumnChoices *to, ScanKey condition)
{
	ArrayType *array = DatumGetArrayTypeP(condition->sk_argument);
	int16 length;
	bool byval;
	char align;
	Datum *values;
	bool *nulls;
	int n;

	get_typlenbyvalalign(ARR_ELEMTYPE(array), &length, &byval, &align);
	deconstruct_array(array, ARR_ELEMTYPE(array), length, byval, align, &values, &nulls, &n);
	to->choices = palloc(Max(n, 1) * sizeof(KeyChoice));
	for (int i = 0; i < n; i++)
		if (!nulls[i])
			add_choice(columns, index, to, condition, values[i]);
}

/* What a condition lets a column be. */
static void
choose(KeyColumns *columns, Relation index, ScanKey condition, ColumnChoices *to)
{
	to->n = 0;
	if ((condition->sk_flags & SK_ISNULL) && !(condition->sk_flags & SK_SEARCHNULL))
		to->choices = palloc(sizeof(KeyChoice)); /* equal to null is nothing */
	else if (condition->sk_flags & SK_SEARCHARRAY)
		add_array(columns, index, to, condition);
	else
	{
		to->choices = palloc0(sizeof(KeyChoice));
		if (condition->sk_flags & SK_SEARCHNULL)
			to->choices[to->n++].isnull = true;
		else
			add_choice(columns, index, to, condition, condition->sk_argument);
	}
}

/* Is a column's value as one of the choices? */
static bool
is_chosen(const KeyColumn *column, const KeyChoice *choice, bool isnull, Datum value)
{
	if (choice->isnull || isnull)
		return choice->isnull && isnull;
	return DatumGetBool(
		FunctionCall2Coll(&choice->condition->sk_func, column->collation, value, choice->value));
}

static bool
equals_chosen(const char *key, Size size, void *arg)
{
	const ChosenKey *chosen = arg;
	const char *end = key + size;

	for (int i = 0; i < chosen->columns->n; i++)
	{
		const KeyColumn *column = &chosen->columns->columns[i];
		bool isnull;
		Datum value;

		if (!read_column(column, &key, end, &isnull, &value) ||
			!is_chosen(column, chosen->choices[i], isnull, value))
			return false;
	}
	return key == end;
}

/* Is a choice one that a further condition on its column lets pass, too? */
static bool
passes(KeyColumns *columns, Relation index, const char *key, Size size, ScanKey condition)
{
	const char *end = key + size;
	int at = condition->sk_attno - 1;
	ColumnChoices choices = {NULL};
	bool isnull = true;
	Datum value = (Datum) 0;

	for (int i = 0; i <= at; i++)
		if (!read_column(&columns->columns[i], &key, end, &isnull, &value))
			return false;
	if (condition->sk_flags & SK_SEARCHNOTNULL)
		return !isnull;
	choose(columns, index, condition, &choices);
	for (int i = 0; i < choices.n; i++)
		if (is_chosen(&columns->columns[at], &choices.choices[i], isnull, value))
			return true;
	return false;
}

static int
compare_refs(const void *a, const void *b)
{
	NodeId x = ((const KeyRef *) a)->key;
	NodeId y = ((const KeyRef *) b)->key;

	return (x > y) - (x < y);
}

/*
 * Goes to the next of the chosen keys, the last column's choices first; false behind the last one.
 */
static bool
next_chosen(const ColumnChoices *choices, int ncolumns, int *at)
{
	for (int i = ncolumns - 1; i >= 0; i--)
	{
		if (++at[i] < choices[i].n)
			return true;
		at[i] = 0;
	}
	return false;
}

/* Looks for the key that is made of the choices `at`. */
static void
find_chosen(KeyColumns *columns, PageReader *reader, const ColumnChoices *choices, const int *at,
			KeyRef *ref)
{
	ChosenKey chosen = {columns};
	KeyProbe probe = {.equals = equals_chosen, .arg = &chosen};

	for (int i = 0; i < columns->n; i++)
	{
		chosen.choices[i] = &choices[i].choices[at[i]];
		probe.hash = add_hash(probe.hash, chosen.choices[i]->isnull, chosen.choices[i]->hash);
	}
	key_find(reader, &probe, ref);
}

/* Sorts conditions into choices for each column and further ones, which come first in `keys`. */
static int
sort_conditions(KeyColumns *columns, Relation index, ScanKey keys, int nkeys,
				ColumnChoices *choices, ScanKey *further)
{
	int nfurther = 0;

	for (int i = 0; i < nkeys; i++)
	{
		int column = keys[i].sk_attno - 1;

		/* all rows of the index have a vector */
		if (column == columns->n && (keys[i].sk_flags & SK_SEARCHNOTNULL))
			continue;
		if (column >= columns->n || (keys[i].sk_flags & SK_ROW_HEADER))
			elog(ERROR, "index \"%s\" cannot be searched by column %d",
				 RelationGetRelationName(index), column + 1);
		if ((keys[i].sk_flags & SK_SEARCHNOTNULL) || choices[column].choices != NULL)
			further[nfurther++] = &keys[i];
		else
			choose(columns, index, &keys[i], &choices[column]);
	}
	for (int i = 0; i < columns->n; i++)
		if (choices[i].choices == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("cannot scan hnsw index \"%s\" without a value for column \"%s\"",
							RelationGetRelationName(index),
							NameStr(TupleDescAttr(RelationGetDescr(index), i)->attname))));
	return nfurther;
}

int
key_columns_find(KeyColumns *columns, PageReader *reader, Relation index, ScanKey keys, int nkeys,
				 KeyRef **refs)
{
	ColumnChoices choices[INDEX_MAX_KEYS] = {{NULL}};
	ScanKey *further = palloc(Max(nkeys, 1) * sizeof(ScanKey));
	int nfurther = sort_conditions(columns, index, keys, nkeys, choices, further);
	char *copy = palloc(reader->state->layout.slot_size);
	int at[INDEX_MAX_KEYS] = {0};
	int size = 16;
	int n = 0;
	int unique = 0;

	*refs = palloc(size * sizeof(KeyRef));
	for (int i = 0; i < columns->n; i++)
		if (choices[i].n == 0)
			return 0;
	do
	{
		KeyRef ref;
		bool found;

		CHECK_FOR_INTERRUPTS();
		find_chosen(columns, reader, choices, at, &ref);
		found = ref.key != NODE_NONE;
		if (found && nfurther > 0)
		{
			Size length = key_read(reader, ref.key, &ref, copy);

			for (int i = 0; i < nfurther && found; i++)
				found = passes(columns, index, copy, length, further[i]);
		}
		if (!found)
			continue;
		if (n == size)
			*refs = repalloc_huge(*refs, (Size) (size *= 2) * sizeof(KeyRef));
		(*refs)[n++] = ref;
	} while (next_chosen(choices, columns->n, at));
	qsort(*refs, n, sizeof(KeyRef), compare_refs);
	for (int i = 0; i < n; i++)
		if (unique == 0 || (*refs)[i].key != (*refs)[unique - 1].key)
			(*refs)[unique++] = (*refs)[i];
	return unique;
}
