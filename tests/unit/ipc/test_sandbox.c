/*
 * Each case is a process of its own: it enters the sandbox of a role and tries one thing. In the release build alone;
 * a sanitizer build must say that it cannot.
 */
#include "t.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "../../../src/ipc/sandbox_int.h"
#include "escape.h"
#include "sp/base/clock.h"
#include "sp/ipc/channel.h"
#include "sp/ipc/sandbox.h"
#include "sp/net/deadline.h"
#include "sp/net/loop.h"

enum { NOBODY = 65534, FAILED = 120, NOT_ENTERED = 121 };

/* ---- a place to try from ---- */

struct place {
	struct escape_kit kit;
	int listener, client; /* a TCP listener of ours, and a client that waits in its queue */
	int allowed_listener;
	uint16_t allowed_port;
	int channel[2], pipe[2];
	int named; /* an abstract Unix socket that somebody serves */
	char dir[64];
	SSL_CTX *server, *peer;
};

static struct place here;
static struct sp_loop *loop; /* of the process that entered */

static int tcp_listener(uint16_t *port)
{
	struct sockaddr_in at = escape_addr(0);
	socklen_t n = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, n), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
	*port = ntohs(at.sin_port);
	return fd;
}

static void make_tls(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();

	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	here.server = SSL_CTX_new(TLS_server_method());
	here.peer = SSL_CTX_new(TLS_client_method());
	assert_int_equal(SSL_CTX_use_certificate(here.server, cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(here.server, key), 1);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static int make_place(void **state)
{
	struct sockaddr_in to;
	struct sockaddr_un sun;
	struct sp_err err = { .text = "" };
	uint16_t port;

	(void)state;
	here.listener = tcp_listener(&port);
	to = escape_addr(port);
	here.client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(here.client, (struct sockaddr *)&to, sizeof(to)), 0);
	here.allowed_listener = tcp_listener(&here.allowed_port);
	here.kit.port = port;
	here.kit.parent = getpid();
	here.kit.tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	here.kit.udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	here.kit.local = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	here.kit.bundle = memfd_create("bundle", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(here.kit.bundle, 4096), 0);
	here.kit.page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	here.named = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(here.named, (struct sockaddr *)&sun, escape_abstract(&sun, getpid())), 0);
	assert_int_equal(listen(here.named, 8), 0);
	assert_true(sp_ipc_pair(here.channel, &err));
	assert_int_equal(pipe2(here.pipe, O_CLOEXEC), 0);
	strcpy(here.dir, "/tmp/sallyport-sandbox-XXXXXX");
	assert_non_null(mkdtemp(here.dir));
	assert_int_equal(chmod(here.dir, 0777), 0);
	here.kit.dir = open(here.dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(here.kit.dir >= 0);
	make_tls();
	return 0;
}

static int leave_place(void **state)
{
	(void)state;
	SSL_CTX_free(here.server);
	SSL_CTX_free(here.peer);
	return rmdir(here.dir);
}

/* ---- entering ---- */

enum start { AS_ROOT, AS_NOBODY, START_COUNT }; /* how the gateway was started */

static const char *const start_names[] = { "started as root", "started as an ordinary user" };

static struct sp_sandbox_want want_for(enum sp_role role, enum start start)
{
	static int keep[16];
	struct sp_sandbox_want want = { .role = role, .empty_root = -1, .nofile = 64, .keep = keep };
	const int stay[] = { here.kit.tcp,    here.kit.udp,  here.kit.local, here.kit.bundle,
			     here.kit.dir,    here.listener, here.client,    here.channel[0],
			     here.channel[1], here.pipe[0],  here.pipe[1],   here.allowed_listener };

	memcpy(keep, stay, sizeof(stay));
	want.keep_count = SP_COUNT(stay);
	if (start == AS_ROOT && role != SP_ROLE_MASTER) {
		want.changes_ids = true;
		want.uid = want.gid = NOBODY;
	}
	want.parent = role == SP_ROLE_MASTER ? 0 : getppid();
	if (role == SP_ROLE_LOGGER) {
		want.dirs = &here.kit.dir;
		want.dir_count = 1;
	}
	if (role == SP_ROLE_DIALER) {
		want.ports = &here.allowed_port;
		want.port_count = 1;
	}
	return want;
}

/* Into the report pipe, since stderr may be a file and files are over by now. */
static void say(int report, const char *text)
{
	if (write(report, text, strlen(text)) < 0)
		_exit(FAILED);
}

static void become_ordinary(void)
{
	if (geteuid() == NOBODY)
		return;
	if (setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 || setresuid(NOBODY, NOBODY, NOBODY) != 0)
		_exit(FAILED);
}

static void enter(enum sp_role role, enum start start, int report)
{
	struct sp_sandbox_want want = want_for(role, start);
	struct sp_sandbox_level level;
	struct sp_err err = { .text = "" };
	int keep[17];

	memcpy(keep, want.keep, want.keep_count * sizeof(*keep));
	keep[want.keep_count++] = report;
	want.keep = keep;
	if (start == AS_NOBODY)
		become_ordinary();
	else if (role != SP_ROLE_MASTER)
		want.empty_root = sp_sandbox_open_root(&err);
	/* As a real process does: what it needs is made between the two steps. */
	if (!sp_sandbox_drop(&want, &level, &err) || (loop = sp_loop_new(&err)) == NULL ||
	    !sp_sandbox_seal(&want, &level, &err)) {
		say(report, err.text);
		_exit(NOT_ENTERED);
	}
}

typedef int try_fn(const void *what, int report);

/* A child that enters and tries: its exit code, or ESCAPE_KILLED, or 1000 + another signal. */
static int outcome_of(enum sp_role role, enum start start, bool from_master, try_fn *try, const void *what)
{
	int report[2], status;
	char text[512];
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe2(report, O_CLOEXEC), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (from_master && role != SP_ROLE_MASTER) {
			enter(SP_ROLE_MASTER, start, report[1]);
			pid = fork();
			if (pid > 0) {
				waitpid(pid, &status, 0);
				if (WIFEXITED(status))
					_exit(WEXITSTATUS(status));
				signal(WTERMSIG(status), SIG_DFL);
				kill(getpid(), WTERMSIG(status));
			}
		}
		enter(role, start, report[1]);
		_exit(try(what, report[1]));
	}
	close(report[1]);
	n = read(report[0], text, sizeof(text) - 1);
	if (n > 0) {
		text[n] = '\0';
		print_message("    it says: %s\n", text);
	}
	close(report[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	return WTERMSIG(status) == SIGSYS ? ESCAPE_KILLED : 1000 + WTERMSIG(status);
}

static bool can_start(enum start start)
{
	static bool has_said;

	if (geteuid() == 0)
		return true;
	if (!has_said)
		print_message("*** SKIPPED: not root, so no start as root and no change of user is tried ***\n");
	has_said = true;
	(void)start;
	return false;
}

static int landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);

	return abi < 0 ? 0 : (int)abi;
}

