#include "sp/board/metrics.h"

#define TRIES 100U /* to read while the master folds: it does so for some milliseconds, when a worker died */
#define MOST                                                                                                           \
	(1ULL << 52) /* more than anybody can have counted, or than microseconds can have passed; exact as a double */

static const struct {
	size_t first, rows, cells; /* first: a word */
} kinds[SP_METRICS_KINDS] = {
#define AFTER(before, count, cells) ((before) + (size_t)(count) * (2 + (cells)))
#define AT_LISTENERS AFTER(0, SP_METRICS_ROUTES, SP_ROUTE_CELLS)
#define AT_POOLS AFTER(AT_LISTENERS, SP_LISTENERS_MAX, SP_LISTENER_CELLS)
#define AT_BACKENDS AFTER(AT_POOLS, SP_POOLS_MAX, SP_POOL_CELLS)
#define AT_LIMITS AFTER(AT_BACKENDS, SP_BACKENDS_MAX, SP_BACKEND_CELLS)
#define AT_GEOS AFTER(AT_LIMITS, SP_LIMITS_MAX, SP_LIMIT_CELLS)
#define AT_GATEWAY AFTER(AT_GEOS, SP_GEOS_MAX, SP_GEO_CELLS)
	[SP_METRICS_ROUTE] = { 0, SP_METRICS_ROUTES, SP_ROUTE_CELLS },
	[SP_METRICS_LISTENER] = { AT_LISTENERS, SP_LISTENERS_MAX, SP_LISTENER_CELLS },
	[SP_METRICS_POOL] = { AT_POOLS, SP_POOLS_MAX, SP_POOL_CELLS },
	[SP_METRICS_BACKEND] = { AT_BACKENDS, SP_BACKENDS_MAX, SP_BACKEND_CELLS },
	[SP_METRICS_LIMIT] = { AT_LIMITS, SP_LIMITS_MAX, SP_LIMIT_CELLS },
	[SP_METRICS_GEO] = { AT_GEOS, SP_GEOS_MAX, SP_GEO_CELLS },
	[SP_METRICS_GATEWAY] = { AT_GATEWAY, 1, SP_GATEWAY_CELLS },
};

const uint32_t sp_histogram_us[SP_HISTOGRAM_BOUNDS] = { 500,     1000,     2500,     5000,    10000,   25000,
							50000,   100000,   250000,   500000,  1000000, 2500000,
							5000000, 10000000, 30000000, 60000000 };

/* ---- rows */

static size_t word_of(enum sp_metrics_kind kind, size_t row)
{
	return kinds[kind].first + row * (2 + kinds[kind].cells);
}

static uint64_t load(const sp_cell *cell)
{
	return atomic_load_explicit(cell, memory_order_relaxed);
}

size_t sp_metrics_rows(const struct sp_metrics *metrics, enum sp_metrics_kind kind)
{
	const size_t n = atomic_load_explicit(&metrics->count[kind], memory_order_acquire);

	return n < kinds[kind].rows ? n : kinds[kind].rows;
}

const sp_cell *sp_metrics_at(const struct sp_metrics *metrics, enum sp_metrics_kind kind, size_t row, uint64_t keys[2])
{
	const sp_cell *words = &metrics->words[word_of(kind, row)];

	SP_ASSERT(row < kinds[kind].rows);
	keys[0] = load(&words[0]);
	keys[1] = load(&words[1]);
	return words + 2;
}

/* ---- the index: open addressing; an entry is kind * 65536 + row + 1, 0 is free. Keys are hashes already. */

static uint32_t entry_of(enum sp_metrics_kind kind, size_t row)
{
	return (uint32_t)kind << 16 | ((uint32_t)row + 1);
}

static bool is_row(const struct sp_metrics *metrics, uint32_t entry, enum sp_metrics_kind kind, uint64_t key,
		   uint64_t other)
{
	const size_t row = (entry & 0xffffU) - 1;
	uint64_t keys[2];

	if (entry >> 16 != (uint32_t)kind || row >= sp_metrics_rows(metrics, kind))
		return false;
	(void)sp_metrics_at(metrics, kind, row, keys);
	return keys[0] == key && keys[1] == other;
}

/* Where its entry is, or would be. There always is a free one behind. */
static size_t place_of(const struct sp_metrics *metrics, enum sp_metrics_kind kind, uint64_t key, uint64_t other)
{
	size_t at = (size_t)(key + other * 3 + (uint64_t)kind) % SP_METRICS_INDEX;

	for (size_t i = 0; i < SP_METRICS_INDEX && metrics->index[at] != 0; i++) {
		if (is_row(metrics, metrics->index[at], kind, key, other))
			break;
		at = (at + 1) % SP_METRICS_INDEX;
	}
	return at;
}

