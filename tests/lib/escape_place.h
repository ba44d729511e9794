/*
 * escape_place - a place to try from: descriptors that a process is given, the
 * sandbox of a role entered in a child, and what became of the child.
 */
#ifndef T_ESCAPE_PLACE_H
#define T_ESCAPE_PLACE_H

#include "t.h"

#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "escape.h"
#include "sp/ipc/channel.h"
#include "sp/ipc/sandbox.h"
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

static inline int tcp_listener(uint16_t *port)
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

static inline void make_tls(void)
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

static inline int make_place(void **state)
{
	struct sockaddr_in to;
	struct sockaddr_un sun;
	struct sp_err err = { .text = "" };
	uint16_t port;

	(void)state;
	if (geteuid() == 0) /* a group to lose */
		assert_int_equal(setgroups(1, (gid_t[]){ 4711 }), 0);
	here.listener = tcp_listener(&port);
	to = escape_addr(port);
	here.client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(here.client, (struct sockaddr *)&to, sizeof(to)), 0);
	here.allowed_listener = tcp_listener(&here.allowed_port);
	here.kit.port = port;
	here.kit.parent = here.kit.victim = getpid();
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

static inline int leave_place(void **state)
{
	(void)state;
	SSL_CTX_free(here.server);
	SSL_CTX_free(here.peer);
	return rmdir(here.dir);
}

/* ---- entering ---- */

enum start { AS_ROOT, AS_NOBODY, START_COUNT }; /* how the gateway was started */

static const char *const start_names[] = { "started as root", "started as an ordinary user" };

static inline struct sp_sandbox_want want_for(enum sp_role role, enum start start)
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
static inline void say(int report, const char *text)
{
	if (write(report, text, strlen(text)) < 0)
		_exit(FAILED);
}

static inline void become_ordinary(void)
{
	if (geteuid() != 0)
		return; /* the test itself is one */
	if (setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 || setresuid(NOBODY, NOBODY, NOBODY) != 0)
		_exit(FAILED);
	(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* as a program is that this user executed */
}

static inline void enter(enum sp_role role, enum start start, int report)
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
static inline int outcome_of(enum sp_role role, enum start start, bool from_master, try_fn *try, const void *what)
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

static inline const struct escape *escape_named(const char *name)
{
	for (size_t i = 0; i < SP_COUNT(escapes); i++)
		if (strcmp(escapes[i].name, name) == 0)
			return &escapes[i];
	fail_msg("no escape is called %s", name);
	return NULL;
}

/* Not root, the test starts as the ordinary user that it is, and says what it could not try. */
static inline bool can_start(enum start start)
{
	static bool has_said;

	if (geteuid() == 0 || start == AS_NOBODY)
		return true;
	if (!has_said)
		print_message("*** SKIPPED: not root, so no start as root is tried ***\n");
	has_said = true;
	return false;
}

static inline int landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);

	return abi < 0 ? 0 : (int)abi;
}

#endif