#ifndef SP_SAN

/* ---- the escape matrix ---- */

#define ROLE(name) SP_BIT(SP_ROLE_##name)
#define ALL_BUT_LOGGER (ROLE(KEEPER) | ROLE(DIALER) | ROLE(MONITOR) | ROLE(WORKER))

/* Whatever stands here for no role is killed. */
static const struct {
	const char *name;
	unsigned roles;
	int outcome;
	int needs_abi; /* of Landlock; below it the kernel has no such rule */
} exceptions[] = {
	{ "connect", ROLE(DIALER), EACCES, 4 }, /* a port of no rule */
	{ "abstract_unix", ROLE(DIALER), EPERM, 6 },
	{ "pathname_unix", ROLE(DIALER), ENOENT, 0 },
	{ "tcp_socket", ROLE(DIALER), 0, 0 },
	{ "tcp6_socket", ROLE(DIALER), 0, 0 },
	{ "udp_socket", ROLE(DIALER), 0, 0 },
	{ "open", ALL_BUT_LOGGER | ROLE(LOGGER), EACCES, 0 },
	{ "open_old", ALL_BUT_LOGGER, EACCES, 0 },
	{ "openat2", ALL_BUT_LOGGER, EACCES, 0 },
	{ "open_beside", ALL_BUT_LOGGER, EACCES, 0 },
	{ "open_absolute", ALL_BUT_LOGGER, EACCES, 0 },
	{ "open_beside", ROLE(LOGGER), EACCES, 1 },
	{ "open_absolute", ROLE(LOGGER), EACCES, 1 },
	{ "stat", ALL_BUT_LOGGER, EACCES, 0 },
	{ "access", ALL_BUT_LOGGER | ROLE(LOGGER), EACCES, 0 },
	{ "terminal_input", ALL_BUT_LOGGER | ROLE(LOGGER), ENOTTY, 0 },
};

