/*
 * estimate.c: hnsw_estimate(), how large an index is going to be, and how much memory its build
 * wants.
 *
 * The layout of the pages follows from dimensions, operator class and options, by the same code as
 * for an index.  What is not known are the rows: all are taken to be different from each other.
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "am/am.h"
#include "build/build.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_type.h"
#include "code/code.h"
#include "column/own.h"
#include "commands/defrem.h"
#include "observe/observe.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/varlena.h"

/* Pages of a build that are not full at its end: one or two of a hundred. */
#define OPEN_PAGES_SHARE 0.02
/*
 * What a build needs beside pages: clusters, pages of each process, memory that comes in large
 * pieces.
 */
#define BUILD_OVERHEAD_SHARE 0.06
#define BUILD_OVERHEAD_BYTES (4.0 * 1024 * 1024)
/*
 * Bytes for each block of the file, by which a build finds pages by their blocks; twice, for rows
 * that may come.
 */
#define BLOCK_MAP_BYTES (2.0 * sizeof(uint32))

typedef struct Estimate
{
	double node_pages;
	double upper_pages;
	double vector_pages;
	double other_pages;
	double build_bytes;
} Estimate;

/* The descriptor of an operator class by its name. */
static const ElementType *
find_class(text *name)
{
	Oid class = get_opclass_oid(get_am_oid("hnsw", false), textToQualifiedNameList(name), false);
	const char *fault;
	const ElementType *type =
		own_class(get_opclass_family(class), get_opclass_input_type(class), &fault);

	if (type == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("operator class \"%s\" cannot be used for an index", text_to_cstring(name)),
				 errdetail("%s", fault)));
	return type;
}

static void
choose_shape(const ElementType *type, int dims, Datum options, IndexShape *shape)
{
	const HnswOptions *parsed = (const HnswOptions *) hnswoptions(options, true);

	if (dims < 1 || dims > type->max_dims)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be from 1 to %d, not %d", type->dims_name, type->max_dims, dims)));
	type = element_type_of(type, dims);
	memset(shape, 0, sizeof(*shape));
	shape->type = type->id;
	shape->spec.metric = type->metric;
	shape->spec.dims = type->sketch_dims > 0 ? type->sketch_dims : dims;
	options_choose(parsed, type, shape);
}

/* Nodes above layer 0 for each element: see graph_random_layer(). */
static double
upper_share(int m)
{
	return 1.0 / (1.5 * m - 1.0);
}

static void
make_estimate(const IndexShape *shape, double rows, Estimate *estimate)
{
	PageLayout layout;
	double run_pages;
	double pages;
	Size side;

	index_shape_layout(shape, &layout);
	run_pages = (double) layout.slots_per_page * layout.vector_size / PAGE_STREAM_SIZE;
	estimate->node_pages = ceil(ceil(rows / layout.slots_per_page) * (1.0 + OPEN_PAGES_SHARE));
	estimate->upper_pages = ceil(rows * upper_share(shape->m) / layout.slots_per_page);
	estimate->vector_pages = ceil(estimate->node_pages * run_pages);
	estimate->other_pages = 1 + ceil((double) code_params_size(&shape->spec) / PAGE_STREAM_SIZE);
	side = build_side_size(&shape->spec);
	pages = estimate->node_pages + estimate->upper_pages;
	estimate->build_bytes =
		pages * (BLCKSZ + layout.slots_per_page * (side + 1.0)) * (1.0 + BUILD_OVERHEAD_SHARE) +
		BUILD_OVERHEAD_BYTES + BLOCK_MAP_BYTES * (pages + estimate->vector_pages);
}

PG_FUNCTION_INFO_V1(hnsw_estimate);

Datum
hnsw_estimate(PG_FUNCTION_ARGS)
{
	int64 rows = PG_GETARG_INT64(0);
	IndexShape shape;
	Estimate estimate;
	ResultRow row;
	double all;

	row_begin(&row, fcinfo);
	if (rows < 0 || rows > PG_UINT32_MAX)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the number of rows must be from 0 to %u, not " INT64_FORMAT,
							   PG_UINT32_MAX, rows)));
	choose_shape(find_class(PG_GETARG_TEXT_PP(2)), PG_GETARG_INT32(1), PG_GETARG_DATUM(3), &shape);
	make_estimate(&shape, (double) rows, &estimate);
	all = estimate.node_pages + estimate.upper_pages + estimate.vector_pages + estimate.other_pages;
	row_add(&row, Int64GetDatum((int64) (estimate.node_pages + estimate.upper_pages) * BLCKSZ));
	row_add(&row, Int64GetDatum((int64) estimate.vector_pages * BLCKSZ));
	row_add(&row, Int64GetDatum((int64) all * BLCKSZ));
	row_add(&row, CStringGetTextDatum(
					  psprintf("%.0fMB", ceil(estimate.build_bytes / (1024.0 * 1024.0)))));
	return row_finish(&row);
}
