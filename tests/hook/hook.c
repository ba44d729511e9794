/*
 * hook - what a taken-over worker does, in a real one. Linked into the gateway that the tests start and into no other.
 *
 * The file that SALLYPORT_HOOK names is mapped by the master and so by all workers. Each worker, its sandbox closed, takes
 * one attempt after the other from it until the kernel kills it; the number of workers must be greater than that of
 * attempts. What is left at TRYING has ended the process that tried.
 */
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "escape.h"
#include "sp/base/check.h"
#include "sp/board/counters.h"
#include "sp/ipc/channel.h"
#include "sp/worker/worker.h"

#define ROWS_MOST 256U
#define NAME_BYTES 32U
#define ANSWER_MS 20000
#define FLOOD_MOST 400000U
#define SCRIBBLES 200U
#define FLOOD_AT_ONCE 64U /* whose answers find room: what finds none is dropped, and counted as refused */

enum { UNTRIED = -1, TRYING = -2 };

struct row { /* tests/integration/test_escape.py reads it */
	char name[NAME_BYTES];
	_Atomic int32_t outcome; /* 0 = it worked; an errno */
};

struct shared {
	uint32_t port; /* in: a listener that no worker may go to */
	uint32_t count;
	_Atomic uint32_t next;
	uint32_t reserved;
	struct row rows[ROWS_MOST];
};

static struct shared *shared; /* NULL: nothing is tried */
static pid_t master;

/* ---- questions to the others ---- */

struct place {
	const struct sp_worker_env *env;
	struct escape_kit kit;
};

/* errno of a channel that has ended or says nothing. */
static int receive(int fd, enum sp_ipc_role from, struct sp_ipc_message *answer)
{
	enum sp_ipc_rc rc;

	while ((rc = sp_ipc_recv(fd, from, SP_IPC_WORKER, answer)) == SP_IPC_AGAIN)
		if (poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, ANSWER_MS) == 0)
			return ETIMEDOUT;
	return rc == SP_IPC_DONE ? 0 : ECONNRESET;
}

static int judge(const struct sp_ipc_message *answer)
{
	if (answer->type == SP_IPC_DIALED)
		return close(answer->fd) == 0 ? 0 : EBADF;
	if (answer->type == SP_IPC_NOT_DIALED)
		return answer->body.not_dialed.error != 0 ? answer->body.not_dialed.error : EACCES;
	return answer->body.is_signed.n > 0 ? 0 : EPERM;
}

static int ask(int fd, enum sp_ipc_role whom, const struct sp_ipc_message *question)
{
	struct sp_ipc_message answer;
	int error;

	if (sp_ipc_send(fd, SP_IPC_WORKER, whom, question) != SP_IPC_DONE)
		return EPIPE;
	error = receive(fd, whom, &answer);
	return error != 0 ? error : judge(&answer);
}

/* As fast as it goes, until one is refused. */
static int flood(int fd, enum sp_ipc_role whom, const struct sp_ipc_message *question, int refusal)
{
	struct sp_ipc_message answer;
	unsigned out = 0;

	for (unsigned sent = 0; sent < FLOOD_MOST;) {
		enum sp_ipc_rc rc = sp_ipc_send(fd, SP_IPC_WORKER, whom, question);
		bool was_refused = false;

		if (rc == SP_IPC_DONE) {
			sent++;
			if (++out < FLOOD_AT_ONCE)
				continue;
		}
		for (; out > 0; out--) {
			int error = receive(fd, whom, &answer);

			if (error != 0)
				return error;
			was_refused |= judge(&answer) == refusal;
		}
		if (was_refused)
			return refusal;
	}
	return 0;
}

static struct sp_ipc_message dial_of(uint32_t backend)
{
	return (struct sp_ipc_message){ .type = SP_IPC_DIAL, .fd = -1, .body.dial.index = backend };
}

static int dial_declared(const struct place *p)
{
	struct sp_ipc_message m = dial_of(0);

	return ask(p->env->dialer_fd, SP_IPC_DIALER, &m);
}

