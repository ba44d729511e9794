/* Messages between our processes: what fits the table arrives, and nothing else does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sp/ipc/channel.h"

struct pair {
	int fds[2];
};

static struct pair new_pair(void)
{
	struct pair p;
	struct sp_err err = { .text = "" };

	assert_true(sp_ipc_pair(p.fds, &err));
	return p;
}

static void end_pair(struct pair *p)
{
	close(p->fds[0]);
	close(p->fds[1]);
}

static unsigned open_count(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
	return n;
}

/* Sends bytes as they are, with `fds` copies of descriptor 0. */
static void send_raw(int fd, const void *bytes, size_t n, size_t fds)
{
	struct iovec v = { (void *)(uintptr_t)bytes, n };
	char control[CMSG_SPACE(8 * sizeof(int))] = { 0 };
	struct msghdr msg = { .msg_iov = &v, .msg_iovlen = 1 };
	int copies[8] = { 0 };

	if (fds > 0) {
		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(fds * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(fds * sizeof(int));
		memcpy(CMSG_DATA(c), copies, fds * sizeof(int));
	}
	assert_true(sendmsg(fd, &msg, MSG_NOSIGNAL) >= 0);
}

/* What was packed in one process is what the table of the other takes. */
static void test_packed(void **state)
{
	struct pair p = new_pair();
	uint8_t bytes[SP_IPC_PACKED];
	struct sp_ipc_message m;
	size_t n = sp_ipc_pack(SP_IPC_FINISH, bytes);

	(void)state;
	assert_int_equal(sp_ipc_send_packed(p.fds[0], bytes, n), SP_IPC_DONE);
	assert_int_equal(sp_ipc_recv(p.fds[1], SP_IPC_MASTER, SP_IPC_WORKER, &m), SP_IPC_DONE);
	assert_int_equal(m.type, SP_IPC_FINISH);
	assert_int_equal(m.fd, -1);
	assert_int_equal(sp_ipc_send_packed(p.fds[0], bytes, n), SP_IPC_DONE);
	assert_int_equal(sp_ipc_recv(p.fds[1], SP_IPC_MASTER, SP_IPC_KEEPER, &m), SP_IPC_BAD);
	while (sp_ipc_send_packed(p.fds[0], bytes, n) == SP_IPC_DONE)
		continue;
	assert_int_equal(sp_ipc_send_packed(p.fds[0], bytes, n), SP_IPC_AGAIN);
	close(p.fds[1]);
	assert_int_equal(sp_ipc_send_packed(p.fds[0], bytes, n), SP_IPC_EOF);
	close(p.fds[0]);
}

static void test_all_types(void **state)
{
	static const struct {
		enum sp_ipc_type type;
		enum sp_ipc_role from, to;
		bool has_fd;
	} rows[] = {
		{ SP_IPC_READY, SP_IPC_WORKER, SP_IPC_MASTER, false },
		{ SP_IPC_HEALTH, SP_IPC_MASTER, SP_IPC_WORKER, false },
		{ SP_IPC_DRAIN, SP_IPC_MASTER, SP_IPC_WORKER, false },
		{ SP_IPC_STOP, SP_IPC_MASTER, SP_IPC_WORKER, false },
		{ SP_IPC_FINISH, SP_IPC_MASTER, SP_IPC_WORKER, false },
		{ SP_IPC_LOG, SP_IPC_MASTER, SP_IPC_LOGGER, true },
		{ SP_IPC_TICKETS, SP_IPC_MASTER, SP_IPC_WORKER, false },
		{ SP_IPC_PEER, SP_IPC_MASTER, SP_IPC_KEEPER, true },
		{ SP_IPC_SIGN, SP_IPC_WORKER, SP_IPC_KEEPER, false },
		{ SP_IPC_SIGNED, SP_IPC_KEEPER, SP_IPC_WORKER, false },
		{ SP_IPC_DIAL, SP_IPC_WORKER, SP_IPC_DIALER, false },
		{ SP_IPC_DIALED, SP_IPC_DIALER, SP_IPC_WORKER, true },
		{ SP_IPC_NOT_DIALED, SP_IPC_DIALER, SP_IPC_WORKER, false },
		{ SP_IPC_DOOR, SP_IPC_MASTER, SP_IPC_WORKER, true },
		{ SP_IPC_BUNDLE, SP_IPC_MASTER, SP_IPC_WORKER, true },
		{ SP_IPC_PREPARED, SP_IPC_WORKER, SP_IPC_MASTER, false },
		{ SP_IPC_REFUSED, SP_IPC_WORKER, SP_IPC_MASTER, false },
		{ SP_IPC_COMMIT, SP_IPC_MASTER, SP_IPC_WORKER, false },
		{ SP_IPC_ROLLBACK, SP_IPC_MASTER, SP_IPC_WORKER, false },
		{ SP_IPC_MOVED, SP_IPC_WORKER, SP_IPC_MASTER, false },
		{ SP_IPC_CHALLENGES, SP_IPC_MASTER, SP_IPC_WORKER, true },
		{ SP_IPC_CONFINED, SP_IPC_KEEPER, SP_IPC_MASTER, false },
		{ SP_IPC_PROC, SP_IPC_LOGGER, SP_IPC_MASTER, true },
		{ SP_IPC_ADMIN, SP_IPC_MASTER, SP_IPC_MONITOR, true },
		{ SP_IPC_PAGE, SP_IPC_MASTER, SP_IPC_MONITOR, true },
		{ SP_IPC_GATEWAY, SP_IPC_MASTER, SP_IPC_MONITOR, false },
		{ SP_IPC_PROCESS, SP_IPC_MASTER, SP_IPC_MONITOR, false },
		{ SP_IPC_COMMAND, SP_IPC_MONITOR, SP_IPC_MASTER, true },
		{ SP_IPC_CALLER, SP_IPC_MASTER, SP_IPC_MONITOR, true },
		{ SP_IPC_OUTCOME, SP_IPC_MASTER, SP_IPC_MONITOR, true },
		{ SP_IPC_DROPPED, SP_IPC_LOGGER, SP_IPC_MASTER, false },
	};
	struct pair p = new_pair();

	(void)state;
	assert_int_equal(SP_COUNT(rows), SP_IPC_COUNT - 1);
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		struct sp_ipc_message sent = { .type = rows[i].type, .fd = rows[i].has_fd ? 0 : -1 }, got;

		sent.body.drain.timeout_ms = 0x01020304;
		assert_int_equal(sp_ipc_send(p.fds[0], rows[i].from, rows[i].to, &sent), SP_IPC_DONE);
		assert_int_equal(sp_ipc_recv(p.fds[1], rows[i].from, rows[i].to, &got), SP_IPC_DONE);
		assert_int_equal(got.type, rows[i].type);
		if (rows[i].type == SP_IPC_DRAIN)
			assert_int_equal(got.body.drain.timeout_ms, 0x01020304);
		assert_int_equal(got.fd >= 0, rows[i].has_fd);
		if (got.fd >= 0) {
			assert_int_equal(fcntl(got.fd, F_GETFD), FD_CLOEXEC);
			close(got.fd);
		}
	}
	end_pair(&p);
}

