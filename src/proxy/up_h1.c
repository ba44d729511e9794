#include "up_h1.h"

#include "sp/base/check.h"
#include "sp/base/clock.h"
#include "sp/base/log.h"
#include "sp/http/h1_write.h"

#include "exchange.h"
#include "proxy_int.h"
#include "up_connect.h"

#define LEARNED_IDLE_MAX 120            /* seconds; a backend that says more is not believed */

/* Of an answer's head: one chunk holds it, and the body's first bytes behind it. */
static const struct sp_h1_limits answer_limits = {
	.head_max = SP_CHUNK_SIZE,
	.field_max = 100,
	.target_max = 0,
	.underscore = SP_NAME_UNDERSCORE_PASS,
};

static void send_on(struct sp_up_h1 *up);

static void free_grave(struct sp_grave *grave)
{
	struct sp_up_h1 *up = SP_HOLDER(grave, struct sp_up_h1, grave);

	SP_ASSERT(!sp_stream_is_open(&up->stream) && !sp_deadline_is_set(&up->deadline));
	up->magic = 0;
	sp_slab_put(up->pool->proxy->conns, up);
}

void sp_up_h1_close(struct sp_up_h1 *up)
{
	struct sp_proxy *proxy = up->pool->proxy;

	if (up->is_dead)
		return;
	up->is_dead = true;
	if (sp_list_is_linked(&up->idle_link))
		up->pool->idle_count--;
	sp_list_unlink(&up->idle_link);
	sp_list_unlink(&up->order_link);
	sp_list_unlink(&up->link);
	sp_deadline_clear(&up->deadline);
	sp_wait_cancel(&up->dial.wait);
	if (sp_stream_is_open(&up->stream))
		sp_stream_close(&up->stream);
	sp_up_connect_over(up);
	sp_chunk_give_back(proxy->chunks, up->head);
	up->head = NULL;
	sp_chain_clear(&up->behind);
	sp_h1_send_fini(&up->send);
	sp_loop_bury(proxy->loop, &up->grave, free_grave);
}

/* ---- what is told to the exchange; each is the last act of its caller */

void sp_up_h1_fail(struct sp_up_h1 *up, enum sp_why why)
{
	sp_deadline_clear(&up->deadline);
	sp_stream_want(&up->stream, 0);
	if (up->end.x != NULL)
		sp_exchange_failed(up->end.x, SP_UP, why);
}

static void on_deadline(struct sp_deadline *deadline)
{
	struct sp_up_h1 *up = SP_HOLDER(deadline, struct sp_up_h1, deadline);

	switch (up->state) {
	case SP_UP_DIALING:
	case SP_UP_CONNECTING:
	case SP_UP_SHAKING:
		sp_up_connect_late(up);
		break;
	case SP_UP_IDLE:
		sp_up_h1_close(up);
		break;
	case SP_UP_HEAD:
		sp_up_h1_fail(up, up->is_request_sent ? SP_WHY_ANSWER_TIMEOUT : SP_WHY_READ_TIMEOUT);
		break;
	case SP_UP_OVER:                /* it answered and takes no more of the request: that is no failure of the answer */
		up->is_write_failed = true;
		sp_stream_want(&up->stream, 0);
		break;
	default:
		sp_up_h1_fail(up, SP_WHY_READ_TIMEOUT);
		break;
	}
}

/* ---- waiting and deadlines */

/* Says what the connection waits for now, and who owes the next byte. */
static void set_wants(struct sp_up_h1 *up, bool may_read, bool is_blocked)
{
	sp_stream_want(&up->stream, (may_read ? SP_READ : 0) | (is_blocked ? SP_WRITE : 0));
	if (up->state == SP_UP_TUNNEL)
		sp_deadline_clear(&up->deadline);       /* tunnel_idle is the exchange's */
	else if (is_blocked)
		sp_deadline_set(&up->deadline, up->pool->read, on_deadline);
	else if (up->state == SP_UP_HEAD && (up->is_request_sent || up->is_write_failed))
		sp_deadline_set(&up->deadline, up->pool->answer, on_deadline);
	else if (up->state == SP_UP_BODY && may_read)
		sp_deadline_set(&up->deadline, up->pool->read, on_deadline);
	else
		sp_deadline_clear(&up->deadline);
}

