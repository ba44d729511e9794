#include "sp/worker/tally.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "sp/base/check.h"

#define CACHE_LINE 64U /* rows are apart, so that workers do not slow each other */

struct sp_tally {
	size_t rows, slots;
	size_t stride; /* counters from row to row */
	size_t bytes;
	_Atomic uint32_t *counts; /* owned: the shared mapping */
};

struct sp_tally *sp_tally_new(size_t rows, size_t slots, struct sp_err *err)
{
	struct sp_tally *tally = calloc(1, sizeof(*tally));
	const size_t line = CACHE_LINE / sizeof(uint32_t);
	void *shared;

	if (tally == NULL) {
		sp_err_set(err, "no memory for the workers' counters");
		return NULL;
	}
	tally->rows = rows;
	tally->slots = slots;
	tally->stride = (slots + line - 1) / line * line;
	tally->bytes = rows * tally->stride * sizeof(uint32_t);
	shared = mmap(NULL, tally->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED) {
		sp_err_set(err, "cannot share memory with the workers: %s", strerror(errno));
		free(tally);
		return NULL;
	}
	tally->counts = shared;
	return tally;
}

void sp_tally_free(struct sp_tally *tally)
{
	if (tally == NULL)
		return;
	munmap((void *)tally->counts, tally->bytes);
	free(tally);
}

static _Atomic uint32_t *count_at(const struct sp_tally *tally, size_t row, size_t slot)
{
	SP_ASSERT(row < tally->rows && slot < tally->slots);
	return &tally->counts[row * tally->stride + slot];
}

void sp_tally_set(struct sp_tally *tally, size_t row, size_t slot, uint32_t n)
{
	atomic_store_explicit(count_at(tally, row, slot), n, memory_order_relaxed);
}

void sp_tally_clear(struct sp_tally *tally, size_t row)
{
	for (size_t slot = 0; slot < tally->slots; slot++)
		sp_tally_set(tally, row, slot, 0);
}

uint64_t sp_tally_sum(const struct sp_tally *tally, size_t slot)
{
	uint64_t sum = 0;

	for (size_t row = 0; row < tally->rows; row++)
		sum += atomic_load_explicit(count_at(tally, row, slot), memory_order_relaxed);
	return sum;
}
