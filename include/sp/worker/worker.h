/*
 * worker - the life of one worker process: builds its generation, accepts,
 * obeys the master, drains, ends.
 *
 * Everything it uses was made before it was forked: its listening sockets, the
 * channel to the master, the log descriptors, the board.
 */
#ifndef SP_WORKER_WORKER_H
#define SP_WORKER_WORKER_H

#include <stddef.h>
#include <stdint.h>

#include "sp/board/board.h"
#include "sp/conf/conf.h"
#include "sp/ipc/sandbox.h"

struct sp_worker_socket {
	size_t listener;                /* of conf->listeners */
	uint16_t port;                  /* local port; 0 = a Unix socket */
	int fd;                         /* owned by the worker from its start on */
	uint32_t door;                  /* number of this socket, over all generations */
};

struct sp_worker_env {
	const struct sp_conf *conf;     /* borrowed */
	uint32_t generation;
	unsigned worker;                /* 1.. */
	unsigned worker_count;
	const struct sp_worker_socket *sockets; /* borrowed */
	size_t socket_count;
	struct sp_board *board;         /* borrowed; entered as worker - 1 */
	int channel_fd;                 /* to the master; owned from here on */
	int keeper_fd, dialer_fd;       /* to keeper and dialer, likewise; -1: nobody there just now, one will be sent */
	int access_fd;                  /* access lines: a non-blocking pipe; owned from here on */
	struct sp_sandbox *sandbox;     /* borrowed; dropped already, sealed before the first client; NULL: none */
};

enum sp_worker_exit {
	SP_WORKER_DONE = 0,             /* drained or told to stop */
	SP_WORKER_ORPHAN = 1,           /* the master went away */
	SP_WORKER_CANNOT_START = 70,    /* what it was given cannot be served: trying again is of no use at start-up */
};

/* Returns when the process should exit, with its exit code. */
SP_MUST_USE enum sp_worker_exit sp_worker_run(const struct sp_worker_env *env);

#ifdef SP_TEST_HOOKS
/* Called once, sandbox closed, nobody served yet: in the program of tests/hook alone. */
void sp_test_hook_worker(const struct sp_worker_env *env);
#endif

#endif
