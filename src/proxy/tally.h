/*
 * tally - where a worker counts what its metrics tell: rows of its own part of the board (board/metrics.h).
 *
 * Rows of listeners, pools, backends and limits are looked up when a generation is taken; that of a listener and a route
 * when they first meet, then kept with the generation. Without a board all are NULL and nothing is counted.
 */
#ifndef SP_PROXY_TALLY_H
#define SP_PROXY_TALLY_H

#include "sp/base/egress.h"
#include "sp/board/metrics.h"

#include "exchange.h"
#include "pool.h"

/* false: no memory. */
SP_MUST_USE bool sp_tally_prepare(struct sp_proxy *proxy, struct sp_serve *serve);
void sp_tally_pool(struct sp_pool *pool); /* it and its backends */

void sp_tally_came(const struct sp_listening *listening, enum sp_arrival how);
void sp_tally_shook(const struct sp_from *from, unsigned result); /* SP_SHOOK_OK … */
void sp_tally_egress(const struct sp_proxy *proxy, enum sp_egress_verdict why);
/* An exchange that is over, as its access line would tell it. */
void sp_tally_exchange(const struct sp_exchange *x, unsigned status, const char *cause, uint64_t now_us);

#endif
