/*
 * down_h1 - HTTP/1.1 towards the client: one request at a time, in order.
 *
 * Inside a client. It makes an exchange at the first byte of a head and owns
 * it. Bytes that were read behind a message wait in `behind` (at most what one
 * read may bring) for their turn.
 */
#ifndef SP_PROXY_DOWN_H1_H
#define SP_PROXY_DOWN_H1_H

#include "sp/http/h1_read.h"
#include "sp/net/loop.h"

#include "end.h"
#include "h1_body.h"
#include "h1_send.h"

struct sp_client;

enum sp_down_state {
	SP_DOWN_IDLE,                   /* between requests; no exchange */
	SP_DOWN_HEAD,                   /* a head is coming in */
	SP_DOWN_RUN,                    /* the exchange runs */
	SP_DOWN_TUNNEL,
	SP_DOWN_OVER,                   /* the connection is on its way out */
};

struct sp_down_h1 {
	struct sp_end end;
	enum sp_down_state state;
	bool may_read_body;             /* the exchange wants it */
	bool is_final_put;              /* the answer's head is in `send` or gone */
	bool is_sent_told;
	bool is_blocked;                /* the stream takes no more now */
	bool is_half_closed;            /* the client sends no more */
	bool is_close_after;            /* no further request on this connection */
	bool is_pace_grace;
	uint32_t requests;
	char *head;                     /* the head's bytes: in the exchange */
	uint32_t head_n, head_room;
	uint64_t pace_mark;
	struct sp_h1_reader reader;
	struct sp_h1_body body;
	struct sp_h1_send send;
	struct sp_chain behind;         /* owned */
	struct sp_soon soon;            /* the next request is in `behind` */
};

void sp_down_h1_init(struct sp_down_h1 *d, struct sp_client *client);
void sp_down_h1_fini(struct sp_down_h1 *d);             /* the exchange is cut, chunks go back */
void sp_down_h1_start(struct sp_down_h1 *d);            /* the stream stands: the first head is due */
void sp_down_h1_ready(struct sp_down_h1 *d, unsigned what);
void sp_down_h1_drain(struct sp_down_h1 *d);            /* the proxy drains: an idle client gets a short grace */

#endif
