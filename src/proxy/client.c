#include "client.h"

#include <unistd.h>

#include "sp/base/clock.h"
#include "sp/base/log.h"
#include "sp/net/forwarded.h"

#include "peer.h"
#include "proxy_int.h"
#include "tally.h"

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

static void end_handshake(struct sp_client *c)
{
	if (!c->is_shaking)
		return;
	c->is_shaking = false;
	c->from.listening->handshake_count--;
}

static void note_slim(struct sp_client *c, bool is_slim)
{
	if (c->is_slim == is_slim)
		return;
	c->is_slim = is_slim;
	c->proxy->slim_count += is_slim ? 1U : (size_t)-1;
}

static void bury(struct sp_client *c, void (*close_stream)(struct sp_stream *s))
{
	struct sp_proxy *proxy = c->proxy;

	if (c->is_dead)
		return;
	c->is_dead = true;
	end_handshake(c);
	note_slim(c, false);
	sp_admission_left(&proxy->admission, c->addr_hash);
	sp_down_h1_fini(&c->down);              /* its last line still asks the stream for names */
	close_stream(c->stream);
	sp_deadline_clear(&c->deadline);
	sp_deadline_clear(&c->slim);
	sp_deadline_clear(&c->age);
	sp_list_unlink(&c->idle);
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

void sp_client_busy(struct sp_client *c)
{
	note_slim(c, false);
	sp_deadline_clear(&c->slim);
	sp_list_unlink(&c->idle);
}

void sp_client_end(struct sp_client *c, bool has_unread)
{
	if (c->is_dead)
		return;
	c->must_linger = has_unread;
	sp_client_busy(c);
	sp_deadline_set(&c->deadline, c->from.listening->linger, on_closing_late);
	finish(c);
}

/* ---- at rest */

static void on_old(struct sp_deadline *deadline)
{
	struct sp_client *c = SP_HOLDER(deadline, struct sp_client, age);

	c->is_old = true;
	if (sp_list_is_linked(&c->idle))
		sp_client_end(c, false);
}

static void on_idle_late(struct sp_deadline *deadline)
{
	sp_client_end(SP_HOLDER(deadline, struct sp_client, deadline), false);
}

static void on_slim(struct sp_deadline *deadline)
{
	struct sp_client *c = SP_HOLDER(deadline, struct sp_client, slim);

	note_slim(c, true);
	sp_stream_slim(c->stream);
}

static enum sp_tls_move move_stream(struct sp_client *c, const struct sp_listening *now)
{
	enum sp_tls_move rc;

	if (now == NULL || (now->serve->tls != NULL) != c->from.is_tls)
		return SP_TLS_MOVE_NEVER;
	if (!c->from.is_tls)
		return SP_TLS_MOVED;
	rc = sp_tls_stream_move(&c->io.tls, now->serve->tls);
	if (rc == SP_TLS_MOVED && c->from.site != NULL)
		c->from.site = c->io.tls.site;
	return rc;
}

void sp_client_follow(struct sp_client *c)
{
	struct sp_listening *before = c->from.listening, *now;

	if (!before->is_past || c->is_stranded)
		return;
	now = sp_proxy_successor(c->proxy, before);
	switch (move_stream(c, now)) {
	case SP_TLS_MOVE_LATER: return;
	case SP_TLS_MOVE_NEVER:
		c->is_stranded = true;
		/* Verified by rules that hold no more: a request that is on its way is served, then it ends. */
		if (now != NULL && c->from.is_tls && c->state == SP_CLIENT_OPEN && c->down.end.x == NULL)
			sp_deadline_set(&c->deadline, before->linger, on_idle_late);
		return;
	case SP_TLS_MOVED: break;
	}
	before->client_count--;
	now->client_count++;
	if (c->is_shaking) {
		before->handshake_count--;
		now->handshake_count++;
	}
	c->from.listening = now;
	c->from.is_trusted = sp_peer_is_trusted(&c->proxy->serve->conf->gateway.trusted, &c->from.client);
}

void sp_client_rest(struct sp_client *c)
{
	const struct sp_listening *l;

	if (c->is_old && c->down.behind.bytes == 0 && !c->proxy->is_draining) {
		sp_client_end(c, false);        /* its age came while its last answer was under way */
		return;
	}
	sp_client_follow(c);
	l = c->from.listening;
	c->from.tls_us = UINT64_MAX;            /* the first request's line has told it */
	/* While draining a request that is on its way still gets its answer: see sp_proxy_drain. */
	sp_deadline_set(&c->deadline, c->proxy->is_draining || c->is_stranded ? l->linger : l->idle, on_idle_late);
	if (c->from.is_tls)
		sp_deadline_set(&c->slim, l->slim, on_slim);
	sp_stream_want(c->stream, SP_READ);
	sp_list_unlink(&c->idle);               /* a drain lets it rest anew */
	if (c->down.behind.bytes == 0)          /* otherwise its next request is here already */
		sp_list_push(&c->proxy->idle, &c->idle);
}

/* ---- the handshake */

static void on_handshake_late(struct sp_deadline *deadline)
{
	struct sp_client *c = SP_HOLDER(deadline, struct sp_client, deadline);

	sp_notice(&c->proxy->notices, SP_NOTICE_TLS_LATE, &c->from.client);
	sp_tally_shook(&c->from, SP_SHOOK_TIMEOUT);
	sp_client_cut(c);
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
		end_handshake(c);
		c->state = SP_CLIENT_OPEN;
		c->from.tls_us = sp_now_us() - c->begun_us;
		c->from.site = c->io.tls.site;
		sp_tally_shook(&c->from, SP_SHOOK_OK);
		sp_client_follow(c);
		sp_down_h1_start(&c->down);
		return;
	default:
		log_handshake_failed(c);
		sp_tally_shook(&c->from, SP_SHOOK_FAILED);
		sp_client_close(c);
	}
}

