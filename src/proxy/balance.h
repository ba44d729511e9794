/*
 * balance - which backend of a pool is next.
 *
 * First the candidates are gathered: usable, not tried, under max_inflight. Then
 * the pool's strategy chooses among them; each strategy is one row of a table
 * and, where it has substance, one file.
 */
#ifndef SP_PROXY_BALANCE_H
#define SP_PROXY_BALANCE_H

#include "pool.h"

/* The candidates of one choice, at least one; in the order of the pool. */
struct sp_among {
	struct sp_backend *const *items;
	size_t count;
};

/* One of `among`. */
typedef struct sp_backend *sp_choose(struct sp_pool *pool, const struct sp_pool_want *want, const struct sp_among *among);

sp_choose sp_choose_least_conn, sp_choose_round_robin, sp_choose_random_two, sp_choose_hash, sp_choose_sticky;

uint64_t sp_balance_hash(struct sp_str text);          /* the same in every process */
/* NULL: none; *is_full tells that only max_inflight stood in the way. */
SP_MUST_USE struct sp_backend *sp_balance_next(struct sp_pool *pool, const struct sp_pool_want *want, bool *is_full);
/* Would sp_balance_next find one? */
bool sp_balance_has_room(struct sp_pool *pool, uint64_t tried);

#endif
