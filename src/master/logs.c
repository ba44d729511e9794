#include "logs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sp/base/log.h"
#include "takeover.h"

#define PIPE_BYTES (1 << 20)
#define JOURNAL_LONG (1 << 20) /* bytes from which the journal of bans is begun anew */

static struct sp_str place_of(const struct sp_conf *conf, enum sp_ipc_log which)
{
	switch (which) {
	case SP_IPC_LOG_ACCESS: return conf->log.access;
	case SP_IPC_LOG_BANS: return conf->gateway.ban_journal;
	default: return conf->log.error;
	}
}

bool sp_logs_is_file(const struct sp_conf *conf, enum sp_ipc_log which)
{
	return sp_str_starts(place_of(conf, which), SP_STR("/"));
}

static bool refuse(const struct sp_conf *conf, enum sp_ipc_log which, const char *why, struct sp_err *err)
{
	const char *key = which == SP_IPC_LOG_ACCESS ? "access" : "error";
	struct sp_conf_at at = sp_conf_at(&conf->log.section, key);
	struct sp_str place = place_of(conf, which);

	return sp_err_set(err, "%s:%d: error: %s = %.*s: %s", at.file != NULL ? at.file : conf->main_file, at.line, key,
			  SP_STR_ARG(place), why);
}

/* Appended to, never followed: whoever can write into the directory must not choose another file of ours. */
static int open_file(const struct sp_conf *conf, enum sp_ipc_log which, struct sp_err *err)
{
	struct sp_str place = place_of(conf, which);
	char path[4096];
	struct stat st;
	int fd;

	if (place.n >= sizeof(path)) {
		(void)refuse(conf, which, "the path is too long", err);
		return -1;
	}
	memcpy(path, place.p, place.n);
	path[place.n] = '\0';
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0640);
	if (fd < 0) {
		(void)refuse(conf, which, errno == ELOOP ? "a symbolic link is not followed" : strerror(errno), err);
		return -1;
	}
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		(void)refuse(conf, which, "not a regular file", err);
		close(fd);
		return -1;
	}
	return fd;
}

/* ---- the journal of bans */

static bool wants_bans_kept(const struct sp_conf *conf)
{
	for (size_t i = 0; i < conf->limit_count; i++)
		if (conf->limits[i].ban > 0)
			return true;
	return sp_conf_at(&conf->gateway.section, "state_dir").file != NULL;
}

/* Without it bans last as long as this process: said where somebody counts on more. */
static int open_journal(const struct sp_conf *conf)
{
	struct sp_err err = { .text = "" };
	int fd = open_file(conf, SP_IPC_LOG_BANS, &err);

	if (fd >= 0)
		return fd;
	if (wants_bans_kept(conf))
		sp_warn("no_ban_journal", SP_KV_STR("state_dir", conf->gateway.state_dir), SP_KV_TEXT("why", err.text));
	return -1;
}

static int open_old(const char *path, off_t *size)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	*size = 0;
	if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
		(void)close(fd);
		return -1;
	}
	if (fd >= 0)
		*size = st.st_size;
	return fd;
}

/* Every start writes what still holds once more, so of a long journal only the last part is kept beside it. */
static void open_old_bans(struct sp_logs *logs, const struct sp_conf *conf)
{
	char path[4096], older[4104];
	off_t size, older_size;

	if (conf->gateway.ban_journal.n >= sizeof(path))
		return;
	(void)snprintf(path, sizeof(path), "%.*s", SP_STR_ARG(conf->gateway.ban_journal));
	(void)snprintf(older, sizeof(older), "%s.old", path);
	logs->old_bans[0] = open_old(older, &older_size);
	logs->old_bans[1] = open_old(path, &size);
	if (size > JOURNAL_LONG)
		(void)rename(path, older);
}

static int open_log(const struct sp_conf *conf, enum sp_ipc_log which, struct sp_err *err)
{
	struct sp_str place = place_of(conf, which);
	int fd;

	if (sp_logs_is_file(conf, which))
		return open_file(conf, which, err);
	if (sp_str_eq(place, SP_STR("stdout")))
		return STDOUT_FILENO;
	if (sp_str_eq(place, SP_STR("stderr")))
		return STDERR_FILENO;
	/* Off, which a reload may change: nobody writes until then. */
	fd = open("/dev/null", O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		(void)refuse(conf, which, strerror(errno), err);
	return fd;
}

/* Nobody ever waits for the logger: a full pipe takes nothing, and who writes counts. */
static bool open_pipe(struct sp_logs *logs, enum sp_ipc_log which, struct sp_err *err)
{
	int ends[2];

	logs->from[which] = sp_takeover_pipe(which, false);
	logs->to[which] = sp_takeover_pipe(which, true);
	if (logs->from[which] >= 0 && logs->to[which] >= 0)
		return true; /* the program before has left lines in it, and its workers write more */
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		return sp_err_set(err, "cannot make a pipe for a log: %s", strerror(errno));
	(void)fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES); /* the more the better; a user may have used up his share */
	if (logs->from[which] >= 0)
		close(logs->from[which]);
	if (logs->to[which] >= 0)
		close(logs->to[which]);
	logs->from[which] = ends[0];
	logs->to[which] = ends[1];
	return true;
}

