#include "down_h1.h"

#include "sp/base/check.h"
#include "sp/base/clock.h"
#include "sp/http/h1_write.h"

#include "client.h"
#include "exchange.h"
#include "pace.h"
#include "proxy_int.h"

#define BEHIND_MAX 16384U               /* bytes read ahead of their turn: no more is read beyond this many */
#define BEHIND_PIECES 8                 /* chunks that may hold them: header_max of 64k at most, and one read */

static void read_head(struct sp_down_h1 *d);
static void set_wants(struct sp_down_h1 *d);

static struct sp_client *client_of(struct sp_down_h1 *d)
{
	return SP_HOLDER(d, struct sp_client, down);
}

static struct sp_stream *stream_of(struct sp_down_h1 *d)
{
	return client_of(d)->stream;
}

static const struct sp_h1_limits *limits_of(struct sp_down_h1 *d)
{
	return &client_of(d)->from.listening->serve->limits;
}

/* ---- the request's body */

static bool is_reading_body(const struct sp_down_h1 *d)
{
	return d->may_read_body && !d->body.is_done && !d->end.x->up_pipe.is_full_told;
}

static void set_wants(struct sp_down_h1 *d)
{
	bool is_reading = is_reading_body(d);

	sp_stream_want(stream_of(d), (is_reading ? SP_READ : SP_GONE) | (d->is_blocked ? SP_WRITE : 0));
	sp_pace_follow(d, d->is_blocked || (is_reading && d->state == SP_DOWN_RUN));
}

static void after_body(struct sp_down_h1 *d, enum sp_body_rc rc)
{
	struct sp_exchange *x = d->end.x;

	switch (rc) {
	case SP_BODY_RC_END:
	case SP_BODY_RC_AGAIN:
	case SP_BODY_RC_FULL:
		x->is_request_ended |= rc == SP_BODY_RC_END;
		set_wants(d);
		sp_exchange_bytes(x, SP_DOWN);
		break;
	case SP_BODY_RC_BAD:
		sp_exchange_refused(x, d->body.refuse);
		break;
	case SP_BODY_RC_LARGE:
		sp_exchange_failed(x, SP_DOWN, SP_WHY_TOO_LARGE);
		break;
	case SP_BODY_RC_MEMORY:
		sp_exchange_failed(x, SP_DOWN, SP_WHY_NO_MEMORY);
		break;
	case SP_BODY_RC_CUT:
	case SP_BODY_RC_FAILED:
		sp_exchange_failed(x, SP_DOWN, SP_WHY_CLIENT_ABORT);
		break;
	}
}

static void read_body(struct sp_down_h1 *d)
{
	size_t moved;

	after_body(d, sp_h1_body_read(&d->body, stream_of(d), &d->end.x->up_pipe, &d->behind, &moved));
}

/* ---- the head */

/* The exchange of the next request. false: the client was closed. */
static bool begin_exchange(struct sp_down_h1 *d)
{
	struct sp_client *c = client_of(d);
	struct sp_exchange *x = sp_exchange_new(c->proxy, &d->end, &c->from);

	if (x == NULL) {
		sp_client_cut(c);
		return false;
	}
	d->end.x = x;
	d->state = SP_DOWN_HEAD;
	d->head = x->first;
	d->head_n = d->copied = 0;
	d->head_room = sizeof(x->first);
	sp_h1_reader_init(&d->reader, limits_of(d), &x->arena);
	return true;
}

static void on_header_late(struct sp_deadline *deadline)
{
	struct sp_client *c = SP_HOLDER(deadline, struct sp_client, deadline);

	sp_notice(&c->proxy->notices, SP_NOTICE_HEADER_LATE, &c->from.client);
	if (c->down.end.x == NULL) {
		sp_client_end(c, false);
		return;
	}
	c->down.end.x->bytes_in = c->down.head_n;
	sp_exchange_failed(c->down.end.x, SP_DOWN, SP_WHY_CLIENT_TIMEOUT);
}

/* The first byte of a head: from here on its whole time counts. On a new connection it does so since the accept. */
static void on_first_byte(struct sp_down_h1 *d)
{
	struct sp_client *c = client_of(d);

	sp_client_busy(c);
	if (d->requests > 0)
		sp_deadline_set(&c->deadline, c->from.listening->header, on_header_late);
}

