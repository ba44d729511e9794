#include "admin.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "sp/base/clock.h"
#include "sp/base/log.h"

enum {
	FINISH_MS = 300, /* for who connected to a monitor that ends: less than its own end may take */
	QUIET_MS = 10000, /* between two lines about refused callers */
};

#define CONN_MAGIC 0x41646d6eU

struct conn {
	uint32_t magic;
	struct sp_admin *of;
	struct sp_list link;
	struct sp_grave grave;
	int fd; /* owned; -1: closed or passed on */
	struct event event;
	struct sp_deadline deadline;
	uid_t uid; /* who asks */
	size_t in_n, sent;
	struct sp_buf out; /* owned; empty: the request is not complete yet */
	char in[SP_ADMIN_REQUEST];
};

struct sp_admin {
	struct sp_admin_env env;
	struct sp_listen *listen; /* owned; NULL: none */
	struct sp_list conns;
	unsigned count;
	uint64_t refused, told_ms; /* callers that are nobody here */
	struct sp_deadline finish;
	bool is_finishing;
};

void sp_admin_outcome(struct sp_buf *out, const char *why)
{
	sp_buf_printf(out, "{\"outcome\":\"%s\"", why == NULL ? "done" : "refused");
	if (why != NULL) {
		sp_buf_put(out, SP_STR(",\"why\":"));
		sp_json_put(out, sp_str(why));
	}
	sp_buf_put(out, SP_STR("}\n"));
}

/* ---- the end of one */

static void conn_free(struct sp_grave *grave)
{
	struct conn *c = SP_HOLDER(grave, struct conn, grave);

	sp_buf_fini(&c->out);
	free(c);
}

/* fd: closed, unless it was passed on. */
static void conn_close(struct conn *c)
{
	struct sp_admin *a = c->of;

	if (c->magic != CONN_MAGIC)
		return;
	c->magic = 0;
	(void)event_del(&c->event);
	sp_deadline_clear(&c->deadline);
	if (c->fd >= 0)
		(void)close(c->fd);
	c->fd = -1;
	sp_list_unlink(&c->link);
	a->count--;
	sp_loop_bury(a->env.loop, &c->grave, conn_free);
	if (a->listen != NULL && !a->is_finishing)
		sp_listen_resume(a->listen);
	if (a->is_finishing && a->count == 0)
		a->env.on_idle(a->env.arg);
}

static void on_late(struct sp_deadline *deadline)
{
	conn_close(SP_HOLDER(deadline, struct conn, deadline));
}

/* ---- answering */

/* What fits; the last act of a callback. */
static void push(struct conn *c)
{
	while (c->sent < c->out.n) {
		ssize_t n = send(c->fd, c->out.p + c->sent, c->out.n - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0) {
			c->sent += (size_t)n;
		} else if (n < 0 && errno == EINTR) {
			continue;
		} else if (n < 0 && errno == EAGAIN) {
			(void)event_add(&c->event, NULL); /* for writing: the request is complete */
			return;
		} else {
			break;
		}
	}
	conn_close(c);
}

static void on_event(evutil_socket_t fd, short what, void *arg);

static void begin_answer(struct conn *c)
{
	struct sp_loop *loop = c->of->env.loop;

	(void)event_del(&c->event);
	SP_ASSERT(event_assign(&c->event, sp_loop_base(loop), c->fd, EV_WRITE | EV_PERSIST, on_event, c) == 0);
	sp_deadline_set(&c->deadline, sp_loop_deadlines(loop, SP_ADMIN_TIME_MS), on_late);
	if (c->out.is_failed)
		conn_close(c);
	else
		push(c);
}

/* What was written goes before: it fits any socket's buffer, since nothing else is in there. */
static void pass_on(struct conn *c)
{
	struct sp_admin *a = c->of;
	int fd = c->fd;

	if (c->out.is_failed || send(fd, c->out.p, c->out.n, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)c->out.n) {
		conn_close(c);
		return;
	}
	(void)event_del(&c->event);
	c->fd = -1;
	a->env.on_pass(a->env.arg, fd);
	conn_close(c);
}

static void take_request(struct conn *c, size_t n)
{
	struct sp_admin *a = c->of;
	char room[SP_ADMIN_REQUEST];
	struct sp_json request;
	const char *why = sp_json_read(sp_str_of(c->in, n), room, &request);

	if (why == NULL && a->env.on_request(a->env.arg, c->uid, &request, &c->out)) {
		pass_on(c);
		return;
	}
	if (why != NULL)
		sp_admin_outcome(&c->out, why);
	begin_answer(c);
}

