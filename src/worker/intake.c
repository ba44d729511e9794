#include "intake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sp/base/clock.h"
#include "sp/base/log.h"
#include "sp/board/counters.h"
#include "sp/net/deadline.h"
#include "sp/net/listen.h"

#define LOOK_AGAIN_MS 50 /* while paused: has another worker's client gone? */
#define OWN_DESCRIPTORS 64 /* of a worker: channels, logs, epoll, listening sockets, and some air */
#define QUIET_MS 10000 /* between two lines about one limit */
#define SWEEP_MAX 8192 /* clients taken from one queue at the end: somaxconn and some */

struct door {
	struct sp_intake *intake;
	size_t listener;
	uint16_t port;
	uint32_t number; /* the master's, over all generations */
	int fd; /* closed by listen */
	struct sp_listen *listen; /* owned; NULL once closed */
};

/* A limit over all workers: 0 is the gateway's, 1 + i that of listener i. Counted also where there is none: `status` tells. */
struct cap {
	uint64_t max; /* 0 = none */
	uint32_t slot; /* of the board; of a listener */
	bool is_reached;
	uint64_t quiet_until_ms; /* at the limit it is reached and left many times a second */
};

struct sp_intake {
	const struct sp_conf *conf; /* borrowed, as the next four */
	struct sp_proxy *proxy;
	const struct sp_board *board;
	struct sp_counters *own; /* our part of it */
	size_t workers;
	struct cap *caps; /* owned */
	size_t cap_count;
	rlim_t descriptors; /* that this process may have */
	size_t most; /* clients of this worker that its descriptors suffice for, each with a backend connection */
	bool is_short; /* there are as many */
	uint64_t short_quiet_until_ms;
	struct sp_flush flush;
	struct sp_deadline look_again;
	struct sp_deadline_list *look_again_list;
	struct door **doors; /* owned */
	size_t door_count;
	struct sp_loop *loop; /* borrowed */
};

struct sp_intake_next {
	struct sp_intake *intake; /* borrowed */
	const struct sp_conf *conf;
	struct cap *caps; /* owned, as the arrays below */
	size_t cap_count;
	struct door **doors; /* new, or one that is there */
	size_t *listeners; /* of each */
	size_t door_count;
};

static uint32_t count_of(const struct sp_intake *in, size_t cap)
{
	return (uint32_t)(cap == 0 ? sp_proxy_client_count(in->proxy) : sp_proxy_listener_count(in->proxy, cap - 1));
}

/* Compared with what stands there: a part that somebody wrote into is put right at the next look, and the line stays
 * unwritten, and with the others, while nothing changes. */
static void tell(struct sp_intake *in, size_t i, uint32_t now)
{
	_Atomic uint32_t *said = i == 0 ? &in->own->clients : &in->own->listener[in->caps[i].slot];

	if (sp_counter_get(said) != now)
		sp_counter_set(said, now);
}

/* No worker has more than all may have, whatever its part says. */
static uint64_t sum(const struct sp_intake *in, size_t i)
{
	const struct cap *cap = &in->caps[i];
	const uint32_t most = cap->max < UINT32_MAX ? (uint32_t)cap->max : UINT32_MAX;

	return i == 0 ? sp_counters_clients(in->board, most) : sp_counters_listener(in->board, cap->slot, most);
}

static bool is_reached(struct sp_intake *in, size_t i)
{
	tell(in, i, count_of(in, i));
	return in->caps[i].max != 0 && sum(in, i) >= in->caps[i].max;
}

/* Near the gateway's limit the longest idle clients of all workers make room, each worker its share of them. */
static void shed(struct sp_intake *in)
{
	uint64_t max = in->caps[0].max, mark = max - max / 20;
	uint64_t all = max == 0 ? 0 : sum(in, 0);

	if (max > 0 && all >= mark)
		sp_proxy_shed_idle(in->proxy, (size_t)((all - mark) / in->workers + 1));
}

static void follow(struct sp_intake *in)
{
	for (size_t i = 0; i < in->door_count; i++) {
		struct door *door = in->doors[i];

		if (door->listen == NULL)
			continue;
		if (in->is_short || in->caps[0].is_reached || in->caps[1 + door->listener].is_reached)
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
		SP_KV_U64("max_connections", cap->max), SP_KV_U64("of_this_worker", count_of(in, slot)));
}

