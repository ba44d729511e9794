/*
 * access - the access log: one line an exchange.
 *
 * Lines are formatted into one buffer a worker, which goes out at the end of
 * the turn, into the pipe to the logger. Nothing here ever blocks or waits:
 * lines that find no room are dropped whole and counted. What a
 * peer sent cannot leave its field: control bytes, non-ASCII, quotes and
 * backslashes are escaped, long fields are cut, and a line is never longer than
 * a pipe takes in one piece.
 */
#ifndef SP_PROXY_ACCESS_H
#define SP_PROXY_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "sp/base/addr.h"
#include "sp/base/err.h"
#include "sp/conf/conf.h"
#include "sp/net/loop.h"

#define SP_ACCESS_NOT_REACHED UINT64_MAX

/*
 * What is known of an exchange at its end; all borrowed for the call. A text
 * that is not known (p == NULL, or a NULL pointer) is null in JSON and "-" in
 * combined; so is a status of 0 and a time that was not reached. Start from
 * SP_ACCESS_RECORD, where nothing is known.
 */
struct sp_access_record {
	uint64_t wall_ms;               /* when the request began */
	struct sp_str id;
	const struct sp_addr *peer;     /* who is connected, with its port */
	const struct sp_addr *client;   /* whom we believe to be behind it; logged without a port */
	struct sp_str country;
	struct sp_str listener, sni;
	const char *tls;                /* "TLSv1.3"; NULL: plain text */
	const char *proto;              /* "HTTP/1.1" */
	struct sp_str method, host, path;
	struct sp_str query;            /* with its "?", or empty; names of `redact` are left out here */
	unsigned status;                /* sent to the client, or 499 */
	unsigned backend_status;
	uint64_t bytes_in, bytes_out;   /* heads and bodies, without TLS; in: chunked bodies without their framing */
	uint64_t body_out;              /* combined's %b: of the body alone */
	struct sp_str route, pool, backend;
	unsigned tries;                 /* leases that were used */
	uint64_t t_tls, t_header, t_queue, t_connect, t_first_byte, t_total;    /* microseconds, or SP_ACCESS_NOT_REACHED */
	bool reused;                    /* the backend connection had served before */
	const char *cause, *at;         /* spec 5; literals */
	const char *flags;              /* two letters */
	struct sp_conf_at rule;         /* of the rule that decided; file NULL: none */
	uint32_t gen;
	struct sp_str user_agent, referer;      /* combined alone */
};

#define SP_ACCESS_RECORD                                                                                               \
	((struct sp_access_record){ .t_tls = SP_ACCESS_NOT_REACHED,                                                    \
	                            .t_header = SP_ACCESS_NOT_REACHED,                                                 \
	                            .t_queue = SP_ACCESS_NOT_REACHED,                                                  \
	                            .t_connect = SP_ACCESS_NOT_REACHED,                                                \
	                            .t_first_byte = SP_ACCESS_NOT_REACHED,                                             \
	                            .t_total = SP_ACCESS_NOT_REACHED })

struct sp_access;

/* conf is borrowed until set_conf or free, fd (a pipe, non-blocking; -1 = off) until free. SIGPIPE is ignored by the process. */
SP_MUST_USE struct sp_access *sp_access_new(struct sp_loop *loop, const struct sp_conf_log *conf, int fd);
void sp_access_free(struct sp_access *access);          /* tries to write what waits; NULL is fine */

void sp_access_write(struct sp_access *access, const struct sp_access_record *record);
void sp_access_set_conf(struct sp_access *access, const struct sp_conf_log *conf);
uint64_t sp_access_dropped(const struct sp_access *access);     /* lines, ever */

#endif
