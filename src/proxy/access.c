#include "access.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "access_line.h"
#include "sp/base/check.h"
#include "sp/base/clock.h"
#include "sp/base/log.h"
#include "sp/net/deadline.h"

/*
 * Waiting bytes are [from, to), whole lines always. What goes out in one call
 * are whole lines too, at most as much as a pipe takes whole or not at all, so
 * that lines of workers that share it do not mix. While the pipe takes nothing
 * the buffer fills; then new lines are dropped. An error drops all that waits.
 */
enum {
	BUFFER = 256 * 1024, /* touched only as far as a turn fills it */
	PIECE = 4096, /* PIPE_BUF */
	RETRY_US = 1000, /* after "nothing now": not at each turn of a busy loop */
	RETRY_MS = 10, /* and of an idle one */
	WARN_MS = 60 * 1000,
};

struct sp_access {
	const struct sp_conf_log *conf; /* borrowed */
	int fd; /* borrowed: a pipe, non-blocking; -1 = none */
	bool is_off;
	bool is_stalled;
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

/* As many whole lines as go out in one piece. */
static size_t piece_length(const struct sp_access *access)
{
	size_t waiting = access->to - access->from;
	const char *from = access->bytes + access->from, *end;

	if (waiting <= PIECE)
		return waiting;
	end = memrchr(from, '\n', PIECE);
	SP_ASSERT(end != NULL); /* no line is longer */
	return (size_t)(end - from) + 1;
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

static void drop_all(struct sp_access *access, int why)
{
	uint64_t lines = 0;

	for (size_t i = access->from; i < access->to; i++)
		lines += access->bytes[i] == '\n';
	access->from = access->to = 0;
	count_dropped(access, lines, why);
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
		ssize_t put = write(access->fd, access->bytes + access->from, piece_length(access));

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0 && errno == EAGAIN) {
			note_stall(access);
			return;
		}
		if (put <= 0) {
			drop_all(access, put < 0 ? errno : EIO);
			return;
		}
		access->from += (size_t)put;
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

static bool make_room(struct sp_access *access)
{
	if (BUFFER - access->to >= SP_ACCESS_LINE_MAX)
		return true;
	flush(access);
	if (access->from > 0) {
		memmove(access->bytes, access->bytes + access->from, access->to - access->from);
		access->to -= access->from;
		access->from = 0;
	}
	return BUFFER - access->to >= SP_ACCESS_LINE_MAX;
}

/* ---- the outside ---- */

void sp_access_write(struct sp_access *access, const struct sp_access_record *record)
{
	if (access->fd < 0 || access->is_off)
		return;
	if (!make_room(access)) {
		count_dropped(access, 1, EAGAIN);
		return;
	}
	access->to += sp_access_line(access->bytes + access->to, access->conf, record, &access->time);
}

void sp_access_set_conf(struct sp_access *access, const struct sp_conf_log *conf)
{
	access->conf = conf;
	access->is_off = sp_str_eq(conf->access, SP_STR("off"));
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
	sp_access_set_conf(access, conf);
	access->fd = fd;
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
	write_out(access);
	drop_all(access, EAGAIN);
	sp_deadline_clear(&access->retry);
	sp_loop_off_flush(&access->flush);
	free(access);
}
