/*
 * listen - accept with a budget of 32 a turn; without descriptors it pauses
 * instead of spinning, and tries again every 100 ms. A reserve descriptor lets
 * it take one waiting client each time and close it: that one hears a refusal,
 * and the queue moves.
 */
#ifndef SP_NET_LISTEN_H
#define SP_NET_LISTEN_H

#include "sp/base/addr.h"
#include "sp/base/err.h"
#include "sp/net/loop.h"

struct sp_listen;

/* An accepted, non-blocking, close-on-exec descriptor; the callee owns it. */
typedef void sp_listen_cb(void *arg, int fd, const struct sp_addr *peer);

/* fd: a listening, non-blocking socket; borrowed (the worker's copy is closed by sp_listen_free). */
SP_MUST_USE struct sp_listen *sp_listen_new(struct sp_loop *loop, int fd, sp_listen_cb *on_accept, void *arg,
                                            struct sp_err *err);
void sp_listen_pause(struct sp_listen *listen);         /* also from on_accept: nothing more is accepted in this turn */
void sp_listen_resume(struct sp_listen *listen);
void sp_listen_free(struct sp_listen *listen);          /* closes fd; NULL is fine; not from on_accept */
uint64_t sp_listen_shed(const struct sp_listen *listen);        /* clients closed for want of a descriptor */

/* Makes, binds and listens: SO_REUSEADDR, IPV6_V6ONLY, TCP_NODELAY, keep-alive, user timeout
 * (inherited by accepted sockets), SO_REUSEPORT when asked. A Unix path that a dead process left is replaced.
 * -1 with *err. */
SP_MUST_USE int sp_listen_bind(const struct sp_addr *addr, bool is_reuseport, struct sp_err *err);

#endif
