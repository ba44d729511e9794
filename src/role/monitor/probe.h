/*
 * probe - one health check of one address: a connection, with the pool's TLS a
 * handshake, and of HTTP a request whose answer is judged.
 */
#ifndef SP_ROLE_MONITOR_PROBE_H
#define SP_ROLE_MONITOR_PROBE_H

#include "sp/board/backends.h"
#include "sp/conf/conf.h"
#include "sp/net/dial.h"
#include "sp/net/loop.h"
#include "sp/tls/client.h"

struct sp_probe;

#define SP_PROBE_WHY 96 /* the longest reason, with NUL */

struct sp_probe_env { /* all borrowed, for as long as probes are under way */
	struct sp_loop *loop;
	struct sp_dial *dial;
	struct sp_chunk_pool *chunks;
	/* It is over and freed behind this: NULL: healthy; else what is wrong, in printable words. */
	void (*on_done)(void *arg, void *of, const struct sp_addr *addr, const char *why);
	void (*on_refused)(void *arg, enum sp_egress_verdict why); /* by the dialer; before on_done */
	void *arg;
};

struct sp_probe_of { /* borrowed until it is over, but addr */
	const struct sp_conf_pool *pool;
	const struct sp_conf_backend *backend;
	struct sp_tls_client *tls; /* the pool's; NULL: plain text */
	struct sp_addr addr;
	uint32_t nth; /* of a name: its place on the board */
	void *of; /* for on_done */
	struct sp_probe **place; /* becomes NULL when it is over, before on_done */
};

/* NULL: no memory, or too much is asked already; on_done is not called. It is never called before this returns. */
SP_MUST_USE struct sp_probe *sp_probe_new(const struct sp_probe_env *env, const struct sp_probe_of *of);
void sp_probe_cancel(struct sp_probe *probe); /* without on_done */

#endif
