#include "web.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "sp/base/arena.h"
#include "sp/base/clock.h"
#include "sp/base/log.h"
#include "sp/http/h1_read.h"
#include "sp/net/deadline.h"
#include "sp/net/listen.h"

enum {
	ARENA = 16384, /* of a request: its fields */
	LINGER_MS = 2000, /* for a client to take the answer to what it should not have sent */
	LINGER_MOST = 65536, /* bytes of that, thrown away */
	QUIET_MS = 10000, /* between two lines about refused clients */
};

#define CONN_MAGIC 0x57656263U

enum phase { HEAD, BODY, ANSWER, LINGER };

struct conn {
	uint32_t magic;
	enum phase phase;
	struct sp_web *of;
	struct sp_list link;
	struct sp_grave grave;
	int fd; /* owned */
	struct event event;
	struct sp_deadline deadline;
	struct sp_arena arena; /* owned */
	struct sp_h1_reader reader;
	struct sp_head head;
	size_t in_n, head_n, sent, lingered;
	struct sp_buf out; /* owned */
	char in[SP_WEB_HEAD + SP_WEB_BODY];
};

struct sp_web {
	struct sp_web_env env;
	struct sp_listen *listen; /* owned; NULL: none */
	struct sp_list conns;
	unsigned count;
	uint64_t refused, told_ms; /* clients that are not in allow */
};

static const struct sp_h1_limits limits = {
	.head_max = SP_WEB_HEAD, .field_max = 64, .target_max = 1024, .underscore = SP_NAME_UNDERSCORE_DROP
};

/* ---- the end of one */

static void conn_free(struct sp_grave *grave)
{
	struct conn *c = SP_HOLDER(grave, struct conn, grave);

	sp_arena_fini(&c->arena);
	sp_buf_fini(&c->out);
	free(c);
}

static void conn_close(struct conn *c)
{
	struct sp_web *w = c->of;

	if (c->magic != CONN_MAGIC)
		return;
	c->magic = 0;
	(void)event_del(&c->event);
	sp_deadline_clear(&c->deadline);
	(void)close(c->fd);
	sp_list_unlink(&c->link);
	w->count--;
	sp_loop_bury(w->env.loop, &c->grave, conn_free);
	if (w->listen != NULL)
		sp_listen_resume(w->listen);
}

static void on_late(struct sp_deadline *deadline)
{
	conn_close(SP_HOLDER(deadline, struct conn, deadline));
}

/* ---- answering */

static void on_event(evutil_socket_t fd, short what, void *arg);

static void await(struct conn *c, enum phase phase, short what, uint64_t ms)
{
	struct sp_loop *loop = c->of->env.loop;

	(void)event_del(&c->event);
	c->phase = phase;
	SP_ASSERT(event_assign(&c->event, sp_loop_base(loop), c->fd, what | EV_PERSIST, on_event, c) == 0);
	(void)event_add(&c->event, NULL);
	sp_deadline_set(&c->deadline, sp_loop_deadlines(loop, ms), on_late);
}

/* Closing with bytes unread would reset the answer away under the client (RFC 9112 9.6). */
static void linger(struct conn *c)
{
	char waste[4096];
	ssize_t n;

	while ((n = recv(c->fd, waste, sizeof(waste), MSG_DONTWAIT)) > 0 && c->lingered <= LINGER_MOST)
		c->lingered += (size_t)n;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	conn_close(c);
}

/* What fits; the last act of a callback. */
static void push(struct conn *c)
{
	while (c->sent < c->out.n) {
		const ssize_t n = send(c->fd, c->out.p + c->sent, c->out.n - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0) {
			c->sent += (size_t)n;
		} else if (n < 0 && errno == EAGAIN) {
			return;
		} else if (n < 0 && errno != EINTR) {
			conn_close(c);
			return;
		}
	}
	(void)shutdown(c->fd, SHUT_WR);
	await(c, LINGER, EV_READ, LINGER_MS);
	linger(c);
}

