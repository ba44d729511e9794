#include "probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sp/base/check.h"
#include "sp/http/chunked.h"
#include "sp/http/h1_read.h"
#include "sp/net/deadline.h"
#include "sp/net/proxy_header.h"

enum {
	HEAD_MAX = 16384,
	BODY_MAX = 65536, /* of it a text is looked for */
	INTERIM_MAX = 8,
};

static const struct sp_h1_limits limits = {
	.head_max = HEAD_MAX, .field_max = 100, .target_max = 0, .underscore = SP_NAME_UNDERSCORE_PASS
};

enum state { DIALING, CONNECTING, SHAKING, SENDING, HEAD, BODY };

struct sp_probe {
	const struct sp_probe_env *env;
	struct sp_probe_of of;
	enum state state;
	bool is_over;
	struct sp_dial_ask dial;
	union {
		struct sp_stream stream;
		struct sp_tls_stream tls; /* begins with it */
	};
	struct sp_tls_server server; /* every check is a whole handshake: nothing is kept of it */
	struct sp_deadline deadline;
	struct sp_arena arena; /* of the head */
	struct sp_h1_reader reader;
	struct sp_head head;
	unsigned interim;
	struct sp_chunked chunked;
	uint64_t body_seen; /* bytes of the body, its framing aside */
	struct sp_grave grave;
	char *request; /* owned; NULL: none is sent */
	size_t request_n, sent;
	size_t n, room; /* of bytes: what came, of the head and then of the body */
	uint8_t bytes[];
};

/* ---- its end */

static void free_grave(struct sp_grave *grave)
{
	struct sp_probe *p = SP_HOLDER(grave, struct sp_probe, grave);

	sp_arena_fini(&p->arena);
	sp_tls_server_forget(&p->server);
	free(p->request);
	free(p);
}

void sp_probe_cancel(struct sp_probe *p)
{
	if (p->is_over)
		return;
	p->is_over = true;
	*p->of.place = NULL;
	sp_deadline_clear(&p->deadline);
	sp_wait_cancel(&p->dial.wait);
	sp_stream_close(&p->stream);
	sp_loop_bury(p->env->loop, &p->grave, free_grave);
}

/* Last act of its caller. */
static void done(struct sp_probe *p, const char *why)
{
	const struct sp_probe_env *env = p->env;
	struct sp_addr addr = p->of.addr;
	void *of = p->of.of;
	char text[SP_PROBE_WHY];

	if (why != NULL)
		(void)snprintf(text, sizeof(text), "%s", why);
	sp_probe_cancel(p);
	env->on_done(env->arg, of, &addr, why == NULL ? NULL : text);
}

static void on_late(struct sp_deadline *deadline)
{
	struct sp_probe *p = SP_HOLDER(deadline, struct sp_probe, deadline);

	done(p, p->state <= CONNECTING ? "connect timeout" : p->state == SHAKING ? "tls timeout" : "timeout");
}

/* ---- the body */

/* The bytes at `from` are new; what is body of them goes to the front. true: no more will come. */
static bool decode(struct sp_probe *p, size_t from, bool *is_bad)
{
	size_t used, body = p->n - from;
	bool is_end = false;

	if (p->head.framing == SP_BODY_CHUNKED) {
		enum sp_chunked_rc rc = sp_chunked_decode(&p->chunked, p->bytes + from, p->n - from, &used, &body);

		*is_bad = rc == SP_CHUNKED_BAD;
		is_end = rc != SP_CHUNKED_MORE;
	}
	p->n = from + body;
	p->body_seen += body;
	return is_end || p->head.framing == SP_BODY_NONE ||
	       (p->head.framing == SP_BODY_LENGTH && p->body_seen >= p->head.length) || p->n >= BODY_MAX;
}

static void judge_body(struct sp_probe *p, size_t from, bool is_end)
{
	const struct sp_str want = p->of.pool->check.body;
	bool is_bad = false;

	is_end = decode(p, from, &is_bad) || is_end;
	if (is_bad)
		done(p, "bad answer");
	else if (memmem(p->bytes, p->n < BODY_MAX ? p->n : BODY_MAX, want.p, want.n) != NULL)
		done(p, NULL);
	else if (is_end)
		done(p, "text not found");
}

/* ---- the head */

