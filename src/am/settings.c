/*
 * settings.c: how an index is searched: the settings hnsw.* of a session, and the index's options
 * of the same names.
 *
 * A value that is set counts, wherever that was: in the session or the transaction, for the role,
 * the database, a function or the server.  Otherwise the index's option counts, and if there is
 * none, the setting's default.  So an index can be given what suits its data, for all who search
 * it, and a session that wants something else says so.
 *
 * hnsw.recall, where it is not 0, takes the place of hnsw.ef_search. So an index's option of that
 * name counts only if neither of the two settings is set.
 *
 * Options are read from the relation, which PostgreSQL reads anew after ALTER INDEX: they take
 * effect at the next scan.
 */
#include "postgres.h"

#include <limits.h>

#include "access/parallel.h"
#include "am/am.h"
#include "compat.h"
#include "utils/guc.h"

/* The settings that are options, too. */
typedef enum Setting
{
	SETTING_EF_SEARCH,
	SETTING_ADAPTIVE_SEARCH,
	SETTING_ITERATIVE_SCAN,
	SETTING_MAX_SCAN_TUPLES,
	SETTING_SCAN_MEM_MULTIPLIER,
	SETTING_RECALL,
} Setting;

#define NSETTINGS (SETTING_RECALL + 1)

static const char *const setting_names[NSETTINGS] = {
	"hnsw.ef_search",       "hnsw.adaptive_search",     "hnsw.iterative_scan",
	"hnsw.max_scan_tuples", "hnsw.scan_mem_multiplier", "hnsw.recall",
};

/* The session's values; the defaults where pgvector has the settings. */
static ScanSettings session = {
	.ef_search = HNSWC_DEFAULT_EF_SEARCH,
	.adaptive_search = true,
	.iterative_scan = ITERATIVE_SCAN_STRICT,
	.max_scan_tuples = INT_MAX,
	.scan_mem_multiplier = 1.0,
};

/*
 * PostgreSQL's records of the settings, which tell where a value is from; NULL where pgvector has
 * them.
 */
static const struct config_generic *setting_records[NSETTINGS];

static const struct config_enum_entry iterative_scan_options[] = {
	{"off", ITERATIVE_SCAN_OFF, false},
	{"relaxed_order", ITERATIVE_SCAN_RELAXED, false},
	{"strict_order", ITERATIVE_SCAN_STRICT, false},
	{NULL, 0, false},
};

/*
 * Does pgvector's library, loaded before this one, have the settings?  Defining them again would be
 * an error.  A value that was set before any library is a placeholder, which does not count.
 */
static bool
pgvector_has_settings(void)
{
	return GetConfigOption("hnsw.ef_search", true, false) != NULL &&
		   (GetConfigOptionFlags("hnsw.ef_search", true) & GUC_CUSTOM_PLACEHOLDER) == 0;
}

