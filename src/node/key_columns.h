/*
 * key_columns.h: the columns of an index that stand before its vector.
 *
 * The values of these columns together are a key, and each key has a graph of its own
 * (keys.c). Two rows have the same key if the equality operators of the columns' operator
 * classes say so, nulls being equal to each other. An operator class for a key column has that
 * operator and a hash function that goes with it, which may be one of PostgreSQL's hash operator
 * classes.
 *
 * A key is written as its columns one behind the other: a byte, 1 for null, 0 for a value, which
 * follows: as it lies in a row for types of fixed length; else 2 bytes, its length, and that many
 * bytes. It is the value that was met first: another one may be equal and look different.
 */
#ifndef HNSWC_KEY_COLUMNS_H
#define HNSWC_KEY_COLUMNS_H

#include "postgres.h"

#include "access/skey.h"
#include "fmgr.h"
#include "node/node.h"
#include "utils/rel.h"

typedef struct KeyColumn
{
	Oid family;
	Oid type; /* of the operator class */
	Oid collation;
	int16 length;
	bool byval;
	FmgrInfo equal; /* of two values of the type */
	FmgrInfo hash;
	/* of the values that a scan was last for, where they are of another type */
	Oid other_type;
	FmgrInfo other_hash;
} KeyColumn;

/* What rows and scans of an index need to find their keys. */
typedef struct KeyColumns
{
	Relation index;
	int n;
	KeyColumn columns[INDEX_MAX_KEYS];
	/* the row at hand */
	const Datum *values;
	const bool *isnull;
	char *written; /* key_room() bytes */
	uint32 room;
	MemoryContext cxt; /* emptied by the caller of key_columns_probe() */
} KeyColumns;

/*
 * The index's key columns; NULL if it has none. What that takes is allocated in the current
 * context.
 */
extern KeyColumns *key_columns_open(Relation index, const IndexState *state);
/*
 * The key of a row. The probe is good until the next call; what it allocates goes to the current
 * context. An error if the key is too wide.
 */
extern void key_columns_probe(KeyColumns *columns, const Datum *values, const bool *isnull,
							  KeyProbe *probe);
/*
 * The keys that a scan's conditions ask for and the index has, in order of their addresses, each
 * once. Returns their number; *refs is allocated in the current context. An error if the
 * conditions do not say what each of the key columns is.
 */
extern int key_columns_find(KeyColumns *columns, PageReader *reader, Relation index, ScanKey keys,
							int nkeys, KeyRef **refs);
/* Is that how the key of a row is written, or of one that is equal? False also for nonsense. */
extern bool key_columns_are(KeyColumns *columns, const Datum *values, const bool *isnull,
							const char *key, Size size);
/* The hash of a key as it is written; false if it is none of these columns. */
extern bool key_columns_hash(KeyColumns *columns, const char *key, Size size, uint32 *hash);

#endif /* HNSWC_KEY_COLUMNS_H */
