#include "sp/role/logger.h"

#include <errno.h>
#include <unistd.h>

#include "sink.h"
#include "sp/base/check.h"
#include "sp/base/clock.h"
#include "sp/base/log.h"
#include "sp/net/deadline.h"

enum {
	BUFFER = 64 * 1024, /* lost, when the logger is killed */
	RETRY_MS = 10,
	QUIET_MS = 10000, /* between two lines about dropped ones */
	DRAIN_MOST = 4 << 20, /* when a file changes: more than a pipe holds */
};

struct logger;

struct stream { /* one log */
	struct logger *logger;
	const char *name;
	int pipe; /* owned; -1: off */
	struct sp_sink sink;
	struct event readable;
	struct sp_deadline retry; /* set: the sink takes nothing now, and the pipe is left alone */
	uint64_t told, told_ms; /* dropped lines that were told of */
	size_t from, to;
	char bytes[BUFFER];
};

struct logger {
	struct sp_loop *loop;
	struct sp_deadline_list *retries;
	struct sp_channel master;
	struct stream streams[SP_IPC_LOG_COUNT];
	bool is_orphan;
};

/* For who asks how many; a master that does not read is told with the next. */
static void tell_master(struct logger *logger)
{
	struct sp_ipc_message m = { .type = SP_IPC_DROPPED, .fd = -1 };

	for (unsigned which = 0; which < SP_IPC_LOG_COUNT; which++)
		m.body.dropped.lines[which] = logger->streams[which].sink.dropped;
	(void)!sp_channel_send(&logger->master, &m);
}

/* Its own lines go through the pipe like all others. */
static void tell_dropped(struct stream *s)
{
	if (s->sink.dropped == s->told || (s->told_ms != 0 && sp_now_ms() - s->told_ms < QUIET_MS))
		return;
	s->told = s->sink.dropped;
	s->told_ms = sp_now_ms();
	tell_master(s->logger);
	sp_warn("log_lines_dropped", SP_KV_TEXT("log", s->name), SP_KV_U64("lines", s->sink.dropped),
		SP_KV_ERRNO("why", s->sink.error));
}

/* true: the buffer is empty. */
static bool put(struct stream *s)
{
	s->from += sp_sink_put(&s->sink, s->bytes + s->from, s->to - s->from);
	tell_dropped(s);
	if (s->from < s->to)
		return false;
	s->from = s->to = 0;
	return true;
}

/* false: the pipe is empty. */
static bool take(struct stream *s)
{
	ssize_t n;

	do
		n = read(s->pipe, s->bytes, sizeof(s->bytes));
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return false;
	s->to = (size_t)n;
	return true;
}

static void on_retry(struct sp_deadline *deadline);

static void go_on(struct stream *s)
{
	if (put(s)) {
		SP_ASSERT(event_add(&s->readable, NULL) == 0);
		return;
	}
	(void)event_del(&s->readable);
	sp_deadline_set(&s->retry, s->logger->retries, on_retry);
}

static void on_retry(struct sp_deadline *deadline)
{
	go_on(SP_HOLDER(deadline, struct stream, retry));
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct stream *s = arg;

	(void)fd, (void)what;
	sp_loop_woke(s->logger->loop);
	if (take(s))
		go_on(s);
}

/* Whatever is in the pipe now, as far as the sink takes it. */
static void drain(struct stream *s)
{
	size_t drained = 0;

	if (s->pipe < 0)
		return;
	while (put(s) && drained < DRAIN_MOST && take(s))
		drained += s->to;
}

/* What was written before the change goes to the old file. */
static void change_sink(struct stream *s, int fd)
{
	drain(s);
	if (s->sink.fd > STDERR_FILENO)
		(void)close(s->sink.fd);
	sp_sink_open(&s->sink, fd);
	sp_info("log_reopened", SP_KV_TEXT("log", s->name));
}

static void on_message(struct sp_channel *ch, struct sp_ipc_message *m)
{
	struct logger *logger = SP_HOLDER(ch, struct logger, master);

	if (m->type == SP_IPC_STOP) {
		sp_loop_stop(logger->loop);
	} else if (m->type == SP_IPC_LOG && m->body.log.which < SP_IPC_LOG_COUNT &&
		   logger->streams[m->body.log.which].pipe >= 0) {
		change_sink(&logger->streams[m->body.log.which], m->fd);
		m->fd = -1;
	}
}

static void on_master_gone(struct sp_channel *ch, enum sp_ipc_rc why)
{
	struct logger *logger = SP_HOLDER(ch, struct logger, master);

	(void)why;
	logger->is_orphan = true;
	sp_loop_stop(logger->loop);
}

static bool open_stream(struct logger *logger, const struct sp_logger_env *env, enum sp_ipc_log which)
{
	static const char *const names[SP_IPC_LOG_COUNT] = { "access", "error", "bans" };
	struct stream *s = &logger->streams[which];

	s->logger = logger;
	s->name = names[which];
	s->pipe = env->pipes[which];
	sp_deadline_init(&s->retry);
	if (s->pipe < 0)
		return true;
	sp_sink_open(&s->sink, env->sinks[which]);
	return event_assign(&s->readable, sp_loop_base(logger->loop), s->pipe, EV_READ | EV_PERSIST, on_readable, s) ==
		       0 &&
	       event_add(&s->readable, NULL) == 0;
}

static bool start(struct logger *logger, const struct sp_logger_env *env, struct sp_err *err)
{
	const struct sp_ipc_message ready = { .type = SP_IPC_READY, .fd = -1 };

	logger->loop = sp_loop_new(err);
	if (logger->loop == NULL)
		return false;
	logger->retries = sp_loop_deadlines(logger->loop, RETRY_MS);
	if (logger->retries == NULL)
		return sp_err_set(err, "no memory for a deadline");
	for (unsigned which = 0; which < SP_IPC_LOG_COUNT; which++)
		if (!open_stream(logger, env, which))
			return sp_err_set(err, "cannot wait for lines");
	logger->master.on_message = on_message;
	logger->master.on_end = on_master_gone;
	sp_channel_open(&logger->master, logger->loop, env->channel_fd, SP_IPC_LOGGER, SP_IPC_MASTER);
	if (!sp_sandbox_finish(env->sandbox, err))
		return false;
	return sp_channel_send(&logger->master, &ready) == SP_IPC_DONE || sp_err_set(err, "the master is gone");
}

static void finish(struct logger *logger)
{
	for (unsigned which = 0; which < SP_IPC_LOG_COUNT; which++) {
		struct stream *s = &logger->streams[which];

		if (s->pipe < 0)
			continue;
		drain(s);
		sp_deadline_clear(&s->retry);
		(void)event_del(&s->readable);
		(void)close(s->pipe);
	}
	sp_channel_close(&logger->master);
	sp_loop_free(logger->loop);
}

enum sp_role_exit sp_logger_run(const struct sp_logger_env *env)
{
	static struct logger logger; /* two buffers that the stack need not hold */
	struct sp_err err = { .text = "" };

	sp_log_as("logger");
	sp_clock_tick();
	if (!start(&logger, env, &err)) {
		sp_error("logger_cannot_start", SP_KV_TEXT("why", err.text));
		return SP_ROLE_CANNOT_START;
	}
	sp_loop_run(logger.loop);
	finish(&logger);
	return logger.is_orphan ? SP_ROLE_ORPHAN : SP_ROLE_DONE;
}