/* More room for a head that did not fit; false: it may not be longer, or there is no memory. */
static bool grow_head(struct sp_down_h1 *d)
{
	uint32_t room = limits_of(d)->head_max;
	char *head;

	if (d->head_room >= room)
		return false;
	head = sp_arena_alloc(&d->end.x->arena, room);
	if (head == NULL)
		return false;
	memcpy(head, d->head, d->head_n);
	d->head = head;
	d->head_room = room;
	sp_h1_reader_init(&d->reader, limits_of(d), &d->end.x->arena);
	return true;
}

static void begin_body(struct sp_down_h1 *d)
{
	struct sp_exchange *x = d->end.x;

	sp_h1_body_init(&d->body, &x->request, UINT64_MAX);
	if (sp_head_has_body(&x->request))
		return;
	d->body.is_done = x->is_request_ended = true;
	sp_pipe_end(&x->up_pipe);
}

/* What was read and is not of this head waits in `behind`, in its order: first what stood there before, then the new. */
static bool keep_rest(struct sp_down_h1 *d, uint32_t used)
{
	uint32_t from = used > d->copied ? used : d->copied;

	sp_chain_consume(&d->behind, used < d->copied ? used : d->copied);
	d->copied = 0;
	return sp_chain_put(&d->behind, sp_str_of(d->head + from, d->head_n - from));
}

static bool is_leaving(const struct sp_proxy *proxy)
{
	return proxy->is_draining || proxy->is_health_red;
}

static void on_head(struct sp_down_h1 *d, size_t used)
{
	struct sp_exchange *x = d->end.x;
	struct sp_client *c = client_of(d);

	sp_deadline_clear(&c->deadline);
	sp_client_follow(c);
	sp_exchange_follow(x);
	d->state = SP_DOWN_RUN;
	d->requests++;
	d->is_close_after = !x->request.is_keep_alive || is_leaving(c->proxy) || c->is_stranded ||
	                    d->requests >= c->from.listening->serve->conf->max_requests_per_connection;
	x->bytes_in = used;
	if (!keep_rest(d, (uint32_t)used)) {
		sp_exchange_failed(x, SP_DOWN, SP_WHY_NO_MEMORY);
		return;
	}
	begin_body(d);
	set_wants(d);
	sp_exchange_head(x, SP_DOWN);
}

static void refuse_head(struct sp_down_h1 *d, enum sp_refuse why)
{
	struct sp_exchange *x = d->end.x;

	d->state = SP_DOWN_RUN;
	d->requests++;
	d->is_close_after = true;
	d->body.is_done = false;                /* what follows is not read as anything */
	d->body.bytes = 0;
	x->bytes_in = d->head_n;
	sp_deadline_clear(&client_of(d)->deadline);
	sp_stream_want(stream_of(d), SP_GONE);
	sp_exchange_refused(x, why);
}

/* Judges what there is. false: more is needed. */
static bool parse_head(struct sp_down_h1 *d)
{
	size_t used;

	switch (sp_h1_read_request(&d->reader, d->head, d->head_n, &d->end.x->request, &used)) {
	case SP_H1_MORE:
		return false;
	case SP_H1_HEAD:
		on_head(d, used);
		return true;
	case SP_H1_REFUSED:
		refuse_head(d, d->reader.why);
		return true;
	}
	return true;
}

/* Bytes that were read ahead are copied into the head's room; they stay in `behind` until it is known whose they are. */
static enum sp_io fill_from_behind(struct sp_down_h1 *d, struct iovec room, size_t *got)
{
	struct iovec v[BEHIND_PIECES];
	int n = sp_chain_peek(&d->behind, d->behind.bytes, v, BEHIND_PIECES);
	size_t skip = d->copied;

	for (int i = 0; i < n; i++) {
		if (skip >= v[i].iov_len) {
			skip -= v[i].iov_len;
			continue;
		}
		*got = v[i].iov_len - skip < room.iov_len ? v[i].iov_len - skip : room.iov_len;
		memcpy(room.iov_base, (char *)v[i].iov_base + skip, *got);
		d->copied += (uint32_t)*got;
		return SP_IO_DONE;
	}
	return SP_IO_AGAIN;
}

