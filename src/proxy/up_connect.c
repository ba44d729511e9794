#include "up_connect.h"

#include <errno.h>

#include "sp/base/log.h"

#include "client.h"
#include "exchange.h"
#include "named.h"
#include "proxy_int.h"
#include "tally.h"

/* Of a name what the dialer found; before it answered nothing. */
static struct sp_addr address_of(const struct sp_up_h1 *up)
{
	struct sp_addr addr = up->lease.backend->conf->addr;
	uint16_t port = addr.port;

	if (addr.family == SP_ADDR_NONE) {
		addr = up->dial.addr;
		addr.port = port;
	}
	return addr;
}

/* For who waits; nobody does when the exchange is gone. */
static void note(struct sp_exchange *x, enum sp_fault fault)
{
	if (x != NULL)
		x->fault = fault;
}

static void log_failed(const struct sp_up_h1 *up, int why)
{
	const struct sp_conf_backend *to = up->lease.backend->conf;
	struct sp_addr addr = address_of(up);

	sp_warn("backend_connect_failed", SP_KV_STR("pool", up->pool->conf->section.name), SP_KV_STR("backend", to->name),
	        SP_KV_ADDR("addr", &addr), SP_KV_ERRNO("why", why));
}

void sp_up_connect_tls_failed(const struct sp_up_h1 *up)
{
	const struct sp_conf_backend *to = up->lease.backend->conf;
	struct sp_addr addr = address_of(up);

	sp_warn("backend_tls_failed", SP_KV_STR("pool", up->pool->conf->section.name), SP_KV_STR("backend", to->name),
	        SP_KV_ADDR("addr", &addr), SP_KV_TEXT("why", sp_tls_stream_refusal(&up->tls)));
	note(up->end.x, sp_fault_of_tls(sp_tls_stream_refusal(&up->tls), sp_tls_stream_is_unverified(&up->tls)));
}

static void tell_not_dialed(const struct sp_up_h1 *up, struct sp_exchange *x)
{
	note(x, sp_fault_of_connect(up->dial.error, up->dial.refused));
	if (up->dial.refused == SP_EGRESS_OK) {
		log_failed(up, up->dial.error);
		return;
	}
	sp_tally_egress(up->pool->proxy, up->dial.refused);
	sp_error("egress_refused", SP_KV_STR("backend", up->lease.backend->conf->name),
	         SP_KV_TEXT("why", sp_egress_word(up->dial.refused)));
}

void sp_up_connect_over(struct sp_up_h1 *up)
{
	struct sp_serve *of = up->shaken_of;

	up->shaken_of = NULL;
	if (of != NULL)
		sp_serve_release(of);
}

/* ---- TLS */

static void shake(struct sp_up_h1 *up)
{
	up->state = SP_UP_SHAKING;
	switch (sp_stream_handshake(&up->stream)) {
	case SP_IO_AGAIN:
		sp_stream_want(&up->stream, SP_READ);
		break;
	case SP_IO_DONE:
		sp_up_connect_over(up);
		sp_up_h1_stands(up);
		break;
	default:
		if (up->stream.error != 0) {
			log_failed(up, up->stream.error);
			note(up->end.x, sp_fault_of_connect(up->stream.error, SP_EGRESS_OK));
		} else {
			sp_up_connect_tls_failed(up);
		}
		sp_up_h1_fail(up, SP_WHY_BACKEND_TLS);
	}
}

/* The context is of the generation that has the pool now, and so is the keeper that signs. */
static bool open_stream(struct sp_up_h1 *up)
{
	struct sp_pool *pool = up->pool;
	struct sp_proxy *proxy = pool->proxy;
	struct sp_backend *backend = up->lease.backend;
	struct sp_tls_to to = { .server = &backend->tls, .name = pool->conf->tls_name };

	up->is_tls = pool->conf->has_tls;
	if (!up->is_tls)
		return sp_stream_open(&up->stream, proxy->loop, up->dial.fd, true, sp_up_h1_on_ready);
	to.client = pool->of->pool_tls[pool->conf - pool->of->conf->pools];
	if (to.name.n == 0)
		to.name = backend->conf->host;
	up->shaken_of = sp_serve_hold(pool->of);
	if (sp_tls_stream_connect(&up->tls, &to, proxy->loop, proxy->chunks, up->dial.fd, sp_up_h1_on_ready))
		return true;
	sp_up_connect_over(up);
	return false;
}

