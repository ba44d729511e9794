/*
 * web - the connections of the status page: one request each, answered by a handler, then closed.
 *
 * Strict and small: what http/h1_read.h refuses is refused; GET, HEAD and POST alone; a Host that is an address or
 * localhost, since any other name may have been bent to our address by who owns it (DNS rebinding); a POST only from a
 * page of the same origin, with a short body of a known length. Bounded in every way: so many connections, so long a
 * request, so much time to send it and to take the answer. Who is not in `allow` is closed unheard.
 */
#ifndef SP_ROLE_MONITOR_WEB_H
#define SP_ROLE_MONITOR_WEB_H

#include "sp/base/buf.h"
#include "sp/conf/conf.h"
#include "sp/http/head.h"
#include "sp/net/loop.h"

enum {
	SP_WEB_CONNECTIONS = 32,
	SP_WEB_HEAD = 8192, /* bytes of a head */
	SP_WEB_BODY = 1024, /* of a body */
	SP_WEB_TIME_MS = 5000, /* to send a request; and to take the answer */
};

struct sp_web;

struct sp_web_answer {
	unsigned status; /* 0: the handler knows no such path */
	const char *type; /* Content-Type */
	const char *fields; /* further ones, each with its line end; "" for none; borrowed until the next request */
	struct sp_buf body; /* owned by the answer */
};

struct sp_web_env {
	struct sp_loop *loop; /* borrowed */
	const struct sp_conf_admin *conf; /* borrowed: who may come */
	/* body: of a POST, else empty. */
	void (*on_request)(void *arg, const struct sp_head *head, struct sp_str body, struct sp_web_answer *answer);
	void *arg;
};

SP_MUST_USE struct sp_web *sp_web_new(const struct sp_web_env *env, struct sp_err *err);
void sp_web_free(struct sp_web *web); /* closes all; NULL is fine */
/* fd is owned from here on; what was listened on before is closed. */
void sp_web_listen(struct sp_web *web, int fd);

/* For tests: what is wrong with a request of a page that lives at its Host; 0: nothing, else a status. */
unsigned sp_web_judge(const struct sp_head *head);

#endif
