/*
 * role - a role's process under test: forked, with the test in the place of the
 * master and of its workers.
 */
#ifndef T_ROLE_H
#define T_ROLE_H

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sp/ipc/channel.h"
#include "sp/role/role.h"
#include "t.h"

enum { ROLE_WORKERS = 2 };

struct role {
	enum sp_ipc_role role;
	pid_t pid;
	int master; /* our end, as all the others */
	int workers[ROLE_WORKERS];
};

/* The next message; type SP_IPC_NONE: none came within seconds, or the channel has ended. */
static inline struct sp_ipc_message role_receive(int fd, enum sp_ipc_role from, enum sp_ipc_role to)
{
	struct sp_ipc_message m = { .type = SP_IPC_NONE, .fd = -1 };
	enum sp_ipc_rc rc = SP_IPC_AGAIN;

	for (int i = 0; i < 50000 && (rc = sp_ipc_recv(fd, from, to, &m)) == SP_IPC_AGAIN; i++)
		usleep(100);
	if (rc != SP_IPC_DONE)
		m.type = SP_IPC_NONE;
	return m;
}

/* Only forks; is_ready says whether it came up. */
static inline struct role role_start(enum sp_ipc_role role, enum sp_role_exit (*run)(const struct sp_role_env *env),
				     const struct sp_conf *conf)
{
	struct role r = { .role = role, .workers = { -1, -1 } };
	struct sp_err err = { "" };
	int fds[2];

	assert_true(sp_ipc_pair(fds, &err));
	r.pid = fork();
	if (r.pid == 0) {
		struct sp_role_env env = { .conf = conf, .workers = ROLE_WORKERS, .channel_fd = fds[1] };

		(void)close(fds[0]);
		exit(run(&env));
	}
	close(fds[1]);
	r.master = fds[0];
	return r;
}

static inline bool role_is_ready(const struct role *r)
{
	return role_receive(r->master, r->role, SP_IPC_MASTER).type == SP_IPC_READY;
}

static inline int role_new_peer(const struct role *r, enum sp_ipc_role who, uint32_t worker)
{
	struct sp_ipc_message peer = { .type = SP_IPC_PEER, .body.peer = { who, worker } };
	struct sp_err err = { "" };
	int fds[2];

	assert_true(sp_ipc_pair(fds, &err));
	peer.fd = fds[1];
	assert_int_equal(sp_ipc_send(r->master, SP_IPC_MASTER, r->role, &peer), SP_IPC_DONE);
	close(fds[1]);
	return fds[0];
}

static inline int role_new_worker(const struct role *r, uint32_t worker)
{
	return role_new_peer(r, SP_IPC_WORKER, worker);
}

static inline void role_add_workers(struct role *r)
{
	for (uint32_t i = 0; i < ROLE_WORKERS; i++)
		r->workers[i] = role_new_worker(r, i + 1);
}

/* Its exit code; -1: it was killed. */
static inline int role_exit(struct role *r)
{
	int status = 0;

	close(r->master);
	for (size_t i = 0; i < ROLE_WORKERS; i++)
		if (r->workers[i] >= 0)
			close(r->workers[i]);
	assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Told to stop, and left alone. */
static inline void role_test_ends(enum sp_ipc_role role, enum sp_role_exit (*run)(const struct sp_role_env *env),
				  const struct sp_conf *conf)
{
	const struct sp_ipc_message stop = { .type = SP_IPC_STOP, .fd = -1 };
	struct role r = role_start(role, run, conf);

	assert_true(role_is_ready(&r));
	assert_int_equal(sp_ipc_send(r.master, SP_IPC_MASTER, role, &stop), SP_IPC_DONE);
	usleep(100000); /* so that it does not see us go first */
	assert_int_equal(role_exit(&r), SP_ROLE_DONE);
	r = role_start(role, run, conf);
	assert_true(role_is_ready(&r));
	assert_int_equal(role_exit(&r), SP_ROLE_ORPHAN);
}

#endif