static int dial_next(const struct place *p)
{
	struct sp_ipc_message m = dial_of((uint32_t)p->env->conf->backend_count);

	return ask(p->env->dialer_fd, SP_IPC_DIALER, &m);
}

static int dial_far(const struct place *p)
{
	struct sp_ipc_message m = dial_of(UINT32_MAX);

	return ask(p->env->dialer_fd, SP_IPC_DIALER, &m);
}

/* The configuration of the test has a name server: the monitor's, for no worker. */
static int dial_resolver(const struct place *p)
{
	struct sp_ipc_message m = dial_of(0);

	m.body.dial.what = SP_IPC_DIAL_RESOLVER_UDP;
	return ask(p->env->dialer_fd, SP_IPC_DIALER, &m);
}

static int dial_flood(const struct place *p)
{
	struct sp_ipc_message m = dial_of(UINT32_MAX);

	return flood(p->env->dialer_fd, SP_IPC_DIALER, &m, EAGAIN);
}

static int forge(int fd, enum sp_ipc_role whom)
{
	struct sp_ipc_message answer;

	if (send(fd, "\x0a\x00\x08\x00?", 5, MSG_NOSIGNAL) < 0)
		return errno;
	return receive(fd, whom, &answer);
}

static int dial_forged(const struct place *p)
{
	return forge(p->env->dialer_fd, SP_IPC_DIALER);
}

static int sign_forged(const struct place *p)
{
	return forge(p->env->keeper_fd, SP_IPC_KEEPER);
}

#define ECDSA_P256 0x0403
#define SERVER "TLS 1.3, server CertificateVerify"
#define CLIENT "TLS 1.3, client CertificateVerify"
#define HASH "0123456789abcdef0123456789abcdef"

static struct sp_ipc_message sign_of(uint32_t key, const void *text, size_t n)
{
	struct sp_ipc_message m = { .type = SP_IPC_SIGN, .fd = -1, .body.sign = { .key = key, .scheme = ECDSA_P256 } };

	m.body.sign.n = (uint32_t)n;
	memcpy(m.body.sign.text, text, n < SP_IPC_TEXT ? n : SP_IPC_TEXT);
	return m;
}

/* RFC 8446, 4.4.3: 64 spaces, who signs, a zero, the hash. */
static struct sp_ipc_message sign_verify(uint32_t key, const char *who)
{
	char text[SP_IPC_TEXT];
	size_t n = strlen(who) + 1;

	memset(text, ' ', 64);
	memcpy(text + 64, who, n);
	memcpy(text + 64 + n, HASH, 32);
	return sign_of(key, text, 64 + n + 32);
}

static int sign(const struct place *p, struct sp_ipc_message m)
{
	return ask(p->env->keeper_fd, SP_IPC_KEEPER, &m);
}

static int sign_declared(const struct place *p)
{
	return sign(p, sign_verify(0, SERVER));
}

static int sign_as_client(const struct place *p)
{
	return sign(p, sign_verify(0, CLIENT));
}

static int sign_hash(const struct place *p)
{
	return sign(p, sign_of(0, HASH, 32));
}

static int sign_any_text(const struct place *p)
{
	return sign(p, sign_of(0, "I owe the bearer all", 20));
}

static int sign_nothing(const struct place *p)
{
	return sign(p, sign_of(0, "", 0));
}

static int sign_too_long(const struct place *p)
{
	struct sp_ipc_message m = sign_verify(0, SERVER);

	m.body.sign.n = UINT32_MAX;
	return sign(p, m);
}

static int sign_no_key(const struct place *p)
{
	return sign(p, sign_verify(UINT32_MAX, SERVER));
}

static int sign_flood(const struct place *p)
{
	struct sp_ipc_message m = sign_verify(0, SERVER);

	return flood(p->env->keeper_fd, SP_IPC_KEEPER, &m, EPERM);
}

/* ---- the board ---- */

/* Its own part, all of it and for a while: who sums over it meanwhile takes what it finds. */
static int board_scribble(const struct place *p)
{
	uint32_t *words = sp_board_write(p->env->board, SP_BLOCK_COUNTERS, p->env->worker - 1);
	uint64_t state = 0x9e3779b97f4a7c15U;

	for (unsigned lap = 0; lap < SCRIBBLES; lap++)
		for (size_t i = 0; i < sp_board_blocks[SP_BLOCK_COUNTERS].size / sizeof(*words); i++) {
			state = state * 6364136223846793005U + 1442695040888963407U;
			words[i] = (uint32_t)(state >> 32);
		}
	return 0;
}

