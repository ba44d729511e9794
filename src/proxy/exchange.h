/*
 * exchange - one request and its response. Knows no protocol version, no TLS, no socket.
 *
 *   HEAD -> POLICY -> CONNECT -> FORWARD -> (TUNNEL) -> DONE
 *   and from each, until the response's head is out, -> ANSWER -> DONE
 *
 * Ends note facts; the machine runs once, never inside itself. The down end
 * owns the exchange; the exchange tells it that it is over by `done` or `abort`
 * as its last act, and is freed when the turn is over.
 */
#ifndef SP_PROXY_EXCHANGE_H
#define SP_PROXY_EXCHANGE_H

#include "sp/base/addr.h"
#include "sp/base/arena.h"
#include "sp/http/head.h"
#include "sp/net/deadline.h"
#include "sp/net/loop.h"
#include "sp/policy/policy.h"
#include "sp/proxy/serve.h"

#include "end.h"
#include "pipe.h"
#include "proxy_status.h"
#include "queue.h"
struct sp_lease;
struct sp_listening;
struct sp_pool;
struct sp_proxy;

#define SP_EXCHANGE_FIRST 4096          /* bytes for a head, and again for what is made of it, without malloc */
#define SP_PEER_IP_TEXT 46              /* the longest IPv6 address, with NUL; a Unix peer is "unix:" */
#define SP_INTERIM_MAX 8                /* 1xx before an answer: threats.md "Backends" */

enum sp_exchange_state {
	SP_EX_HEAD, SP_EX_POLICY, SP_EX_CONNECT, SP_EX_FORWARD, SP_EX_TUNNEL, SP_EX_ANSWER, SP_EX_DONE, SP_EX_COUNT
};

struct sp_from {                        /* where requests of a connection come from; filled by the client */
	struct sp_listening *listening; /* borrowed: the client counts in it */
	struct sp_addr peer;            /* who is connected to us */
	struct sp_addr client;          /* whom its PROXY header names; without one the peer */
	char client_ip[SP_PEER_IP_TEXT];        /* the same as text, made once a connection */
	struct sp_addr destination;     /* that the PROXY header names; SP_ADDR_NONE without one */
	uint16_t port;                  /* that the client is connected to; 0 for a Unix socket */
	bool is_tls;
	bool is_trusted;                /* the client is: its forwarding fields are believed */
	bool is_health_only;            /* a PROXY header is missing */
	const struct sp_conf_tls *site; /* borrowed: chosen in the handshake, or NULL */
	struct sp_tls_stream *tls;      /* borrowed; NULL on plain text */
	uint64_t tls_us;                /* the handshake took this long; UINT64_MAX: there was none, or it was told */
};

struct sp_exchange_times {              /* sp_now_us(); 0 = not reached */
	uint64_t begun, head, queued, lent, connected, first_byte;
};

struct sp_exchange {
	uint32_t magic;
	enum sp_exchange_state state;
	unsigned facts;                 /* noted by ends, taken by steps */
	bool is_running, is_noted;
	bool is_answered;               /* the response's head was given to the down end */
	bool is_request_ended;          /* the request's body was read wholly */
	bool is_sent_up;                /* a byte of the request may have left */
	bool is_stale_replayed;
	bool is_bodyless;               /* the answer under way has no body: HEAD, 204, 304 */
	bool is_reused;                 /* the backend connection had served before */
	bool is_quiet;                  /* health: no access line */
	bool is_noted_down;             /* what the log needs of the request was kept */
	bool is_upgrade;                /* a WebSocket was asked for, and the route allows it */
	bool is_aborted;
	bool must_close;                /* refused: nothing more is read from this client */
	bool is_called;                 /* it waited in the pool's queue, and it is its turn */
	bool has_drop;                  /* a policy said: close without an answer */

	struct sp_proxy *proxy;         /* borrowed */
	struct sp_serve *serve;         /* one hold */
	struct sp_serve *lent_of;       /* one hold on the generation of `backend`, if it is another; NULL */
	const struct sp_from *from;     /* borrowed from the client */
	struct sp_addr client;          /* who is believed to be behind the peer */
	struct sp_end *down;            /* owner of this exchange */
	struct sp_end *up;              /* borrowed through the lease; NULL without one */
	struct sp_lease *lease;         /* borrowed from the pool, or NULL */
	struct sp_pool *pool;           /* used: see sp_pool_use */
	const struct sp_conf_route *route;      /* borrowed from the generation */

