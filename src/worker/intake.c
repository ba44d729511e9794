#include "intake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sp/base/clock.h"
#include "sp/base/log.h"
#include "sp/net/deadline.h"
#include "sp/net/listen.h"

#define LOOK_AGAIN_MS 50 /* while paused: has another worker's client gone? */
#define QUIET_MS 10000 /* between two lines about one limit */
#define SWEEP_MAX 8192 /* clients taken from one queue at the end: somaxconn and some */

struct door {
	struct sp_intake *intake;
	size_t listener;
	uint16_t port;
	int fd; /* closed by listen */
	struct sp_listen *listen; /* owned; NULL once closed */
};

/* A limit over all workers: slot i of the tally. 0 is the gateway's, 1 + i that of listener i. */
struct cap {
	uint64_t max; /* 0 = none */
	uint32_t told; /* what our row says */
	bool is_reached;
	uint64_t quiet_until_ms; /* at the limit it is reached and left many times a second */
};

struct sp_intake {
	const struct sp_conf *conf; /* borrowed, as the next two */
	struct sp_proxy *proxy;
	struct sp_tally *tally;
	size_t row;
	struct cap *caps; /* owned */
	size_t cap_count;
	struct sp_flush flush;
	struct sp_deadline look_again;
	struct sp_deadline_list *look_again_list;
	struct door *doors; /* owned */
	size_t door_count;
};

static bool is_reached(struct sp_intake *in, size_t slot)
{
	struct cap *cap = &in->caps[slot];
	uint32_t now;

	if (cap->max == 0)
		return false;
	now = (uint32_t)(slot == 0 ? sp_proxy_client_count(in->proxy) : sp_proxy_listener_count(in->proxy, slot - 1));
	if (now != cap->told) {
		cap->told = now;
		sp_tally_set(in->tally, in->row, slot, now);
	}
	return sp_tally_sum(in->tally, slot) >= cap->max;
}

static void follow(struct sp_intake *in)
{
	for (size_t i = 0; i < in->door_count; i++) {
		struct door *door = &in->doors[i];

		if (door->listen == NULL)
			continue;
		if (in->caps[0].is_reached || in->caps[1 + door->listener].is_reached)
			sp_listen_pause(door->listen);
		else
			sp_listen_resume(door->listen);
	}
}

static void log_reached(struct sp_intake *in, size_t slot)
{
	struct cap *cap = &in->caps[slot];

	if (sp_now_ms() < cap->quiet_until_ms)
		return;
	cap->quiet_until_ms = sp_now_ms() + QUIET_MS;
	sp_warn("connections_full",
		SP_KV_STR("listener", slot == 0 ? SP_STR("*") : in->conf->listeners[slot - 1].section.name),
		SP_KV_U64("max_connections", cap->max), SP_KV_U64("of_this_worker", cap->told));
}

static void on_look_again(struct sp_deadline *deadline)
{
	/* Set again, and looked at, by the end of this turn. */
	sp_deadline_clear(deadline);
}

static void look(struct sp_intake *in)
{
	bool has_changed = false, is_any = false;

	for (size_t slot = 0; slot < in->cap_count; slot++) {
		bool now = is_reached(in, slot);

		if (now && !in->caps[slot].is_reached)
			log_reached(in, slot);
		has_changed |= now != in->caps[slot].is_reached;
		in->caps[slot].is_reached = now;
		is_any |= now;
	}
	if (has_changed)
		follow(in);
	if (!is_any)
		sp_deadline_clear(&in->look_again);
	else if (!sp_deadline_is_set(&in->look_again))
		sp_deadline_set(&in->look_again, in->look_again_list, on_look_again);
}

static void on_turn_end(struct sp_flush *flush)
{
	look(SP_HOLDER(flush, struct sp_intake, flush));
}

static void on_accept(void *arg, int fd, const struct sp_addr *peer)
{
	struct door *door = arg;
	struct sp_intake *in = door->intake;

	sp_proxy_accept(in->proxy, door->listener, door->port, fd, peer);
	look(in);
}

static bool open_door(struct sp_loop *loop, struct door *door, struct sp_intake *in, const struct sp_worker_socket *s,
		      struct sp_err *err)
{
	*door = (struct door){ .intake = in, .listener = s->listener, .port = s->port, .fd = s->fd };
	door->listen = sp_listen_new(loop, s->fd, on_accept, door, err);
	return door->listen != NULL;
}

static struct cap *new_caps(const struct sp_conf *conf, size_t *count)
{
	struct cap *caps = calloc(1 + conf->listener_count, sizeof(*caps));

	if (caps == NULL)
		return NULL;
	*count = 1 + conf->listener_count;
	caps[0].max = conf->gateway.max_connections;
	for (size_t i = 0; i < conf->listener_count; i++)
		caps[1 + i].max = conf->listeners[i].max_connections;
	return caps;
}

struct sp_intake *sp_intake_new(struct sp_loop *loop, const struct sp_worker_env *env, struct sp_proxy *proxy,
				struct sp_err *err)
{
	struct sp_intake *in = calloc(1, sizeof(*in));

	if (in == NULL)
		goto no_memory;
	in->conf = env->conf;
	in->proxy = proxy;
	in->tally = env->tally;
	in->row = env->worker - 1;
	in->caps = new_caps(env->conf, &in->cap_count);
	in->doors = calloc(env->socket_count > 0 ? env->socket_count : 1, sizeof(*in->doors));
	in->look_again_list = sp_loop_deadlines(loop, LOOK_AGAIN_MS);
	sp_deadline_init(&in->look_again);
	in->flush.run = on_turn_end;
	sp_loop_on_flush(loop, &in->flush);
	if (in->caps == NULL || in->doors == NULL || in->look_again_list == NULL)
		goto no_memory;
	for (; in->door_count < env->socket_count; in->door_count++)
		if (!open_door(loop, &in->doors[in->door_count], in, &env->sockets[in->door_count], err))
			goto fail;
	return in;
no_memory:
	sp_err_set(err, "no memory for the listening sockets");
fail:
	sp_intake_free(in);
	return NULL;
}

static void take_waiting(struct door *door)
{
	struct sp_intake *in = door->intake;

	for (int i = 0; i < SWEEP_MAX; i++) {
		struct sockaddr_storage sa;
		socklen_t n = sizeof(sa);
		struct sp_addr peer;
		int fd = accept4(door->fd, (struct sockaddr *)&sa, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (fd < 0)
			return;
		if (!sp_addr_from_sockaddr((const struct sockaddr *)&sa, n, &peer)) {
			memset(&peer, 0, sizeof(peer));
			peer.family = SP_ADDR_UNIX;
		}
		sp_proxy_accept(in->proxy, door->listener, door->port, fd, &peer);
	}
}

void sp_intake_finish(struct sp_intake *in)
{
	for (size_t i = 0; i < in->door_count; i++) {
		if (in->doors[i].listen == NULL)
			continue;
		/* Closing resets what is still queued. A client that connected before we stopped is served. */
		take_waiting(&in->doors[i]);
		sp_listen_free(in->doors[i].listen);
		in->doors[i].listen = NULL;
	}
}

void sp_intake_free(struct sp_intake *in)
{
	if (in == NULL)
		return;
	for (size_t i = 0; in->doors != NULL && i < in->door_count; i++)
		sp_listen_free(in->doors[i].listen);
	sp_deadline_clear(&in->look_again);
	sp_loop_off_flush(&in->flush);
	free(in->caps);
	free(in->doors);
	free(in);
}
