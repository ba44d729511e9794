/*
 * spawn - from a fork of the master to a worker that holds nothing it does not need.
 */
#include "master_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "sp/base/log.h"
#include "sp/worker/worker.h"

#ifdef SP_SAN
#define IS_DUMPABLE 1 /* the leak checker has to look into us */
#else
#define IS_DUMPABLE 0
#endif

static int by_value(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

/* Closes every descriptor above 2 that is not in keep[0..n). */
static void close_others(int *keep, size_t n)
{
	unsigned from = STDERR_FILENO + 1;

	qsort(keep, n, sizeof(*keep), by_value);
	for (size_t i = 0; i < n; i++) {
		if (keep[i] < (int)from)
			continue;
		if ((unsigned)keep[i] > from)
			(void)close_range(from, (unsigned)keep[i] - 1, 0);
		from = (unsigned)keep[i] + 1;
	}
	(void)close_range(from, ~0U, 0);
}

static void set_signals(const sigset_t *blocked)
{
	/* The master tells us by the channel. A signal to the whole process group (Ctrl-C) is meant for it alone. */
	static const int ignored[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGPIPE };
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	for (size_t i = 0; i < SP_COUNT(ignored); i++)
		(void)sigaction(ignored[i], &ignore, NULL);
	(void)sigprocmask(SIG_UNBLOCK, blocked, NULL);
}

/* The texts too: what was only ${NAME} in a configuration is no business of a worker that is taken over. */
static void forget_environment(void)
{
	tzset(); /* asks for TZ, and keeps what it says */
	for (char **e = environ; e != NULL && *e != NULL; e++)
		explicit_bzero(*e, strlen(*e));
	(void)clearenv();
}

static void set_name(unsigned worker)
{
	char name[16];

	snprintf(name, sizeof(name), "sp worker %u", worker % 100000);
	(void)prctl(PR_SET_NAME, name, 0, 0, 0);
}

/* Last of all that needs a right; the order is that of the kernel's traps: a change of uid undoes what stands behind. */
static bool drop_rights(const struct sp_ids *ids, pid_t parent, struct sp_err *err)
{
	if (!sp_ids_become(ids, err))
		return false;
	if (prctl(PR_SET_DUMPABLE, IS_DUMPABLE, 0, 0, 0) != 0)
		return sp_err_set(err, "cannot become undumpable: %s", strerror(errno));
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
		return sp_err_set(err, "cannot be bound to the master's life: %s", strerror(errno));
	if (getppid() != parent)
		return sp_err_set(err, "the master is gone already");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return sp_err_set(err, "cannot give up new privileges: %s", strerror(errno));
	return true;
}

_Noreturn static void be_worker(struct sp_master *m, unsigned worker, int channel_fd, pid_t parent)
{
	struct sp_worker_socket *sockets = calloc(sp_binds_most(&m->binds) + 1, sizeof(*sockets));
	int *keep = calloc(sp_binds_most(&m->binds) + 3, sizeof(*keep));
	struct sp_err err = { .text = "" };
	size_t n, kept = 0;

	if (sockets == NULL || keep == NULL)
		_exit(SP_WORKER_CANNOT_START);
	n = sp_binds_of(&m->binds, worker, sockets);
	for (size_t i = 0; i < n; i++)
		keep[kept++] = sockets[i].fd;
	keep[kept++] = channel_fd;
	keep[kept++] = m->logs.fds[SP_IPC_LOG_ACCESS];
	keep[kept++] = m->logs.fds[SP_IPC_LOG_ERROR];
	close_others(keep, kept);
	free(keep);
	set_signals(&m->signals);
	set_name(worker);
	forget_environment();
	if (!drop_rights(&m->ids, parent, &err)) {
		sp_error("worker_cannot_start", SP_KV_U64("worker", worker), SP_KV_TEXT("why", err.text));
		_exit(SP_WORKER_CANNOT_START);
	}

	struct sp_worker_env env = {
		.conf = m->conf,
		.generation = 1,
		.worker = worker,
		.worker_count = m->workers,
		.sockets = sockets,
		.socket_count = n,
		.tally = m->tally,
		.channel_fd = channel_fd,
		.access_fd = m->logs.fds[SP_IPC_LOG_ACCESS],
		.error_fd = m->logs.fds[SP_IPC_LOG_ERROR],
	};
	enum sp_worker_exit code = sp_worker_run(&env);

	free(sockets);
	exit(code);
}

pid_t sp_spawn_worker(struct sp_master *m, unsigned worker, int *channel_fd, struct sp_err *err)
{
	pid_t self = getpid(), pid;
	int fds[2];

	if (!sp_ipc_pair(fds, err))
		return -1;
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		be_worker(m, worker, fds[1], self);
	close(fds[1]);
	if (pid < 0) {
		sp_err_set(err, "cannot fork: %s", strerror(errno));
		close(fds[0]);
		return -1;
	}
	*channel_fd = fds[0];
	return pid;
}