/* Nothing (more) of a head can be read now. */
static void on_head_end(struct sp_down_h1 *d, enum sp_io io)
{
	struct sp_client *c = client_of(d);
	struct sp_exchange *x = d->end.x;

	if (io == SP_IO_AGAIN && d->head_n > 0)
		return;
	if (d->head_n > 0) {
		x->bytes_in = d->head_n;
		sp_exchange_failed(x, SP_DOWN, SP_WHY_CLIENT_ABORT);
		return;
	}
	/* No byte of a request: there was none. */
	sp_exchange_discard(x);
	d->end.x = NULL;
	d->state = SP_DOWN_IDLE;
	if (io == SP_IO_EOF)
		sp_client_end(c, false);
	else if (io != SP_IO_AGAIN)
		sp_client_close(c);
}

static void read_head(struct sp_down_h1 *d)
{
	if (d->end.x == NULL && !begin_exchange(d))
		return;
	for (;;) {
		struct iovec room;
		size_t got = 0;
		enum sp_io io;

		if (d->head_n == d->head_room && !grow_head(d)) {
			refuse_head(d, SP_REFUSE_HEAD_TOO_LARGE);
			return;
		}
		room = (struct iovec){ d->head + d->head_n, d->head_room - d->head_n };
		io = d->behind.bytes > d->copied ? fill_from_behind(d, room, &got)
		                                 : sp_stream_read(stream_of(d), &room, 1, &got);
		if (io != SP_IO_DONE) {
			on_head_end(d, io);
			return;
		}
		if (d->head_n == 0)
			on_first_byte(d);
		d->head_n += (uint32_t)got;
		if (parse_head(d))
			return;
	}
}

static void on_soon(struct sp_soon *soon)
{
	struct sp_down_h1 *d = SP_HOLDER(soon, struct sp_down_h1, soon);

	if (d->state == SP_DOWN_IDLE)
		read_head(d);
}

/* ---- the answer on its way out */

static void tell_sent(struct sp_down_h1 *d)
{
	if (d->is_sent_told)
		return;
	d->is_sent_told = true;
	if (d->state == SP_DOWN_TUNNEL && sp_stream_finish(stream_of(d)) == SP_IO_FAILED) {
		sp_exchange_failed(d->end.x, SP_DOWN, SP_WHY_CLIENT_ABORT);
		return;
	}
	sp_exchange_sent(d->end.x, SP_DOWN);
}

static void flush(struct sp_down_h1 *d)
{
	struct sp_exchange *x = d->end.x;
	size_t moved;
	enum sp_send rc = sp_h1_send_flush(&d->send, stream_of(d), &moved);
	bool was_blocked = d->is_blocked;

	x->bytes_out += moved;
	d->is_blocked = rc == SP_SEND_BLOCKED;
	switch (rc) {
	case SP_SEND_FAILED:
		sp_exchange_failed(x, SP_DOWN, SP_WHY_CLIENT_ABORT);
		return;
	case SP_SEND_MEMORY:
		sp_exchange_failed(x, SP_DOWN, SP_WHY_NO_MEMORY);
		return;
	default:
		break;
	}
	if (was_blocked != d->is_blocked)
		set_wants(d);
	if (rc == SP_SEND_ALL && d->is_final_put)
		tell_sent(d);
}

/* ---- the end's operations */

static struct sp_down_h1 *of_end(struct sp_end *e)
{
	SP_ASSERT(e->magic == SP_END_MAGIC);
	return SP_HOLDER(e, struct sp_down_h1, end);
}

/* How the client will see where the body ends. Returns false when there is none to send. */
static bool frame(struct sp_down_h1 *d, const struct sp_exchange *x, struct sp_head *h)
{
	bool is_open_ended = h->framing == SP_BODY_CHUNKED || h->framing == SP_BODY_CLOSE;

	if (x->is_bodyless) {
		if (h->framing == SP_BODY_CLOSE || (is_open_ended && x->request.minor == 0))
			h->framing = SP_BODY_NONE;
		return false;
	}
	if (is_open_ended)
		h->framing = x->request.minor == 1 ? SP_BODY_CHUNKED : SP_BODY_CLOSE;
	if (h->framing == SP_BODY_CLOSE)
		d->is_close_after = true;
	return true;
}

