/* The dialer as a process, asked directly: what a worker that was taken over could try. */
#include "t.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "role.h"
#include "sp/base/check.h"
#include "sp/role/dialer.h"

enum { LISTENING, NOBODY, METADATA, OUTSIDE, UNKNOWN, BACKENDS };

static struct {
	struct sp_conf_backend backends[BACKENDS];
	struct sp_conf_pool pool;
	struct sp_egress_rule allow;
	struct sp_addr resolver;
	struct sp_conf conf;
	struct role role;
	int listening;
} t;

static int listen_somewhere(struct sp_addr *at)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&sa, n), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &n), 0);
	assert_true(sp_addr_from_sockaddr((struct sockaddr *)&sa, n, at));
	return fd;
}

static void make_conf(void)
{
	static const char *const at[BACKENDS] = {
		[NOBODY] = "127.0.0.1:1", [METADATA] = "169.254.169.254:80", [OUTSIDE] = "10.1.2.3:80"
	};

	t.listening = listen_somewhere(&t.backends[LISTENING].addr);
	for (uint32_t i = 0; i < BACKENDS; i++) {
		t.backends[i].index = i;
		if (at[i] != NULL)
			assert_true(sp_addr_parse(sp_str(at[i]), 0, &t.backends[i].addr));
	}
	assert_true(sp_cidr_parse(SP_STR("127.0.0.0/8"), &t.allow.cidr));
	t.backends[UNKNOWN].host = sp_str("nobody.internal");
	t.resolver = t.backends[LISTENING].addr;
	t.pool = (struct sp_conf_pool){ .backends = t.backends, .backend_count = BACKENDS };
	t.conf = (struct sp_conf){ .pools = &t.pool,
				   .pool_count = 1,
				   .backend_count = BACKENDS,
				   .egress = { .allow = &t.allow,
					       .allow_count = 1,
					       .has_allow = true,
					       .resolvers = &t.resolver,
					       .resolver_count = 1 } };
}

static struct sp_ipc_message ask(int fd, uint32_t backend)
{
	struct sp_ipc_message m = { .type = SP_IPC_DIAL, .body.dial = { .id = 4711, .index = backend }, .fd = -1 };

	assert_int_equal(sp_ipc_send(fd, SP_IPC_WORKER, SP_IPC_DIALER, &m), SP_IPC_DONE);
	m = role_receive(fd, SP_IPC_DIALER, SP_IPC_WORKER);
	assert_int_equal(m.body.any.id, 4711);
	return m;
}

/* What a connect came to: 0 or errno. */
static int outcome(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t n = sizeof(int);
	int error = -1;

	assert_int_equal(poll(&p, 1, 5000), 1);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n), 0);
	return error;
}

static void test_dials(void **state)
{
	const int wants[] = { 0, ECONNREFUSED };

	(void)state;
	for (uint32_t i = LISTENING; i <= NOBODY; i++) {
		struct sp_ipc_message m = ask(t.role.workers[i], i);

		assert_int_equal(m.type, SP_IPC_DIALED);
		assert_true((fcntl(m.fd, F_GETFL) & O_NONBLOCK) != 0);
		assert_int_equal(fcntl(m.fd, F_GETFD), FD_CLOEXEC);
		assert_int_equal(outcome(m.fd), wants[i]);
		close(m.fd);
	}
}

static const struct {
	const char *name;
	uint32_t backend;
	int error;
	enum sp_egress_verdict refused;
} refusals[] = {
	{ "an index behind the last", BACKENDS, EINVAL, SP_EGRESS_OK },
	{ "index -1", UINT32_MAX, EINVAL, SP_EGRESS_OK },
	{ "the metadata service", METADATA, 0, SP_EGRESS_LINK_LOCAL },
	{ "outside of allow", OUTSIDE, 0, SP_EGRESS_NOT_ALLOWED },
	{ "a name that nobody has resolved", UNKNOWN, EHOSTUNREACH, SP_EGRESS_OK },
};

static void test_refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(refusals); i++) {
		struct sp_ipc_message m = ask(t.role.workers[0], refusals[i].backend);

		print_message("  %s\n", refusals[i].name);
		assert_int_equal(m.type, SP_IPC_NOT_DIALED);
		assert_int_equal(m.fd, -1);
		assert_int_equal(m.body.not_dialed.error, refusals[i].error);
		assert_int_equal(m.body.not_dialed.refused, refusals[i].refused);
	}
}

static struct sp_ipc_message ask_as(int fd, enum sp_ipc_role who, uint32_t what, uint32_t index)
{
	struct sp_ipc_message m = { .type = SP_IPC_DIAL,
				    .body.dial = { .id = 7, .what = what, .index = index },
				    .fd = -1 };

	assert_int_equal(sp_ipc_send(fd, who, SP_IPC_DIALER, &m), SP_IPC_DONE);
	return role_receive(fd, SP_IPC_DIALER, who);
}