	struct sp_arena arena;          /* owned: all that dies with the exchange */
	struct sp_head request;         /* parsed by the down end */
	struct sp_head response;        /* parsed by the up end, or ours */
	struct sp_pipe up_pipe, down_pipe;      /* owned: towards the backend, towards the client */
	struct sp_ask ask;
	struct sp_wait wait;            /* of a policy */
	struct sp_place place;          /* in the pool's queue */
	struct sp_soon soon;            /* asks the pool once all of a turn's events were heard */
	struct sp_deadline deadline;    /* the route's `timeout`; in a tunnel its idle time */

	enum sp_why why;                /* the first failure; SP_WHY_OK without one */
	enum sp_refuse refuse;          /* with SP_WHY_BAD_REQUEST, SP_WHY_BAD_ANSWER */
	enum sp_at at;                  /* where that was */
	enum sp_fault fault;            /* of the last try to connect, where more is known than `why` */
	unsigned answer_status;         /* of our own answer; 0: by `why` */
	unsigned status, backend_status;
	unsigned interim;               /* 1xx so far */
	unsigned tries;                 /* backends asked */
	uint64_t tried;                 /* bit i: backend i of the pool (of the first 64) failed for this exchange */
	uint64_t failed;                /* the same, also of earlier rounds */
	const struct sp_conf_backend *backend;  /* of the last try */
	sp_cell *backend_row;           /* borrowed from the board: counts of that one; NULL */
	struct sp_str sticky;           /* balance = cookie: what the client's says, or empty */
	struct sp_str challenge;        /* borrowed until the answer is made: the text that an ACME challenge gets */
	struct sp_str host_out;         /* the Host that the backend is sent */
	uint64_t body_max;
	uint64_t bytes_in, bytes_out;   /* on the client's side: in: the head's; out: all */
	struct sp_exchange_times times;

	/* what the log prints, kept since the head is changed for the backend */
	struct sp_str log_path, log_host, request_id, user_agent, referer;

	struct sp_grave grave;
	char first[SP_EXCHANGE_FIRST];  /* the head's bytes as they come */
	char arena_first[SP_EXCHANGE_FIRST];
};

#define SP_EXCHANGE_MAGIC 0x45786368U

/* NULL: no memory, or too many. */
SP_MUST_USE struct sp_exchange *sp_exchange_new(struct sp_proxy *proxy, struct sp_end *down, const struct sp_from *from);

/* What ends tell. Each notes a fact and runs the machine, unless it is running. */
void sp_exchange_head(struct sp_exchange *x, enum sp_side from);       /* x->request or x->response is there */
void sp_exchange_ready(struct sp_exchange *x);                          /* the lease's connection stands */
void sp_exchange_bytes(struct sp_exchange *x, enum sp_side from);      /* the pipe from there has more, or its end */
void sp_exchange_sent(struct sp_exchange *x, enum sp_side to);         /* the last byte outwards is written */
void sp_exchange_complete(struct sp_exchange *x);                       /* the up end has sent and read all it had to */
void sp_exchange_failed(struct sp_exchange *x, enum sp_side from, enum sp_why why);
/* The request is not acceptable: answered by the refusal's own status. */
void sp_exchange_refused(struct sp_exchange *x, enum sp_refuse why);

/* For the down end: no byte of a request came, so there was none (no log, no call back); or the connection is gone. */
void sp_exchange_discard(struct sp_exchange *x);
void sp_exchange_cut(struct sp_exchange *x);
/* Its head is there, nothing was judged: it is of the generation that is served now. */
void sp_exchange_follow(struct sp_exchange *x);

/* For the steps in other files. */
const char *sp_exchange_cause(const struct sp_exchange *x);            /* the word of x->why, or of the policy that answered */
SP_MUST_USE bool sp_exchange_name(struct sp_exchange *x);              /* x->request_id: a trusted peer's, or a new one */
void sp_exchange_arm(struct sp_exchange *x, uint64_t ms);              /* the deadline over all */
void sp_exchange_expect_wake(struct sp_exchange *x);                    /* before a policy may take x->wait */

#endif
