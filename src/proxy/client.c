#include "client.h"

#include <unistd.h>

#include "sp/base/clock.h"
#include "sp/base/log.h"

#include "peer.h"
#include "proxy_int.h"

#define LINGER_MAX 262144U              /* bytes of a refused request that are thrown away before we close */

static struct sp_client *of_stream(struct sp_stream *s)
{
	return SP_OBJ(SP_HOLDER(s, struct sp_client, io), struct sp_client, SP_CLIENT_MAGIC);
}

static void free_grave(struct sp_grave *grave)
{
	struct sp_client *c = SP_HOLDER(grave, struct sp_client, grave);

	SP_ASSERT(!sp_stream_is_open(c->stream) && !sp_deadline_is_set(&c->deadline) && !sp_deadline_is_set(&c->slim));
	c->magic = 0;
	sp_slab_put(c->proxy->clients, c);
}

static void bury(struct sp_client *c, void (*close_stream)(struct sp_stream *s))
{
	struct sp_proxy *proxy = c->proxy;

	if (c->is_dead)
		return;
	c->is_dead = true;
	sp_down_h1_fini(&c->down);              /* its last line still asks the stream for names */
	close_stream(c->stream);
	sp_deadline_clear(&c->deadline);
	sp_deadline_clear(&c->slim);
	sp_loop_bury(proxy->loop, &c->grave, free_grave);
	sp_proxy_client_gone(proxy, &c->link);
}

void sp_client_close(struct sp_client *c)
{
	bury(c, sp_stream_close);
}

void sp_client_cut(struct sp_client *c)
{
	bury(c, sp_stream_reset);
}

/* ---- closing in order */

static void on_closing_late(struct sp_deadline *deadline)
{
	sp_client_close(SP_HOLDER(deadline, struct sp_client, deadline));
}

/* Throws away what still comes, so that closing does not reset the answer away under the client (RFC 9112 9.6). */
static void linger(struct sp_client *c)
{
	char waste[16384];
	struct iovec v = { waste, sizeof(waste) };
	size_t got;

	for (;;) {
		enum sp_io io = sp_stream_read(c->stream, &v, 1, &got);

		if (io == SP_IO_AGAIN)
			return;
		c->lingered += (uint32_t)got;
		if (io != SP_IO_DONE || c->lingered > LINGER_MAX) {
			sp_client_close(c);
			return;
		}
	}
}

static void finish(struct sp_client *c)
{
	switch (sp_stream_finish(c->stream)) {
	case SP_IO_AGAIN:
		c->state = SP_CLIENT_CLOSING;
		sp_stream_want(c->stream, SP_WRITE);
		return;
	case SP_IO_DONE:
		if (c->must_linger) {
			c->state = SP_CLIENT_LINGER;
			sp_stream_want(c->stream, SP_READ);
			return;
		}
		break;
	default:
		break;
	}
	sp_client_close(c);
}

void sp_client_end(struct sp_client *c, bool has_unread)
{
	if (c->is_dead)
		return;
	c->must_linger = has_unread;
	sp_deadline_clear(&c->slim);
	sp_deadline_set(&c->deadline, c->from.listening->linger, on_closing_late);
	finish(c);
}

/* ---- at rest */

static void on_idle_late(struct sp_deadline *deadline)
{
	sp_client_end(SP_HOLDER(deadline, struct sp_client, deadline), false);
}

static void on_slim(struct sp_deadline *deadline)
{
	sp_stream_slim(SP_HOLDER(deadline, struct sp_client, slim)->stream);
}

void sp_client_rest(struct sp_client *c)
{
	const struct sp_listening *l = c->from.listening;

	c->from.tls_us = UINT64_MAX;            /* the first request's line has told it */
	/* While draining a request that is on its way still gets its answer: see sp_proxy_drain. */
	sp_deadline_set(&c->deadline, c->proxy->is_draining ? l->linger : l->idle, on_idle_late);
	if (c->from.is_tls)
		sp_deadline_set(&c->slim, l->slim, on_slim);
	sp_stream_want(c->stream, SP_READ);
}

