#include "balance.h"

#include "sp/base/check.h"

static bool is_under_max(const struct sp_backend *b)
{
	return b->conf->max_inflight == 0 || b->load < b->conf->max_inflight;
}

/* Fills pool->among; returns their number. The load is asked over all workers: not where there is nothing to compare. */
static size_t gather(struct sp_pool *pool, uint64_t tried, bool *is_full)
{
	const bool is_alone = pool->conf->backend_count == 1;
	size_t count = 0;

	*is_full = false;
	for (size_t i = 0; i < pool->conf->backend_count; i++) {
		struct sp_backend *b = &pool->backends[i];

		if ((i < 64 && (tried >> i & 1) != 0) || !sp_backend_is_usable(b))
			continue;
		b->load = is_alone && b->conf->max_inflight == 0 ? 0 : sp_crowd_load(b);
		if (is_under_max(b))
			pool->among[count++] = b;
		else
			*is_full = true;
	}
	return count;
}

/* Fewest requests by weight; among equals the one behind the last that was chosen. */
struct sp_backend *sp_choose_least_conn(struct sp_pool *pool, const struct sp_pool_want *want, const struct sp_among *among)
{
	struct sp_backend *best = NULL;
	uint64_t best_weight = 0;
	size_t first = 0;

	(void)want;
	while (first < among->count && sp_backend_index(among->items[first]) < pool->next)
		first++;
	for (size_t k = 0; k < among->count; k++) {
		struct sp_backend *b = among->items[(first + k) % among->count];
		uint64_t weight = sp_backend_weight(b);

		if (best == NULL || (b->load + 1) * best_weight < (best->load + 1) * weight) {
			best = b;
			best_weight = weight;
		}
	}
	pool->next = sp_backend_index(best) + 1;
	return best;
}

/* Smooth weighted: each gains its weight, the richest is chosen and pays the sum. */
struct sp_backend *sp_choose_round_robin(struct sp_pool *pool, const struct sp_pool_want *want, const struct sp_among *among)
{
	struct sp_backend *best = among->items[0];
	int64_t sum = 0;

	(void)pool;
	(void)want;
	for (size_t i = 0; i < among->count; i++) {
		struct sp_backend *b = among->items[i];
		int64_t weight = (int64_t)sp_backend_weight(b);

		b->smooth += weight;
		sum += weight;
		if (b->smooth > best->smooth)
			best = b;
	}
	best->smooth -= sum;
	return best;
}

/* splitmix64: spread, not secrecy. */
static uint64_t next_random(struct sp_pool *pool)
{
	uint64_t z = pool->random += 0x9e3779b97f4a7c15U;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
	z = (z ^ z >> 27) * 0x94d049bb133111ebU;
	return z ^ z >> 31;
}

/* One by weight, but not `except` (may be NULL). */
static struct sp_backend *draw(struct sp_pool *pool, const struct sp_among *among, const struct sp_backend *except)
{
	struct sp_backend *last = NULL;
	uint64_t sum = 0, at;

	for (size_t i = 0; i < among->count; i++)
		sum += among->items[i] == except ? 0 : sp_backend_weight(among->items[i]);
	SP_ASSERT(sum > 0);                     /* candidates have a weight, and `except` is not the only one */
	/* cppcheck-suppress zerodiv */
	at = next_random(pool) % sum;
	for (size_t i = 0; i < among->count; i++) {
		if (among->items[i] == except)
			continue;
		last = among->items[i];
		if (at < sp_backend_weight(last))
			break;
		at -= sp_backend_weight(last);
	}
	return last;
}

/* Two by weight, and of them the one with fewer requests by weight: near least_conn without all workers rushing at one. */
struct sp_backend *sp_choose_random_two(struct sp_pool *pool, const struct sp_pool_want *want, const struct sp_among *among)
{
	struct sp_backend *a = draw(pool, among, NULL), *b;

	(void)want;
	if (among->count == 1)
		return a;
	b = draw(pool, among, a);
	return b->load * sp_backend_weight(a) < a->load * sp_backend_weight(b) ? b : a;
}

static sp_choose *const strategies[] = {
	[SP_BALANCE_LEAST_CONN] = sp_choose_least_conn,
	[SP_BALANCE_ROUND_ROBIN] = sp_choose_round_robin,
	[SP_BALANCE_RANDOM_TWO] = sp_choose_random_two,
	[SP_BALANCE_HASH_CLIENT] = sp_choose_hash,
	[SP_BALANCE_HASH_HEADER] = sp_choose_hash,
	[SP_BALANCE_COOKIE] = sp_choose_sticky,
};

struct sp_backend *sp_balance_next(struct sp_pool *pool, const struct sp_pool_want *want, bool *is_full)
{
	struct sp_among among = { .items = pool->among, .count = gather(pool, want->tried, is_full) };

	SP_ASSERT(pool->conf->balance < SP_COUNT(strategies));
	return among.count == 0 ? NULL : strategies[pool->conf->balance](pool, want, &among);
}

bool sp_balance_has_room(struct sp_pool *pool, uint64_t tried)
{
	bool is_full;

	return gather(pool, tried, &is_full) > 0;
}
