#include "intake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sp/base/log.h"
#include "sp/net/deadline.h"
#include "sp/net/listen.h"

#define LOOK_AGAIN_MS 50 /* while paused: has another worker's client gone? */
#define SWEEP_MAX 8192 /* clients taken from one queue at the end: somaxconn and some */

struct door {
	struct sp_intake *intake;
	size_t listener;
	uint16_t port;
	int fd; /* closed by listen */
	struct sp_listen *listen; /* owned; NULL once closed */
};

struct sp_intake {
	struct sp_proxy *proxy; /* borrowed */
	struct sp_tally *tally; /* borrowed */
	size_t row;
	uint64_t max; /* clients of all workers */
	uint32_t told; /* what our row says */
	bool is_paused;
	struct sp_flush flush;
	struct sp_deadline look_again;
	struct sp_deadline_list *look_again_list;
	struct door *doors; /* owned */
	size_t door_count;
};

static bool is_full(struct sp_intake *in)
{
	uint32_t now = (uint32_t)sp_proxy_client_count(in->proxy);

	if (now != in->told) {
		in->told = now;
		sp_tally_set(in->tally, in->row, 0, now);
	}
	return sp_tally_sum(in->tally, 0) >= in->max;
}

static void on_look_again(struct sp_deadline *deadline)
{
	struct sp_intake *in = SP_HOLDER(deadline, struct sp_intake, look_again);

	/* The turn ends with on_turn_end, which looks. */
	if (in->is_paused)
		sp_deadline_set(&in->look_again, in->look_again_list, on_look_again);
}

static void pause_all(struct sp_intake *in)
{
	in->is_paused = true;
	for (size_t i = 0; i < in->door_count; i++)
		if (in->doors[i].listen != NULL)
			sp_listen_pause(in->doors[i].listen);
	sp_deadline_set(&in->look_again, in->look_again_list, on_look_again);
	sp_warn("connections_full", SP_KV_U64("max_connections", in->max), SP_KV_U64("of_this_worker", in->told));
}

static void resume_all(struct sp_intake *in)
{
	in->is_paused = false;
	for (size_t i = 0; i < in->door_count; i++)
		if (in->doors[i].listen != NULL)
			sp_listen_resume(in->doors[i].listen);
	sp_deadline_clear(&in->look_again);
}

static void on_turn_end(struct sp_flush *flush)
{
	struct sp_intake *in = SP_HOLDER(flush, struct sp_intake, flush);
	bool full = is_full(in);

	if (full && !in->is_paused)
		pause_all(in);
	else if (!full && in->is_paused)
		resume_all(in);
}

static void on_accept(void *arg, int fd, const struct sp_addr *peer)
{
	struct door *door = arg;
	struct sp_intake *in = door->intake;

	sp_proxy_accept(in->proxy, door->listener, door->port, fd, peer);
	if (!in->is_paused && is_full(in))
		pause_all(in);
}

static bool open_door(struct sp_loop *loop, struct door *door, struct sp_intake *in, const struct sp_worker_socket *s,
		      struct sp_err *err)
{
	*door = (struct door){ .intake = in, .listener = s->listener, .port = s->port, .fd = s->fd };
	door->listen = sp_listen_new(loop, s->fd, on_accept, door, err);
	return door->listen != NULL;
}

struct sp_intake *sp_intake_new(struct sp_loop *loop, const struct sp_worker_env *env, struct sp_proxy *proxy,
				struct sp_err *err)
{
	struct sp_intake *in = calloc(1, sizeof(*in));

	if (in == NULL)
		goto no_memory;
	in->proxy = proxy;
	in->tally = env->tally;
	in->row = env->worker - 1;
	in->max = env->conf->gateway.max_connections;
	in->doors = calloc(env->socket_count > 0 ? env->socket_count : 1, sizeof(*in->doors));
	in->look_again_list = sp_loop_deadlines(loop, LOOK_AGAIN_MS);
	sp_deadline_init(&in->look_again);
	in->flush.run = on_turn_end;
	sp_loop_on_flush(loop, &in->flush);
	if (in->doors == NULL || in->look_again_list == NULL)
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
	for (size_t i = 0; i < in->door_count; i++)
		sp_listen_free(in->doors[i].listen);
	sp_deadline_clear(&in->look_again);
	sp_loop_off_flush(&in->flush);
	free(in->doors);
	free(in);
}