/* ---- the PROXY header */

void sp_client_note(struct sp_from *from, const struct sp_conf_cidrs *trusted, const struct sp_addr *client)
{
	char text[SP_ADDR_TEXT];
	size_t n = strlen(sp_addr_ip_text(client, text));

	if (n >= sizeof(from->client_ip))
		n = sizeof(from->client_ip) - 1;
	memcpy(from->client_ip, text, n);
	from->client_ip[n] = '\0';
	from->client = *client;
	from->is_trusted = sp_peer_is_trusted(trusted, client);
}

static void on_naming_late(struct sp_deadline *deadline)
{
	struct sp_client *c = SP_HOLDER(deadline, struct sp_client, deadline);

	sp_notice(&c->proxy->notices, c->from.is_tls ? SP_NOTICE_TLS_LATE : SP_NOTICE_HEADER_LATE, &c->from.peer);
	sp_client_close(c);
}

static void refuse_naming(struct sp_client *c, const char *why)
{
	sp_debug("proxy_header_refused", SP_KV_ADDR("peer", &c->from.peer),
	         SP_KV_STR("listener", c->from.listening->serve->conf->section.name), SP_KV_TEXT("why", why));
	sp_client_close(c);
}

/* What stands behind the header is left in the socket: for TLS, or for the reader of requests. */
static bool take_header(struct sp_client *c, uint8_t *bytes, const struct sp_forwarded *told)
{
	size_t got;

	if (sp_stream_recv(c->stream, &(struct iovec){ bytes, told->length }, 1, &got) != SP_IO_DONE ||
	    got != told->length)
		return false;
	if (!told->has_addresses)
		return true;
	sp_client_note(&c->from, &c->proxy->serve->conf->gateway.trusted, &told->source);
	c->from.destination = told->destination;
	if (told->destination.port != 0)
		c->from.port = told->destination.port;
	return true;
}

struct sp_addr sp_client_destination(const struct sp_from *from)
{
	const struct sp_client *c = SP_HOLDER(from, struct sp_client, from);
	struct sp_addr addr = { .family = SP_ADDR_NONE };
	struct sockaddr_storage sa;
	socklen_t n = sizeof(sa);

	if (from->destination.family != SP_ADDR_NONE)
		return from->destination;
	if (getsockname(c->stream->fd, (struct sockaddr *)&sa, &n) != 0 ||
	    !sp_addr_from_sockaddr((const struct sockaddr *)&sa, n, &addr))
		addr.family = SP_ADDR_NONE;
	return addr;
}

static void begin(struct sp_client *c)
{
	c->begun_us = sp_now_us();
	if (!c->from.is_tls) {
		c->state = SP_CLIENT_OPEN;
		sp_down_h1_start(&c->down);
		return;
	}
	c->state = SP_CLIENT_HANDSHAKE;
	c->is_shaking = true;
	c->from.listening->handshake_count++;
	sp_admission_shook(&c->proxy->admission, c->addr_hash);
	if (!sp_deadline_is_set(&c->deadline))
		sp_deadline_set(&c->deadline, c->from.listening->handshake, on_handshake_late);
	sp_stream_want(c->stream, SP_READ);
}

