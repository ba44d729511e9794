/*
 * why - how an exchange ended: the operator's words (spec 5: cause and at) and the status that says so.
 */
#ifndef SP_PROXY_WHY_H
#define SP_PROXY_WHY_H

#include <stdint.h>

enum sp_why {
	SP_WHY_OK,
	SP_WHY_CLIENT_ABORT,            /* the client left first: 499 in the log */
	SP_WHY_CLIENT_TIMEOUT,          /* head late, or a tunnel idle */
	SP_WHY_CLIENT_SLOW,             /* body or the taking of the answer under min_rate */
	SP_WHY_BAD_REQUEST,             /* the reader refused it; the status is the refusal's */
	SP_WHY_TOO_LARGE,               /* body over body_max, or a head over its limits (then the status is the refusal's) */
	SP_WHY_NO_HOST,                 /* no route for this host */
	SP_WHY_NO_ROUTE,                /* host known, path not */
	SP_WHY_RULE,                    /* a policy answered: status and cause are in the ask */
	SP_WHY_PATH,                    /* an encoded slash, "//", ";" or double encoding where the route does not allow it */
	SP_WHY_NO_BACKEND,              /* all are down */
	SP_WHY_QUEUE_FULL,              /* all are at max_inflight */
	SP_WHY_QUEUE_TIMEOUT,           /* waited for one as long as queue_timeout */
	SP_WHY_BACKEND_REFUSED,         /* the connection could not be made */
	SP_WHY_CONNECT_TIMEOUT,         /* neither that nor its TLS stood within connect_timeout */
	SP_WHY_BACKEND_TLS,             /* the handshake failed: its certificate, its name, … */
	SP_WHY_ANSWER_TIMEOUT,          /* no head in answer_timeout */
	SP_WHY_READ_TIMEOUT,            /* the backend stopped amid its body, or takes none of the request's */
	SP_WHY_BACKEND_ABORT,           /* the backend cut the connection */
	SP_WHY_BAD_ANSWER,              /* not HTTP as we read it */
	SP_WHY_EXCHANGE_TIMEOUT,        /* the route's timeout over all */
	SP_WHY_DRAINING,                /* cut at drain_timeout */
	SP_WHY_NO_MEMORY,               /* a bound of ours was reached: 503 */
	SP_WHY_COUNT
};

enum sp_at { SP_AT_NONE, SP_AT_TLS, SP_AT_HEADER, SP_AT_BODY, SP_AT_QUEUE, SP_AT_CONNECT, SP_AT_ANSWER, SP_AT_DATA };

const char *sp_why_cause(enum sp_why why);              /* "client_abort" */
uint16_t sp_why_status(enum sp_why why);                /* 0: no answer of ours (ok, refusals carry their own) */
const char *sp_at_word(enum sp_at at);                  /* "" for NONE */

#endif
