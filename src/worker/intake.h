/*
 * intake - the listening sockets of one worker: clients go to the proxy; while
 * max_connections of the gateway are there over all workers, nobody accepts;
 * while those of a listener are, nobody accepts there.
 *
 * Waiting clients then stay in the kernel's queue instead of being refused.
 * Workers act at the same time, so the limit can be passed by one client a
 * worker, never by more.
 */
#ifndef SP_WORKER_INTAKE_H
#define SP_WORKER_INTAKE_H

#include "sp/base/err.h"
#include "sp/net/loop.h"
#include "sp/proxy/proxy.h"
#include "sp/worker/worker.h"

struct sp_intake;

/* All is borrowed but the sockets of env. NULL with *err. */
SP_MUST_USE struct sp_intake *sp_intake_new(struct sp_loop *loop, const struct sp_worker_env *env,
					    struct sp_proxy *proxy, struct sp_err *err);
/* The sockets of the next generation beside those that are open, all that can fail done before. The sockets are owned
 * from here on; one that is open already (by its door) stays. conf is borrowed as long as it is served. NULL with *err. */
struct sp_intake_next;
SP_MUST_USE struct sp_intake_next *sp_intake_prepare(struct sp_intake *intake, const struct sp_conf *conf,
						     const struct sp_worker_socket *sockets, size_t count,
						     struct sp_err *err);
/* In this order, around the proxy's own step: whoever waits at a socket that `next` does not have is let in and the
 * socket closed; then the others are opened. take consumes `next`. */
void sp_intake_finish_others(struct sp_intake *intake, const struct sp_intake_next *next);
void sp_intake_take(struct sp_intake *intake, struct sp_intake_next *next);
void sp_intake_abandon(struct sp_intake_next *next); /* NULL is fine */

/* Takes every client that the kernel has queued already, then closes the sockets. */
void sp_intake_finish(struct sp_intake *intake);
void sp_intake_free(struct sp_intake *intake); /* before the proxy and the loop; NULL is fine */

#endif
