/*
 * metrics - what has happened since the gateway began: counts and histograms, in rows by names of the configuration.
 *
 * A block of this kind has one writer: each worker in its part, the monitor in its own, and the master in the one that
 * keeps what workers counted who are gone. What is shown is the sum over all of them. A row is found by the keys of its
 * names (sp_name_key) once, when a configuration is taken or a pair of names is first met, and stays where it is as long
 * as its writer lives: counting is an addition to a cell of it, without lock. Rows are taken in order, so that nobody
 * makes memory of those that are not used. Where a kind is full, row 0 counts for all that have none; it has no name.
 *
 * Readers take any content: a number that nobody can have counted is 0.
 */
#ifndef SP_BOARD_METRICS_H
#define SP_BOARD_METRICS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sp/base/check.h"
#include "sp/board/board.h"

enum sp_metrics_kind {
	SP_METRICS_ROUTE, /* keys: of a listener and of a route (0: none was found) */
	SP_METRICS_LISTENER,
	SP_METRICS_POOL,
	SP_METRICS_BACKEND,
	SP_METRICS_LIMIT, /* key 0 is an operator, who bans as limits do */
	SP_METRICS_GEO,
	SP_METRICS_GATEWAY,
	SP_METRICS_KINDS
};

typedef _Atomic uint64_t sp_cell;

/* ---- a histogram: cells of how many took at most so long, each alone; then of more; then the sum */

enum { SP_HISTOGRAM_BOUNDS = 16, SP_HISTOGRAM_SUM = SP_HISTOGRAM_BOUNDS + 1, SP_HISTOGRAM_CELLS };

extern const uint32_t sp_histogram_us[SP_HISTOGRAM_BOUNDS]; /* the bounds, in microseconds, ascending */

/* ---- what is told apart in a row */

enum { SP_METRICS_METHODS = 10, SP_METRICS_CODES = 64, SP_METRICS_CAUSES = 24, SP_METRICS_ATS = 8 };

/* By index; NULL behind the last. The first of methods and codes stands for what has no word of its own; methods are in the
 * order of enum sp_method (http/head.h). */
extern const char *const sp_metrics_method_words[SP_METRICS_METHODS];
extern const char *const sp_metrics_cause_words[SP_METRICS_CAUSES]; /* the access log's, "ok" first */
extern const char *const sp_metrics_at_words[SP_METRICS_ATS];
unsigned sp_metrics_cause(const char *cause);
unsigned sp_metrics_code(unsigned status); /* index of a status */
unsigned sp_metrics_status(unsigned code); /* the other way round; 0: there is none, or another */
enum { SP_METRICS_CODE_WORD = 8 };
const char *sp_metrics_code_word(unsigned code, char word[static SP_METRICS_CODE_WORD]); /* "200", "none", "other" */

enum sp_arrival { /* how it went with a connection that came to a listener */
		  SP_CAME_ACCEPTED,
		  SP_CAME_BANNED,
		  SP_CAME_CONNECTIONS,
		  SP_CAME_HANDSHAKES,
		  SP_CAME_IN_FLIGHT,
		  SP_CAME_MEMORY,
		  SP_CAME_COUNT
};
enum { SP_SHOOK_12, SP_SHOOK_13, SP_SHOOK_NONE, SP_SHOOK_VERSIONS };
enum { SP_SHOOK_OK, SP_SHOOK_FAILED, SP_SHOOK_TIMEOUT, SP_SHOOK_RESULTS };