/* ---- the handshake */

static void on_handshake_late(struct sp_deadline *deadline)
{
	sp_client_cut(SP_HOLDER(deadline, struct sp_client, deadline));
}

static void log_handshake_failed(const struct sp_client *c)
{
	sp_debug("tls_handshake_failed", SP_KV_ADDR("peer", &c->from.peer),
	         SP_KV_STR("listener", c->from.listening->serve->conf->section.name),
	         SP_KV_TEXT("why", c->stream->why == NULL ? "closed" : c->stream->why));
}

static void handshake(struct sp_client *c)
{
	switch (sp_stream_handshake(c->stream)) {
	case SP_IO_AGAIN:
		sp_stream_want(c->stream, SP_READ | (sp_stream_has_unsent(c->stream) ? SP_WRITE : 0));
		return;
	case SP_IO_DONE:
		c->state = SP_CLIENT_OPEN;
		c->from.tls_us = sp_now_us() - c->accepted_us;
		c->from.site = c->io.tls.site;
		sp_down_h1_start(&c->down);
		return;
	default:
		log_handshake_failed(c);
		sp_client_close(c);
	}
}

/* ---- its beginning */

static void on_ready(struct sp_stream *s, unsigned what)
{
	struct sp_client *c = of_stream(s);

	switch (c->state) {
	case SP_CLIENT_HANDSHAKE:
		handshake(c);
		break;
	case SP_CLIENT_OPEN:
		sp_down_h1_ready(&c->down, what);
		break;
	case SP_CLIENT_CLOSING:
		finish(c);
		break;
	case SP_CLIENT_LINGER:
		linger(c);
		break;
	}
}

static bool open_stream(struct sp_client *c, int fd)
{
	struct sp_tls_listener *tls = c->from.listening->serve->tls;

	if (tls == NULL) {
		c->stream = &c->io.plain;
		return sp_stream_open(c->stream, c->proxy->loop, fd, false, on_ready);
	}
	c->stream = &c->io.tls.stream;
	c->from.is_tls = true;
	c->from.tls = &c->io.tls;
	return sp_tls_stream_accept(&c->io.tls, tls, c->proxy->loop, c->proxy->chunks, fd, on_ready);
}

static void init(struct sp_client *c, struct sp_proxy *proxy, const struct sp_listening *listening, uint16_t port,
                 const struct sp_addr *peer)
{
	memset(c, 0, sizeof(*c));
	c->magic = SP_CLIENT_MAGIC;
	c->proxy = proxy;
	c->accepted_us = sp_now_us();
	c->from = (struct sp_from){
		.listening = listening,
		.peer = *peer,
		.port = port,
		.is_trusted = sp_peer_is_trusted(&proxy->serve->conf->gateway.trusted, peer),
		.tls_us = UINT64_MAX,
	};
	sp_list_init(&c->link);
	sp_deadline_init(&c->deadline);
	sp_deadline_init(&c->slim);
	sp_down_h1_init(&c->down, c);
}

void sp_client_accept(struct sp_proxy *proxy, const struct sp_listening *listening, uint16_t port, int fd,
                      const struct sp_addr *peer)
{
	struct sp_client *c = sp_slab_take(proxy->clients);

	if (c == NULL) {
		(void)close(fd);
		return;
	}
	init(c, proxy, listening, port, peer);
	if (!open_stream(c, fd)) {
		c->magic = 0;
		sp_slab_put(proxy->clients, c);
		return;
	}
	sp_proxy_client_came(proxy, listening, &c->link);
	if (c->from.is_tls) {
		c->state = SP_CLIENT_HANDSHAKE;
		sp_deadline_set(&c->deadline, listening->handshake, on_handshake_late);
		sp_stream_want(c->stream, SP_READ);
	} else {
		c->state = SP_CLIENT_OPEN;
		sp_down_h1_start(&c->down);
	}
}
