/*
 * spawn - from a fork of the master to a process that holds nothing it does not need.
 */
#include "master_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "measure.h"
#include "reload.h"
#include "sp/base/log.h"
#include "sp/base/title.h"
#include "sp/role/dialer.h"
#include "sp/role/keeper.h"
#include "sp/role/logger.h"
#include "sp/role/monitor.h"
#include "sp/tls/ticket.h"
#include "sp/worker/worker.h"

#ifdef SP_SAN
#define LAST_REPLACED STDOUT_FILENO /* a sanitizer's report goes where it is looked for */
#else
#define LAST_REPLACED STDERR_FILENO
#endif

_Static_assert((int)SP_WORKER_CANNOT_START == (int)SP_ROLE_CANNOT_START, "one exit code for all children");

static void set_signals(const sigset_t *blocked)
{
	/* The master tells us by the channel. A signal to the whole process group (Ctrl-C) is meant for it alone. */
	static const int ignored[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGPIPE };
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	for (size_t i = 0; i < SP_COUNT(ignored); i++)
		(void)sigaction(ignored[i], &ignore, NULL);
	(void)sigprocmask(SIG_UNBLOCK, blocked, NULL);
}

/* The texts too: what was only ${NAME} in a configuration is no business of a process that is taken over. */
static void forget_environment(void)
{
	tzset(); /* asks for TZ, and keeps what it says */
	for (char **e = environ; e != NULL && *e != NULL; e++)
		explicit_bzero(*e, strlen(*e));
	(void)clearenv();
}

struct birth {
	struct sp_master *m;
	const struct sp_slot *slot;
	const struct sp_links *links; /* of a worker */
	int channel_fd;
	pid_t parent;
	struct sp_sandbox sandbox;
};

static bool is_sink(const struct birth *b, int fd)
{
	return b->slot->role == SP_IPC_LOGGER &&
	       (fd == b->m->logs.fds[SP_IPC_LOG_ACCESS] || fd == b->m->logs.fds[SP_IPC_LOG_ERROR]);
}

/* No file or terminal of whoever started us; and what the C library says of a process that it ends stands in the log. */
static void leave_standard_files(const struct birth *b)
{
	for (int fd = STDIN_FILENO; fd <= LAST_REPLACED; fd++)
		if (!is_sink(b, fd))
			(void)dup2(b->m->logs.to[SP_IPC_LOG_ERROR], fd);
}

static bool enter_board(const struct birth *b, struct sp_err *err)
{
	static const enum sp_board_role as[] = {
		[SP_IPC_WORKER] = SP_BOARD_WORKER,
		[SP_IPC_KEEPER] = SP_BOARD_NONE,
		[SP_IPC_DIALER] = SP_BOARD_READER,
		[SP_IPC_LOGGER] = SP_BOARD_NONE,
		[SP_IPC_MONITOR] = SP_BOARD_MONITOR,
	};

	return sp_board_enter(b->m->board, as[b->slot->role], b->slot->worker > 0 ? b->slot->worker - 1 : 0, err);
}

/* keep has room for what every process keeps: two more. */
static void settle_in(struct birth *b, int *keep, size_t kept)
{
	struct sp_sandbox_want *want = &b->sandbox.want;
	struct sp_err err = { .text = "" };
	struct rlimit fds;
	char name[32];

	sp_measure_tell(b->channel_fd, b->slot->role);
	sp_slot_name(b->slot, name);
	keep[kept++] = b->channel_fd;
	keep[kept++] = b->m->logs.to[SP_IPC_LOG_ERROR];
	sp_logs_use_pipe(&b->m->logs);
	leave_standard_files(b);
	set_signals(&b->m->signals);
	forget_environment();
	sp_title_set(name);
	sp_log_level(b->slot->edition->conf->log.level);
	sp_confine_want(b->m, b->slot->edition, b->slot->role, want);
	want->keep = keep;
	want->keep_count = kept;
	want->parent = b->parent;
	b->sandbox.tell_as = b->slot->role;
	b->sandbox.tell_fd = b->channel_fd;
	if (enter_board(b, &err) && sp_sandbox_drop(want, &b->sandbox.level, &err)) {
		b->sandbox.fds_max = getrlimit(RLIMIT_NOFILE, &fds) == 0 ? fds.rlim_cur : 0;
		return;
	}
	sp_error("cannot_start", SP_KV_TEXT("process", name), SP_KV_TEXT("why", err.text));
	_exit(SP_WORKER_CANNOT_START);
}