enum { /* of a route */
       SP_ROUTE_REQUESTS,
       SP_ROUTE_ENDS = SP_ROUTE_REQUESTS + SP_METRICS_METHODS * SP_METRICS_CODES,
       SP_ROUTE_TOOK = SP_ROUTE_ENDS + SP_METRICS_CAUSES * SP_METRICS_ATS,
       SP_ROUTE_CELLS = SP_ROUTE_TOOK + SP_HISTOGRAM_CELLS,
};
enum { /* of a listener */
       SP_LISTENER_CAME,
       SP_LISTENER_SHOOK = SP_LISTENER_CAME + SP_CAME_COUNT,
       SP_LISTENER_CELLS = SP_LISTENER_SHOOK + SP_SHOOK_VERSIONS * SP_SHOOK_RESULTS,
};
enum { /* of a pool */
       SP_POOL_QUEUED, /* just now: not kept when its writer is gone */
       SP_POOL_STALE,
       SP_POOL_CONNECT,
       SP_POOL_FIRST_BYTE = SP_POOL_CONNECT + SP_HISTOGRAM_CELLS,
       SP_POOL_CELLS = SP_POOL_FIRST_BYTE + SP_HISTOGRAM_CELLS,
};
enum { /* of a backend */
       SP_BACKEND_CODES,
       SP_BACKEND_CHECKS_GOOD = SP_BACKEND_CODES + SP_METRICS_CODES, /* these two are the monitor's */
       SP_BACKEND_CHECKS_BAD,
       SP_BACKEND_CELLS,
};
enum {
	SP_LIMIT_PASSED,
	SP_LIMIT_LIMITED,
	SP_LIMIT_OBSERVED_PASSED,
	SP_LIMIT_OBSERVED_LIMITED,
	SP_LIMIT_BANS,
	SP_LIMIT_CELLS
};
enum {
	SP_GEO_ALLOWED,
	SP_GEO_DENIED,
	SP_GEO_UNKNOWN_ALLOWED,
	SP_GEO_UNKNOWN_DENIED,
	SP_GEO_EXEMPT, /* a private address, or a balancer that named nobody */
	SP_GEO_CELLS
};
enum { SP_GATEWAY_EGRESS, SP_GATEWAY_CELLS = SP_GATEWAY_EGRESS + 16 };

enum {
	SP_METRICS_ROUTES = 2048, /* pairs of listener and route */
	SP_METRICS_WORDS = SP_METRICS_ROUTES * (2 + SP_ROUTE_CELLS) + SP_LISTENERS_MAX * (2 + SP_LISTENER_CELLS) +
			   SP_POOLS_MAX * (2 + SP_POOL_CELLS) + SP_BACKENDS_MAX * (2 + SP_BACKEND_CELLS) +
			   SP_LIMITS_MAX * (2 + SP_LIMIT_CELLS) + SP_GEOS_MAX * (2 + SP_GEO_CELLS) + 2 + SP_GATEWAY_CELLS,
};

enum { SP_METRICS_INDEX = 16384 }; /* about twice as many as there are rows */

struct sp_metrics {
	_Atomic uint32_t folds; /* the master's: odd while it folds a dead worker's counts into its own */
	_Atomic uint32_t count[SP_METRICS_KINDS]; /* rows that are taken, row 0 included; 0: none */
	uint32_t index[SP_METRICS_INDEX]; /* the writer's: rows by their keys; nobody else looks there */
	sp_cell words[SP_METRICS_WORDS]; /* kind after kind; of a row two keys, then its cells */
};

/* ---- the writer's */

/* The cells of the row by these keys, taken where there is none yet; `own` may be NULL: then NULL. */
sp_cell *sp_metrics_row(struct sp_metrics *own, enum sp_metrics_kind kind, uint64_t key, uint64_t other);

/* row: NULL counts nothing. */
static inline void sp_metrics_add(sp_cell *row, unsigned cell, uint64_t n)
{
	if (row != NULL)
		atomic_store_explicit(&row[cell], atomic_load_explicit(&row[cell], memory_order_relaxed) + n,
				      memory_order_relaxed);
}

static inline void sp_metrics_put(sp_cell *row, unsigned cell, uint64_t n)
{
	if (row != NULL)
		atomic_store_explicit(&row[cell], n, memory_order_relaxed);
}

/* at: the histogram's first cell. */
void sp_histogram_add(sp_cell *row, unsigned at, uint64_t us);

/* ---- reading */

size_t sp_metrics_rows(const struct sp_metrics *metrics, enum sp_metrics_kind kind);
const sp_cell *sp_metrics_at(const struct sp_metrics *metrics, enum sp_metrics_kind kind, size_t row, uint64_t keys[2]);
static inline uint64_t sp_metrics_get(const sp_cell *row, unsigned cell)
{
	return row == NULL ? 0 : atomic_load_explicit(&row[cell], memory_order_relaxed);
}
/* In a block of the caller's own, or its sum. NULL: there is none. */
const sp_cell *sp_metrics_find(const struct sp_metrics *metrics, enum sp_metrics_kind kind, uint64_t key,
			       uint64_t other);

/* Adds all of `from` to `to`, but for gauges when has_gauges is not set. */
void sp_metrics_fold(struct sp_metrics *to, const struct sp_metrics *from, bool has_gauges);
/* The sum over the board, into memory of the caller: zeros, or an earlier sum. False: workers die all the time, and what
 * stands there now is not to be shown. */
SP_MUST_USE bool sp_metrics_sum(const struct sp_board *board, struct sp_metrics *sum);

#endif