struct raw {
	uint16_t type, size;
	uint32_t rest[141]; /* a zero, and the body */
};

static void test_refused(void **state)
{
	static const struct {
		const char *name;
		struct raw raw;
		size_t n, fds;
		enum sp_ipc_role from, to;
	} rows[] = {
		{ "one byte", { SP_IPC_STOP, 0, { 0 } }, 1, 0, SP_IPC_MASTER, SP_IPC_WORKER },
		{ "half a header", { SP_IPC_STOP, 0, { 0 } }, 2, 0, SP_IPC_MASTER, SP_IPC_WORKER },
		{ "type 0", { 0, 0, { 0 } }, 8, 0, SP_IPC_MASTER, SP_IPC_WORKER },
		{ "type behind the last", { SP_IPC_COUNT, 0, { 0 } }, 8, 0, SP_IPC_MASTER, SP_IPC_WORKER },
		{ "type 65535", { 65535, 0, { 0 } }, 8, 0, SP_IPC_MASTER, SP_IPC_WORKER },
		{ "a worker says stop", { SP_IPC_STOP, 0, { 0 } }, 8, 0, SP_IPC_WORKER, SP_IPC_MASTER },
		{ "a worker sends a log", { SP_IPC_LOG, 4, { 0 } }, 12, 1, SP_IPC_WORKER, SP_IPC_MASTER },
		{ "the master says ready", { SP_IPC_READY, 4, { 0 } }, 12, 0, SP_IPC_MASTER, SP_IPC_WORKER },
		{ "a worker asks the master to sign",
		  { SP_IPC_SIGN, 176, { 0 } },
		  184,
		  0,
		  SP_IPC_WORKER,
		  SP_IPC_MASTER },
		{ "a worker answers the keeper", { SP_IPC_SIGNED, 520, { 0 } }, 528, 0, SP_IPC_WORKER, SP_IPC_KEEPER },
		{ "a worker brings the keeper a peer", { SP_IPC_PEER, 8, { 0 } }, 16, 1, SP_IPC_WORKER, SP_IPC_KEEPER },
		{ "a question to sign with a descriptor",
		  { SP_IPC_SIGN, 176, { 0 } },
		  184,
		  1,
		  SP_IPC_WORKER,
		  SP_IPC_KEEPER },
		{ "size below the table's", { SP_IPC_DRAIN, 2, { 0 } }, 10, 0, SP_IPC_MASTER, SP_IPC_WORKER },
		{ "size above the table's", { SP_IPC_DRAIN, 8, { 0 } }, 16, 0, SP_IPC_MASTER, SP_IPC_WORKER },
		{ "size right, bytes missing", { SP_IPC_DRAIN, 4, { 0 } }, 10, 0, SP_IPC_MASTER, SP_IPC_WORKER },
		{ "size right, bytes too many", { SP_IPC_STOP, 0, { 0 } }, 12, 0, SP_IPC_MASTER, SP_IPC_WORKER },
		{ "longer than any message", { SP_IPC_TICKETS, 32, { 0 } }, 44, 0, SP_IPC_MASTER, SP_IPC_WORKER },
		{ "a descriptor that does not belong", { SP_IPC_STOP, 0, { 0 } }, 8, 1, SP_IPC_MASTER, SP_IPC_WORKER },
		{ "no descriptor", { SP_IPC_LOG, 4, { 0 } }, 12, 0, SP_IPC_MASTER, SP_IPC_WORKER },
		{ "two descriptors", { SP_IPC_LOG, 4, { 0 } }, 12, 2, SP_IPC_MASTER, SP_IPC_WORKER },
		{ "more descriptors than are read", { SP_IPC_LOG, 4, { 0 } }, 12, 8, SP_IPC_MASTER, SP_IPC_WORKER },
		{ "only descriptors", { 0, 0, { 0 } }, 0, 2, SP_IPC_MASTER, SP_IPC_WORKER },
	};
	unsigned before = open_count();

	(void)state;
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		struct pair p = new_pair();
		struct sp_ipc_message got;

		print_message("  %s\n", rows[i].name);
		send_raw(p.fds[0], &rows[i].raw, rows[i].n, rows[i].fds);
		assert_int_equal(sp_ipc_recv(p.fds[1], rows[i].from, rows[i].to, &got), SP_IPC_BAD);
		assert_int_equal(got.fd, -1);
		end_pair(&p);
		assert_int_equal(open_count(), before);
	}
}

