/*
 * sticky - balance = cookie:NAME: a client stays with the backend that its cookie names.
 *
 * The cookie's value is a keyed hash of pool and backend under a key that the
 * master draws before the first fork: the same in all workers, kept over
 * reloads, never on disk. So it tells nothing of the backend, cannot be made by
 * a client, and after a restart of the gateway simply names nobody: a new
 * choice and a new cookie. It is the gateway's own and never reaches a backend.
 */
#ifndef SP_PROXY_STICKY_H
#define SP_PROXY_STICKY_H

#include "exchange.h"
#include "pool.h"

/* Fills backend->token. */
void sp_sticky_name(struct sp_backend *backend);
/* Takes the pool's cookie out of the request into x->sticky. false: no memory. */
SP_MUST_USE bool sp_sticky_take(struct sp_exchange *x);
/* Set-Cookie where the answer comes from another backend than the cookie names, unless that one was merely full: the
 * session is still there. false: no memory. */
SP_MUST_USE bool sp_sticky_give(struct sp_exchange *x);

#endif
