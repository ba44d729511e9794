/*
 * proxy - a worker's proxying half: clients, exchanges, pools.
 *
 * The worker accepts and hands descriptors in; everything behind that is here.
 * One a worker; it holds the generation that new exchanges use.
 */
#ifndef SP_PROXY_PROXY_H
#define SP_PROXY_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sp/base/addr.h"
#include "sp/base/err.h"
#include "sp/net/loop.h"

struct sp_board;                        /* board/board.h */
struct sp_challenges;                   /* proxy/challenge.h */
struct sp_proxy;
struct sp_serve;                        /* proxy/serve.h: what a generation serves */

struct sp_proxy_env {
	struct sp_loop *loop;           /* borrowed */
	struct sp_serve *serve;         /* the first generation; one hold is taken */
	int access_fd;                  /* borrowed: where access lines go; -1 = off */
	unsigned worker;                /* 1.. */
	unsigned worker_count;          /* 0 is taken as 1 */
	struct sp_board *board;         /* borrowed, entered as worker - 1; NULL: the only worker, client addresses are not counted */
	size_t memory_max;              /* bytes for chunks of this worker; 0 = by max_connections */
};

SP_MUST_USE struct sp_proxy *sp_proxy_new(const struct sp_proxy_env *env, struct sp_err *err);
/* Closes what is left, frees all; NULL is fine. The loop runs once more inside. */
void sp_proxy_free(struct sp_proxy *proxy);

/* A client of listener `index` (of conf->listeners), come in at local port `port` (0 = a Unix socket). fd is owned from here on. */
void sp_proxy_accept(struct sp_proxy *proxy, size_t index, uint16_t port, int fd, const struct sp_addr *peer);

/* The next generation beside the one that is served: all that can fail, done before. One hold is taken. NULL with *err. */
struct sp_proxy_next;
SP_MUST_USE struct sp_proxy_next *sp_proxy_prepare(struct sp_proxy *proxy, struct sp_serve *serve, struct sp_err *err);
/* It is served from now on: by new exchanges; running ones keep theirs. Clients stay, also those of listeners that it
 * does not have: their next answer is their last. Consumes `next`. Not from a callback of the proxy. */
void sp_proxy_take(struct sp_proxy *proxy, struct sp_proxy_next *next);
void sp_proxy_abandon(struct sp_proxy_next *next);      /* NULL is fine */

/* What is idle is closed; running exchanges end with Connection: close; whatever else runs comes to its own end.
 * on_done (may be NULL) is called once when the last client has gone, perhaps before this returns. */
void sp_proxy_drain(struct sp_proxy *proxy, void (*on_done)(void *arg), void *arg);
/* Red: health answers 503, and every answer is the last one of its connection, so that clients move to where the balancer
 * leads now; all else goes on (drain_delay, and a drain by command). */
void sp_proxy_set_health(struct sp_proxy *proxy, bool is_red);
/* What answers the ACME challenges of listener `index` from now on; the set is owned from here on. */
void sp_proxy_set_challenges(struct sp_proxy *proxy, size_t index, struct sp_challenges *set);
/* Closes in order up to n clients that rest between two requests, the longest resting first. */
void sp_proxy_shed_idle(struct sp_proxy *proxy, size_t n);
size_t sp_proxy_client_count(const struct sp_proxy *proxy);
size_t sp_proxy_listener_count(const struct sp_proxy *proxy, size_t index);     /* its clients of one listener */

#endif