/* Whom the header names is judged as if it had connected; who is trusted itself is a balancer behind a balancer. */
static bool is_named_let_in(struct sp_client *c)
{
	struct sp_admission *a = &c->proxy->admission;

	if (!sp_admission_ask(a, c->from.listening, &c->from.client, c->from.is_trusted))
		return false;
	if (!c->from.is_trusted)
		c->addr_hash = sp_admission_came(a, c->from.listening, &c->from.client);
	return true;
}

/* Of a trusted peer. Looked at in the socket until it is known to be one: exactly one is taken, and nothing else. */
static void read_header(struct sp_client *c)
{
	uint8_t bytes[SP_FORWARDED_MAX];
	struct sp_forwarded told;
	size_t n;

	switch (sp_stream_peek(c->stream, bytes, sizeof(bytes), &n)) {
	case SP_IO_AGAIN: return;
	case SP_IO_DONE: break;
	default: sp_client_close(c); return;
	}
	switch (sp_forwarded_read(bytes, n, &told)) {
	case SP_FORWARDED_MORE:
		if (!sp_stream_await_more(c->stream))
			refuse_naming(c, "cut");
		return;
	case SP_FORWARDED_BAD: refuse_naming(c, "malformed"); return;
	case SP_FORWARDED_NONE:
		/* The balancer's health check may be plain: what else comes is closed when its path is known. */
		c->from.is_health_only = c->from.listening->serve->conf->proxy_protocol == SP_PROXY_REQUIRED;
		break;
	case SP_FORWARDED_DONE:
		if (!take_header(c, bytes, &told)) {
			refuse_naming(c, "lost");
			return;
		}
		if (told.has_addresses && !is_named_let_in(c)) {
			sp_client_close(c);
			return;
		}
		break;
	}
	begin(c);
}

static void await_header(struct sp_client *c)
{
	const struct sp_listening *l = c->from.listening;

	c->state = SP_CLIENT_NAMING;
	sp_deadline_set(&c->deadline, c->from.is_tls ? l->handshake : l->header, on_naming_late);
	sp_stream_want(c->stream, SP_READ);
}

/* ---- its beginning */

static void on_ready(struct sp_stream *s, unsigned what)
{
	struct sp_client *c = of_stream(s);

	switch (c->state) {
	case SP_CLIENT_NAMING:
		read_header(c);
		break;
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

static void init(struct sp_client *c, struct sp_proxy *proxy, struct sp_listening *listening, uint16_t port,
                 const struct sp_addr *peer)
{
	memset(c, 0, sizeof(*c));
	c->magic = SP_CLIENT_MAGIC;
	c->proxy = proxy;
	c->from = (struct sp_from){
		.listening = listening,
		.peer = *peer,
		.port = port,
		.tls_us = UINT64_MAX,
	};
	sp_client_note(&c->from, &proxy->serve->conf->gateway.trusted, peer);
	sp_list_init(&c->link);
	sp_list_init(&c->idle);
	sp_deadline_init(&c->age);
	sp_deadline_init(&c->deadline);
	sp_deadline_init(&c->slim);
	sp_down_h1_init(&c->down, c);
}

void sp_client_accept(struct sp_proxy *proxy, struct sp_listening *listening, uint16_t port, int fd,
                      const struct sp_addr *peer)
{
	enum sp_conf_proxy_protocol use = listening->serve->conf->proxy_protocol;
	bool is_trusted = sp_peer_is_trusted(&proxy->serve->conf->gateway.trusted, peer);
	struct sp_client *c = NULL;

	if (sp_budget_is_over(proxy, SP_BUDGET_CONNECTIONS)) {
		sp_notice(&proxy->notices, SP_NOTICE_MEMORY, peer);
		sp_tally_came(listening, SP_CAME_MEMORY);
	} else if (sp_admission_ask(&proxy->admission, listening, peer, is_trusted)) {
		c = sp_slab_take(proxy->clients);
	}
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
	sp_tally_came(listening, SP_CAME_ACCEPTED);
	sp_proxy_client_came(proxy, listening, &c->link);
	sp_deadline_set(&c->age, listening->ages[proxy->next_age++ % SP_AGES], on_old);
	if (!is_trusted)
		c->addr_hash = sp_admission_came(&proxy->admission, listening, peer);
	if (use == SP_PROXY_REQUIRED && !c->from.is_trusted)
		refuse_naming(c, "not_trusted");
	else if (use != SP_PROXY_OFF && c->from.is_trusted)
		await_header(c);
	else
		begin(c);
}