/* false: this kernel lacks what would stop it. */
static bool expected(enum sp_role role, const char *name, int *outcome)
{
	*outcome = ESCAPE_KILLED;
	for (size_t i = 0; i < SP_COUNT(exceptions); i++) {
		if (strcmp(exceptions[i].name, name) != 0 || (exceptions[i].roles & SP_BIT(role)) == 0)
			continue;
		*outcome = exceptions[i].outcome;
		return landlock_abi() >= exceptions[i].needs_abi;
	}
	return true;
}

static int try_escape(const void *what, int report)
{
	const struct escape *escape = what;

	(void)report;
	return escape->run(&here.kit);
}

static void test_escapes(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (enum start start = AS_ROOT; start < START_COUNT; start++) {
		if (!can_start(start))
			continue;
		for (enum sp_role role = SP_ROLE_KEEPER; role < SP_ROLE_COUNT; role++) {
			for (size_t i = 0; i < SP_COUNT(escapes); i++) {
				int want, got;

				if (!expected(role, escapes[i].name, &want)) {
					print_message("*** SKIPPED: %s, %s: Landlock here is ABI %d ***\n",
						      sp_sandbox_role_name(role), escapes[i].name, landlock_abi());
					continue;
				}
				got = outcome_of(role, start, false, try_escape, &escapes[i]);
				if (got == want)
					continue;
				wrong++;
				print_message("  %s, %s, %s: outcome %d, not %d\n", start_names[start],
					      sp_sandbox_role_name(role), escapes[i].name, got, want);
			}
		}
	}
	assert_int_equal(wrong, 0);
}

static const struct {
	const char *name;
	int outcome;
} master_escapes[] = {
	{ "fast_open_sendto", ENOSYS },
	{ "fast_open_sendmsg", ENOSYS },
	{ "mptcp_socket", ENOSYS },
	{ "icmp_socket", ENOSYS },
	{ "raw_socket", ENOSYS },
	{ "packet_socket", ENOSYS },
	{ "netlink_socket", ENOSYS },
	{ "vsock_socket", ENOSYS },
	{ "alg_socket", ENOSYS },
	{ "mount", ENOSYS },
	{ "memfd_secret", ENOSYS },
	{ "io_uring", ENOSYS },
	{ "bpf", ENOSYS },
	{ "perf", ENOSYS },
	{ "userfaultfd", ENOSYS },
	{ "keyctl", ENOSYS },
	{ "add_key", ENOSYS },
	{ "shmget", ENOSYS },
	{ "mq_open", ENOSYS },
	{ "splice", ENOSYS },
	{ "personality", ENOSYS },
	{ "modify_ldt", ENOSYS },
	{ "clock_set", ENOSYS },
	{ "clone3", ENOSYS },
	{ "clone_user_ns", ENOSYS },
	{ "pidfd_open", ENOSYS },
	{ "ptrace", ENOSYS },
	{ "read_parent", ENOSYS },
	{ "unshare_user", ENOSYS },
	{ "setns", ENOSYS },
	{ "mprotect_exec", ENOSYS },
	{ "mmap_exec", ENOSYS },
	{ "pkey_mprotect", ENOSYS },
	{ "terminal_input", ENOTTY },
#ifdef __x86_64__
	{ "x32", ESCAPE_KILLED },
	{ "int80", ESCAPE_KILLED },
#endif
};

static const struct escape *escape_named(const char *name)
{
	for (size_t i = 0; i < SP_COUNT(escapes); i++)
		if (strcmp(escapes[i].name, name) == 0)
			return &escapes[i];
	fail_msg("no escape is called %s", name);
	return NULL;
}