static bool is_healthy(const struct sp_conf_check *check, unsigned status)
{
	for (size_t i = 0; i < check->status_count; i++)
		if (status >= check->statuses[i].from && status <= check->statuses[i].to)
			return true;
	return false;
}

static void judge_head(struct sp_probe *p, size_t used)
{
	const struct sp_conf_check *check = &p->of.pool->check;
	char why[SP_PROBE_WHY];

	if (!is_healthy(check, p->head.status)) {
		(void)snprintf(why, sizeof(why), "status %u", p->head.status);
		done(p, why);
	} else if (check->body.n == 0) {
		done(p, NULL);
	} else {
		p->state = BODY;
		p->n -= used;
		memmove(p->bytes, p->bytes + used, p->n);
		sp_chunked_init(&p->chunked);
		judge_body(p, 0, false);
	}
}

static void read_head(struct sp_probe *p)
{
	size_t used;

	for (;;) {
		switch (sp_h1_read_response(&p->reader, (const char *)p->bytes, p->n, SP_M_GET, &p->head, &used)) {
		case SP_H1_MORE:
			if (p->n >= HEAD_MAX)
				done(p, "bad answer");
			return;
		case SP_H1_REFUSED: done(p, "bad answer"); return;
		case SP_H1_HEAD: break;
		}
		if (p->head.status >= 200) {
			judge_head(p, used);
			return;
		}
		if (++p->interim > INTERIM_MAX) {
			done(p, "bad answer");
			return;
		}
		p->n -= used;
		memmove(p->bytes, p->bytes + used, p->n);
		sp_h1_reader_init(&p->reader, &limits, &p->arena);
	}
}

static void read_on(struct sp_probe *p)
{
	while (!p->is_over) {
		struct iovec room = { p->bytes + p->n, p->room - p->n };
		size_t got, from = p->n;
		enum sp_io io = sp_stream_read(&p->stream, &room, 1, &got);

		if (io == SP_IO_AGAIN)
			return;
		if (io != SP_IO_DONE && p->state == BODY && p->head.framing == SP_BODY_CLOSE && io == SP_IO_EOF) {
			judge_body(p, from, true);
			return;
		}
		if (io != SP_IO_DONE) {
			done(p, p->stream.why != NULL ? p->stream.why : "closed without an answer");
			return;
		}
		p->n += got;
		if (p->state == HEAD)
			read_head(p);
		else
			judge_body(p, from, false);
	}
}

/* ---- the request */

static void send_on(struct sp_probe *p)
{
	size_t put;
	struct iovec v = { p->request + p->sent, p->request_n - p->sent };
	enum sp_io io = sp_stream_write(&p->stream, &v, 1, &put);

	if (io == SP_IO_FAILED) {
		done(p, p->stream.why != NULL ? p->stream.why : "reset");
		return;
	}
	p->sent += put;
	if (p->sent < p->request_n) {
		sp_stream_want(&p->stream, SP_WRITE);
		return;
	}
	p->state = HEAD;
	sp_stream_want(&p->stream, SP_READ);
}

/* ---- the connection */

static void stands(struct sp_probe *p)
{
	if (p->of.pool->check.kind == SP_CHECK_TCP) {
		done(p, NULL);
		return;
	}
	p->state = SENDING;
	send_on(p);
}

static void shake(struct sp_probe *p)
{
	char why[SP_PROBE_WHY];

	p->state = SHAKING;
	switch (sp_stream_handshake(&p->stream)) {
	case SP_IO_AGAIN: sp_stream_want(&p->stream, SP_READ); break;
	case SP_IO_DONE: stands(p); break;
	default: (void)snprintf(why, sizeof(why), "tls: %s", sp_tls_stream_refusal(&p->tls)); done(p, why);
	}
}

/* Nobody's client: LOCAL. */
static bool tell_local(struct sp_probe *p)
{
	uint8_t header[SP_PROXY_HEADER_MAX];
	struct iovec v = { header, 0 };
	size_t put;

	if (!p->of.pool->has_proxy_header)
		return true;
	v.iov_len = sp_proxy_header_write_local(header);
	return sp_stream_send(&p->stream, &v, 1, &put) == SP_IO_DONE && put == v.iov_len;
}

