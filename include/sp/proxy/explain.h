/*
 * explain - what would become of one request, by the code that serves them.
 *
 * A proxy without clients, backends and board is made for it; the head is read by the same reader and judged by the same
 * judge, with a witness (policy/witness.h) that keeps what it is told. Nothing is connected, counted or written. What
 * only the running gateway knows (limits, bans, which backends are up) is told as that and taken as passed.
 */
#ifndef SP_PROXY_EXPLAIN_H
#define SP_PROXY_EXPLAIN_H

#include "sp/base/addr.h"
#include "sp/base/err.h"
#include "sp/policy/witness.h"
#include "sp/proxy/challenge.h"
#include "sp/proxy/serve.h"

struct sp_explain_ask {
	size_t listener;                /* of conf->listeners */
	uint16_t port;                  /* that the client is connected to; 0 = a Unix socket */
	struct sp_addr client;          /* who is connected, or whom the PROXY header names */
	struct sp_str server_name;      /* of the client hello, lower case; empty: none; looked at with TLS alone */
	struct sp_str head;             /* the bytes of a request head, blank line included; borrowed until the explanation is freed */
	struct sp_challenges *challenges;       /* owned from here on: what an acme_webroot holds; NULL: nothing */
};

enum sp_outcome {
	SP_OUTCOME_FORWARDED,           /* head is what a backend gets */
	SP_OUTCOME_ANSWERED,            /* answer is what the client gets */
	SP_OUTCOME_CLOSED,              /* without an answer */
	SP_OUTCOME_NO_HANDSHAKE,        /* the server name is refused in the TLS handshake */
};

struct sp_explained_rule {
	struct sp_met met;
	struct sp_explained_rule *next;
};

/* All of it lives until it is freed, conf and serve must as long. */
struct sp_explanation {
	enum sp_outcome outcome;
	const struct sp_explained_rule *rules;  /* in the order that they were met */
	struct sp_addr client;          /* who is believed to be the client, … */
	bool is_trusted;                /* … by the word of one in `trusted` */
	const struct sp_conf_tls *site; /* that the server name chose; NULL: plain text */
	const struct sp_conf_route *route;      /* NULL: none was reached */
	unsigned status;                /* of an answer of ours; else 0 */
	const char *cause;              /* as in the access log: "ok", "denied_ip" */
	struct sp_conf_at rule;         /* likewise; file == NULL: none */
	struct sp_str answer;           /* head and body */
	const struct sp_conf_pool *pool;        /* with FORWARDED */
	struct sp_str head;             /* with FORWARDED: to the first backend that is not down, or the first of all */
	const struct sp_str *hosts;     /* with FORWARDED: the Host that each backend of the pool is sent */
};

/* serve is held until it is freed. NULL with *err: no memory, or the head has no end. */
SP_MUST_USE struct sp_explanation *sp_explain(struct sp_serve *serve, const struct sp_explain_ask *ask,
                                              struct sp_err *err);
void sp_explanation_free(struct sp_explanation *explanation);  /* NULL is fine */

#endif
