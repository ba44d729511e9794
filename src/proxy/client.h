/*
 * client - one client connection: PROXY header, handshake, the end that speaks on it, its
 * closing. Owned by the proxy's list.
 */
#ifndef SP_PROXY_CLIENT_H
#define SP_PROXY_CLIENT_H

#include "sp/base/list.h"
#include "sp/net/deadline.h"
#include "sp/net/stream.h"
#include "sp/tls/tls.h"

#include "down_h1.h"
#include "exchange.h"

enum sp_client_state { SP_CLIENT_NAMING, SP_CLIENT_HANDSHAKE, SP_CLIENT_OPEN, SP_CLIENT_CLOSING, SP_CLIENT_LINGER };

struct sp_client {
	uint32_t magic;
	enum sp_client_state state;
	bool is_dead, must_linger;
	bool is_stranded;               /* what it is connected to is served no more: its next answer is the last */
	bool is_old;                    /* past connection_max_age: the next answer is the last */
	bool is_shaking;                /* counted among the handshakes in flight */
	bool is_slim;                   /* its buffers were given back: counted in proxy->slim_count */
	uint32_t lingered;              /* bytes thrown away */
	struct sp_proxy *proxy;         /* borrowed */
	struct sp_list link;            /* in proxy->all */
	struct sp_list idle;            /* in proxy->idle, while it rests */
	struct sp_from from;
	uint64_t addr_hash;             /* its address is counted by it; 0: it is not */
	uint64_t begun_us;              /* accepted, and named by the balancer */
	struct sp_stream *stream;       /* one of the two below */
	union {
		struct sp_stream plain;
		struct sp_tls_stream tls;
	} io;
	struct sp_deadline deadline;    /* PROXY header, handshake, head, idle, pace, linger: one is due at a time */
	struct sp_deadline age;
	struct sp_deadline slim;        /* a TLS client idle for a second gives its buffers back */
	struct sp_down_h1 down;
	struct sp_grave grave;
};

#define SP_CLIENT_MAGIC 0x436c6965U

/* fd is owned from here on; closed when there is no room. */
void sp_client_accept(struct sp_proxy *proxy, struct sp_listening *listening, uint16_t port, int fd,
                      const struct sp_addr *peer);
static inline struct sp_client *sp_client_of_link(struct sp_list *link)
{
	return SP_HOLDER(link, struct sp_client, link);
}

/* Whose requests they are from now on: the peer's, or whom its PROXY header names. */
void sp_client_note(struct sp_from *from, const struct sp_conf_cidrs *trusted, const struct sp_addr *client);
/* Which address the client connected to: of its PROXY header, or of its socket. */
struct sp_addr sp_client_destination(const struct sp_from *from);
/* Between two requests: the listener as it is served now takes over, if it still is there. */
void sp_client_follow(struct sp_client *c);
static inline struct sp_client *sp_client_of_idle(struct sp_list *idle)
{
	return SP_HOLDER(idle, struct sp_client, idle);
}

/* For the down end. Each is its last act. */
void sp_client_rest(struct sp_client *c);               /* idle: no request under way */
void sp_client_busy(struct sp_client *c);               /* no longer: a request's first byte is there */
void sp_client_end(struct sp_client *c, bool has_unread);      /* all was sent: close in order; unread bytes are drained, bounded */
void sp_client_cut(struct sp_client *c);                /* the peer sees a cut */
void sp_client_close(struct sp_client *c);              /* at once */

#endif