/* Name servers are the monitor's: it gets a socket that is connected to one; a worker gets none, whatever it asks. */
static void test_resolvers(void **state)
{
	static const struct {
		uint32_t what, index;
		int type; /* of the monitor's socket; 0: none */
	} rows[] = {
		{ SP_IPC_DIAL_RESOLVER_UDP, 0, SOCK_DGRAM },
		{ SP_IPC_DIAL_RESOLVER_TCP, 0, SOCK_STREAM },
		{ SP_IPC_DIAL_RESOLVER_UDP, 1, 0 },
		{ SP_IPC_DIAL_RESOLVER_TCP, UINT32_MAX, 0 },
		{ SP_IPC_DIAL_RESOLVER_TCP + 1, 0, 0 },
		{ UINT32_MAX, 0, 0 },
		{ SP_IPC_DIAL_BACKEND, LISTENING, SOCK_STREAM },
	};
	int monitor = role_new_peer(&t.role, SP_IPC_MONITOR, 0);

	(void)state;
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		struct sp_ipc_message m = ask_as(monitor, SP_IPC_MONITOR, rows[i].what, rows[i].index);
		socklen_t n = sizeof(int);
		int type = 0;

		print_message("  %u of kind %u\n", rows[i].index, rows[i].what);
		assert_int_equal(m.type, rows[i].type == 0 ? SP_IPC_NOT_DIALED : SP_IPC_DIALED);
		if (m.type == SP_IPC_DIALED) {
			assert_int_equal(getsockopt(m.fd, SOL_SOCKET, SO_TYPE, &type, &n), 0);
			assert_int_equal(type, rows[i].type);
			assert_int_equal(outcome(m.fd), 0);
			close(m.fd);
		}
		if (rows[i].what == SP_IPC_DIAL_BACKEND)
			continue;
		m = ask_as(t.role.workers[1], SP_IPC_WORKER, rows[i].what, rows[i].index);
		assert_int_equal(m.type, SP_IPC_NOT_DIALED);
		assert_int_equal(m.body.not_dialed.error, EINVAL);
	}
	close(monitor);
}

/* Who floods is not served for a while; the other worker is. */
static void test_rate(void **state)
{
	const struct sp_ipc_message m = { .type = SP_IPC_DIAL, .body.dial = { .id = 1, .index = BACKENDS }, .fd = -1 };
	struct sp_ipc_message got;
	bool is_over = false;

	(void)state;
	for (int i = 0; i < 4000 && !is_over; i++) {
		for (int k = 0; k < 50; k++)
			assert_int_equal(sp_ipc_send(t.role.workers[0], SP_IPC_WORKER, SP_IPC_DIALER, &m), SP_IPC_DONE);
		for (int k = 0; k < 50; k++) {
			got = role_receive(t.role.workers[0], SP_IPC_DIALER, SP_IPC_WORKER);
			assert_int_equal(got.type, SP_IPC_NOT_DIALED);
			is_over = is_over || got.body.not_dialed.error == EAGAIN;
		}
	}
	print_message("  over its rate: %s\n", is_over ? "yes" : "this machine is too slow for that");
	got = ask(t.role.workers[1], LISTENING);
	assert_int_equal(got.type, SP_IPC_DIALED);
	close(got.fd);
	usleep(100000);
	got = ask(t.role.workers[0], LISTENING);
	assert_int_equal(got.type, SP_IPC_DIALED);
	close(got.fd);
}

static void test_nonsense(void **state)
{
	struct sp_ipc_message got;

	(void)state;
	assert_int_equal(write(t.role.workers[0], "nonsense", 8), 8);
	assert_int_equal(role_receive(t.role.workers[0], SP_IPC_DIALER, SP_IPC_WORKER).type, SP_IPC_NONE);
	close(t.role.workers[0]);
	t.role.workers[0] = role_new_worker(&t.role, 1);
	got = ask(t.role.workers[0], LISTENING);
	assert_int_equal(got.type, SP_IPC_DIALED);
	close(got.fd);
}

static void test_ends(void **state)
{
	(void)state;
	role_test_ends(SP_IPC_DIALER, sp_dialer_run, &t.conf);
}

static int set_up(void **state)
{
	(void)state;
	make_conf();
	t.role = role_start(SP_IPC_DIALER, sp_dialer_run, &t.conf);
	role_add_workers(&t.role);
	return role_is_ready(&t.role) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	close(t.listening);
	return role_exit(&t.role) == SP_ROLE_ORPHAN ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dials), cmocka_unit_test(test_refuses),  cmocka_unit_test(test_resolvers),
		cmocka_unit_test(test_rate),  cmocka_unit_test(test_nonsense), cmocka_unit_test(test_ends),
	};

	return cmocka_run_group_tests_name("role/dialer", tests, set_up, tear_down);
}
