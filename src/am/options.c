/*
 * options.c: what a user can choose for an index: its reloptions and their defaults.
 *
 * Some shape an index when it is built and are kept in its meta page from then on: ALTER INDEX SET
 * has an effect at the next REINDEX only. The others say how it is searched, take effect at once
 * and are settings.c's.
 */
#include "postgres.h"

#include <limits.h>

#include "access/reloptions.h"
#include "am/am.h"
#include "catalog/pg_type.h"
#include "code/metric.h"
#include "column/element.h"
#include "utils/lsyscache.h"

static relopt_kind hnsw_relopt_kind;

/* An enum and not an integer: PostgreSQL's own message then lists what is allowed. */
static relopt_enum_elt_def bits_options[] = {
	{"1", 1}, {"2", 2}, {"4", 4}, {"8", 8}, {"32", CODE_BITS_EXACT}, {(const char *) NULL, 0},
};

static relopt_enum_elt_def rerank_options[] = {
	{"index", RERANK_INDEX},
	{"half", RERANK_HALF},
	{"table", RERANK_TABLE},
	{(const char *) NULL, 0},
};

static relopt_enum_elt_def switch_options[] = {
	{"on", 1}, {"off", 0}, {"true", 1}, {"false", 0}, {(const char *) NULL, 0},
};

static relopt_enum_elt_def iterative_scan_options[] = {
	{"off", ITERATIVE_SCAN_OFF},
	{"strict_order", ITERATIVE_SCAN_STRICT},
	{"relaxed_order", ITERATIVE_SCAN_RELAXED},
	{(const char *) NULL, 0},
};

/* The widths there are, from the widest. */
static const int code_widths[] = {CODE_BITS_EXACT, 8, 4, 2, 1};

/*
 * The defaults of `bits` and `rerank`: the only place that knows them.
 *
 * bits: few enough that the nodes are small, so many that a walk goes the way exact distances would
 * take it. Rotated codes of 4 bits do from some 64 dimensions on; the error of a code grows as
 * dimensions get fewer, while the bytes saved get fewer too. L1 has no rotation to spread the error
 * over the dimensions, so it takes 8. What has a bit a dimension is kept as it is.
 */
static int
default_bits(int dims, CodeMetric metric)
{
	int bits = code_metric(metric)->default_bits;

	return bits < 8 && dims < CODE_FEW_DIMS ? 8 : bits;
}

/* Halves that are stored as halves, scaled by a power of two, lose nothing. */
static RerankSource
default_rerank(const ElementType *type)
{
	return type->is_half ? RERANK_HALF : RERANK_INDEX;
}

/* The lock is what ALTER INDEX takes: searches go on while it is changed how they are made. */
static void
add_search_options(void)
{
	const LOCKMODE lock = ShareUpdateExclusiveLock;

	add_int_reloption(hnsw_relopt_kind, "ef_search", "Candidates that a search keeps",
					  OPTION_NOT_GIVEN, 1, HNSWC_MAX_EF_SEARCH, lock);
	add_enum_reloption(hnsw_relopt_kind, "adaptive_search",
					   "Whether a search goes on longer where that is needed", switch_options,
					   OPTION_NOT_GIVEN, "Valid values are \"on\" and \"off\".", lock);
	add_enum_reloption(hnsw_relopt_kind, "iterative_scan",
					   "Whether and how a scan goes on when more rows are needed",
					   iterative_scan_options, OPTION_NOT_GIVEN,
					   "Valid values are \"off\", \"strict_order\", and \"relaxed_order\".", lock);
	add_int_reloption(hnsw_relopt_kind, "max_scan_tuples",
					  "Tuples after which a scan stops going on", OPTION_NOT_GIVEN, 1, INT_MAX,
					  lock);
	add_real_reloption(hnsw_relopt_kind, "scan_mem_multiplier",
					   "Memory of a scan, as a multiple of work_mem", OPTION_NOT_GIVEN, 1.0,
					   HNSWC_MAX_SCAN_MEM_MULTIPLIER, lock);
	add_real_reloption(hnsw_relopt_kind, "recall", "Share of the nearest that searches are to find",
					   OPTION_NOT_GIVEN, 0.0, HNSWC_MAX_RECALL, lock);
}