static bool may_read(const struct sp_up_h1 *up)
{
	return up->state == SP_UP_HEAD ||
	       ((up->state == SP_UP_BODY || up->state == SP_UP_TUNNEL) && !up->body.is_done && !up->end.x->down_pipe.is_full_told);
}

/* ---- the answer's body */

/* RFC 9110 9.3.1: there are backends that ignore the body of a GET, and would read it as the next request. */
static bool has_odd_body(const struct sp_head *request)
{
	return request->framing != SP_BODY_NONE && request->method != SP_M_POST && request->method != SP_M_PUT &&
	       request->method != SP_M_PATCH && request->method != SP_M_OTHER;
}

/* May the connection serve again, the answer being read? */
static bool is_reusable(const struct sp_up_h1 *up)
{
	return up->is_request_sent && up->is_keep_alive && up->body.framing != SP_BODY_CLOSE && up->behind.bytes == 0 &&
	       !up->stream.is_gone && !has_odd_body(&up->end.x->request);
}

static void on_body_end(struct sp_up_h1 *up)
{
	struct sp_exchange *x = up->end.x;

	if (up->state == SP_UP_TUNNEL) {
		set_wants(up, false, up->stream.want & SP_WRITE);
		sp_exchange_bytes(x, SP_UP);
		return;
	}
	up->state = SP_UP_OVER;
	set_wants(up, false, up->stream.want & SP_WRITE);
	up->lease.is_clean = is_reusable(up);
	if (up->is_request_sent)
		sp_exchange_complete(x);
	else
		sp_exchange_bytes(x, SP_UP);
}

static void after_body(struct sp_up_h1 *up, enum sp_body_rc rc)
{
	switch (rc) {
	case SP_BODY_RC_END:
		on_body_end(up);
		break;
	case SP_BODY_RC_AGAIN:
	case SP_BODY_RC_FULL:
		set_wants(up, rc == SP_BODY_RC_AGAIN, up->stream.want & SP_WRITE);
		sp_exchange_bytes(up->end.x, SP_UP);
		break;
	case SP_BODY_RC_CUT:
	case SP_BODY_RC_FAILED:
		sp_up_h1_fail(up, SP_WHY_BACKEND_ABORT);
		break;
	case SP_BODY_RC_MEMORY:
		sp_up_h1_fail(up, SP_WHY_NO_MEMORY);
		break;
	default:
		up->end.x->refuse = up->body.refuse;
		sp_up_h1_fail(up, SP_WHY_BAD_ANSWER);
		break;
	}
}

static void read_body(struct sp_up_h1 *up)
{
	size_t moved;

	after_body(up, sp_h1_body_read(&up->body, &up->stream, &up->end.x->down_pipe, &up->behind, &moved));
}

/* ---- the answer's head */

static void begin_body(struct sp_up_h1 *up, struct sp_exchange *x)
{
	struct sp_chunk *chunk = up->head;
	bool is_filled = chunk->to == SP_CHUNK_SIZE;
	enum sp_body_rc rc;

	up->head = NULL;
	if (up->state == SP_UP_TUNNEL) {
		up->body.framing = SP_BODY_CLOSE;
	} else {
		up->state = SP_UP_BODY;
		if (x->is_bodyless)
			up->body.framing = SP_BODY_NONE;
	}
	rc = sp_h1_body_adopt(&up->body, &x->down_pipe, chunk, &up->behind);
	if (rc == SP_BODY_RC_AGAIN && is_filled && up->state == SP_UP_BODY)
		read_body(up); /* more is there: what comes now goes out with the head, in one write */
	else
		after_body(up, rc);
}

/*
 * `Keep-Alive: timeout=N`: the backend will close after N idle seconds. We let
 * go sooner, so that no request meets the close: a second, or half of a short N.
 */