static void test_master_escapes(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (enum start start = AS_ROOT; start < START_COUNT; start++) {
		if (!can_start(start))
			continue;
		for (size_t i = 0; i < SP_COUNT(master_escapes); i++) {
			const char *name = master_escapes[i].name;
			int got = outcome_of(SP_ROLE_MASTER, start, false, try_escape, escape_named(name));

			if (got == master_escapes[i].outcome)
				continue;
			wrong++;
			print_message("  %s, master, %s: outcome %d, not %d\n", start_names[start], name, got,
				      master_escapes[i].outcome);
		}
	}
	assert_int_equal(wrong, 0);
}

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

	MUST(sp_ipc_send(here.channel[0], SP_IPC_MASTER, &m) == SP_IPC_DONE);
	MUST(poll(&p, 1, 1000) == 1);
	MUST(sp_ipc_recv(here.channel[1], SP_IPC_MASTER, &m) == SP_IPC_DONE && m.fd >= 0);
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
	struct stat st;
	int fd;

	MUST(do_common(report) == 0);
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
	if (!can_start(AS_ROOT))
		return;
	for (enum sp_role role = SP_ROLE_MASTER; role < SP_ROLE_COUNT; role++)
		assert_int_equal(outcome_of(role, AS_NOBODY, false, try_abort, NULL), 1000 + SIGABRT);
}

/* ---- what /proc says ---- */

static int try_rest(const void *what, int report)
{
	char byte;

	(void)what;
	say(report, "r");
	return read(here.pipe[0], &byte, 1) == 1 ? 0 : FAILED;
}

static bool status_says(const char *status, const char *key, const char *value)
{
	const char *at = strstr(status, key);
	size_t n = strlen(value);

	if (at == NULL)
		return false;
	at += strlen(key) + 1;
	at += strspn(at, " \t");
	if (strncmp(at, value, n) == 0 && (at[n] == '\n' || at[n] == '\t' || at[n] == ' '))
		return true;
	print_message("    %s %.*s, not %s\n", key, (int)strcspn(at, "\n"), at, value);
	return false;
}

static void read_status(pid_t pid, char *text, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = read(fd, text, size - 1);
	assert_true(n > 0);
	text[n] = '\0';
	close(fd);
}

static void check_status(enum sp_role role, enum start start, pid_t pid)
{
	static const char *const sets[] = { "CapInh:", "CapPrm:", "CapEff:", "CapAmb:" };
	char text[4096], root[64], link[256];
	ssize_t n;

	read_status(pid, text, sizeof(text));
	assert_true(status_says(text, "NoNewPrivs:", "1"));
	assert_true(status_says(text, "Seccomp:", "2"));
	if (role == SP_ROLE_MASTER)
		return;
	for (size_t i = 0; i < SP_COUNT(sets); i++)
		assert_true(status_says(text, sets[i], "0000000000000000"));
	if (start == AS_ROOT)
		assert_true(status_says(text, "CapBnd:", "0000000000000000"));
	assert_true(status_says(text, "Uid:", "65534\t65534\t65534\t65534"));
	assert_true(status_says(text, "Gid:", "65534\t65534\t65534\t65534"));
	snprintf(root, sizeof(root), "/proc/%d/root", pid);
	n = readlink(root, link, sizeof(link) - 1);
	assert_true(n > 0);
	link[n] = '\0';
	assert_int_equal(strcmp(link, "/") != 0, start == AS_ROOT && role != SP_ROLE_LOGGER);
}

static void test_status(void **state)
{
	(void)state;
	for (enum start start = AS_ROOT; start < START_COUNT; start++) {
		for (enum sp_role role = SP_ROLE_MASTER; role < SP_ROLE_COUNT && can_start(start); role++) {
			int report[2], code;
			char byte;
			pid_t pid;

			print_message("  %s, %s\n", start_names[start], sp_sandbox_role_name(role));
			assert_int_equal(pipe2(report, O_CLOEXEC), 0);
			pid = fork();
			if (pid == 0) {
				enter(role, start, report[1]);
				_exit(try_rest(NULL, report[1]));
			}
			assert_int_equal(read(report[0], &byte, 1), 1);
			assert_int_equal(byte, 'r');
			check_status(role, start, pid);
			assert_int_equal(write(here.pipe[1], "x", 1), 1);
			assert_int_equal(waitpid(pid, &code, 0), pid);
			assert_true(WIFEXITED(code) && WEXITSTATUS(code) == 0);
			close(report[0]);
			close(report[1]);
		}
	}
}

/* ---- each layer by itself, without the filter that would hide it ---- */

