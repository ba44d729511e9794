#include "access.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "access_line.h"
#include "sp/base/clock.h"
#include "sp/base/log.h"
#include "sp/net/deadline.h"

/*
 * Waiting bytes are [from, to). They begin with a whole line unless is_mid (the
 * descriptor took a part of one), and always end with one. What goes out in one
 * call are whole lines, so that lines of workers that share a descriptor do not
 * mix. While the descriptor takes nothing the buffer fills; then new lines are
 * dropped. An error drops all that waits; if it came in the middle of a line,
 * the next one begins with a newline (is_torn), so at most that one is broken.
 */
enum {
	BUFFER = 256 * 1024, /* touched only as far as a turn fills it */
	PIECE = 4096, /* PIPE_BUF */
	FILE_PIECE = 64 * 1024,
	RETRY_US = 1000, /* after "nothing now": not at each turn of a busy loop */
	RETRY_MS = 10, /* and of an idle one */
	WARN_MS = 60 * 1000,
};

enum sink { SINK_FILE, SINK_PIPE, SINK_SOCKET };

struct sp_access {
	const struct sp_conf_log *conf; /* borrowed */
	int fd; /* borrowed; -1 = off */
	enum sink sink;
	bool is_mid, is_torn;
	bool is_stalled;
	bool has_no_nowait; /* an older kernel, or a named pipe: poll instead */
	uint64_t stalled_us; /* when it last took nothing */
	uint64_t warned_ms;
	uint64_t dropped;
	struct sp_access_time time;
	struct sp_flush flush;
	struct sp_deadline retry;
	struct sp_deadline_list *retries; /* borrowed from the loop */
	size_t from, to;
	char bytes[BUFFER];
};

/* ---- one write ---- */

/* A pipe may be shared with others, so it cannot be made non-blocking, and poll tells of room that another worker may
 * take first; RWF_NOWAIT has no such gap. */
static ssize_t write_pipe(struct sp_access *access, const char *bytes, size_t n)
{
	struct iovec v = { (void *)(uintptr_t)bytes, n };
	struct pollfd poll_fd = { .fd = access->fd, .events = POLLOUT };
	ssize_t put;

	if (!access->has_no_nowait) {
		put = pwritev2(access->fd, &v, 1, -1, RWF_NOWAIT);
		if (put >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS))
			return put;
		access->has_no_nowait = true;
	}
	if (poll(&poll_fd, 1, 0) == 0) {
		errno = EAGAIN;
		return -1;
	}
	return write(access->fd, bytes, n);
}

static ssize_t write_piece(struct sp_access *access, const char *bytes, size_t n)
{
	switch (access->sink) {
	case SINK_PIPE: return write_pipe(access, bytes, n);
	case SINK_SOCKET: return send(access->fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	case SINK_FILE: break;
	}
	return write(access->fd, bytes, n);
}

/* As many whole lines as go out in one piece. */
static size_t piece_length(const struct sp_access *access)
{
	size_t most = access->sink == SINK_FILE ? FILE_PIECE : PIECE, waiting = access->to - access->from;
	const char *from = access->bytes + access->from, *end;

	if (waiting <= most)
		return waiting;
	end = memrchr(from, '\n', most);
	return end != NULL ? (size_t)(end - from) + 1 : most;
}

/* ---- what cannot go out ---- */

static void count_dropped(struct sp_access *access, uint64_t lines, int why)
{
	access->dropped += lines;
	if (lines == 0 || (access->warned_ms != 0 && sp_now_ms() - access->warned_ms < WARN_MS))
		return;
	access->warned_ms = sp_now_ms();
	sp_warn("access_log_dropping", SP_KV_U64("dropped", access->dropped), SP_KV_ERRNO("why", why));
}

/* An empty line is the newline that repairs a torn one, and none of ours. */
static uint64_t count_lines(const struct sp_access *access)
{
	uint64_t lines = 0;

	for (size_t i = access->from, last = i; i < access->to; i++) {
		if (access->bytes[i] != '\n')
			continue;
		lines += i > last || access->is_mid;
		last = i + 1;
	}
	return lines;
}

static void drop_all(struct sp_access *access, int why)
{
	uint64_t lines = count_lines(access);

	access->is_torn = access->is_torn || access->is_mid;
	access->is_mid = false;
	access->from = access->to = 0;
	count_dropped(access, lines, why);
}

/* The rest of a line whose beginning went elsewhere. */
static void drop_half_line(struct sp_access *access)
{
	const char *end = memchr(access->bytes + access->from, '\n', access->to - access->from);

	if (!access->is_mid || end == NULL)
		return;
	access->from = (size_t)(end - access->bytes) + 1;
	access->is_mid = false;
	count_dropped(access, 1, EPIPE);
}

/* ---- flushing ---- */

static void on_retry(struct sp_deadline *deadline);

static void note_stall(struct sp_access *access)
{
	access->is_stalled = true;
	access->stalled_us = sp_now_us();
	sp_deadline_set(&access->retry, access->retries, on_retry);
}

static void write_out(struct sp_access *access)
{
	while (access->from < access->to) {
		ssize_t put = write_piece(access, access->bytes + access->from, piece_length(access));

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0 && (errno == EAGAIN || errno == ENOBUFS)) {
			note_stall(access);
			return;
		}
		if (put <= 0) {
			drop_all(access, put < 0 ? errno : ENOSPC);
			return;
		}
		access->from += (size_t)put;
		access->is_mid = access->bytes[access->from - 1] != '\n';
		access->is_torn = false;
	}
	access->from = access->to = 0;
}

