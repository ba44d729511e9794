/*
 * What each role must still be able to do inside its sandbox, alone and below the master's. In a sanitizer build the
 * same without what it cannot bear.
 */
#include "t.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "escape_place.h"
#include "sp/base/clock.h"
#include "sp/net/deadline.h"

/* ---- what a role must still be able to do: 0, or the line that could not ---- */

#define MUST(cond)                                                                                                     \
	do {                                                                                                           \
		if (!(cond)) {                                                                                         \
			char text_[160];                                                                               \
			snprintf(text_, sizeof(text_), "line %d: %s (%s)", __LINE__, #cond, strerror(errno));          \
			say(report, text_);                                                                            \
			return FAILED;                                                                                 \
		}                                                                                                      \
	} while (0)

static int do_memory(int report)
{
	char *small = malloc(100), *big = malloc(1 << 22);

	MUST(small != NULL && big != NULL);
	memset(big, 1, 1 << 22);
	big = realloc(big, 1 << 24);
	MUST(big != NULL);
	free(big);
	free(small);
	return 0;
}

static int do_channel(int report)
{
	struct sp_ipc_message m = { .type = SP_IPC_LOG, .fd = here.pipe[1] };
	struct pollfd p = { .fd = here.channel[1], .events = POLLIN };

	MUST(sp_ipc_send(here.channel[0], SP_IPC_MASTER, SP_IPC_LOGGER, &m) == SP_IPC_DONE);
	MUST(poll(&p, 1, 1000) == 1);
	MUST(sp_ipc_recv(here.channel[1], SP_IPC_MASTER, SP_IPC_LOGGER, &m) == SP_IPC_DONE && m.fd >= 0);
	MUST(write(m.fd, "x", 1) == 1 && read(here.pipe[0], (char[1]){ 0 }, 1) == 1);
	MUST(close(m.fd) == 0);
	return 0;
}

static void on_deadline(struct sp_deadline *deadline)
{
	(void)deadline;
}

static int do_loop(int report)
{
	struct sp_deadline deadline;
	struct sp_deadline_list *list = sp_loop_deadlines(loop, 5);

	MUST(list != NULL);
	sp_deadline_init(&deadline);
	sp_deadline_set(&deadline, list, on_deadline);
	for (int i = 0; i < 100 && sp_deadline_is_set(&deadline); i++)
		sp_loop_turn(loop, true);
	MUST(!sp_deadline_is_set(&deadline));
	return 0;
}

/* What belongs to every child. */
static int do_common(int report)
{
	uint64_t random;
	int fd;

	if (do_memory(report) != 0 || do_channel(report) != 0 || do_loop(report) != 0)
		return FAILED;
	MUST(getrandom(&random, sizeof(random), 0) == sizeof(random));
	MUST(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &(struct timespec){ 0, 0 }) == 0);
	fd = fcntl(here.kit.tcp, F_DUPFD_CLOEXEC, 0);
	MUST(fd >= 0 && close(fd) == 0);
	return 0;
}

static int do_handshake(int report)
{
	SSL *server = SSL_new(here.server), *peer = SSL_new(here.peer);
	BIO *a, *b;
	bool is_done = false;

	MUST(server != NULL && peer != NULL && BIO_new_bio_pair(&a, 0, &b, 0) == 1);
	SSL_set_bio(server, a, a);
	SSL_set_bio(peer, b, b);
	SSL_set_accept_state(server);
	SSL_set_connect_state(peer);
	for (int i = 0; i < 20 && !is_done; i++) {
		int x = SSL_do_handshake(peer), y = SSL_do_handshake(server);

		is_done = x == 1 && y == 1;
	}
	MUST(is_done);
	MUST(SSL_write(server, "x", 1) == 1 && SSL_read(peer, (char[1]){ 0 }, 1) == 1);
	SSL_free(server);
	SSL_free(peer);
	return 0;
}

static int do_bundle(int report)
{
	off_t size = lseek(here.kit.bundle, 0, SEEK_END);
	void *p;

	MUST(size == 4096 && fcntl(here.kit.bundle, F_GET_SEALS) >= 0);
	p = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, here.kit.bundle, 0);
	MUST(p != MAP_FAILED && munmap(p, (size_t)size) == 0);
	p = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, here.kit.bundle, 0);
	MUST(p != MAP_FAILED && munmap(p, (size_t)size) == 0);
	return 0;
}

/* The client of the place waits once; who comes later finds nobody, which is an answer too. */
static int do_serve(int report)
{
	const struct linger cut = { .l_onoff = 1 };
	struct sockaddr_storage sa;
	socklen_t n = sizeof(sa);
	int error, fd;

	MUST(fcntl(here.listener, F_SETFL, O_RDWR | O_NONBLOCK) == 0);
	fd = accept4(here.listener, (struct sockaddr *)&sa, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
	MUST(fd >= 0 || errno == EAGAIN);
	if (fd < 0)
		return 0;
	n = sizeof(error);
	MUST(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) == 0);
	MUST(send(fd, "x", 1, MSG_NOSIGNAL) == 1);
	MUST(recv(fd, &(char[1]){ 0 }, 1, 0) < 0 && errno == EAGAIN);
	MUST(shutdown(fd, SHUT_WR) == 0);
	MUST(setsockopt(fd, SOL_SOCKET, SO_LINGER, &cut, sizeof(cut)) == 0 && close(fd) == 0);
	return 0;
}

