#include "lookup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "sp/base/check.h"
#include "sp/ipc/channel.h"
#include "sp/net/deadline.h"

enum {
	PATIENCE_MS = 1000, /* for one server */
	ROUNDS = 2, /* over all servers */
	READ_AT_ONCE = 8, /* datagrams a turn */
	FAMILIES = 2,
};

struct question {
	struct sp_dns_query query;
	struct sp_lookup_part part;
	bool is_answered;
	bool needs_tcp, has_failed; /* in this attempt */
};

struct sp_lookup {
	const struct sp_lookup_env *env;
	struct sp_str name;
	void *of;
	struct sp_lookup **place;
	struct question questions[FAMILIES];
	unsigned attempts;
	bool is_tcp, is_over;
	struct sp_dial_ask dial;
	int fd; /* owned; -1: none */
	struct event event;
	struct sp_deadline deadline;
	struct sp_grave grave;
	size_t n, sent, out_n; /* TCP: bytes in, bytes out */
	uint8_t out[FAMILIES * (2 + SP_DNS_QUERY)];
	uint8_t in[2 + SP_DNS_ANSWER];
};

static void attempt(struct sp_lookup *l);
static void on_event(evutil_socket_t fd, short what, void *arg);

/* ---- its end */

static void close_socket(struct sp_lookup *l)
{
	sp_wait_cancel(&l->dial.wait);
	sp_deadline_clear(&l->deadline);
	if (l->fd < 0)
		return;
	(void)event_del(&l->event);
	(void)close(l->fd);
	l->fd = -1;
}

static void free_grave(struct sp_grave *grave)
{
	free(SP_HOLDER(grave, struct sp_lookup, grave));
}

void sp_lookup_cancel(struct sp_lookup *l)
{
	if (l->is_over)
		return;
	l->is_over = true;
	*l->place = NULL;
	close_socket(l);
	sp_loop_bury(l->env->loop, &l->grave, free_grave);
}

static void done(struct sp_lookup *l)
{
	sp_lookup_cancel(l);
	l->env->on_done(l->env->arg, l->of, &l->questions[0].part, &l->questions[1].part);
}

/* ---- what came */

static bool is_all_answered(const struct sp_lookup *l)
{
	return l->questions[0].is_answered && l->questions[1].is_answered;
}

/* Of this attempt nothing more is to come. */
static bool is_all_heard(const struct sp_lookup *l)
{
	for (size_t i = 0; i < FAMILIES; i++)
		if (!l->questions[i].is_answered && !l->questions[i].needs_tcp && !l->questions[i].has_failed)
			return false;
	return true;
}

static bool needs_tcp(const struct sp_lookup *l)
{
	return l->questions[0].needs_tcp || l->questions[1].needs_tcp;
}

static void take(struct sp_lookup *l, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < FAMILIES; i++) {
		struct question *q = &l->questions[i];
		struct sp_dns_answer answer;
		enum sp_dns_rc rc = q->is_answered ? SP_DNS_OTHER : sp_dns_read(&q->query, bytes, n, &answer);

		if (rc == SP_DNS_OTHER)
			continue;
		if (rc == SP_DNS_TRUNCATED) {
			q->needs_tcp = true;
			continue;
		}
		q->part.answer = answer;
		q->part.rc = rc;
		q->is_answered = rc != SP_DNS_FAILED;
		q->has_failed = rc == SP_DNS_FAILED; /* another server may know */
	}
}

/* The next server, or the same one by TCP, or the end. */
static void go_on(struct sp_lookup *l)
{
	bool by_tcp = !l->is_tcp && needs_tcp(l);

	close_socket(l);
	if (is_all_answered(l) || (!by_tcp && ++l->attempts >= ROUNDS * l->env->servers)) {
		done(l);
		return;
	}
	l->is_tcp = by_tcp;
	attempt(l);
}

static void on_late(struct sp_deadline *deadline)
{
	go_on(SP_HOLDER(deadline, struct sp_lookup, deadline));
}

static void read_udp(struct sp_lookup *l)
{
	for (int i = 0; i < READ_AT_ONCE; i++) {
		ssize_t n = recv(l->fd, l->in, sizeof(l->in), MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN) {
			go_on(l); /* nobody listens there */
			return;
		}
		if (n < 0)
			return;
		take(l, l->in, (size_t)n);
		if (is_all_heard(l)) {
			go_on(l);
			return;
		}
	}
}