static void learn_idle(struct sp_up_h1 *up, const struct sp_head *h)
{
	const struct sp_field *f = sp_head_find(h, SP_F_KEEP_ALIVE);
	struct sp_str rest, item, name;
	struct sp_deadline_list *list;
	uint64_t seconds;

	if (f == NULL)
		return;
	rest = f->value;
	while (sp_list_next(&rest, &item)) {
		if (!sp_str_split(&item, '=', &name) || !sp_str_eq_nocase(sp_str_trim(name), SP_STR("timeout")) ||
		    item.p == NULL || !sp_str_u64(sp_str_trim(item), LEARNED_IDLE_MAX, &seconds) || seconds == 0)
			continue;
		list = sp_loop_deadlines(up->pool->proxy->loop, seconds == 1 ? 500 : (seconds - 1) * 1000);
		if (list != NULL)
			up->idle = list;
	}
}

/* A head stands in x->response; `used` bytes of the chunk were it. */
static void on_head(struct sp_up_h1 *up, size_t used)
{
	struct sp_exchange *x = up->end.x;
	bool is_interim = x->response.status < 200 && x->response.status != 101;

	up->is_keep_alive = x->response.is_keep_alive;
	learn_idle(up, &x->response);
	sp_h1_body_init(&up->body, &x->response, UINT64_MAX);
	sp_exchange_head(x, SP_UP);
	if (up->is_dead || up->end.x != x)
		return;
	up->head->from += (uint32_t)used;
	if (!is_interim) {
		begin_body(up, x);
		return;
	}
	sp_h1_reader_init(&up->reader, &answer_limits, &x->arena);
}

/* Is there a head in what was read so far? false: read on. */
static bool parse_head(struct sp_up_h1 *up)
{
	struct sp_exchange *x = up->end.x;
	size_t used;

	while (up->head->from < up->head->to) {
		switch (sp_h1_read_response(&up->reader, (const char *)up->head->bytes + up->head->from,
		                            up->head->to - up->head->from, x->request.method, &x->response, &used)) {
		case SP_H1_MORE:
			return false;
		case SP_H1_REFUSED:
			x->refuse = up->reader.why;
			sp_up_h1_fail(up, SP_WHY_BAD_ANSWER);
			return true;
		case SP_H1_HEAD:
			on_head(up, used);
			if (up->is_dead || up->end.x != x || up->state != SP_UP_HEAD)
				return true;
			break;
		}
	}
	return false;
}

/* Of TLS 1.3 only the first read tells that the backend refuses our certificate. */
static bool is_tls_broken(const struct sp_up_h1 *up, enum sp_io io)
{
	return up->is_tls && io == SP_IO_FAILED && up->stream.error == 0 && up->stream.why != NULL &&
	       strcmp(up->stream.why, "tls_truncated") != 0;
}

static void on_head_end(struct sp_up_h1 *up, enum sp_io io)
{
	if (is_tls_broken(up, io))
		sp_up_connect_tls_failed(up);
	if (io != SP_IO_AGAIN)
		sp_up_h1_fail(up, is_tls_broken(up, io) ? SP_WHY_BACKEND_TLS : SP_WHY_BACKEND_ABORT);
	else if (up->head != NULL && up->head->from == up->head->to) {
		sp_chunk_give_back(up->pool->proxy->chunks, up->head);
		up->head = NULL;
	}
}

static void read_head(struct sp_up_h1 *up)
{
	for (;;) {
		struct iovec room;
		size_t got;
		enum sp_io io;

		if (up->head == NULL && (up->head = sp_chunk_lend(up->pool->proxy->chunks)) == NULL) {
			sp_up_h1_fail(up, SP_WHY_NO_MEMORY);
			return;
		}
		room = (struct iovec){ up->head->bytes + up->head->to, SP_CHUNK_SIZE - up->head->to };
		if (room.iov_len == 0) {
			up->end.x->refuse = SP_REFUSE_HEAD_TOO_LARGE;
			sp_up_h1_fail(up, SP_WHY_BAD_ANSWER);
			return;
		}
		io = sp_stream_read(&up->stream, &room, 1, &got);
		if (io != SP_IO_DONE) {
			on_head_end(up, io);
			return;
		}
		if (up->end.x->times.first_byte == 0)
			up->end.x->times.first_byte = sp_now_us();
		up->head->to += (uint32_t)got;
		if (parse_head(up))
			return;
	}
}

/* ---- the request on its way out */

