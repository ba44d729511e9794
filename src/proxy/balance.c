#include "balance.h"

static bool may_take(const struct sp_pool *pool, size_t i, uint64_t tried, bool *is_full)
{
	const struct sp_backend *b = &pool->backends[i];

	if (b->conf->is_down || (i < 64 && (tried >> i & 1) != 0))
		return false;
	if (b->conf->max_inflight == 0 || b->inflight < b->conf->max_inflight)
		return true;
	*is_full = true;
	return false;
}

/* Fewest leases by weight; among equals the one behind the last that was chosen. */
static struct sp_backend *least_conn(struct sp_pool *pool, uint64_t tried, bool *is_full)
{
	struct sp_backend *best = NULL;
	size_t n = pool->conf->backend_count;

	for (size_t k = 0, i = pool->next < n ? pool->next : 0; k < n; k++, i = i + 1 < n ? i + 1 : 0) {
		struct sp_backend *b = &pool->backends[i];

		if (!may_take(pool, i, tried, is_full))
			continue;
		if (best == NULL || (b->inflight + 1) * best->conf->weight < (best->inflight + 1) * b->conf->weight)
			best = b;
	}
	if (best != NULL)
		pool->next = (size_t)(best - pool->backends) + 1;
	return best;
}

/* Smooth weighted: each gains its weight, the richest is chosen and pays the sum. */
static struct sp_backend *round_robin(struct sp_pool *pool, uint64_t tried, bool *is_full)
{
	struct sp_backend *best = NULL;
	int64_t sum = 0;

	for (size_t i = 0; i < pool->conf->backend_count; i++) {
		struct sp_backend *b = &pool->backends[i];

		if (!may_take(pool, i, tried, is_full))
			continue;
		b->smooth += (int64_t)b->conf->weight;
		sum += (int64_t)b->conf->weight;
		if (best == NULL || b->smooth > best->smooth)
			best = b;
	}
	if (best != NULL)
		best->smooth -= sum;
	return best;
}

struct sp_backend *sp_balance_next(struct sp_pool *pool, uint64_t tried, bool *is_full)
{
	*is_full = false;
	if (pool->conf->balance == SP_BALANCE_ROUND_ROBIN)
		return round_robin(pool, tried, is_full);
	return least_conn(pool, tried, is_full);
}
