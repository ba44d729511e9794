/*
 * bind - the listening sockets, kept by the master while workers come and go.
 *
 * An address that we bind ourselves gives each worker a socket of its own
 * (SO_REUSEPORT); a Unix path and passed descriptors (fd:name) are shared.
 */
#ifndef SP_MASTER_BIND_H
#define SP_MASTER_BIND_H

#include <stddef.h>
#include <sys/types.h>

#include "passed.h"
#include "sp/base/err.h"
#include "sp/conf/conf.h"
#include "sp/worker/worker.h"

struct sp_bound; /* one `bind` of one listener */

struct sp_handing;

struct sp_binds {
	struct sp_bound *items; /* owned */
	struct sp_conf_bind *places; /* owned: of binds that were handed over, which are in no configuration */
	size_t count;
	unsigned workers;
};

/* false with *err ("file:line: error: bind = …: reason"); what was open is closed again.
 * before: of the running configuration, whose sockets are taken over where the place is the same; NULL at the start. */
SP_MUST_USE bool sp_binds_open(struct sp_binds *binds, const struct sp_conf *conf, unsigned workers,
			       const struct sp_passed *passed, const struct sp_binds *before, struct sp_err *err);
/* The sockets that the program before has handed over, as a `before`; it borrows from the takeover. In a rehearsal the
 * places without their sockets. */
SP_MUST_USE bool sp_binds_adopt(struct sp_binds *binds, unsigned workers, struct sp_err *err);
void sp_binds_hand(const struct sp_binds *binds, struct sp_handing *handing);
/* Closes all but what was taken over; a Unix path that we made is removed. */
void sp_binds_close(struct sp_binds *binds);
/* Places that were not taken over. */
size_t sp_binds_fresh(const struct sp_binds *binds);
/* What `by` took over is its own from here on, the rest of binds is closed; binds becomes it. */
void sp_binds_replace(struct sp_binds *binds, struct sp_binds *by);

/* The sockets of worker 1.., borrowed: at most sp_binds_most of them. */
size_t sp_binds_most(const struct sp_binds *binds);
size_t sp_binds_of(const struct sp_binds *binds, unsigned worker, struct sp_worker_socket *out);

/* While a worker is down for longer, its own sockets are closed, so that the kernel gives its share to the others. */
void sp_binds_close_own(struct sp_binds *binds, unsigned worker);
SP_MUST_USE bool sp_binds_open_own(struct sp_binds *binds, unsigned worker, struct sp_err *err);

#endif
