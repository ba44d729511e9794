/*
 * balance - which backend of a pool is next.
 */
#ifndef SP_PROXY_BALANCE_H
#define SP_PROXY_BALANCE_H

#include "pool.h"

/* One that is not down, not in `tried` and under its max_inflight. NULL: none; *is_full tells that only max_inflight
 * stood in the way. */
SP_MUST_USE struct sp_backend *sp_balance_next(struct sp_pool *pool, uint64_t tried, bool *is_full);

#endif