void
options_init(void)
{
	hnsw_relopt_kind = add_reloption_kind();
	add_int_reloption(hnsw_relopt_kind, "m", "Neighbours a node is given when it is inserted",
					  HNSWC_DEFAULT_M, HNSWC_MIN_M, HNSWC_MAX_M, AccessExclusiveLock);
	add_int_reloption(hnsw_relopt_kind, "ef_construction",
					  "Candidates kept when searching for a node's neighbours",
					  HNSWC_DEFAULT_EF_CONSTRUCTION, HNSWC_MIN_EF_CONSTRUCTION,
					  HNSWC_MAX_EF_CONSTRUCTION, AccessExclusiveLock);
	add_enum_reloption(hnsw_relopt_kind, "bits", "Bits per dimension of the codes in the index",
					   bits_options, OPTION_NOT_GIVEN,
					   "Valid values are \"1\", \"2\", \"4\", \"8\", and \"32\".",
					   AccessExclusiveLock);
	add_enum_reloption(hnsw_relopt_kind, "rerank",
					   "Where the vectors are that results are ordered by", rerank_options,
					   OPTION_NOT_GIVEN, "Valid values are \"index\", \"half\", and \"table\".",
					   AccessExclusiveLock);
	add_search_options();
	add_bool_reloption(hnsw_relopt_kind, "row_map",
					   "Keeps where the rows of the table are in the index", true,
					   AccessExclusiveLock);
}

bytea *
hnswoptions(Datum reloptions, bool validate)
{
	static const relopt_parse_elt table[] = {
		{"m", RELOPT_TYPE_INT, offsetof(HnswOptions, m)},
		{"ef_construction", RELOPT_TYPE_INT, offsetof(HnswOptions, ef_construction)},
		{"bits", RELOPT_TYPE_ENUM, offsetof(HnswOptions, bits)},
		{"rerank", RELOPT_TYPE_ENUM, offsetof(HnswOptions, rerank)},
		{"ef_search", RELOPT_TYPE_INT, offsetof(HnswOptions, ef_search)},
		{"adaptive_search", RELOPT_TYPE_ENUM, offsetof(HnswOptions, adaptive_search)},
		{"iterative_scan", RELOPT_TYPE_ENUM, offsetof(HnswOptions, iterative_scan)},
		{"max_scan_tuples", RELOPT_TYPE_INT, offsetof(HnswOptions, max_scan_tuples)},
		{"scan_mem_multiplier", RELOPT_TYPE_REAL, offsetof(HnswOptions, scan_mem_multiplier)},
		{"recall", RELOPT_TYPE_REAL, offsetof(HnswOptions, recall)},
		{"row_map", RELOPT_TYPE_BOOL, offsetof(HnswOptions, row_map)},
	};

	return (bytea *) build_reloptions(reloptions, validate, hnsw_relopt_kind, sizeof(HnswOptions),
									  table, lengthof(table));
}

/* NULL when none was given. */
static const HnswOptions *
given_options(Relation index)
{
	return (const HnswOptions *) index->rd_options;
}

int
options_m(Relation index)
{
	const HnswOptions *options = given_options(index);

	return options ? options->m : HNSWC_DEFAULT_M;
}

static int
bits_of(const HnswOptions *options, int dims, CodeMetric metric)
{
	return options && options->bits != OPTION_NOT_GIVEN ? options->bits
														: default_bits(dims, metric);
}

bool
options_row_map(Relation index)
{
	const HnswOptions *options = given_options(index);

	return options == NULL || options->row_map;
}

int
options_bits(Relation index, int dims, CodeMetric metric)
{
	return bits_of(given_options(index), dims, metric);
}

/* The dimensions of the column or expression, checked. */
static int
column_dims(Relation index, const ElementType *type)
{
	int dims = element_typmod(index);

	/* there it is the greatest length that a value may have */
	if (getBaseType(TupleDescAttr(RelationGetDescr(index), index_vector_column(index))->atttypid) ==
		VARBITOID)
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("column of type bit varying cannot be indexed by hnsw"),
						errdetail("Its values may have different lengths."),
						errhint("Use the type bit(n), or index the expression column::bit(n).")));
	if (dims < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("column does not have dimensions"),
						errhint("Give the column its number of dimensions, ALTER TABLE ... ALTER "
								"COLUMN ... TYPE %s(n), "
								"or index an expression, ((column::%s(n))).",
								type->type_name, type->type_name)));
	if (dims > type->max_dims)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("column cannot have more than %d dimensions for hnsw index",
							   type->max_dims)));
	return dims;
}

static bool
code_fits(const IndexShape *shape, int bits, int m)
{
	CodeSpec narrower = shape->spec;
	PageLayout layout;

	narrower.bits = bits;
	return code_size(&narrower) > 0 &&
		   page_layout_init(&layout, code_size(&narrower), 0, m, shape->nkeys > 0);
}