/* ---- the socket */

/* An empty socket takes a few dozen bytes whole; one that does not is as good as gone. Under TLS they go in front of it, so
 * they are sent on the descriptor itself. */
static bool tell_client(struct sp_up_h1 *up)
{
	size_t put;

	return up->told_n == 0 ||
	       (sp_stream_send(&up->stream, &(struct iovec){ up->told, up->told_n }, 1, &put) == SP_IO_DONE &&
	        put == up->told_n);
}

void sp_up_connect_go(struct sp_up_h1 *up)
{
	enum sp_io io = up->state == SP_UP_SHAKING ? SP_IO_DONE : sp_stream_connected(&up->stream);

	if (io == SP_IO_AGAIN)
		return;
	if (io != SP_IO_DONE || (up->state == SP_UP_CONNECTING && !tell_client(up))) {
		log_failed(up, up->stream.error);
		note(up->end.x, sp_fault_of_connect(up->stream.error, SP_EGRESS_OK));
		sp_up_h1_fail(up, SP_WHY_BACKEND_REFUSED);
	} else if (up->is_tls) {
		shake(up);
	} else {
		sp_up_h1_stands(up);
	}
}

void sp_up_connect_late(struct sp_up_h1 *up)
{
	log_failed(up, ETIMEDOUT);
	sp_up_h1_fail(up, SP_WHY_CONNECT_TIMEOUT);
}

static enum sp_dial_rc take_socket(struct sp_up_h1 *up)
{
	up->state = SP_UP_CONNECTING;
	if (!open_stream(up))
		return SP_DIAL_FAILED;
	sp_stream_want(&up->stream, SP_WRITE);
	return SP_DIAL_DONE;
}

static void on_dialed(struct sp_wait *w)
{
	struct sp_up_h1 *up = SP_HOLDER(w, struct sp_up_h1, dial.wait);

	if (up->dial.rc == SP_DIAL_DONE && take_socket(up) == SP_DIAL_DONE)
		return;
	tell_not_dialed(up, up->end.x);
	sp_up_h1_fail(up, SP_WHY_BACKEND_REFUSED);
}

enum sp_dial_rc sp_up_connect(struct sp_up_h1 *up, const struct sp_pool_want *want)
{
	struct sp_pool *pool = up->pool;
	enum sp_dial_rc rc;

	if (pool->conf->has_proxy_header) {
		struct sp_addr destination = sp_client_destination(want->x->from);

		up->told_n = sp_proxy_header_write(&want->x->client, &destination, up->told);
	}
	up->dial.wait.wake = on_dialed;
	if (sp_conf_backend_is_named(up->lease.backend->conf) && !sp_named_next(up->lease.backend, &up->dial.nth)) {
		up->dial.error = EHOSTUNREACH;  /* it lost them since it was chosen */
		rc = SP_DIAL_FAILED;
	} else if (!sp_proxy_dial_index(pool->proxy, up->lease.backend, &up->dial.index)) {
		up->dial.error = ECONNABORTED;  /* the configuration has it no more */
		rc = SP_DIAL_FAILED;
	} else {
		rc = sp_dial_ask(pool->proxy->serve->dial, &up->dial);
	}
	if (rc != SP_DIAL_LATER)
		up->dial.wait.wake = NULL;
	if (rc == SP_DIAL_DONE)
		rc = take_socket(up);
	if (rc == SP_DIAL_FAILED)
		tell_not_dialed(up, want->x);
	return rc;
}