/* A limit too low for max_connections: we stop before the kernel refuses, and the backends' sockets still fit. */
static bool is_short(struct sp_intake *in)
{
	bool now = sp_proxy_client_count(in->proxy) >= in->most;

	if (now && !in->is_short && sp_now_ms() >= in->short_quiet_until_ms) {
		in->short_quiet_until_ms = sp_now_ms() + QUIET_MS;
		sp_warn("descriptors_full", SP_KV_U64("clients", in->most));
	}
	if (now)
		sp_proxy_shed_idle(in->proxy, 1);
	return sp_proxy_client_count(in->proxy) >= in->most;
}

static void on_look_again(struct sp_deadline *deadline)
{
	/* Set again, and looked at, by the end of this turn. */
	sp_deadline_clear(deadline);
}

static void look(struct sp_intake *in)
{
	bool was_short = in->is_short, has_changed, is_any;

	shed(in);
	is_any = in->is_short = is_short(in);
	has_changed = in->is_short != was_short;
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

static struct door *new_door(struct sp_intake *in, const struct sp_worker_socket *s, struct sp_err *err)
{
	struct door *door = calloc(1, sizeof(*door));

	if (door == NULL) {
		sp_err_set(err, "no memory for a listening socket");
		return NULL;
	}
	*door = (struct door){ .intake = in, .port = s->port, .number = s->door, .fd = s->fd };
	door->listen = sp_listen_new(in->loop, s->fd, on_accept, door, err);
	if (door->listen == NULL) {
		free(door);
		return NULL;
	}
	sp_listen_pause(door->listen);
	return door;
}

/* Asked once: a worker in its sandbox cannot. */
static rlim_t descriptors_most(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : RLIM_INFINITY;
}

static size_t clients_most(rlim_t descriptors, const struct sp_conf *conf)
{
	size_t own = OWN_DESCRIPTORS;

	for (size_t i = 0; i < conf->listener_count; i++)
		own += 2 * conf->listeners[i].bind_count; /* the socket and the reserve */
	if (descriptors == RLIM_INFINITY)
		return SIZE_MAX;
	return descriptors > own + 2 ? (descriptors - own) / 2 : 1;
}

static void free_door(struct door *door)
{
	sp_listen_free(door->listen);
	free(door);
}

static struct door *find_door(const struct sp_intake *in, uint32_t number)
{
	for (size_t i = 0; i < in->door_count; i++)
		if (in->doors[i]->number == number)
			return in->doors[i];
	return NULL;
}

/* The master has given every listener its slot before it hands a configuration out. */
static bool fill_caps(const struct sp_intake *in, const struct sp_conf *conf, struct cap *caps, struct sp_err *err)
{
	caps[0].max = conf->gateway.max_connections;
	for (size_t i = 0; i < conf->listener_count; i++) {
		const struct sp_conf_listener *listener = &conf->listeners[i];

		caps[1 + i].max = listener->max_connections;
		if (!sp_board_slot(in->board, SP_NAME_LISTENER, SP_STR(""), listener->section.name, &caps[1 + i].slot))
			return sp_err_set(err, "listener '%.*s' has no place on the board",
					  SP_STR_ARG(listener->section.name));
	}
	return true;
}

static bool prepare_doors(struct sp_intake_next *next, const struct sp_worker_socket *sockets, size_t count,
			  struct sp_err *err)
{
	for (; next->door_count < count; next->door_count++) {
		const struct sp_worker_socket *s = &sockets[next->door_count];
		struct door *door = find_door(next->intake, s->door);

		if (door == NULL)
			door = new_door(next->intake, s, err);
		else
			close(s->fd); /* ours is the same socket */
		if (door == NULL)
			break;
		next->doors[next->door_count] = door;
		next->listeners[next->door_count] = s->listener;
	}
	for (size_t i = next->door_count; i < count; i++)
		close(sockets[i].fd);
	return next->door_count == count;
}

static void close_all(const struct sp_worker_socket *sockets, size_t count)
{
	for (size_t i = 0; i < count; i++)
		close(sockets[i].fd);
}

struct sp_intake_next *sp_intake_prepare(struct sp_intake *in, const struct sp_conf *conf,
					 const struct sp_worker_socket *sockets, size_t count, struct sp_err *err)
{
	struct sp_intake_next *next = calloc(1, sizeof(*next));

	if (next == NULL)
		goto no_memory;
	*next = (struct sp_intake_next){ .intake = in,
					 .conf = conf,
					 .caps = calloc(1 + conf->listener_count, sizeof(struct cap)),
					 .cap_count = 1 + conf->listener_count,
					 .doors = calloc(count + 1, sizeof(struct door *)),
					 .listeners = calloc(count + 1, sizeof(size_t)) };
	if (next->caps == NULL || next->doors == NULL || next->listeners == NULL)
		goto no_memory;
	if (!fill_caps(in, conf, next->caps, err))
		close_all(sockets, count);
	else if (prepare_doors(next, sockets, count, err))
		return next;
	sp_intake_abandon(next);
	return NULL;
no_memory:
	sp_err_set(err, "no memory for the listening sockets");
	close_all(sockets, count);
	sp_intake_abandon(next);
	return NULL;
}

void sp_intake_abandon(struct sp_intake_next *next)
{
	if (next == NULL)
		return;
	for (size_t i = 0; i < next->door_count; i++)
		if (find_door(next->intake, next->doors[i]->number) != next->doors[i])
			free_door(next->doors[i]);
	free(next->caps);
	free(next->doors);
	free(next->listeners);
	free(next);
}

static bool has_door(const struct sp_intake_next *next, const struct door *door)
{
	for (size_t i = 0; i < next->door_count; i++)
		if (next->doors[i] == door)
			return true;
	return false;
}

/* Closing resets what is still queued. A client that connected before we stopped is served. */
static void take_waiting(struct door *door);

void sp_intake_finish_others(struct sp_intake *in, const struct sp_intake_next *next)
{
	size_t kept = 0;

	for (size_t i = 0; i < in->door_count; i++) {
		if (has_door(next, in->doors[i])) {
			in->doors[kept++] = in->doors[i];
			continue;
		}
		take_waiting(in->doors[i]);
		free_door(in->doors[i]);
	}
	in->door_count = kept;
}

void sp_intake_take(struct sp_intake *in, struct sp_intake_next *next)
{
	for (size_t i = 1; i < in->cap_count; i++) /* whoever keeps the slot counts again below */
		tell(in, i, 0);
	free(in->caps);
	free(in->doors);
	in->conf = next->conf;
	in->most = clients_most(in->descriptors, in->conf);
	in->caps = next->caps;
	in->cap_count = next->cap_count;
	in->doors = next->doors;
	in->door_count = next->door_count;
	for (size_t i = 0; i < in->door_count; i++)
		in->doors[i]->listener = next->listeners[i];
	free(next->listeners);
	free(next);
	for (size_t i = 0; i < in->cap_count; i++)
		tell(in, i, count_of(in, i));
	look(in);
	follow(in);
}

struct sp_intake *sp_intake_new(struct sp_loop *loop, const struct sp_worker_env *env, struct sp_proxy *proxy,
				struct sp_err *err)
{
	struct sp_intake *in = calloc(1, sizeof(*in));
	struct sp_intake_next *first;

	if (in == NULL) {
		sp_err_set(err, "no memory for the listening sockets");
		return NULL;
	}
	in->loop = loop;
	in->proxy = proxy;
	in->board = env->board;
	in->own = sp_board_write(env->board, SP_BLOCK_COUNTERS, env->worker - 1);
	in->workers = env->worker_count;
	in->descriptors = descriptors_most();
	in->look_again_list = sp_loop_deadlines(loop, LOOK_AGAIN_MS);
	sp_deadline_init(&in->look_again);
	in->flush.run = on_turn_end;
	sp_loop_on_flush(loop, &in->flush);
	SP_ASSERT(in->own != NULL);
	if (in->look_again_list == NULL)
		sp_err_set(err, "no memory for the listening sockets");
	first = in->look_again_list == NULL
			? NULL
			: sp_intake_prepare(in, env->conf, env->sockets, env->socket_count, err);
	if (first == NULL) {
		sp_intake_free(in);
		return NULL;
	}
	sp_intake_take(in, first);
	return in;
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
		if (in->doors[i]->listen == NULL)
			continue;
		take_waiting(in->doors[i]);
		sp_listen_free(in->doors[i]->listen);
		in->doors[i]->listen = NULL;
	}
}

void sp_intake_free(struct sp_intake *in)
{
	if (in == NULL)
		return;
	for (size_t i = 0; in->doors != NULL && i < in->door_count; i++)
		free_door(in->doors[i]);
	sp_deadline_clear(&in->look_again);
	sp_loop_off_flush(&in->flush);
	free(in->caps);
	free(in->doors);
	free(in);
}