static void test_nothing_and_nobody(void **state)
{
	struct pair p = new_pair();
	const struct sp_ipc_message stop = { .type = SP_IPC_STOP, .fd = -1 };
	struct sp_ipc_message got;
	enum sp_ipc_rc rc;

	(void)state;
	assert_int_equal(sp_ipc_recv(p.fds[1], SP_IPC_MASTER, SP_IPC_WORKER, &got), SP_IPC_AGAIN);
	do
		rc = sp_ipc_send(p.fds[0], SP_IPC_MASTER, SP_IPC_WORKER, &stop);
	while (rc == SP_IPC_DONE);
	assert_int_equal(rc, SP_IPC_AGAIN); /* a peer that does not read */
	close(p.fds[0]);
	while ((rc = sp_ipc_recv(p.fds[1], SP_IPC_MASTER, SP_IPC_WORKER, &got)) == SP_IPC_DONE)
		;
	assert_int_equal(rc, SP_IPC_EOF);
	assert_int_equal(sp_ipc_send(p.fds[1], SP_IPC_MASTER, SP_IPC_WORKER, &stop), SP_IPC_EOF);
	close(p.fds[1]);
}

static struct {
	unsigned messages, ends;
	enum sp_ipc_rc why;
	bool closes;
} seen;

static void on_message(struct sp_channel *ch, struct sp_ipc_message *m)
{
	seen.messages++;
	(void)m;
	if (seen.closes)
		sp_channel_close(ch);
}

