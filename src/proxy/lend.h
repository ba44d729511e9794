/*
 * lend - how an exchange comes by a lease: asks its pool, waits in the queue, tries others.
 */
#ifndef SP_PROXY_LEND_H
#define SP_PROXY_LEND_H

#include "exchange.h"
#include "pool.h"

/* Asks the pool until it lends, or has nobody left. CONNECT: a lease is there, or it waits for on_called. */
enum sp_exchange_state sp_lend(struct sp_exchange *x, void (*on_called)(struct sp_wait *w));
/* There is no lease to be had. Returns the next state. */
enum sp_exchange_state sp_lend_none(struct sp_exchange *x, enum sp_why why);
/* The next try is another backend's. */
void sp_lend_tried(struct sp_exchange *x, const struct sp_backend *backend);
/* Takes one try out of the pool's retry budget. */
bool sp_lend_may_retry(struct sp_exchange *x);
/* Gives the lease back; none is fine. */
void sp_lend_drop(struct sp_exchange *x, enum sp_lease_end how);

#endif