static void on_all_sent(struct sp_up_h1 *up)
{
	struct sp_exchange *x = up->end.x;
	bool was_sent = up->is_request_sent;

	up->is_request_sent = true;
	if (up->state == SP_UP_TUNNEL) {
		if (!was_sent && sp_stream_finish(&up->stream) == SP_IO_FAILED)
			up->is_write_failed = true;
		set_wants(up, may_read(up), false);
		sp_exchange_sent(x, SP_UP);
		return;
	}
	set_wants(up, may_read(up), false);
	if (up->state == SP_UP_OVER) {
		up->lease.is_clean = is_reusable(up);
		sp_exchange_complete(x);
	} else {
		sp_exchange_sent(x, SP_UP);
	}
}

static void send_on(struct sp_up_h1 *up)
{
	struct sp_exchange *x = up->end.x;
	size_t moved;
	enum sp_send rc;

	if (up->is_write_failed || (up->is_request_sent && up->state != SP_UP_TUNNEL))
		return;
	rc = sp_h1_send_flush(&up->send, &up->stream, &moved);
	if (moved > 0)
		x->is_sent_up = true;
	switch (rc) {
	case SP_SEND_ALL:
		if (!up->is_request_sent)
			on_all_sent(up);
		break;
	case SP_SEND_WAIT:
		set_wants(up, may_read(up), false);
		break;
	case SP_SEND_BLOCKED:
		set_wants(up, may_read(up), true);
		break;
	case SP_SEND_MEMORY:
		sp_up_h1_fail(up, SP_WHY_NO_MEMORY);
		break;
	case SP_SEND_FAILED:
		/* Its answer may have come before it stopped reading (413, say): that is read to its end. In a tunnel
		 * this direction is over, what waits for it has nowhere to go. */
		up->is_write_failed = true;
		set_wants(up, may_read(up), false);
		if (up->state == SP_UP_TUNNEL)
			sp_exchange_sent(x, SP_UP);
		break;
	}
}

/* ---- the end's operations */

static struct sp_up_h1 *of_end(struct sp_end *e)
{
	return SP_OBJ(SP_HOLDER(e, struct sp_up_h1, end), struct sp_up_h1, SP_UP_H1_MAGIC);
}

static void op_head(struct sp_end *e, struct sp_head *h)
{
	struct sp_up_h1 *up = of_end(e);
	struct sp_exchange *x = e->x;

	up->state = SP_UP_HEAD;
	up->lease.is_clean = false;
	up->is_request_sent = up->is_write_failed = false;
	sp_h1_reader_init(&up->reader, &answer_limits, &x->arena);
	if (!sp_h1_write_request(&up->send.out, h, x->host_out))
		sp_up_h1_fail(up, SP_WHY_NO_MEMORY);
	sp_h1_send_body(&up->send, h->framing == SP_BODY_NONE ? NULL : &x->up_pipe, h->framing == SP_BODY_CHUNKED);
}

static void op_kick(struct sp_end *e)
{
	send_on(of_end(e));
}

static void op_room(struct sp_end *e, size_t taken)
{
	struct sp_up_h1 *up = of_end(e);

	(void)taken;
	if (up->state == SP_UP_BODY || up->state == SP_UP_TUNNEL)
		set_wants(up, !up->body.is_done, up->stream.want & SP_WRITE);
}

static void op_tunnel(struct sp_end *e)
{
	struct sp_up_h1 *up = of_end(e);

	up->state = SP_UP_TUNNEL;
	up->is_request_sent = false;
	sp_h1_send_body(&up->send, &e->x->up_pipe, false);
}

static void op_abort(struct sp_end *e, enum sp_why why)
{
	struct sp_up_h1 *up = of_end(e);

	(void)why;
	e->x = NULL;
	up->lease.is_clean = false;
	sp_deadline_clear(&up->deadline);
}

static void op_done(struct sp_end *e)
{
	struct sp_up_h1 *up = of_end(e);

	e->x = NULL;
	sp_deadline_clear(&up->deadline);
}

static const struct sp_end_ops ops = {
	.head = op_head, .kick = op_kick, .room = op_room, .tunnel = op_tunnel, .abort = op_abort, .done = op_done
};