/* The client sends no more, and nothing that it sent ahead is left. */
static bool is_last(const struct sp_down_h1 *d)
{
	return d->is_half_closed && d->behind.bytes == 0;
}

static enum sp_h1_connection connection_of(const struct sp_down_h1 *d, const struct sp_exchange *x)
{
	if (d->is_close_after)
		return SP_H1_CONN_CLOSE;
	return x->request.minor == 0 ? SP_H1_CONN_KEEP_ALIVE : SP_H1_CONN_DEFAULT;
}

static void op_head(struct sp_end *e, struct sp_head *h)
{
	struct sp_down_h1 *d = of_end(e);
	struct sp_exchange *x = e->x;
	bool has_body, is_written;

	if (h->status < 200) {
		is_written = sp_h1_write_response(&d->send.out, h, h->status == 101 ? SP_H1_CONN_UPGRADE : SP_H1_CONN_DEFAULT);
	} else {
		d->is_final_put = true;
		d->may_take_back = d->send.out.bytes == 0;
		d->sent_before = d->send.sent;
		/* The rest of a body that nobody wants would be read as the next request. */
		d->is_close_after |= !d->body.is_done || is_last(d) || x->must_close || client_of(d)->is_old ||
		                     is_leaving(client_of(d)->proxy);
		has_body = frame(d, x, h);
		is_written = sp_h1_write_response(&d->send.out, h, connection_of(d, x));
		sp_h1_send_body(&d->send, has_body ? &x->down_pipe : NULL, has_body && h->framing == SP_BODY_CHUNKED);
	}
	if (!is_written)
		sp_exchange_failed(x, SP_DOWN, SP_WHY_NO_MEMORY);
}

static bool op_take_back(struct sp_end *e)
{
	struct sp_down_h1 *d = of_end(e);

	if (!d->may_take_back || d->send.sent != d->sent_before)
		return false;
	sp_chain_clear(&d->send.out);
	d->is_final_put = false;
	sp_h1_send_body(&d->send, NULL, false);
	return true;
}

static void op_kick(struct sp_end *e)
{
	flush(of_end(e));
}

static void op_room(struct sp_end *e, size_t taken)
{
	struct sp_down_h1 *d = of_end(e);
	struct sp_exchange *x = e->x;

	(void)taken;
	if (!d->may_read_body) {
		d->may_read_body = true;
		d->body.most = x->body_max;
		if (x->request.expects_continue && x->request.minor == 1 && !d->body.is_done && d->behind.bytes == 0 &&
		    sp_chain_put(&d->send.out, SP_STR("HTTP/1.1 100 Continue\r\n\r\n")))
			flush(d);
	}
	if (d->body.is_done)
		return;
	if (d->behind.bytes > 0)
		after_body(d, sp_h1_body_feed(&d->body, &x->up_pipe, &d->behind));
	else
		set_wants(d);
	/* Before a tunnel opened: the stream has told its end once and tells it no more. */
	if (d->is_half_closed && !d->body.is_done)
		read_body(d);
}

static void op_tunnel(struct sp_end *e)
{
	struct sp_down_h1 *d = of_end(e);
	struct sp_exchange *x = e->x;

	d->state = SP_DOWN_TUNNEL;
	d->is_final_put = true;
	x->up_pipe.state = SP_PIPE_OPEN;
	d->body.framing = SP_BODY_CLOSE;
	d->body.most = UINT64_MAX;
	d->body.is_done = false;
	sp_h1_send_body(&d->send, &x->down_pipe, false);
}

/* Ready for the next request, as on a new connection. */
static void reset(struct sp_down_h1 *d)
{
	d->state = SP_DOWN_IDLE;
	d->may_read_body = d->is_final_put = d->is_sent_told = d->is_blocked = false;
	d->send.pipe = NULL;
	d->send.is_end_put = d->send.is_chunked = false;
	d->send.framed = 0;
}