static const struct {
	const char *name;
	int outcome, unprivileged;
	int needs_abi;
} layer_escapes
	[] = {
		{ "connect", EACCES, EACCES, 4 },
		{ "bind", EACCES, EACCES, 4 },
		{ "abstract_unix", EPERM, EPERM, 6 },
		{ "kill_parent", EPERM, EPERM, 0 },
		{ "open", ENOENT, EACCES, 1 }, /* the empty root; Landlock */
		{ "stat", ENOENT, 0, 0 }, /* Landlock lets one ask for names */
		{ "mkdir", ENOENT, EACCES, 1 },
		{ "execve", EAGAIN, EACCES, 1 }, /* rlimit, before the empty root would say so; Landlock */
		{ "clone", EAGAIN, EAGAIN, 0 }, /* rlimit */
		{ "ptrace", EPERM, EPERM, 0 },
		{ "read_parent", EPERM, EPERM, 0 },
		{ "mount", EPERM, EPERM, 0 },
		{ "setuid_root", EPERM, EPERM, 0 },
		{ "raw_socket", EPERM, EPERM, 0 },
		{ "chroot", EPERM, EPERM, 0 },
		{ "rlimit", EPERM, EPERM, 0 },
	};

struct layer_case {
	enum start start;
	const struct escape *escape;
	int mdwe_only;
};

/* The parts of sp_sandbox_enter up to the filter. */
static int enter_without_filter(const struct layer_case *c)
{
	struct sp_sandbox_want want = want_for(SP_ROLE_WORKER, c->start);
	struct sp_sandbox_level level;
	struct sp_err err = { .text = "" };

	if (c->start == AS_NOBODY)
		become_ordinary();
	else
		want.empty_root = sp_sandbox_open_root(&err);
	if (!sp_sandbox_drop(&want, &level, &err) || !sp_layer_take_landlock(&want, &level, &err))
		return NOT_ENTERED;
	if (c->mdwe_only != 0 && !sp_sandbox_holds(&level, SP_LAYER_EXEC_GAIN))
		return NOT_ENTERED;
	return c->escape->run(&here.kit);
}

static int outcome_without_filter(const struct layer_case *c)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(enter_without_filter(c));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void test_layers(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (enum start start = AS_ROOT; start < START_COUNT; start++) {
		for (size_t i = 0; i < SP_COUNT(layer_escapes) && can_start(start); i++) {
			struct layer_case c = { start, escape_named(layer_escapes[i].name), 0 };
			int want = start == AS_ROOT ? layer_escapes[i].outcome : layer_escapes[i].unprivileged, got;

			if (landlock_abi() < layer_escapes[i].needs_abi) {
				print_message("*** SKIPPED: %s: Landlock here is ABI %d ***\n", layer_escapes[i].name,
					      landlock_abi());
				continue;
			}
			got = outcome_without_filter(&c);
			if (got == want)
				continue;
			wrong++;
			print_message("  %s, %s: outcome %d, not %d\n", start_names[start], layer_escapes[i].name, got,
				      want);
		}
	}
	assert_int_equal(wrong, 0);
}

static void test_no_exec_gain(void **state)
{
	struct layer_case c = { AS_NOBODY, escape_named("mprotect_exec"), 1 };
	int got;

	(void)state;
	if (!can_start(AS_NOBODY))
		return;
	got = outcome_without_filter(&c);
	if (got == NOT_ENTERED) {
		print_message("*** SKIPPED: this kernel has no PR_SET_MDWE ***\n");
		return;
	}
	assert_int_equal(got, EACCES);
	c.escape = escape_named("mmap_exec");
	assert_int_equal(outcome_without_filter(&c), EACCES);
}

/* ---- entering that must fail, or must be told ---- */

