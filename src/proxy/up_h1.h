/*
 * up_h1 - a connection to a backend, and HTTP/1.1 on it.
 *
 * Owned by its pool, idle or lent. One exchange at a time; any surplus byte, or
 * a byte while it is idle, means that it is never used again.
 */
#ifndef SP_PROXY_UP_H1_H
#define SP_PROXY_UP_H1_H

#include "sp/base/list.h"
#include "sp/http/h1_read.h"
#include "sp/net/deadline.h"
#include "sp/net/dial.h"
#include "sp/net/proxy_header.h"
#include "sp/net/stream.h"
#include "sp/tls/client.h"

#include "end.h"
#include "h1_body.h"
#include "h1_send.h"
#include "pool.h"

enum sp_up_state {
	SP_UP_DIALING,                  /* no socket yet */
	SP_UP_CONNECTING,
	SP_UP_SHAKING,                  /* TLS */
	SP_UP_IDLE,                     /* in the pool */
	SP_UP_LENT,                     /* lent, nothing sent yet */
	SP_UP_HEAD,                     /* the request is on its way; the answer's head is due */
	SP_UP_BODY,                     /* the answer's body */
	SP_UP_TUNNEL,
	SP_UP_OVER,                     /* the answer was read */
};

struct sp_up_h1 {
	uint32_t magic;
	enum sp_up_state state;
	bool is_dead;
	bool is_request_sent;
	bool is_write_failed;           /* the backend takes no more; its answer may still come */
	bool is_keep_alive;             /* by the answer */
	struct sp_end end;
	struct sp_lease lease;
	struct sp_pool *pool;           /* owner */
	struct sp_list link, idle_link, order_link;
	bool is_tls;
	struct sp_serve *shaken_of;     /* one hold while the handshake may ask its signer; NULL */
	union {
		struct sp_stream stream;
		struct sp_tls_stream tls;       /* begins with it */
	};
	struct sp_dial_ask dial;
	uint8_t told[SP_PROXY_HEADER_MAX];      /* the PROXY header that goes in front of all else */
	size_t told_n;                  /* 0: none */
	struct sp_deadline_list *idle;  /* how long it may rest: the pool's backend_idle until the backend says its own */
	struct sp_deadline deadline;
	struct sp_h1_reader reader;
	struct sp_h1_body body;
	struct sp_h1_send send;
	struct sp_chunk *head;          /* owned: the answer's head as it comes; NULL between */
	struct sp_chain behind;         /* owned: what stood behind the answer: nothing, of an honest backend */
	struct sp_grave grave;
};

#define SP_UP_H1_MAGIC 0x55704831U

/* Begins a connection to the backend, for whom `want` is. FAILED: nothing was made; DONE or LATER: *out is in the pool's
 * list. */
SP_MUST_USE enum sp_dial_rc sp_up_h1_new(struct sp_pool *pool, struct sp_backend *backend, const struct sp_pool_want *want,
                                         struct sp_up_h1 **out);
void sp_up_h1_close(struct sp_up_h1 *up);               /* twice is harmless */
void sp_up_h1_lend(struct sp_up_h1 *up);                /* out of the idle lists */
void sp_up_h1_park(struct sp_up_h1 *up);                /* into them */

/* For up_connect.c. The exchange is told that its connection failed, or stands; the last act of the caller. */
void sp_up_h1_fail(struct sp_up_h1 *up, enum sp_why why);
void sp_up_h1_stands(struct sp_up_h1 *up);
void sp_up_h1_on_ready(struct sp_stream *s, unsigned what);

static inline struct sp_up_h1 *sp_up_h1_of_lease(struct sp_lease *lease)
{
	return SP_HOLDER(lease, struct sp_up_h1, lease);
}

#endif
