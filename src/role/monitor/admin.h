/*
 * admin - the connections of the admin socket: one request each, a line with a
 * JSON object; the answer is lines of the same, the last one the outcome.
 *
 * Bounded in every way: so many connections, so long a request, so much time to
 * send it and to take the answer. Who is neither root nor the gateway's user is
 * closed unheard.
 */
#ifndef SP_ROLE_MONITOR_ADMIN_H
#define SP_ROLE_MONITOR_ADMIN_H

#include <sys/types.h>

#include "sp/base/buf.h"
#include "sp/base/json.h"
#include "sp/net/deadline.h"
#include "sp/net/listen.h"
#include "sp/net/loop.h"

enum {
	SP_ADMIN_CONNECTIONS = 16,
	SP_ADMIN_REQUEST = 1024, /* bytes, with its newline */
	SP_ADMIN_TIME_MS = 10000, /* to send a request; and to take an answer */
};

struct sp_admin;

/* uid: who asks. Writes the answer to `out`, outcome and all. True: nobody answers here: the caller's descriptor goes elsewhere
 * (sp_admin_pass), behind what was written. */
typedef bool sp_admin_handler(void *arg, uid_t uid, const struct sp_json *request, struct sp_buf *out);
/* fd is the callee's. */
typedef void sp_admin_passer(void *arg, int fd);

struct sp_admin_env {
	struct sp_loop *loop; /* borrowed */
	uid_t user; /* who may ask, beside root */
	sp_admin_handler *on_request;
	sp_admin_passer *on_pass; /* once after each on_request that returned true */
	void (*on_idle)(void *arg); /* the last connection is gone, behind sp_admin_finish; perhaps before it returns */
	void *arg;
};

SP_MUST_USE struct sp_admin *sp_admin_new(const struct sp_admin_env *env, struct sp_err *err);
void sp_admin_free(struct sp_admin *admin); /* NULL is fine */

/* fd is owned from here on; what was listened on before is closed. */
void sp_admin_listen(struct sp_admin *admin, int fd);
/* A connection that was passed on comes back with the rest of its answer; both are taken over. */
void sp_admin_answer(struct sp_admin *admin, int fd, struct sp_buf *out);
/* Nobody is accepted any more; those that are here have a moment to finish, then on_idle is called. */
void sp_admin_finish(struct sp_admin *admin);

/* The last line of an answer. why: of a refusal, else NULL. */
void sp_admin_outcome(struct sp_buf *out, const char *why);

#endif