static int try_enter(const struct sp_sandbox_want *want, char *text, size_t size)
{
	int report[2], status;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe2(report, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		struct sp_sandbox_level level;
		struct sp_sandbox_want mine = *want;
		struct sp_err err = { .text = "" };
		const int keep[] = { report[1] };

		if (mine.keep != NULL) {
			mine.keep = keep;
			mine.keep_count = 1;
		}
		if (mine.parent != 0)
			mine.parent = mine.parent == getpid() ? getpid() : getppid();
		if (sp_sandbox_enter(&mine, &level, &err))
			_exit(0);
		say(report[1], err.text);
		_exit(NOT_ENTERED);
	}
	close(report[1]);
	n = read(report[0], text, size - 1);
	text[n > 0 ? n : 0] = '\0';
	close(report[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void test_refusals(void **state)
{
	static const int none[1];
	int open_dir = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const struct sp_sandbox_want ok = { .role = SP_ROLE_WORKER,
					    .changes_ids = true,
					    .uid = NOBODY,
					    .gid = NOBODY,
					    .empty_root = -1,
					    .parent = 1,
					    .keep = none };
	struct sp_sandbox_want want = ok;
	char text[512];

	(void)state;
	if (!can_start(AS_ROOT))
		return;
	assert_int_equal(try_enter(&want, text, sizeof(text)), 0);
	want.changes_ids = false;
	assert_int_equal(try_enter(&want, text, sizeof(text)), NOT_ENTERED);
	assert_string_equal(text, "the worker would run as root: refusing to run");
	want = ok;
	want.uid = 0;
	assert_int_equal(try_enter(&want, text, sizeof(text)), NOT_ENTERED);
	want = ok;
	want.gid = 0;
	assert_int_equal(try_enter(&want, text, sizeof(text)), NOT_ENTERED);
	want = ok;
	want.empty_root = open_dir; /* others may write in it */
	assert_int_equal(try_enter(&want, text, sizeof(text)), NOT_ENTERED);
	want = ok;
	want.empty_root = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC); /* nobody may write, but it is not empty */
	assert_int_equal(try_enter(&want, text, sizeof(text)), NOT_ENTERED);
	assert_string_equal(text, "the empty root is not empty: refusing to run");
	close(want.empty_root);
	want = ok;
	want.demand = SP_DEMAND_REQUIRE;
	assert_int_equal(try_enter(&want, text, sizeof(text)), landlock_abi() > 0 ? 0 : NOT_ENTERED);
	want.demand = SP_DEMAND_REQUIRE_ALL; /* but no root was given */
	assert_int_equal(try_enter(&want, text, sizeof(text)), NOT_ENTERED);
	assert_string_equal(text, "sandbox = require-all: the worker cannot have empty_root (no: not asked for)");
	close(open_dir);
}

static int try_level(const void *what, int report)
{
	(void)what;
	say(report, "in");
	return 0;
}

static void test_require_all(void **state)
{
	(void)state;
	if (!can_start(AS_ROOT))
		return;
	if (landlock_abi() < 6) {
		print_message("*** SKIPPED: Landlock here is ABI %d: require-all cannot be met ***\n", landlock_abi());
		return;
	}
	for (enum start start = AS_ROOT; start < START_COUNT; start++) {
		for (enum sp_role role = SP_ROLE_MASTER; role < SP_ROLE_COUNT; role++) {
			struct sp_sandbox_level level;
			struct sp_sandbox_want want;
			struct sp_err err = { .text = "" };
			int status;
			pid_t pid = fork();

			if (pid == 0) {
				want = want_for(role, start);
				want.demand = SP_DEMAND_REQUIRE_ALL;
				if (start == AS_NOBODY)
					become_ordinary();
				else if (role != SP_ROLE_MASTER)
					want.empty_root = sp_sandbox_open_root(&err);
				_exit(sp_sandbox_enter(&want, &level, &err) ? 0 : NOT_ENTERED);
			}
			assert_int_equal(waitpid(pid, &status, 0), pid);
			print_message("  %s, %s\n", start_names[start], sp_sandbox_role_name(role));
			assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		}
	}
}

#else /* SP_SAN */

static int try_level(const void *what, int report)
{
	(void)what;
	say(report, "in, without what a sanitizer cannot bear");
	return 0;
}

static void test_sanitizer(void **state)
{
	struct sp_sandbox_want want = want_for(SP_ROLE_WORKER, geteuid() == 0 ? AS_ROOT : AS_NOBODY);
	struct sp_sandbox_level level;
	struct sp_err err = { .text = "" };

	(void)state;
	want.demand = SP_DEMAND_REQUIRE;
	assert_false(sp_sandbox_enter(&want, &level, &err));
	assert_non_null(strstr(err.text, "sanitizer build"));
	err.text[0] = '\0';
	want.demand = SP_DEMAND_REQUIRE_ALL;
	assert_false(sp_sandbox_enter(&want, &level, &err));
	assert_non_null(strstr(err.text, "sanitizer build"));
}

#endif

/* ---- in every build ---- */

static int check_auto(enum sp_demand demand, enum sp_lack lack)
{
	struct sp_sandbox_want want = want_for(SP_ROLE_WORKER, AS_ROOT);
	struct sp_sandbox_level level;
	struct sp_err err = { .text = "" };
	char text[SP_SANDBOX_TEXT];

	want.demand = demand;
	if (!sp_sandbox_enter(&want, &level, &err) || getuid() != NOBODY || !sp_sandbox_level_is_sane(&level))
		return 1;
	if (!sp_sandbox_holds(&level, SP_LAYER_PRIVS) || !sp_sandbox_holds(&level, SP_LAYER_IDS))
		return 2;
	if (level.layer[SP_LAYER_CALLS].state != SP_LAYER_MISSING || level.layer[SP_LAYER_CALLS].lack != lack)
		return 3;
	(void)sp_sandbox_layer_text(&level.layer[SP_LAYER_CALLS], text);
	if (lack == SP_LACK_OFF && strcmp(text, "no: sandbox = off") != 0)
		return 4;
	return lack == SP_LACK_SANITIZER && strcmp(text, "no: sanitizer build") != 0 ? 5 : 0;
}

/* Off, and auto in a sanitizer build: what they skip is told, and the process is nobody all the same. */
static void test_skipped(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	if (!can_start(AS_ROOT))
		return;
	pid = fork();
	if (pid == 0)
		_exit(check_auto(SP_DEMAND_OFF, SP_LACK_OFF));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
#ifdef SP_SAN
	pid = fork();
	if (pid == 0)
		_exit(check_auto(SP_DEMAND_AUTO, SP_LACK_SANITIZER));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
#endif
	assert_int_equal(outcome_of(SP_ROLE_WORKER, AS_ROOT, false, try_level, NULL), 0);
}

static void test_texts(void **state)
{
	struct sp_sandbox_level level = { .role = SP_ROLE_WORKER };
	struct sp_err err = { .text = "" };
	char text[SP_SANDBOX_TEXT];

	(void)state;
	for (unsigned i = 0; i < SP_LAYER_COUNT; i++)
		assert_non_null(sp_sandbox_layer_name(i));
	for (unsigned i = 0; i < SP_ROLE_COUNT; i++)
		assert_non_null(sp_sandbox_role_name(i));
	assert_true(sp_sandbox_level_is_sane(&level));
	assert_false(sp_sandbox_judge(&level, SP_DEMAND_REQUIRE, &err));
	sp_layer_missing(&level, SP_LAYER_FILES, SP_LACK_REFUSED, EPERM);
	assert_string_equal(sp_sandbox_layer_text(&level.layer[SP_LAYER_FILES], text), "no: refused, EPERM");
	sp_layer_not_meant(&level, SP_LAYER_ROOT, SP_LACK_NOT_ROOT);
	assert_string_equal(sp_sandbox_layer_text(&level.layer[SP_LAYER_ROOT], text), "not meant: not started as root");
	sp_layer_in_force(&level, SP_LAYER_CALLS);
	assert_string_equal(sp_sandbox_layer_text(&level.layer[SP_LAYER_CALLS], text), "yes");
	level.layer[3].lack = 200;
	assert_false(sp_sandbox_level_is_sane(&level));
	(void)sp_sandbox_layer_text(&level.layer[3], text);
	level.layer[3].lack = 0;
	level.role = SP_ROLE_COUNT;
	assert_false(sp_sandbox_level_is_sane(&level));
	assert_string_equal(sp_sandbox_role_name(SP_ROLE_COUNT), "unknown");
}

/* Every row of every table has a reason, and every role has tables. */
static void test_tables(void **state)
{
	(void)state;
	for (unsigned role = 0; role < SP_ROLE_COUNT; role++) {
		size_t rows = 0;

		for (size_t g = 0; g < SP_SANDBOX_GROUPS; g++) {
			const struct sp_call_group *group = &sp_role_rows[role].groups[g];

			for (size_t i = 0; i < group->count; i++)
				assert_true(group->calls[i].why != NULL && group->calls[i].why[0] != '\0');
			rows += group->count;
		}
		print_message("  %s: %zu rows\n", sp_role_rows[role].name, rows);
		assert_true(rows > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_skipped),
#ifdef SP_SAN
		cmocka_unit_test(test_sanitizer),
#else
		cmocka_unit_test(test_work),           cmocka_unit_test(test_abort),
		cmocka_unit_test(test_status),         cmocka_unit_test(test_layers),
		cmocka_unit_test(test_no_exec_gain),   cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_require_all),    cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_master_escapes),
#endif
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("sandbox", tests, make_place, leave_place);
}
