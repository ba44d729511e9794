/*
 * Rendezvous hashing: each backend draws a number from the key and its own
 * identity, scaled by its weight, and the highest wins. When one leaves, only
 * its own keys move, and they spread over the others by weight; when it is
 * back, exactly they return.
 *
 * The draw depends on nothing but names: every worker, every restart and every
 * gateway with the same backends choose alike, so that caches behind stay warm.
 */
#include "balance.h"

#include <math.h>

#include "sp/base/siphash.h"

static const struct sp_siphash_key fixed = { 0x73616c6c79706f72U, 0x7420706f6f6c7321U };

uint64_t sp_balance_hash(struct sp_str text)
{
	return sp_siphash(&fixed, text.p, text.n);
}

/* -weight / ln(u), u in (0, 1): the chance to be the highest of all is the share of the weight. */
static double score(uint64_t key, const struct sp_backend *b)
{
	const uint64_t both[2] = { key, b->identity };
	uint64_t drawn = sp_siphash(&fixed, both, sizeof(both));
	double u = ((double)(drawn >> 11) + 0.5) * 0x1p-53;

	return -(double)sp_backend_weight(b) / log(u);
}

struct sp_backend *sp_choose_hash(struct sp_pool *pool, const struct sp_pool_want *want, const struct sp_among *among)
{
	struct sp_backend *best = NULL;
	double best_score = 0;

	if (!want->has_hash)
		return sp_choose_least_conn(pool, want, among); /* a request without that field */
	for (size_t i = 0; i < among->count; i++) {
		double s = score(want->hash, among->items[i]);

		if (best == NULL || s > best_score) {
			best = among->items[i];
			best_score = s;
		}
	}
	return best;
}