static void flush(struct sp_access *access)
{
	if (access->from == access->to || (access->is_stalled && sp_now_us() - access->stalled_us < RETRY_US))
		return;
	access->is_stalled = false;
	write_out(access);
}

static void on_retry(struct sp_deadline *deadline)
{
	flush(SP_HOLDER(deadline, struct sp_access, retry));
}

static void on_flush(struct sp_flush *hook)
{
	flush(SP_HOLDER(hook, struct sp_access, flush));
}

/* Room for a line and the newline before it. */
static bool make_room(struct sp_access *access)
{
	if (BUFFER - access->to > SP_ACCESS_LINE_MAX)
		return true;
	flush(access);
	if (access->from > 0) {
		memmove(access->bytes, access->bytes + access->from, access->to - access->from);
		access->to -= access->from;
		access->from = 0;
	}
	return BUFFER - access->to > SP_ACCESS_LINE_MAX;
}

/* ---- the outside ---- */

void sp_access_write(struct sp_access *access, const struct sp_access_record *record)
{
	if (access->fd < 0)
		return;
	if (!make_room(access)) {
		count_dropped(access, 1, EAGAIN);
		return;
	}
	if (access->is_torn && access->to == 0)
		access->bytes[access->to++] = '\n';
	access->to += sp_access_line(access->bytes + access->to, access->conf, record, &access->time);
}

static enum sink sink_of(int fd)
{
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		return SINK_FILE;
	if (S_ISFIFO(st.st_mode))
		return SINK_PIPE;
	return S_ISSOCK(st.st_mode) ? SINK_SOCKET : SINK_FILE;
}

void sp_access_set_fd(struct sp_access *access, int fd)
{
	if (access->from < access->to && access->fd >= 0) {
		write_out(access);
		drop_half_line(access);
	}
	if (fd < 0)
		drop_all(access, EAGAIN);
	access->fd = fd;
	access->sink = sink_of(fd);
	access->is_torn = access->is_stalled = access->has_no_nowait = false;
}

void sp_access_set_conf(struct sp_access *access, const struct sp_conf_log *conf)
{
	access->conf = conf;
}

uint64_t sp_access_dropped(const struct sp_access *access)
{
	return access->dropped;
}

struct sp_access *sp_access_new(struct sp_loop *loop, const struct sp_conf_log *conf, int fd)
{
	struct sp_access *access = malloc(sizeof(*access));

	if (access == NULL)
		return NULL;
	memset(access, 0, offsetof(struct sp_access, bytes));
	access->conf = conf;
	access->fd = fd;
	access->sink = sink_of(fd);
	access->retries = sp_loop_deadlines(loop, RETRY_MS);
	if (access->retries == NULL) {
		free(access);
		return NULL;
	}
	sp_deadline_init(&access->retry);
	access->flush.run = on_flush;
	sp_loop_on_flush(loop, &access->flush);
	return access;
}

void sp_access_free(struct sp_access *access)
{
	if (access == NULL)
		return;
	sp_access_set_fd(access, -1);
	sp_deadline_clear(&access->retry);
	sp_loop_off_flush(&access->flush);
	free(access);
}