static size_t find(const struct sp_metrics *metrics, enum sp_metrics_kind kind, uint64_t key, uint64_t other)
{
	const uint32_t entry = metrics->index[place_of(metrics, kind, key, other)];

	return is_row(metrics, entry, kind, key, other) ? (entry & 0xffffU) - 1 : SIZE_MAX;
}

const sp_cell *sp_metrics_find(const struct sp_metrics *metrics, enum sp_metrics_kind kind, uint64_t key,
			       uint64_t other)
{
	const size_t row = find(metrics, kind, key, other);

	return row == SIZE_MAX ? NULL : &metrics->words[word_of(kind, row) + 2];
}

/* Its keys stand there before it is counted among the rows. */
static void add(struct sp_metrics *own, enum sp_metrics_kind kind, size_t row, uint64_t key, uint64_t other)
{
	const size_t place = place_of(own, kind, key, other);
	sp_cell *words = &own->words[word_of(kind, row)];

	atomic_store_explicit(&words[0], key, memory_order_relaxed);
	atomic_store_explicit(&words[1], other, memory_order_relaxed);
	own->index[place] = entry_of(kind, row);
	atomic_store_explicit(&own->count[kind], (uint32_t)row + 1, memory_order_release);
}

sp_cell *sp_metrics_row(struct sp_metrics *own, enum sp_metrics_kind kind, uint64_t key, uint64_t other)
{
	size_t row;

	if (own == NULL)
		return NULL;
	row = find(own, kind, key, other);
	if (row == SIZE_MAX && sp_metrics_rows(own, kind) == 0)
		add(own, kind, 0, 0, 0); /* has no name */
	if (row == SIZE_MAX)
		row = key == 0 && other == 0 ? 0 : sp_metrics_rows(own, kind);
	if (row == kinds[kind].rows)
		row = 0;
	if (row == sp_metrics_rows(own, kind))
		add(own, kind, row, key, other);
	return &own->words[word_of(kind, row) + 2];
}

void sp_histogram_add(sp_cell *row, unsigned at, uint64_t us)
{
	unsigned i = 0;

	while (i < SP_HISTOGRAM_BOUNDS && us > sp_histogram_us[i])
		i++;
	sp_metrics_add(row, at + i, 1);
	sp_metrics_add(row, at + SP_HISTOGRAM_SUM, us);
}

/* ---- sums */

static void fold_row(sp_cell *to, const sp_cell *from, size_t first, size_t cells)
{
	for (size_t i = first; i < cells; i++) {
		const uint64_t n = load(&from[i]);

		if (n > 0 && n < MOST)
			sp_metrics_add(to, (unsigned)i, n);
	}
}

void sp_metrics_fold(struct sp_metrics *to, const struct sp_metrics *from, bool has_gauges)
{
	for (enum sp_metrics_kind kind = 0; kind < SP_METRICS_KINDS; kind++) {
		const size_t first = kind == SP_METRICS_POOL && !has_gauges ? SP_POOL_QUEUED + 1 : 0;

		for (size_t i = 0; i < sp_metrics_rows(from, kind); i++) {
			uint64_t keys[2];
			const sp_cell *row = sp_metrics_at(from, kind, i, keys);

			fold_row(sp_metrics_row(to, kind, keys[0], keys[1]), row, first, kinds[kind].cells);
		}
	}
}

static void sum_once(const struct sp_board *board, const struct sp_metrics *past, struct sp_metrics *sum)
{
	sp_metrics_fold(sum, past, false);
	sp_metrics_fold(sum, sp_board_read(board, SP_BLOCK_METRICS_MONITOR, 0), false);
	for (size_t i = 0; i < sp_board_workers(board); i++)
		sp_metrics_fold(sum, sp_board_read(board, SP_BLOCK_METRICS, i), true);
}

static void clear(struct sp_metrics *sum)
{
	for (enum sp_metrics_kind kind = 0; kind < SP_METRICS_KINDS; kind++) {
		for (size_t i = 0; i < sp_metrics_rows(sum, kind); i++)
			memset((void *)&sum->words[word_of(kind, i)], 0, (2 + kinds[kind].cells) * sizeof(sp_cell));
		atomic_store_explicit(&sum->count[kind], 0, memory_order_relaxed);
	}
	memset(sum->index, 0, sizeof(sum->index));
}

bool sp_metrics_sum(const struct sp_board *board, struct sp_metrics *sum)
{
	const struct sp_metrics *past = sp_board_read(board, SP_BLOCK_METRICS_PAST, 0);

	for (unsigned tries = 0; past != NULL && tries < TRIES; tries++) {
		const uint32_t folds = atomic_load_explicit(&past->folds, memory_order_acquire);

		clear(sum);
		sum_once(board, past, sum);
		atomic_thread_fence(memory_order_acquire);
		if (folds % 2 == 0 && atomic_load_explicit(&past->folds, memory_order_relaxed) == folds)
			return true;
	}
	return false;
}