void
settings_init(void)
{
	if (pgvector_has_settings())
	{
		if (!IsParallelWorker())
			ereport(
				WARNING,
				(errmsg("the settings hnsw.* are pgvector's in this session, and have no effect on "
						"indexes of hnswc"),
				 errdetail("pgvector's library was loaded first. hnswc uses the defaults of its "
						   "settings."),
				 errhint(
					 "Take pgvector's library \"vector\" out of shared_preload_libraries, "
					 "session_preload_libraries and local_preload_libraries, and connect anew.")));
		return;
	}
	DefineCustomIntVariable(
		"hnsw.ef_search", "Sets the number of candidates a search keeps.",
		"More candidates find more of the true nearest neighbours and take longer. "
		"A LIMIT of more rows counts instead.",
		&session.ef_search, HNSWC_DEFAULT_EF_SEARCH, 1, HNSWC_MAX_EF_SEARCH, PGC_USERSET, 0, NULL,
		NULL, NULL);
	DefineCustomBoolVariable(
		"hnsw.adaptive_search", "Sets whether a search goes on longer where that is needed.",
		"hnsw.ef_search is then what searches come to on average: those whose nearest rows stand "
		"out from the rest end sooner, others take up to three times as many candidates.",
		&session.adaptive_search, true, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable(
		"hnsw.iterative_scan", "Sets whether and how a scan goes on when more rows are needed.",
		"\"strict_order\" returns rows by distance, \"relaxed_order\" nearly so but finds more; "
		"with \"off\" a scan ends after hnsw.ef_search candidates.",
		&session.iterative_scan, ITERATIVE_SCAN_STRICT, iterative_scan_options, PGC_USERSET, 0,
		NULL, NULL, NULL);
	DefineCustomIntVariable(
		"hnsw.max_scan_tuples", "Sets the number of tuples after which a scan stops going on.",
		"The default is no limit: a scan goes on until its LIMIT is met or the index has no more. "
		"The first hnsw.ef_search candidates are always returned.",
		&session.max_scan_tuples, INT_MAX, 1, INT_MAX, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomRealVariable("hnsw.scan_mem_multiplier",
							 "Sets the memory a scan may use, as a multiple of work_mem.", NULL,
							 &session.scan_mem_multiplier, 1.0, 1.0, HNSWC_MAX_SCAN_MEM_MULTIPLIER,
							 PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomRealVariable(
		"hnsw.recall", "Sets the share of the nearest rows that searches are to find.",
		"An index then chooses how many candidates a search keeps, by what it has measured of "
		"itself, and hnsw.ef_search has no effect. Zero turns that off.",
		&session.recall, 0, 0, HNSWC_MAX_RECALL, PGC_USERSET, 0, NULL, NULL, NULL);
	MarkGUCPrefixReserved("hnsw");
	/* all are defined: from here on they stay where they are */
	for (int i = 0; i < NSETTINGS; i++)
		setting_records[i] = FIND_SETTING(setting_names[i]);
}

void
settings_check_ours(void)
{
	if (setting_records[SETTING_EF_SEARCH] == NULL)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("the settings hnsw.* are pgvector's in this session"),
						errdetail("pgvector's library was loaded first.")));
}

/* Has the value been set anywhere? */
static bool
is_set(Setting setting)
{
	return setting_records[setting] != NULL && setting_records[setting]->source > PGC_S_DEFAULT;
}

void
settings_set_width(int width, int rank)
{
	Assert(width >= 0 && rank >= 1);
	session.width = width;
	session.rank = rank;
}

int
settings_width(Relation index, const ScanSettings *settings, double rank)
{
	int width = 0;

	StaticAssertStmt(RECALL_MOST_EF == HNSWC_MAX_EF_SEARCH, "one limit of widths");
	if (settings->recall > 0)
	{
		NodeId entry;

		width = recall_width(&index_state_get(index, &entry)->recall, settings->recall, rank);
	}
	return width > 0 ? width : settings->ef_search;
}

/* An index's option, unless it was not given or the setting is set. */
#define TAKE_OPTION(settings, setting, field, given) \
	do                                               \
	{                                                \
		if ((given) >= 0 && !is_set(setting))        \
			(settings)->field = (given);             \
	} while (0)

ScanSettings
settings_of(Relation index)
{
	const HnswOptions *options = (const HnswOptions *) index->rd_options;
	ScanSettings settings = session;

	if (options == NULL)
		return settings;
	/* who says how wide a search is, and not what it is to find, gets that */
	if (!is_set(SETTING_EF_SEARCH))
		TAKE_OPTION(&settings, SETTING_RECALL, recall, options->recall);
	TAKE_OPTION(&settings, SETTING_EF_SEARCH, ef_search, options->ef_search);
	TAKE_OPTION(&settings, SETTING_ADAPTIVE_SEARCH, adaptive_search, options->adaptive_search);
	TAKE_OPTION(&settings, SETTING_ITERATIVE_SCAN, iterative_scan, options->iterative_scan);
	TAKE_OPTION(&settings, SETTING_MAX_SCAN_TUPLES, max_scan_tuples, options->max_scan_tuples);
	TAKE_OPTION(&settings, SETTING_SCAN_MEM_MULTIPLIER, scan_mem_multiplier,
				options->scan_mem_multiplier);
	return settings;
}