/* The widest code of at most `most` bits whose nodes fit a page; 0 for none. */
static int
widest_bits(const IndexShape *shape, int most, int m)
{
	for (int i = 0; i < lengthof(code_widths); i++)
	{
		if (code_widths[i] <= most && code_fits(shape, code_widths[i], m))
			return code_widths[i];
	}
	return 0;
}

/*
 * The greatest m, at most the one wanted, with which the bits of a vector of 0 and 1 fit a page
 * with their links.
 */
static int
widest_m(const IndexShape *shape, int m)
{
	while (m > HNSWC_MIN_M && !code_fits(shape, CODE_BITS_EXACT, m))
		m--;
	return m;
}

/*
 * Settles the shape's bits: the default gives way to what fits a page, a choice of the user does
 * not.
 */
static void
choose_bits(const HnswOptions *options, IndexShape *shape)
{
	CodeSpec *spec = &shape->spec;
	int m = shape->m;
	int wanted = bits_of(options, spec->dims, spec->metric);
	int fitting = widest_bits(shape, wanted, m);
	bool given = options && options->bits != OPTION_NOT_GIVEN;

	if (given && code_metric(spec->metric)->is_binary && wanted != CODE_BITS_EXACT)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("bit strings are indexed as they are"),
						errhint("Leave out the option \"bits\".")));
	if (fitting == 0 || (given && fitting != wanted))
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("codes of %d bits for %d dimensions do not fit a page with m = %d",
							   wanted, spec->dims, m),
						fitting > 0 ? errhint("Use bits = %d or fewer.", fitting)
									: errhint("Use a smaller m.")));
	spec->bits = fitting;
}

/* What follows from the index's columns, whatever the options are. */
static void
column_shape(Relation index, const ElementType *type, IndexShape *shape)
{
	memset(shape, 0, sizeof(*shape));
	shape->type = type->id;
	shape->nkeys = index_vector_column(index);
	shape->spec.metric = type->metric;
	shape->spec.dims = column_dims(index, type);
	if (type->sketch_dims > 0)
		shape->spec.dims = type->sketch_dims;
}

bool
options_shape_is_possible(Relation index, const IndexShape *shape)
{
	IndexShape column;

	column_shape(index, element_type(index), &column);
	return shape->type == column.type && shape->nkeys == column.nkeys &&
		   shape->spec.metric == column.spec.metric && shape->spec.dims == column.spec.dims;
}

void
options_choose(const HnswOptions *options, const ElementType *type, IndexShape *shape)
{
	shape->m = options ? options->m : HNSWC_DEFAULT_M;
	shape->ef_construction = options ? options->ef_construction : HNSWC_DEFAULT_EF_CONSTRUCTION;
	if (shape->ef_construction < 2 * shape->m)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("ef_construction must be greater than or equal to 2 * m")));
	if (code_metric(shape->spec.metric)->is_binary)
		shape->m = widest_m(shape, shape->m);
	choose_bits(options, shape);
	if (type->in_table && options && options->rerank != OPTION_NOT_GIVEN &&
		options->rerank != RERANK_TABLE)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("an index on type %s does not keep the vectors", type->type_name),
						errhint("Leave out the option \"rerank\".")));
	if (!type->in_table && shape->spec.bits == CODE_BITS_EXACT && options &&
		options->rerank != OPTION_NOT_GIVEN && options->rerank != RERANK_TABLE)
		ereport(
			WARNING,
			(errmsg("option \"rerank\" has no effect where nodes hold the exact values"),
			 code_metric(shape->spec.metric)->is_binary
				 ? errhint("Leave out the option \"rerank\": bit strings are indexed as they are.")
				 : errhint("Leave out the option \"rerank\", or use bits = 8 or fewer.")));
	if (type->in_table && shape->spec.bits == CODE_BITS_EXACT)
		/* an exact sketch is no exact vector, and floats do not give the operator's sums */
		shape->spec.bits = 8;
	if (type->in_table || shape->spec.bits == CODE_BITS_EXACT)
		shape->rerank = RERANK_TABLE; /* the code is the vector: there is nothing more to keep */
	else if (options && options->rerank != OPTION_NOT_GIVEN)
		shape->rerank = options->rerank;
	else
		shape->rerank = default_rerank(type);
}

void
options_shape(Relation index, IndexShape *shape)
{
	const ElementType *type;

	element_check_columns(index);
	type = element_type(index);
	element_check_class(index);
	column_shape(index, type, shape);
	options_choose(given_options(index), type, shape);
}
