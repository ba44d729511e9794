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
/* Takes every client that the kernel has queued already, then closes the sockets. */
void sp_intake_finish(struct sp_intake *intake);
void sp_intake_free(struct sp_intake *intake); /* before the proxy and the loop; NULL is fine */

#endif
