/* Lines on their way to a file: full disks, stuck readers, files that change; and the logger as a process. */
#include "t.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../../../src/role/logger/sink.h"
#include "sp/base/check.h"
#include "sp/base/log.h"
#include "sp/role/logger.h"

static char got[4 << 20];

static size_t read_all(int fd)
{
	size_t n = 0;
	ssize_t more;

	while ((more = pread(fd, got + n, sizeof(got) - 1 - n, (off_t)n)) > 0)
		n += (size_t)more;
	got[n] = '\0';
	return n;
}

static int new_file(void)
{
	char path[] = "/tmp/test_logger.XXXXXX";
	int fd = mkostemp(path, O_APPEND);

	assert_true(fd >= 0);
	unlink(path);
	return fd;
}

static void set_file_limit(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void put_text(struct sp_sink *sink, const char *text)
{
	assert_int_equal(sp_sink_put(sink, text, strlen(text)), strlen(text));
}

/* The disk takes a line and a half, then nothing; with room again, one broken line stands alone. */
static void test_half_written(void **state)
{
	static const struct {
		const char *name, *pieces[5], *file;
		uint64_t dropped;
	} rows[] = {
		{ "a whole line fits", { "aaaa\nbbbb\n", "cc\n" }, "aaaa\ncc\n", 1 },
		{ "a line and a half", { "aa\nbbbb\ncccc\n", "dd\n" }, "aa\nbb\ndd\n", 2 },
		{ "the rest comes later", { "aaaa\nbb", "bb\ncc\n", "dd\n" }, "aaaa\ncc\ndd\n", 1 },
		{ "the rest comes twice", { "aaaa\nb", "b", "b\ncc\n" }, "aaaa\ncc\n", 1 },
		{ "half a line was there", { "aaaab", "cc", "c\ndd\n" }, "aaaab\ndd\n", 1 },
	};

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		struct sp_sink sink = { .fd = -1 };
		int fd = new_file();

		print_message("  %s\n", rows[i].name);
		sp_sink_open(&sink, fd);
		set_file_limit(5);
		put_text(&sink, rows[i].pieces[0]);
		if (i == 4)
			put_text(&sink, rows[i].pieces[1]);
		set_file_limit(RLIM_INFINITY);
		for (size_t k = i == 4 ? 2 : 1; rows[i].pieces[k] != NULL; k++)
			put_text(&sink, rows[i].pieces[k]);
		read_all(fd);
		assert_string_equal(got, rows[i].file);
		assert_int_equal(sink.dropped, rows[i].dropped);
		close(fd);
	}
}

static void test_full(void **state)
{
	struct sp_sink sink = { .fd = -1 };
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	sp_sink_open(&sink, fd);
	for (unsigned i = 1; i <= 10; i++) {
		put_text(&sink, "a\nb\nc\n");
		assert_int_equal(sink.dropped, 3 * i);
		assert_int_equal(sink.error, ENOSPC);
	}
	close(fd);
}