/* RFC 1035 4.2.2: two bytes of length before each. */
static void read_tcp(struct sp_lookup *l)
{
	ssize_t n = recv(l->fd, l->in + l->n, sizeof(l->in) - l->n, MSG_DONTWAIT);
	size_t length;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		go_on(l);
		return;
	}
	l->n += (size_t)n;
	while (l->n >= 2 && (length = (size_t)(l->in[0] << 8 | l->in[1])) + 2 <= l->n) {
		take(l, l->in + 2, length);
		l->n -= length + 2;
		memmove(l->in, l->in + length + 2, l->n);
	}
	if (is_all_heard(l))
		go_on(l);
}

static void write_tcp(struct sp_lookup *l)
{
	ssize_t n = send(l->fd, l->out + l->sent, l->out_n - l->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		go_on(l);
		return;
	}
	l->sent += n > 0 ? (size_t)n : 0;
	if (l->sent < l->out_n)
		return;
	(void)event_del(&l->event);
	(void)event_assign(&l->event, sp_loop_base(l->env->loop), l->fd, EV_READ | EV_PERSIST, on_event, l);
	(void)event_add(&l->event, NULL);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	struct sp_lookup *l = arg;

	(void)fd;
	sp_loop_woke(l->env->loop);
	if (!l->is_tcp)
		read_udp(l);
	else if ((what & EV_WRITE) != 0)
		write_tcp(l);
	else
		read_tcp(l);
}

/* ---- asking */

static void send_udp(struct sp_lookup *l)
{
	for (size_t i = 0; i < FAMILIES; i++) {
		const struct sp_dns_query *query = &l->questions[i].query;

		if (!l->questions[i].is_answered)
			(void)send(l->fd, query->bytes, query->n, MSG_DONTWAIT | MSG_NOSIGNAL); /* else it is late */
	}
}

static void prepare_tcp(struct sp_lookup *l)
{
	l->n = l->sent = l->out_n = 0;
	for (size_t i = 0; i < FAMILIES; i++) {
		const struct sp_dns_query *query = &l->questions[i].query;

		if (l->questions[i].is_answered)
			continue;
		l->out[l->out_n++] = (uint8_t)(query->n >> 8);
		l->out[l->out_n++] = (uint8_t)query->n;
		memcpy(l->out + l->out_n, query->bytes, query->n);
		l->out_n += query->n;
	}
}

static void on_dialed(struct sp_wait *w)
{
	struct sp_lookup *l = SP_HOLDER(w, struct sp_lookup, dial.wait);
	short what = l->is_tcp ? EV_WRITE : EV_READ;

	if (l->dial.rc != SP_DIAL_DONE)
		return; /* the deadline goes on to the next server, and does not spin */
	l->fd = l->dial.fd;
	if (event_assign(&l->event, sp_loop_base(l->env->loop), l->fd, (short)(what | EV_PERSIST), on_event, l) != 0 ||
	    event_add(&l->event, NULL) != 0) {
		(void)close(l->fd);
		l->fd = -1;
		return;
	}
	if (l->is_tcp)
		prepare_tcp(l);
	else
		send_udp(l);
}

/* New ids for each attempt: an answer that comes late is none to the next question. */
static bool make_questions(struct sp_lookup *l)
{
	static const enum sp_addr_family families[FAMILIES] = { SP_ADDR_V4, SP_ADDR_V6 };
	uint16_t ids[FAMILIES];

	if (getrandom(ids, sizeof(ids), 0) != (ssize_t)sizeof(ids))
		return false;
	for (size_t i = 0; i < FAMILIES; i++) {
		l->questions[i].needs_tcp = l->questions[i].has_failed = false;
		if (!sp_dns_ask(&l->questions[i].query, l->name, families[i], ids[i]))
			return false;
	}
	return true;
}

static void attempt(struct sp_lookup *l)
{
	sp_deadline_set(&l->deadline, sp_loop_deadlines(l->env->loop, PATIENCE_MS), on_late);
	if (!make_questions(l))
		return;
	l->dial.wait.wake = on_dialed;
	l->dial.what = l->is_tcp ? SP_IPC_DIAL_RESOLVER_TCP : SP_IPC_DIAL_RESOLVER_UDP;
	l->dial.index = (uint32_t)(l->attempts % l->env->servers);
	if (sp_dial_ask(l->env->dial, &l->dial) != SP_DIAL_LATER)
		l->dial.wait.wake = NULL;
}

struct sp_lookup *sp_lookup_new(const struct sp_lookup_env *env, struct sp_str name, void *of, struct sp_lookup **place)
{
	struct sp_lookup *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->env = env;
	l->name = name;
	l->of = of;
	l->place = place;
	l->fd = -1;
	for (size_t i = 0; i < FAMILIES; i++)
		l->questions[i].part = (struct sp_lookup_part){ .rc = SP_DNS_FAILED, .answer = { .why = "timeout" } };
	sp_deadline_init(&l->deadline);
	attempt(l);
	return l;
}