static void op_done(struct sp_end *e)
{
	struct sp_down_h1 *d = of_end(e);
	struct sp_client *c = client_of(d);
	bool is_tunnel = d->state == SP_DOWN_TUNNEL;
	/* Who has half-closed was read to the end: nothing of it is left to drain. */
	bool has_unread = !is_tunnel && !d->is_half_closed && (!d->body.is_done || d->behind.bytes > 0);

	e->x = NULL;
	sp_deadline_clear(&c->deadline);
	if (is_tunnel || d->is_close_after || is_last(d) || !d->body.is_done) {
		d->state = SP_DOWN_OVER;
		sp_client_end(c, has_unread);
		return;
	}
	reset(d);
	sp_client_rest(c);
	if (d->behind.bytes > 0)
		sp_soon_add(c->proxy->loop, &d->soon);
}

static void op_abort(struct sp_end *e, enum sp_why why)
{
	struct sp_down_h1 *d = of_end(e);

	(void)why;
	e->x = NULL;
	d->state = SP_DOWN_OVER;
	sp_client_cut(client_of(d));
}

static const struct sp_end_ops ops = {
	.head = op_head, .kick = op_kick, .room = op_room, .tunnel = op_tunnel, .abort = op_abort,
	.take_back = op_take_back, .done = op_done
};

/* ---- events */

/* The client ended its direction, or reset, while we read nothing of it: which was it? What it sent ahead is kept. */
static void on_gone(struct sp_down_h1 *d)
{
	while (d->behind.bytes < BEHIND_MAX) {
		struct iovec v;
		size_t got;
		enum sp_io io;

		if (sp_chain_reserve(&d->behind, BEHIND_MAX, &v, 1) != 1)
			return;
		io = sp_stream_read(stream_of(d), &v, 1, &got);
		sp_chain_commit(&d->behind, got);
		sp_chain_trim(&d->behind);
		if (io == SP_IO_AGAIN)
			return;
		if (io == SP_IO_EOF) {          /* half-closed: it still reads its answer (RFC 9112 9.6) */
			d->is_half_closed = true;
			return;
		}
		if (io == SP_IO_FAILED) {
			sp_exchange_failed(d->end.x, SP_DOWN, SP_WHY_CLIENT_ABORT);
			return;
		}
	}
}

static void on_run_ready(struct sp_down_h1 *d, unsigned what)
{
	struct sp_exchange *x = d->end.x;

	if ((what & SP_WRITE) != 0) {
		flush(d);
		if (d->end.x != x)
			return;
	}
	if ((what & SP_READ) != 0 && is_reading_body(d))
		read_body(d);
	else if ((what & SP_GONE) != 0 && d->body.is_done && d->state == SP_DOWN_RUN)
		on_gone(d);
}

void sp_down_h1_ready(struct sp_down_h1 *d, unsigned what)
{
	switch (d->state) {
	case SP_DOWN_IDLE:
	case SP_DOWN_HEAD:
		if ((what & SP_READ) != 0)
			read_head(d);
		break;
	case SP_DOWN_RUN:
	case SP_DOWN_TUNNEL:
		on_run_ready(d, what);
		break;
	case SP_DOWN_OVER:
		break;
	}
}

/* ---- its life */

void sp_down_h1_init(struct sp_down_h1 *d, struct sp_client *client)
{
	d->end = (struct sp_end){ .magic = SP_END_MAGIC, .ops = &ops };
	sp_chain_init(&d->behind, client->proxy->chunks);
	sp_h1_send_init(&d->send, client->proxy->chunks);
	sp_soon_init(&d->soon, on_soon);
	reset(d);
}

void sp_down_h1_fini(struct sp_down_h1 *d)
{
	struct sp_exchange *x = d->end.x;

	d->state = SP_DOWN_OVER;
	sp_soon_cancel(&d->soon);
	d->end.x = NULL;
	if (x != NULL)
		sp_exchange_cut(x);
	sp_chain_clear(&d->behind);
	sp_h1_send_fini(&d->send);
}

void sp_down_h1_start(struct sp_down_h1 *d)
{
	struct sp_client *c = client_of(d);

	sp_deadline_set(&c->deadline, c->from.listening->header, on_header_late);
	sp_stream_want(c->stream, SP_READ);
}

/* What runs goes on. Whose answer's head has already promised keep-alive may send one more request: that one is told. */
void sp_down_h1_drain(struct sp_down_h1 *d)
{
	if (d->state == SP_DOWN_IDLE && client_of(d)->state == SP_CLIENT_OPEN)
		sp_client_rest(client_of(d));
}