static const char *reason_of(unsigned status)
{
	static const struct {
		unsigned status;
		const char *reason;
	} reasons[] = { { 200, "OK" },
			{ 303, "See Other" },
			{ 400, "Bad Request" },
			{ 403, "Forbidden" },
			{ 404, "Not Found" },
			{ 405, "Method Not Allowed" },
			{ 411, "Length Required" },
			{ 413, "Content Too Large" },
			{ 421, "Misdirected Request" },
			{ 503, "Service Unavailable" } };

	for (size_t i = 0; i < SP_COUNT(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Refused";
}

/* Everything that is known here about who may show, keep or frame it. */
static void answer(struct conn *c, const struct sp_web_answer *a)
{
	const struct sp_str body = sp_buf_str(&a->body);

	sp_buf_printf(&c->out,
		      "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n"
		      "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\n"
		      "Referrer-Policy: same-origin\r\nCross-Origin-Resource-Policy: same-origin\r\n%s%s\r\n",
		      a->status, reason_of(a->status), a->type, body.n,
		      a->status == 405 ? "Allow: GET, HEAD, POST\r\n" : "", a->fields);
	if (c->head.method != SP_M_HEAD)
		sp_buf_put(&c->out, body);
	if (c->out.is_failed || a->body.is_failed) {
		conn_close(c);
		return;
	}
	await(c, ANSWER, EV_WRITE, SP_WEB_TIME_MS);
	push(c);
}

static void answer_status(struct conn *c, unsigned status)
{
	struct sp_web_answer a = { .status = status, .type = "text/plain; charset=utf-8", .fields = "" };

	sp_buf_init(&a.body);
	sp_buf_printf(&a.body, "%u %s\n", status, reason_of(status));
	answer(c, &a);
	sp_buf_fini(&a.body);
}

static void answer_request(struct conn *c, struct sp_str body)
{
	struct sp_web_answer a = { .type = "text/plain; charset=utf-8", .fields = "" };

	sp_buf_init(&a.body);
	c->of->env.on_request(c->of->env.arg, &c->head, body, &a);
	if (a.status == 0)
		answer_status(c, 404);
	else
		answer(c, &a);
	sp_buf_fini(&a.body);
}

/* ---- what a request must be */

/* A name of the network could be anybody's. */
static bool is_host_ours(const struct sp_head *head)
{
	struct sp_str host = head->host;
	struct sp_addr addr;

	return sp_str_eq(host, SP_STR("localhost")) || sp_addr_parse_ip(host, &addr);
}

/* The Fetch standard has every browser send Origin with a POST. */
static bool is_same_origin(const struct sp_head *head)
{
	const struct sp_field *origin = sp_head_find(head, SP_F_ORIGIN);

	return origin != NULL && head->host_text.n > 0 && sp_str_starts(origin->value, SP_STR("http://")) &&
	       sp_str_eq_nocase(sp_str_of(origin->value.p + 7, origin->value.n - 7), head->host_text);
}

unsigned sp_web_judge(const struct sp_head *head)
{
	if (!is_host_ours(head))
		return 421;
	if (head->method == SP_M_GET || head->method == SP_M_HEAD)
		return head->framing == SP_BODY_NONE || (head->framing == SP_BODY_LENGTH && head->length == 0) ? 0
													       : 400;
	if (head->method != SP_M_POST)
		return 405;
	if (!is_same_origin(head))
		return 403;
	if (head->framing != SP_BODY_LENGTH)
		return 411;
	return head->length > SP_WEB_BODY ? 413 : 0;
}

/* ---- reading */

static void take_body(struct conn *c)
{
	if (c->in_n - c->head_n < c->head.length) {
		c->phase = BODY;
		return;
	}
	answer_request(c, sp_str_of(c->in + c->head_n, (size_t)c->head.length));
}

static void take_head(struct conn *c)
{
	unsigned status;

	switch (sp_h1_read_request(&c->reader, c->in, c->in_n, &c->head, &c->head_n)) {
	case SP_H1_MORE: return;
	case SP_H1_REFUSED:
		c->head.method = SP_M_OTHER;
		answer_status(c, sp_refuse_status(c->reader.why));
		return;
	case SP_H1_HEAD: break;
	}
	status = sp_web_judge(&c->head);
	if (status != 0)
		answer_status(c, status);
	else if (c->head.method == SP_M_POST)
		take_body(c);
	else
		answer_request(c, SP_STR(""));
}

static void read_request(struct conn *c)
{
	const ssize_t n = recv(c->fd, c->in + c->in_n, sizeof(c->in) - c->in_n, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		conn_close(c);
		return;
	}
	c->in_n += (size_t)n;
	if (c->phase == BODY)
		take_body(c);
	else
		take_head(c);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = SP_OBJ(arg, struct conn, CONN_MAGIC);

	(void)fd, (void)what;
	sp_loop_woke(c->of->env.loop);
	switch (c->phase) {
	case HEAD:
	case BODY: read_request(c); return;
	case ANSWER: push(c); return;
	case LINGER: linger(c); return;
	}
}

/* ---- the beginning of one */

static bool is_welcome(struct sp_web *w, const struct sp_addr *peer)
{
	const struct sp_conf_cidrs *allow = &w->env.conf->allow;

	for (size_t i = 0; i < allow->count; i++)
		if (sp_cidr_has(&allow->items[i], peer))
			return true;
	if (allow->count == 0)
		return true;
	w->refused++;
	if (w->told_ms != 0 && sp_now_ms() - w->told_ms < QUIET_MS)
		return false;
	w->told_ms = sp_now_ms();
	sp_warn("admin_refused", SP_KV_ADDR("peer", peer), SP_KV_U64("refused", w->refused));
	return false;
}

static void on_accept(void *arg, int fd, const struct sp_addr *peer)
{
	struct sp_web *w = arg;
	struct conn *c = is_welcome(w, peer) ? calloc(1, sizeof(*c)) : NULL;

	if (c == NULL) {
		(void)close(fd);
		return;
	}
	c->magic = CONN_MAGIC;
	c->of = w;
	c->fd = fd;
	sp_buf_init(&c->out);
	sp_arena_init(&c->arena, NULL, 0, ARENA);
	sp_h1_reader_init(&c->reader, &limits, &c->arena);
	sp_deadline_init(&c->deadline);
	sp_list_push(&w->conns, &c->link);
	if (++w->count >= SP_WEB_CONNECTIONS)
		sp_listen_pause(w->listen);
	SP_ASSERT(event_assign(&c->event, sp_loop_base(w->env.loop), fd, EV_READ | EV_PERSIST, on_event, c) == 0);
	(void)event_add(&c->event, NULL);
	sp_deadline_set(&c->deadline, sp_loop_deadlines(w->env.loop, SP_WEB_TIME_MS), on_late);
}

/* ---- the whole */

struct sp_web *sp_web_new(const struct sp_web_env *env, struct sp_err *err)
{
	struct sp_web *w = calloc(1, sizeof(*w));

	/* The lists are made now, so that setting them later cannot fail. */
	if (w == NULL || sp_loop_deadlines(env->loop, SP_WEB_TIME_MS) == NULL ||
	    sp_loop_deadlines(env->loop, LINGER_MS) == NULL) {
		free(w);
		sp_err_set(err, "no memory for the status page");
		return NULL;
	}
	w->env = *env;
	sp_list_init(&w->conns);
	return w;
}

void sp_web_free(struct sp_web *w)
{
	if (w == NULL)
		return;
	sp_listen_free(w->listen);
	w->listen = NULL;
	while (!sp_list_is_empty(&w->conns))
		conn_close(SP_HOLDER(w->conns.next, struct conn, link));
	free(w);
}

void sp_web_listen(struct sp_web *w, int fd)
{
	struct sp_err err = { .text = "" };

	sp_listen_free(w->listen);
	w->listen = sp_listen_new(w->env.loop, fd, on_accept, w, &err);
	if (w->listen != NULL)
		return;
	sp_error("status_page_not_served", SP_KV_TEXT("why", err.text));
	(void)close(fd);
}