/* A reader that does not read stops it without a wait, and one that has left costs lines. */
static void test_stuck(void **state)
{
	static char much[1 << 20];

	(void)state;
	memset(much, '\n', sizeof(much));
	for (int kind = 0; kind < 2; kind++) {
		struct sp_sink sink = { .fd = -1 };
		size_t taken;
		int fds[2];

		assert_int_equal(kind == 0 ? pipe(fds) : socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
		sp_sink_open(&sink, fds[1]);
		taken = sp_sink_put(&sink, much, sizeof(much));
		assert_in_range(taken, 4096, sizeof(much) - 1);
		assert_int_equal(sp_sink_put(&sink, much, sizeof(much)), 0);
		assert_int_equal(sink.dropped, 0);
		assert_true(read(fds[0], got, 65536) > 0);
		assert_int_not_equal(sp_sink_put(&sink, much, sizeof(much)), 0);
		close(fds[0]);
		assert_int_equal(sp_sink_put(&sink, much, 10), 10);
		assert_int_equal(sink.dropped, 10);
		close(fds[1]);
	}
}

/* ---- the process ---- */

struct bed {
	pid_t pid;
	int master, access, error; /* the writing ends of the pipes */
	int files[SP_IPC_LOG_COUNT];
};

static struct bed start_logger(int access_file)
{
	struct bed bed = { .files = { access_file, new_file() } };
	struct sp_ipc_message m;
	struct sp_err err = { "" };
	int fds[2], access[2], error[2];

	assert_true(sp_ipc_pair(fds, &err));
	assert_int_equal(pipe2(access, O_NONBLOCK | O_CLOEXEC), 0);
	assert_int_equal(pipe2(error, O_NONBLOCK | O_CLOEXEC), 0);
	bed.pid = fork();
	if (bed.pid == 0) {
		struct sp_logger_env env = { .channel_fd = fds[1],
					     .pipes = { access[0], error[0], -1 },
					     .sinks = { bed.files[0], bed.files[1], -1 } };

		(void)close(fds[0]);
		sp_log_to(error[1]);
		exit(sp_logger_run(&env));
	}
	close(fds[1]);
	close(access[0]);
	close(error[0]);
	bed.master = fds[0];
	bed.access = access[1];
	bed.error = error[1];
	for (int i = 0; i < 5000 && sp_ipc_recv(bed.master, SP_IPC_LOGGER, SP_IPC_MASTER, &m) == SP_IPC_AGAIN; i++)
		usleep(1000);
	assert_int_equal(m.type, SP_IPC_READY);
	return bed;
}

static void write_text(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void order(const struct bed *bed, enum sp_ipc_type type, enum sp_ipc_log which, int fd)
{
	const struct sp_ipc_message m = { .type = type, .body.log.which = which, .fd = fd };

	assert_int_equal(sp_ipc_send(bed->master, SP_IPC_MASTER, SP_IPC_LOGGER, &m), SP_IPC_DONE);
}

static int end_logger(struct bed *bed)
{
	int status = 0;

	assert_int_equal(waitpid(bed->pid, &status, 0), bed->pid);
	close(bed->master);
	close(bed->access);
	close(bed->error);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Each line once and in order: in the old file what was written before the change, the rest in the new one. */
static void test_reopen(void **state)
{
	struct bed bed = start_logger(new_file());
	const int old = bed.files[0], fresh = new_file();

	(void)state;
	write_text(bed.access, "one\ntwo\n");
	write_text(bed.error, "wrong\n");
	order(&bed, SP_IPC_LOG, SP_IPC_LOG_ACCESS, fresh);
	order(&bed, SP_IPC_LOG, 77, fresh);
	for (int i = 0; i < 5000 && read_all(old) < 8; i++)
		usleep(1000);
	usleep(50000);
	write_text(bed.access, "three\n");
	order(&bed, SP_IPC_STOP, 0, -1);
	assert_int_equal(end_logger(&bed), SP_ROLE_DONE);
	read_all(old);
	assert_string_equal(got, "one\ntwo\n");
	read_all(fresh);
	assert_string_equal(got, "three\n");
	read_all(bed.files[1]);
	assert_memory_equal(got, "wrong\n", 6);
	assert_non_null(strstr(got, "event=log_reopened"));
	close(old);
	close(fresh);
	close(bed.files[1]);
}

/* The master is gone: what the pipes hold is written before it goes too. */
static void test_orphan(void **state)
{
	struct bed bed = start_logger(new_file());

	(void)state;
	for (int i = 0; i < 800; i++)
		write_text(bed.access, "0123456789012345678901234567890123456789012345678901234567890123456789\n");
	close(bed.master);
	bed.master = dup(bed.access);
	assert_int_equal(end_logger(&bed), SP_ROLE_ORPHAN);
	assert_int_equal(read_all(bed.files[0]), 56800);
	close(bed.files[0]);
	close(bed.files[1]);
}

/* A stuck sink of one log does not hold up the other, and a full one is told of there. */
static void test_apart(void **state)
{
	char line[1001];
	int fds[2];
	struct bed bed;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	bed = start_logger(fds[1]);
	memset(line, 'x', 1000);
	line[999] = '\n';
	for (int i = 0; i < 20000; i++)
		if (write(bed.access, line, 1000) != 1000)
			usleep(10);
	write_text(bed.error, "not stuck\n");
	for (int i = 0; i < 5000 && read_all(bed.files[1]) == 0; i++)
		usleep(1000);
	assert_string_equal(got, "not stuck\n");
	order(&bed, SP_IPC_LOG, SP_IPC_LOG_ACCESS, open("/dev/full", O_WRONLY | O_CLOEXEC));
	for (int i = 0; i < 5000 && strstr(got, "log_lines_dropped") == NULL; i++) {
		usleep(1000);
		read_all(bed.files[1]);
	}
	assert_non_null(strstr(got, "log=access lines="));
	assert_non_null(strstr(got, "why=ENOSPC"));
	order(&bed, SP_IPC_STOP, 0, -1);
	assert_int_equal(end_logger(&bed), SP_ROLE_DONE);
	close(fds[0]);
	close(fds[1]);
	close(bed.files[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_half_written), cmocka_unit_test(test_full),   cmocka_unit_test(test_stuck),
		cmocka_unit_test(test_reopen),       cmocka_unit_test(test_orphan), cmocka_unit_test(test_apart),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("role/logger", tests, NULL, NULL);
}
