/*
 * own.h: what of the catalog is the extension's own.
 *
 * An object is recognised by what it does and never by what it is called. Its name, its schema and
 * even the extension that it is a member of can be had by users who may create functions, or who
 * own an extension that is trusted.
 *
 * - An index is ours if its access method's callbacks are those of this library: am/handler.c.
 * - A function is ours if it is written in C and calling it runs a function of this library.  Only
 * superusers can create functions in C.
 * - An operator is ours if its function is.
 * - An operator class is ours if its support function is, and if its operator is the distance that
 *   the support function is for, between two values of the class's type.
 *
 * So the extension may have any name, and its objects any schema.
 */
#ifndef HNSWC_OWN_H
#define HNSWC_OWN_H

#include "postgres.h"

#include "column/element.h"
#include "nodes/pathnodes.h"

typedef enum OwnRole
{
	OWN_SUPPORT,    /* an operator class's support function */
	OWN_DISTANCE,   /* what rows are ordered by, the nearest first */
	OWN_SIMILARITY, /* the negative of a distance */
} OwnRole;

/* A function of ours. */
typedef struct OwnFunction
{
	OwnRole role;
	const ElementType *element; /* whose function it is */
	/* of both arguments of a distance or similarity; InvalidOid for others */
	Oid type;
} OwnFunction;

/*
 * Is that a function of ours, and which? InvalidOid is none. Answers are cached until a function's
 * definition changes. Raises an error only if a function has a name like ours and its library is
 * gone.
 */
extern bool own_function(Oid function, OwnFunction *own);

/*
 * The descriptor of an operator class, which is given by its family and its type; NULL if the class
 * is none that an index can have: then *fault is a sentence that says why.
 */
extern const ElementType *own_class(Oid family, Oid type, const char **fault);

#endif /* HNSWC_OWN_H */