static int do_worker(int report)
{
	struct iovec v = { (char[]){ "x" }, 1 };

	MUST(do_common(report) == 0 && do_handshake(report) == 0 && do_bundle(report) == 0 && do_serve(report) == 0);
	MUST(pwritev2(here.pipe[1], &v, 1, -1, RWF_NOWAIT) == 1 || errno == EOPNOTSUPP);
	MUST(SSL_CTX_set_default_verify_paths(here.peer) == 1); /* asks for files, politely */
	return 0;
}

static int do_monitor(int report)
{
	MUST(do_common(report) == 0 && do_handshake(report) == 0 && do_bundle(report) == 0 && do_serve(report) == 0);
	return 0;
}

static int do_keeper(int report)
{
	char byte;

	MUST(do_common(report) == 0 && do_handshake(report) == 0);
	MUST(mlock(here.kit.page, 4096) == 0 && madvise(here.kit.page, 4096, MADV_DONTDUMP) == 0);
	MUST(munlock(here.kit.page, 4096) == 0);
	MUST(lseek(here.kit.bundle, 0, SEEK_SET) == 0 && read(here.kit.bundle, &byte, 1) == 1);
	return 0;
}

static int do_dialer(int report)
{
	struct sockaddr_in to = escape_addr(here.allowed_port);
	int on = 1, fd;

	MUST(do_common(report) == 0 && do_bundle(report) == 0);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	MUST(fd >= 0);
	MUST(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0);
	MUST(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) == 0);
	MUST(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 || errno == EINPROGRESS);
	MUST(close(fd) == 0);
	fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP);
	MUST(fd >= 0 || errno == EAFNOSUPPORT);
	return 0;
}

static int do_logger(int report)
{
	const int flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	struct iovec v = { (char[]){ "x" }, 1 };
	struct stat st;
	int fd;

	MUST(do_common(report) == 0);
	MUST(pwritev2(here.pipe[1], &v, 1, -1, RWF_NOWAIT) == 1 || errno == EOPNOTSUPP);
	fd = openat(here.kit.dir, "access.log", flags, 0640);
	MUST(fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode));
	MUST(write(fd, "line\n", 5) == 5 && fdatasync(fd) == 0 && close(fd) == 0);
	MUST(renameat(here.kit.dir, "access.log", here.kit.dir, "access.old") == 0);
	MUST(unlinkat(here.kit.dir, "access.old", 0) == 0);
	return 0;
}

static int do_master(int report)
{
	uint16_t port;
	int status, fd;
	pid_t pid;

	MUST(do_memory(report) == 0 && do_channel(report) == 0 && do_loop(report) == 0);
	fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	MUST(fd >= 0 && close(fd) == 0);
	fd = tcp_listener(&port);
	MUST(fd >= 0 && close(fd) == 0);
	pid = fork();
	MUST(pid >= 0);
	if (pid == 0) {
		execl("/bin/true", "true", (char *)NULL);
		_exit(FAILED);
	}
	MUST(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return 0;
}

static int try_work(const void *what, int report)
{
	static int (*const work[])(int report) = {
		[SP_ROLE_MASTER] = do_master,   [SP_ROLE_KEEPER] = do_keeper, [SP_ROLE_DIALER] = do_dialer,
		[SP_ROLE_MONITOR] = do_monitor, [SP_ROLE_LOGGER] = do_logger, [SP_ROLE_WORKER] = do_worker,
	};

	return work[*(const enum sp_role *)what](report);
}

static void test_work(void **state)
{
	(void)state;
	for (enum start start = AS_ROOT; start < START_COUNT; start++) {
		if (!can_start(start))
			continue;
		for (enum sp_role role = SP_ROLE_MASTER; role < SP_ROLE_COUNT; role++) {
			print_message("  %s, %s\n", start_names[start], sp_sandbox_role_name(role));
			assert_int_equal(outcome_of(role, start, false, try_work, &role), 0);
			/* The master's filter goes on in its children. */
			assert_int_equal(outcome_of(role, start, true, try_work, &role), 0);
		}
	}
}

static int try_abort(const void *what, int report)
{
	(void)what, (void)report;
	abort();
}

/* A broken rule of ours is to be told from a violation. */
static void test_abort(void **state)
{
	(void)state;
	if (!can_start(AS_NOBODY))
		return;
	for (enum sp_role role = SP_ROLE_MASTER; role < SP_ROLE_COUNT; role++)
		assert_int_equal(outcome_of(role, AS_NOBODY, false, try_abort, NULL), 1000 + SIGABRT);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_work), cmocka_unit_test(test_abort) };

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("sandbox_work", tests, make_place, leave_place);
}