static void read_request(struct conn *c)
{
	ssize_t n = recv(c->fd, c->in + c->in_n, sizeof(c->in) - c->in_n, MSG_DONTWAIT);
	const char *end;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		conn_close(c);
		return;
	}
	c->in_n += (size_t)n;
	end = memchr(c->in, '\n', c->in_n);
	if (end != NULL) {
		take_request(c, (size_t)(end - c->in));
	} else if (c->in_n == sizeof(c->in)) {
		sp_admin_outcome(&c->out, "the request is too long");
		begin_answer(c);
	}
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = SP_OBJ(arg, struct conn, CONN_MAGIC);

	(void)fd, (void)what;
	sp_loop_woke(c->of->env.loop);
	if (c->out.n > 0)
		push(c);
	else
		read_request(c);
}

/* ---- the beginning of one */

/* fd is taken over. NULL: no memory. */
static struct conn *conn_new(struct sp_admin *a, int fd)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		(void)close(fd);
		return NULL;
	}
	c->magic = CONN_MAGIC;
	c->of = a;
	c->fd = fd;
	sp_buf_init(&c->out);
	sp_deadline_init(&c->deadline);
	sp_list_push(&a->conns, &c->link);
	a->count++;
	SP_ASSERT(event_assign(&c->event, sp_loop_base(a->env.loop), fd, EV_READ | EV_PERSIST, on_event, c) == 0);
	return c;
}

static void note_refused(struct sp_admin *a, const struct ucred *who)
{
	a->refused++;
	if (a->told_ms != 0 && sp_now_ms() - a->told_ms < QUIET_MS)
		return;
	a->told_ms = sp_now_ms();
	sp_warn("admin_refused", SP_KV_U64("uid", who->uid), SP_KV_I64("pid", who->pid),
		SP_KV_U64("refused", a->refused));
}

static bool is_welcome(struct sp_admin *a, int fd, uid_t *uid)
{
	struct ucred who = { .uid = (uid_t)-1 };
	socklen_t n = sizeof(who);
	bool is_told = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) == 0;

	*uid = who.uid;
	if (is_told && (who.uid == 0 || who.uid == a->env.user))
		return true;
	note_refused(a, &who);
	return false;
}

static void on_accept(void *arg, int fd, const struct sp_addr *peer)
{
	struct sp_admin *a = arg;
	struct conn *c;
	uid_t uid;

	(void)peer;
	if (!is_welcome(a, fd, &uid)) {
		(void)close(fd);
		return;
	}
	c = conn_new(a, fd);
	if (c == NULL)
		return;
	c->uid = uid;
	if (a->count >= SP_ADMIN_CONNECTIONS)
		sp_listen_pause(a->listen);
	(void)event_add(&c->event, NULL);
	sp_deadline_set(&c->deadline, sp_loop_deadlines(a->env.loop, SP_ADMIN_TIME_MS), on_late);
}

/* ---- the whole */

struct sp_admin *sp_admin_new(const struct sp_admin_env *env, struct sp_err *err)
{
	struct sp_admin *a = calloc(1, sizeof(*a));

	/* The lists are made now, so that setting them later cannot fail. */
	if (a == NULL || sp_loop_deadlines(env->loop, SP_ADMIN_TIME_MS) == NULL ||
	    sp_loop_deadlines(env->loop, FINISH_MS) == NULL) {
		free(a);
		sp_err_set(err, "no memory for the admin socket");
		return NULL;
	}
	a->env = *env;
	sp_list_init(&a->conns);
	sp_deadline_init(&a->finish);
	return a;
}

static void close_all(struct sp_admin *a)
{
	while (!sp_list_is_empty(&a->conns))
		conn_close(SP_HOLDER(a->conns.next, struct conn, link));
}

void sp_admin_free(struct sp_admin *a)
{
	if (a == NULL)
		return;
	a->is_finishing = false;
	sp_deadline_clear(&a->finish);
	sp_listen_free(a->listen);
	a->listen = NULL;
	close_all(a);
	free(a);
}

void sp_admin_listen(struct sp_admin *a, int fd)
{
	struct sp_err err = { .text = "" };

	sp_listen_free(a->listen);
	a->listen = sp_listen_new(a->env.loop, fd, on_accept, a, &err);
	if (a->listen != NULL)
		return;
	sp_error("admin_not_served", SP_KV_TEXT("why", err.text));
	(void)close(fd);
}

void sp_admin_answer(struct sp_admin *a, int fd, struct sp_buf *out)
{
	struct conn *c = conn_new(a, fd);

	if (c == NULL) {
		sp_buf_fini(out);
		return;
	}
	c->out = *out;
	sp_buf_init(out);
	begin_answer(c);
}

static void on_finish(struct sp_deadline *deadline)
{
	close_all(SP_HOLDER(deadline, struct sp_admin, finish));
}

void sp_admin_finish(struct sp_admin *a)
{
	a->is_finishing = true;
	sp_listen_free(a->listen);
	a->listen = NULL;
	if (a->count == 0)
		a->env.on_idle(a->env.arg);
	else
		sp_deadline_set(&a->finish, sp_loop_deadlines(a->env.loop, FINISH_MS), on_finish);
}