void sp_logs_use_pipe(const struct sp_logs *logs)
{
	sp_log_to(logs->to[SP_IPC_LOG_ERROR]);
}

void sp_logs_write_rest(const struct sp_logs *logs)
{
	struct pollfd to = { .fd = logs->fds[SP_IPC_LOG_ERROR], .events = POLLOUT };
	char bytes[PIPE_BUF]; /* a pipe that is ready takes as much at once */
	ssize_t n;

	if (logs->from[SP_IPC_LOG_ERROR] < 0)
		return;
	while (poll(&to, 1, 0) == 1 && (n = read(logs->from[SP_IPC_LOG_ERROR], bytes, sizeof(bytes))) > 0)
		if (write(to.fd, bytes, (size_t)n) != n)
			return;
}

void sp_logs_use_file(const struct sp_logs *logs)
{
	sp_log_to(logs->fds[SP_IPC_LOG_ERROR]);
}

bool sp_logs_open(struct sp_logs *logs, const struct sp_conf *conf, struct sp_err *err)
{
	for (int i = 0; i < SP_IPC_LOG_COUNT; i++)
		logs->from[i] = logs->to[i] = logs->fds[i] = -1;
	logs->old_bans[0] = logs->old_bans[1] = -1;
	logs->fds[SP_IPC_LOG_ERROR] = STDERR_FILENO;
	logs->fds[SP_IPC_LOG_ACCESS] = open_log(conf, SP_IPC_LOG_ACCESS, err);
	if (logs->fds[SP_IPC_LOG_ACCESS] < 0)
		return false;
	logs->fds[SP_IPC_LOG_ERROR] = open_log(conf, SP_IPC_LOG_ERROR, err);
	if (logs->fds[SP_IPC_LOG_ERROR] < 0) {
		sp_logs_close(logs);
		return false;
	}
	sp_log_level(conf->log.level);
	sp_logs_use_file(logs);
	open_old_bans(logs, conf);
	logs->fds[SP_IPC_LOG_BANS] = open_journal(conf);
	return (logs->fds[SP_IPC_LOG_BANS] < 0 || open_pipe(logs, SP_IPC_LOG_BANS, err)) && open_pipe(logs, SP_IPC_LOG_ACCESS, err) && open_pipe(logs, SP_IPC_LOG_ERROR, err);
}

bool sp_logs_reopen(struct sp_logs *logs, const struct sp_conf *conf, enum sp_ipc_log which, struct sp_err *err)
{
	int fd;

	if (!sp_logs_is_file(conf, which) || logs->fds[which] < 0)
		return true;
	fd = open_file(conf, which, err);
	if (fd < 0)
		return false;
	close(logs->fds[which]);
	logs->fds[which] = fd;
	return true;
}

bool sp_logs_prepare(struct sp_logs_next *next, const struct sp_conf *was, const struct sp_conf *is, struct sp_err *err)
{
	for (unsigned which = 0; which < SP_IPC_LOG_COUNT; which++) {
		next->fds[which] = -1;
		next->is_new[which] = !sp_str_eq(place_of(was, which), place_of(is, which));
		if (!next->is_new[which])
			continue;
		next->fds[which] = open_log(is, which, err);
		if (next->fds[which] >= 0)
			continue;
		sp_logs_abandon(next);
		return false;
	}
	return true;
}

void sp_logs_abandon(struct sp_logs_next *next)
{
	for (unsigned which = 0; which < SP_IPC_LOG_COUNT; which++) {
		if (next->is_new[which] && next->fds[which] > STDERR_FILENO)
			close(next->fds[which]);
		next->is_new[which] = false;
	}
}

void sp_logs_take(struct sp_logs *logs, const struct sp_logs_next *next, enum sp_ipc_log which)
{
	if (logs->fds[which] > STDERR_FILENO)
		close(logs->fds[which]);
	logs->fds[which] = next->fds[which];
}

void sp_logs_close(struct sp_logs *logs)
{
	sp_log_to(STDERR_FILENO);
	for (int i = 0; i < SP_IPC_LOG_COUNT; i++) {
		if (logs->fds[i] > STDERR_FILENO)
			close(logs->fds[i]);
		if (logs->to[i] > STDERR_FILENO)
			close(logs->to[i]);
		if (logs->from[i] > STDERR_FILENO)
			close(logs->from[i]);
		logs->fds[i] = logs->to[i] = logs->from[i] = -1;
	}
	for (int i = 0; i < 2; i++) {
		if (logs->old_bans[i] >= 0)
			close(logs->old_bans[i]);
		logs->old_bans[i] = -1;
	}
}
