/*
 * own.c: what of the catalog is the extension's own; see own.h.
 *
 * To ask of a function whether it is ours takes a look into pg_proc and one into the library that
 * it names. Queries ask for each function in them, so the answers are kept by OID, no more of them
 * than KEPT_ANSWERS, and forgotten when anything in pg_proc changes.
 *
 * Locks: none but those of the catalog's caches.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "column/own.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/*
 * A query has dozens of functions and an application some hundreds of queries; an answer takes 40
 * bytes.
 */
#define KEPT_ANSWERS 4096

typedef struct Answer
{
	Oid function; /* hash key */
	bool is_own;
	OwnFunction own;
} Answer;

static HTAB *answers = NULL;
static bool is_listening = false;
/* Grows with each change of pg_proc: an answer that was being looked up then is not kept. */
static uint64 changes = 0;
/* That of the answers that are kept. */
static uint64 answers_are_of = 0;

static void
note_change(Datum arg, int cacheid, uint32 hashvalue)
{
	changes++;
}

static void
forget_answers(void)
{
	HASHCTL ctl = {0};

	if (!is_listening)
		CacheRegisterSyscacheCallback(PROCOID, note_change, (Datum) 0);
	is_listening = true;
	if (answers != NULL)
		hash_destroy(answers);
	answers = NULL;
	ctl.keysize = sizeof(Oid);
	ctl.entrysize = sizeof(Answer);
	answers = hash_create("hnsw functions", 64, &ctl, HASH_ELEM | HASH_BLOBS);
	answers_are_of = changes;
}

/* The descriptor that has a function of that name, and what it is there; NULL if none has. */
static const ElementType *
find_symbol(const char *symbol, OwnRole *role, PGFunction *address)
{
	for (const ElementType *const *type = element_types; *type != NULL; type++)
	{
		const ElementFunction *functions[] = {
			[OWN_SUPPORT] = &(*type)->support,
			[OWN_DISTANCE] = &(*type)->distance_function,
			[OWN_SIMILARITY] = &(*type)->similarity_function,
		};

		for (int i = 0; i < lengthof(functions); i++)
			if (functions[i]->symbol != NULL && strcmp(functions[i]->symbol, symbol) == 0)
			{
				*role = i;
				*address = functions[i]->address;
				return *type;
			}
	}
	return NULL;
}

/* A column of a function's row in pg_proc as a string; NULL for null. */
static char *
proc_string(HeapTuple tuple, AttrNumber column)
{
	bool isnull;
	Datum value = SysCacheGetAttr(PROCOID, tuple, column, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

/*
 * Does the function run a C function of this library, and are its arguments as the library takes
 * them?
 */
static bool
look_up(Oid function, OwnFunction *own)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc proc;
	char *symbol;
	char *library;
	PGFunction address = NULL;
	void *handle;

	memset(own, 0, sizeof(*own));
	if (!HeapTupleIsValid(tuple))
		return false;
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	symbol = proc->prolang == ClanguageId ? proc_string(tuple, Anum_pg_proc_prosrc) : NULL;
	library = symbol != NULL ? proc_string(tuple, Anum_pg_proc_probin) : NULL;
	own->element = library != NULL ? find_symbol(symbol, &own->role, &address) : NULL;
	if (own->element != NULL && own->role != OWN_SUPPORT)
	{
		own->type = proc->proargtypes.values[0];
		if (proc->pronargs != 2 || proc->proargtypes.values[1] != own->type ||
			proc->prorettype != FLOAT8OID || proc->proretset)
			own->element = NULL;
	}
	ReleaseSysCache(tuple);
	/* as the function manager finds it, but also behind settings and SECURITY DEFINER */
	return own->element != NULL &&
		   (PGFunction) load_external_function(library, symbol, false, &handle) == address;
}

bool
own_function(Oid function, OwnFunction *own)
{
	uint64 before = changes;
	Answer *kept;
	bool is_own;

	/* those of PostgreSQL itself */
	if (function < FirstNormalObjectId)
		return false;
	if (answers == NULL || answers_are_of != changes ||
		hash_get_num_entries(answers) >= KEPT_ANSWERS)
		forget_answers();
	kept = hash_search(answers, &function, HASH_FIND, NULL);
	if (kept == NULL)
	{
		is_own = look_up(function, own);
		if (changes != before)
			return is_own;
		kept = hash_search(answers, &function, HASH_ENTER, NULL);
		kept->is_own = is_own;
		kept->own = *own;
	}
	Assert(!kept->is_own || kept->own.element != NULL);
	*own = kept->own;
	return kept->is_own;
}

const ElementType *
own_class(Oid family, Oid type, const char **fault)
{
	OwnFunction support;
	OwnFunction distance;
	Oid opno = get_opfamily_member(family, type, type, HNSWC_DISTANCE_STRATEGY);

	if (!own_function(get_opfamily_proc(family, type, type, HNSWC_TYPE_PROC), &support) ||
		support.role != OWN_SUPPORT)
		*fault = "Its support function is not one of hnsw's.";
	else if (!OidIsValid(opno) || !own_function(get_opcode(opno), &distance) ||
			 distance.role != OWN_DISTANCE || distance.type != type)
		*fault = "Its operator is not a distance of hnsw's between two values of its type.";
	else if (support.element != distance.element)
		*fault = "Its support function is for another type or another distance than its operator.";
	else
		return support.element;
	return NULL;
}