/* The table of limits is every worker's: others count with what they find. */
static int limits_scribble(const struct place *p)
{
	uint64_t *words = sp_board_write(p->env->board, SP_BLOCK_LIMITS, 0);

	for (size_t i = 0; i < sp_board_blocks[SP_BLOCK_LIMITS].size / sizeof(*words); i++)
		words[i] = UINT64_MAX - i;
	return 0;
}

static int open_up(const void *at)
{
	uintptr_t page = (uintptr_t)at & ~(uintptr_t)4095;

	return mprotect((void *)page, 4096, PROT_READ | PROT_WRITE) == 0 ? 0 : errno;
}

static int board_names(const struct place *p)
{
	return open_up(sp_board_read(p->env->board, SP_BLOCK_NAMES, 0));
}

static int board_states(const struct place *p)
{
	return open_up(sp_board_read(p->env->board, SP_BLOCK_BACKENDS, 0));
}

static int board_of_another(const struct place *p)
{
	return open_up(sp_board_read(p->env->board, SP_BLOCK_COUNTERS, p->env->worker % p->env->worker_count));
}

#define ROW(name)                                                                                                      \
	{                                                                                                              \
#name, name                                                                                            \
	}
static const struct {
	const char *name;
	int (*run)(const struct place *p);
} asks[] = {
	ROW(board_names),
	ROW(board_states),
	ROW(board_of_another),
	ROW(board_scribble),
	ROW(limits_scribble),
	/* what ends a channel comes last: those that kill follow */
	ROW(dial_declared),
	ROW(dial_next),
	ROW(dial_far),
	ROW(dial_resolver),
	ROW(sign_declared),
	ROW(sign_as_client),
	ROW(sign_hash),
	ROW(sign_nothing),
	ROW(sign_any_text),
	ROW(sign_too_long),
	ROW(sign_no_key),
	ROW(dial_flood),
	ROW(sign_flood),
	ROW(dial_forged),
	ROW(sign_forged),
};

/* ---- all of them ---- */

__attribute__((constructor)) static void open_shared(void)
{
	const char *path = getenv("SALLYPORT_HOOK");
	int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
	void *p;

	if (fd < 0)
		return;
	p = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)close(fd);
	if (p == MAP_FAILED)
		return;
	shared = p;
	master = getpid();
	for (size_t i = 0; i < SP_COUNT(asks) + SP_COUNT(escapes); i++) {
		struct row *row = &shared->rows[shared->count++];

		(void)snprintf(row->name, NAME_BYTES, "%s",
			       i < SP_COUNT(asks) ? asks[i].name : escapes[i - SP_COUNT(asks)].name);
		row->outcome = UNTRIED;
	}
}

void sp_test_hook_worker(const struct sp_worker_env *env)
{
	struct place p = { .env = env };
	bool has_scribbled = false;
	uint32_t i;

	if (shared == NULL)
		return;
	p.kit = (struct escape_kit){ .tcp = env->sockets[0].fd,
				     .udp = env->keeper_fd,
				     .local = env->dialer_fd,
				     .bundle = env->access_fd,
				     .dir = -1,
				     .port = (uint16_t)shared->port,
				     .parent = master,
				     .victim = master,
				     .page = malloc(4096) };
	while ((i = atomic_fetch_add(&shared->next, 1)) < shared->count) {
		shared->rows[i].outcome = TRYING;
		shared->rows[i].outcome = i < SP_COUNT(asks) ? asks[i].run(&p)
							     : escapes[i - SP_COUNT(asks)].run(&p.kit);
		has_scribbled |= i < SP_COUNT(asks) && asks[i].run == board_scribble;
	}
	/* Asleep it would claim all the connections there may be for as long as it lives. The promise is of when it is gone. */
	if (has_scribbled)
		_exit(1);
}