static void on_connected(struct sp_probe *p)
{
	enum sp_io io = sp_stream_connected(&p->stream);

	if (io == SP_IO_AGAIN)
		return;
	if (io != SP_IO_DONE || !tell_local(p))
		done(p, p->stream.why != NULL ? p->stream.why : "connect failed");
	else if (p->of.tls != NULL)
		shake(p);
	else
		stands(p);
}

static void on_ready(struct sp_stream *s, unsigned what)
{
	struct sp_probe *p = SP_HOLDER(s, struct sp_probe, stream);

	(void)what;
	switch (p->state) {
	case DIALING: break;
	case CONNECTING: on_connected(p); break;
	case SHAKING: shake(p); break;
	case SENDING: send_on(p); break;
	case HEAD:
	case BODY: read_on(p); break;
	}
}

static bool open_stream(struct sp_probe *p)
{
	struct sp_tls_to to = { .client = p->of.tls, .server = &p->server, .name = p->of.pool->tls_name };

	if (p->of.tls == NULL)
		return sp_stream_open(&p->stream, p->env->loop, p->dial.fd, true, on_ready);
	if (to.name.n == 0)
		to.name = p->of.backend->host;
	return sp_tls_stream_connect(&p->tls, &to, p->env->loop, p->env->chunks, p->dial.fd, on_ready);
}

static void on_dialed(struct sp_wait *w)
{
	struct sp_probe *p = SP_HOLDER(w, struct sp_probe, dial.wait);
	char why[SP_PROBE_WHY];

	if (p->dial.rc != SP_DIAL_DONE) {
		if (p->dial.refused != SP_EGRESS_OK) {
			p->env->on_refused(p->env->arg, p->dial.refused);
			(void)snprintf(why, sizeof(why), "egress: %s", sp_egress_word(p->dial.refused));
		} else {
			(void)snprintf(why, sizeof(why), "no socket: error %d", p->dial.error);
		}
		done(p, why);
		return;
	}
	p->state = CONNECTING;
	if (!open_stream(p)) {
		done(p, "no memory");
		return;
	}
	sp_stream_want(&p->stream, SP_WRITE);
}

/* ---- its beginning */

static bool write_request(struct sp_probe *p)
{
	const struct sp_conf_pool *pool = p->of.pool;
	const struct sp_conf_backend *b = p->of.backend;
	struct sp_str host = pool->check.host;
	char with_port[300];
	int n;

	if (host.n == 0 && pool->host == SP_HOST_NAME)
		host = pool->host_name;
	if (host.n == 0) {
		n = snprintf(with_port, sizeof(with_port), b->addr.port == (pool->has_tls ? 443 : 80) ? "%.*s" : "%.*s:%u",
				 SP_STR_ARG(b->host), b->addr.port);

		host = sp_str_of(with_port, (size_t)n);
	}
	n = asprintf(&p->request,
		     "GET %.*s HTTP/1.1\r\nHost: %.*s\r\nUser-Agent: sallyport-check\r\nAccept: */*\r\n"
		     "Connection: close\r\n\r\n",
		     SP_STR_ARG(pool->check.path), SP_STR_ARG(host));
	if (n < 0) {
		p->request = NULL;
		return false;
	}
	p->request_n = (size_t)n;
	return true;
}

struct sp_probe *sp_probe_new(const struct sp_probe_env *env, const struct sp_probe_of *of)
{
	size_t room = of->pool->check.kind == SP_CHECK_TCP ? 0 : HEAD_MAX + (of->pool->check.body.n > 0 ? BODY_MAX : 0);
	struct sp_probe *p = malloc(sizeof(*p) + room);

	if (p == NULL)
		return NULL;
	memset(p, 0, sizeof(*p));
	p->env = env;
	p->of = *of;
	p->room = room;
	p->stream.fd = -1;
	sp_deadline_init(&p->deadline);
	sp_arena_init(&p->arena, NULL, 0, 0);
	sp_h1_reader_init(&p->reader, &limits, &p->arena);
	p->dial.wait.wake = on_dialed;
	p->dial.index = of->backend->index;
	p->dial.nth = of->nth;
	if ((of->pool->check.kind == SP_CHECK_HTTP && !write_request(p)) ||
	    sp_dial_ask(env->dial, &p->dial) != SP_DIAL_LATER) {
		free(p->request);
		free(p);
		return NULL;
	}
	sp_deadline_set(&p->deadline, sp_loop_deadlines(env->loop, of->pool->check.timeout), on_late);
	return p;
}