void sp_up_h1_stands(struct sp_up_h1 *up)
{
	sp_deadline_clear(&up->deadline);
	up->state = SP_UP_LENT;
	up->lease.is_ready = true;
	sp_stream_want(&up->stream, 0);
	if (up->end.x != NULL)
		sp_exchange_ready(up->end.x);
}

/* ---- idle */

/* Bytes that nobody asked for, or its end; or nothing: the last read of the answer could not know that it drained. */
static void on_idle_ready(struct sp_up_h1 *up)
{
	char byte;
	struct iovec v = { &byte, 1 };
	size_t got;

	if (sp_stream_read(&up->stream, &v, 1, &got) != SP_IO_AGAIN)
		sp_up_h1_close(up);
}

/* ---- events */

void sp_up_h1_on_ready(struct sp_stream *s, unsigned what)
{
	struct sp_up_h1 *up = SP_OBJ(SP_HOLDER(s, struct sp_up_h1, stream), struct sp_up_h1, SP_UP_H1_MAGIC);
	struct sp_exchange *x = up->end.x;

	if (up->state == SP_UP_CONNECTING || up->state == SP_UP_SHAKING) {
		sp_up_connect_go(up);
		return;
	}
	if (up->state == SP_UP_IDLE) {
		on_idle_ready(up);
		return;
	}
	if (x == NULL)
		return;
	if ((what & SP_WRITE) != 0) {
		send_on(up);
		if (up->is_dead || up->end.x != x)
			return;
	}
	if ((what & SP_READ) == 0)
		return;
	if (up->state == SP_UP_HEAD)
		read_head(up);
	else if (up->state == SP_UP_BODY || up->state == SP_UP_TUNNEL)
		read_body(up);
}

/* ---- its beginning */

static void init(struct sp_up_h1 *up, struct sp_pool *pool, struct sp_backend *backend)
{
	memset(up, 0, sizeof(*up));
	up->magic = SP_UP_H1_MAGIC;
	up->pool = pool;
	up->state = SP_UP_DIALING;
	up->end = (struct sp_end){ .magic = SP_END_MAGIC, .ops = &ops };
	up->lease = (struct sp_lease){ .end = &up->end, .backend = backend };
	up->idle = pool->idle;
	up->stream.fd = -1;
	sp_list_init(&up->link);
	sp_list_init(&up->idle_link);
	sp_list_init(&up->order_link);
	sp_deadline_init(&up->deadline);
	sp_chain_init(&up->behind, pool->proxy->chunks);
	sp_h1_send_init(&up->send, pool->proxy->chunks);
}

enum sp_dial_rc sp_up_h1_new(struct sp_pool *pool, struct sp_backend *backend, const struct sp_pool_want *want,
                             struct sp_up_h1 **out)
{
	struct sp_up_h1 *up = sp_slab_take(pool->proxy->conns);
	enum sp_dial_rc rc;

	if (up == NULL)
		return SP_DIAL_FAILED;
	init(up, pool, backend);
	rc = sp_up_connect(up, want);
	if (rc == SP_DIAL_FAILED) {
		up->magic = 0;
		sp_slab_put(pool->proxy->conns, up);
		return rc;
	}
	sp_list_push(&pool->all, &up->link);
	sp_deadline_set(&up->deadline, pool->connect, on_deadline);
	*out = up;
	return rc;
}

void sp_up_h1_lend(struct sp_up_h1 *up)
{
	sp_list_unlink(&up->idle_link);
	sp_list_unlink(&up->order_link);
	up->pool->idle_count--;
	up->state = SP_UP_LENT;
	sp_deadline_clear(&up->deadline);
	sp_stream_want(&up->stream, 0);
}

void sp_up_h1_park(struct sp_up_h1 *up)
{
	up->state = SP_UP_IDLE;
	up->lease.is_reused = true;
	sp_list_push_front(&up->lease.backend->idle, &up->idle_link);
	sp_list_push(&up->pool->idle_order, &up->order_link);
	up->pool->idle_count++;
	sp_deadline_set(&up->deadline, up->idle, on_deadline);
	sp_stream_want(&up->stream, SP_READ | SP_GONE);
}
