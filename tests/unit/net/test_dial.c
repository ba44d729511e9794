#include "pair.h"

#include "sp/base/check.h"
#include "sp/net/dial.h"

static struct sp_egress_rule allow_loopback = { .port_from = 0, .port_to = 0 };

static const struct {
	const char *to; /* NULL: an address that is not known */
	bool has_allow; /* 127.0.0.0/8 */
	enum sp_dial_rc rc;
	int error;
	enum sp_egress_verdict refused;
} dials[] = {
	{ NULL, true, SP_DIAL_FAILED, EHOSTUNREACH, SP_EGRESS_OK },
	{ "169.254.169.254:80", true, SP_DIAL_FAILED, 0, SP_EGRESS_LINK_LOCAL },
	{ "[::ffff:169.254.169.254]:80", true, SP_DIAL_FAILED, 0, SP_EGRESS_LINK_LOCAL },
	{ "[fd00:ec2::254]:80", true, SP_DIAL_FAILED, 0, SP_EGRESS_LINK_LOCAL },
	{ "0.0.0.0:80", true, SP_DIAL_FAILED, 0, SP_EGRESS_UNSPECIFIED },
	{ "224.0.0.1:80", true, SP_DIAL_FAILED, 0, SP_EGRESS_MULTICAST },
	{ "127.0.0.1:9", false, SP_DIAL_FAILED, 0, SP_EGRESS_LOOPBACK },
	{ "[::ffff:127.0.0.1]:9", false, SP_DIAL_FAILED, 0, SP_EGRESS_LOOPBACK },
	{ "8.8.8.8:53", true, SP_DIAL_FAILED, 0, SP_EGRESS_PUBLIC },
	{ "10.1.2.3:80", true, SP_DIAL_FAILED, 0, SP_EGRESS_NOT_ALLOWED },
	{ "unix:/tmp/x", true, SP_DIAL_FAILED, 0, SP_EGRESS_FAMILY },
	{ "127.0.0.1:9", true, SP_DIAL_DONE, 0, SP_EGRESS_OK },
};

static void test_verdicts(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(dials); i++) {
		struct sp_egress egress = { .allow = &allow_loopback,
					    .allow_count = dials[i].has_allow,
					    .has_allow = dials[i].has_allow };
		struct sp_dial_to to = { .addr = { .family = SP_ADDR_NONE } };
		struct sp_dial_ask ask = { .backend = 0, .fd = 77 };
		struct sp_err err = { "" };
		struct sp_dial *dial;

		print_message("  %s\n", dials[i].to == NULL ? "unknown" : dials[i].to);
		if (dials[i].to != NULL)
			assert_true(sp_addr_parse(sp_str(dials[i].to), 0, &to.addr));
		dial = sp_dial_new_local(&egress, &to, 1, &err);
		assert_non_null(dial);
		assert_int_equal(sp_dial_ask(dial, &ask), dials[i].rc);
		assert_int_equal(ask.rc, dials[i].rc);
		assert_int_equal(ask.error, dials[i].error);
		assert_int_equal(ask.refused, dials[i].refused);
		assert_int_equal(ask.fd >= 0, dials[i].rc == SP_DIAL_DONE);
		if (ask.fd >= 0)
			close(ask.fd);
		ask.backend = 1;
		assert_int_equal(sp_dial_ask(dial, &ask), SP_DIAL_FAILED);
		assert_int_equal(ask.error, EINVAL);
		sp_dial_free(dial);
	}
	sp_dial_free(NULL);
}

static void on_ready(struct sp_stream *s, unsigned what)
{
	assert_int_equal(what, SP_WRITE);
	sp_stream_want(s, 0);
}

/* The outcome of a connect is learned from the stream: connected, or the errno. */
static void test_outcome(void **state)
{
	struct sp_egress egress = { .allow = &allow_loopback, .allow_count = 1, .has_allow = true };
	struct sp_dial_to to[2];
	struct sp_err err = { "" };
	struct sp_loop *loop = sp_loop_new(&err);
	struct sp_dial *dial = sp_dial_new_local(&egress, to, 2, &err);
	int listening = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof(at);

	(void)state;
	assert_int_equal(bind(listening, (struct sockaddr *)&at, n), 0);
	assert_int_equal(listen(listening, 1), 0);
	assert_int_equal(getsockname(listening, (struct sockaddr *)&at, &n), 0);
	assert_true(sp_addr_from_sockaddr((struct sockaddr *)&at, n, &to[0].addr));
	assert_true(sp_addr_parse(SP_STR("127.0.0.1:1"), 0, &to[1].addr));
	for (uint32_t i = 0; i < 2; i++) {
		struct sp_dial_ask ask = { .backend = i };
		struct sp_stream s;

		assert_int_equal(sp_dial_ask(dial, &ask), SP_DIAL_DONE);
		assert_true(sp_stream_open(&s, loop, ask.fd, true, on_ready));
		sp_stream_want(&s, SP_WRITE);
		assert_int_equal(sp_stream_connected(&s), SP_IO_AGAIN);
		sp_loop_turn(loop, true);
		assert_int_equal(sp_stream_connected(&s), i == 0 ? SP_IO_DONE : SP_IO_FAILED);
		assert_int_equal(s.error, i == 0 ? 0 : ECONNREFUSED);
		assert_int_equal(sp_stream_connected(&s), i == 0 ? SP_IO_DONE : SP_IO_FAILED);
		sp_stream_close(&s);
	}
	close(listening);
	sp_dial_free(dial);
	sp_loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_outcome),
	};

	assert_true(sp_cidr_parse(SP_STR("127.0.0.0/8"), &allow_loopback.cidr));
	return cmocka_run_group_tests_name("net/dial", tests, NULL, NULL);
}