_Noreturn static void be_worker(struct birth *b)
{
	struct sp_master *m = b->m;
	struct sp_worker_socket *sockets = calloc(sp_binds_most(&m->binds) + 1, sizeof(*sockets));
	int *keep = calloc(sp_binds_most(&m->binds) + 5, sizeof(*keep));
	size_t n, kept = 0;

	if (sockets == NULL || keep == NULL)
		_exit(SP_WORKER_CANNOT_START);
	n = sp_binds_of(&m->binds, b->slot->worker, sockets);
	for (size_t i = 0; i < n; i++)
		keep[kept++] = sockets[i].fd;
	keep[kept++] = b->links->keeper_fd;
	keep[kept++] = b->links->dialer_fd;
	keep[kept++] = m->logs.to[SP_IPC_LOG_ACCESS];
	settle_in(b, keep, kept);
	free(keep);

	struct sp_worker_env env = {
		.conf = b->slot->edition->conf,
		.generation = b->slot->edition->number,
		.worker = b->slot->worker,
		.worker_count = m->workers,
		.sockets = sockets,
		.socket_count = n,
		.board = m->board,
		.channel_fd = b->channel_fd,
		.keeper_fd = b->links->keeper_fd,
		.dialer_fd = b->links->dialer_fd,
		.access_fd = m->logs.to[SP_IPC_LOG_ACCESS],
		.sandbox = &b->sandbox,
	};
	enum sp_worker_exit code = sp_worker_run(&env);

	free(sockets);
	exit(code);
}

/* The keeper alone inherits the key files. */
_Noreturn static void be_keeper(struct birth *b)
{
	const struct sp_conf *conf = b->slot->edition->conf;
	struct sp_role_env env = {
		.conf = conf, .workers = b->m->workers, .channel_fd = b->channel_fd, .sandbox = &b->sandbox
	};
	int *keep = calloc(conf->cert_count + 3, sizeof(*keep));
	size_t kept = 0;

	if (keep == NULL)
		_exit(SP_ROLE_CANNOT_START);
	for (size_t i = 0; i < conf->cert_count; i++)
		keep[kept++] = conf->certs[i]->key_fd;
	settle_in(b, keep, kept);
	free(keep);
	exit(sp_keeper_run(&env));
}

_Noreturn static void be_dialer(struct birth *b)
{
	struct sp_role_env env = {
		.conf = b->slot->edition->conf,
		.board = b->m->board,
		.workers = b->m->workers,
		.channel_fd = b->channel_fd,
		.sandbox = &b->sandbox,
	};
	int keep[2];

	settle_in(b, keep, 0);
	exit(sp_dialer_run(&env));
}

_Noreturn static void be_monitor(struct birth *b)
{
	const struct sp_master *m = b->m;
	struct sp_monitor_env env = {
		.conf = b->slot->edition->conf,
		.board = m->board,
		.user = m->ids.must_change ? m->ids.of[SP_ROLE_WORKER].uid : geteuid(),
		.old_bans = { m->logs.old_bans[0], m->logs.old_bans[1] },
		.bans_fd = m->logs.to[SP_IPC_LOG_BANS],
		.channel_fd = b->channel_fd,
		.sandbox = &b->sandbox,
	};
	int keep[5] = { env.old_bans[0], env.old_bans[1], env.bans_fd };

	settle_in(b, keep, 3);
	exit(sp_monitor_run(&env));
}

_Noreturn static void be_logger(struct birth *b)
{
	const struct sp_logs *logs = &b->m->logs;
	struct sp_logger_env env = { .channel_fd = b->channel_fd, .sandbox = &b->sandbox };
	int keep[2 * SP_IPC_LOG_COUNT + 2];
	size_t kept = 0;

	for (unsigned which = 0; which < SP_IPC_LOG_COUNT; which++) {
		keep[kept++] = env.pipes[which] = logs->from[which];
		keep[kept++] = env.sinks[which] = logs->fds[which];
	}
	settle_in(b, keep, kept);
	exit(sp_logger_run(&env));
}

_Noreturn static void be(struct birth *b)
{
	if (b->slot->role == SP_IPC_WORKER)
		be_worker(b);
	sp_tls_tickets_forget(); /* the workers' alone */
	if (b->slot->role == SP_IPC_KEEPER)
		be_keeper(b);
	if (b->slot->role == SP_IPC_DIALER)
		be_dialer(b);
	if (b->slot->role == SP_IPC_MONITOR)
		be_monitor(b);
	be_logger(b);
}

pid_t sp_spawn(struct sp_slot *slot, const struct sp_links *links, int *channel_fd, struct sp_err *err)
{
	struct birth b = { .m = slot->master, .slot = slot, .links = links, .parent = getpid() };
	int fds[2];
	pid_t pid;

	if (!sp_ipc_pair(fds, err))
		return -1;
	b.channel_fd = fds[1];
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		be(&b);
	close(fds[1]);
	if (pid < 0) {
		sp_err_set(err, "cannot fork: %s", strerror(errno));
		close(fds[0]);
		return -1;
	}
	*channel_fd = fds[0];
	return pid;
}