static void on_end(struct sp_channel *ch, enum sp_ipc_rc why)
{
	assert_int_equal(ch->fd, -1);
	seen.ends++;
	seen.why = why;
}

/* What is sent, and what the other end's owner hears of it. */
static void test_on_a_loop(void **state)
{
	static const struct {
		const char *name;
		unsigned sent;
		bool is_bad_behind, closes;
		unsigned messages, ends;
		enum sp_ipc_rc why;
	} rows[] = {
		{ "three, then gone", 3, false, false, 3, 1, SP_IPC_EOF },
		{ "one, then nonsense", 1, true, false, 1, 1, SP_IPC_BAD },
		{ "the owner closes at the first", 3, false, true, 1, 0, SP_IPC_DONE },
	};

	(void)state;
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		struct sp_err err = { .text = "" };
		struct sp_loop *loop = sp_loop_new(&err);
		struct pair p = new_pair();
		struct sp_channel ch = { .on_message = on_message, .on_end = on_end };
		const struct sp_ipc_message ready = { .type = SP_IPC_READY, .fd = -1 };

		print_message("  %s\n", rows[i].name);
		assert_non_null(loop);
		memset(&seen, 0, sizeof(seen));
		seen.closes = rows[i].closes;
		sp_channel_open(&ch, loop, p.fds[1], SP_IPC_MASTER, SP_IPC_WORKER);
		for (unsigned k = 0; k < rows[i].sent; k++)
			assert_int_equal(sp_ipc_send(p.fds[0], SP_IPC_WORKER, SP_IPC_MASTER, &ready), SP_IPC_DONE);
		if (rows[i].is_bad_behind)
			send_raw(p.fds[0], "nonsense", 8, 0);
		close(p.fds[0]);
		sp_loop_turn(loop, false);
		sp_loop_turn(loop, false);
		assert_int_equal(seen.messages, rows[i].messages);
		assert_int_equal(seen.ends, rows[i].ends);
		assert_int_equal(seen.why, rows[i].why);
		assert_int_equal(sp_channel_send(&ch, &(struct sp_ipc_message){ .type = SP_IPC_STOP, .fd = -1 }),
				 SP_IPC_EOF);
		sp_channel_close(&ch);
		sp_loop_free(loop);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packed),
		cmocka_unit_test(test_all_types),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_nothing_and_nobody),
		cmocka_unit_test(test_on_a_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
