/*
 * What ends at this hop and what is added to it, as a list of the fields that go on.
 */
#include "feed.h"

#include "sp/base/clock.h"
#include "sp/http/hop.h"

#define T(text) TEXT(text)
#define R(fields) T("GET / HTTP/1.1\r\nHost: example.com:8443\r\n" fields "\r\n")
#define OURS                                                                                                           \
	"X-Forwarded-For: 1.2.3.4\nX-Forwarded-Proto: https\nX-Forwarded-Host: example.com:8443\nX-Forwarded-Port: "   \
	"443\n"
#define END "X-Request-Id: id-1\nVia: 1.1 sallyport\n"

static const struct feed requests = { .limits = FEED_LIMITS };
static const struct feed answers = { .limits = FEED_LIMITS, .is_answer = true, .answers = SP_M_GET };

static const char *listed(const struct sp_head *head)
{
	static char text[40000];
	size_t n = 0;

	for (uint32_t i = 0; i < head->field_count; i++) {
		const struct sp_field *f = &head->fields[i];

		if (!f->is_dropped && f->id != SP_F_HOST)
			n += (size_t)sprintf(text + n, "%.*s: %.*s\n", SP_STR_ARG(f->name), SP_STR_ARG(f->value));
	}
	text[n] = '\0';
	return text;
}

enum { STRANGER = 0, TRUSTED = 1, UPGRADE = 2 };

static const struct {
	const char *name;
	struct sp_str in;
	unsigned how;
	const char *want;
} cases[] = {
	{ "nothing", R(""), STRANGER, OURS END },
	{ "others stay in order", R("A: 1\r\nB:\r\nA: 2\r\n"), STRANGER, "A: 1\nB: \nA: 2\n" OURS END },
	{ "hop fields",
	  R("Connection: keep-alive\r\nKeep-Alive: timeout=5\r\nProxy-Connection: close\r\nTE: trailers\r\nTrailer: "
	    "X\r\n"
	    "Upgrade: h2c\r\nHTTP2-Settings: AA\r\nProxy: http://evil\r\nProxy-Authorization: Basic x\r\n"
	    "Proxy-Authenticate: Basic\r\nExpect: 100-continue\r\nA: 1\r\n"),
	  STRANGER, "A: 1\n" OURS END },
	{ "named by Connection", R("Connection: x-a, close\r\nX-A: 1\r\nB: 2\r\nx-a: 3\r\nConnection: B\r\n"), STRANGER,
	  OURS END },
	{ "forwarding fields of strangers",
	  R("X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: ftp\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Port: 1\r\n"
	    "Forwarded: for=9.9.9.9\r\nX-Real-IP: 9.9.9.9\r\nVia: 1.1 evil\r\nX-Request-Id: evil\r\nTrue-Client-IP: "
	    "9\r\n"
	    "X-Client-IP: 9\r\nX-Cluster-Client-IP: 9\r\nFront-End-Https: on\r\nX-Original-URL: /admin\r\n"
	    "X-Rewrite-URL: /admin\r\nX-Original-Host: evil\r\nX-Forwarded-Ssl: on\r\nx-forwarded-prefix: /\r\n"
	    "X-Forwarded: x\r\nX-Forwarding: stays\r\n"),
	  STRANGER, "X-Forwarding: stays\n" OURS END },
	{ "forwarding fields of a trusted peer",
	  R("X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: h\r\nX-Forwarded-Port: 80\r\n"
	    "Forwarded: for=9.9.9.9\r\nVia: 1.1 alb\r\nX-Request-Id: theirs\r\n"),
	  TRUSTED,
	  "X-Forwarded-Proto: http\nX-Forwarded-Host: h\nX-Forwarded-Port: 80\nForwarded: for=9.9.9.9\nVia: 1.1 alb\n"
	  "X-Forwarded-For: 9.9.9.9, 10.0.0.7\n" END },
	{ "two lists of a trusted peer",
	  R("X-Forwarded-For: 1.1.1.1,2.2.2.2\r\nX-Forwarded-For:\r\nX-Forwarded-For: 3.3.3.3\r\n"), TRUSTED,
	  "X-Forwarded-For: 1.1.1.1,2.2.2.2, 3.3.3.3, 10.0.0.7\nX-Forwarded-Proto: https\n"
	  "X-Forwarded-Host: example.com:8443\nX-Forwarded-Port: 443\n" END },
	{ "two answers of a trusted peer are none", R("X-Forwarded-Proto: http\r\nX-Forwarded-Proto: https\r\n"),
	  TRUSTED,
	  "X-Forwarded-For: 10.0.0.7\nX-Forwarded-Proto: https\nX-Forwarded-Host: example.com:8443\nX-Forwarded-Port: "
	  "443\n" END },
	{ "websocket, kept", R("Connection: Upgrade, keep-alive\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n"),
	  UPGRADE, "Upgrade: websocket\nSec-WebSocket-Key: k\nConnection: upgrade\n" OURS END },
	{ "websocket, not kept", R("Connection: Upgrade\r\nUpgrade: websocket\r\n"), STRANGER, OURS END },
	{ "kept, but none was asked", R("Upgrade: websocket\r\n"), UPGRADE, OURS END },
	{ "kept, with a named field", R("Connection: upgrade, HTTP2-Settings, X-A\r\nUpgrade: a\r\nX-A: 1\r\n"),
	  UPGRADE, "Upgrade: a\nConnection: upgrade\n" OURS END },
	{ "names with _ stay dropped", R("X_A: 1\r\nX_Forwarded_For: 1\r\n"), STRANGER, OURS END },
};

static void test_requests(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(cases); i++) {
		struct sp_hop hop = {
			.client_ip = SP_STR("1.2.3.4"), .port = 443, .is_tls = true, .request_id = SP_STR("id-1")
		};
		struct feed f;

		hop.is_peer_trusted = (cases[i].how & TRUSTED) != 0;
		hop.is_upgrade_kept = (cases[i].how & UPGRADE) != 0;
		if (hop.is_peer_trusted)
			hop.peer_ip = SP_STR("10.0.0.7");
		feed_all_ways(&f, &requests, cases[i].in);
		assert_int_equal(f.rc, SP_H1_HEAD);
		assert_true(sp_hop_request(&f.head, &f.arena, &hop));
		if (strcmp(listed(&f.head), cases[i].want) != 0)
			fail_msg("%s:\n%s", cases[i].name, listed(&f.head));
		feed_fini(&f);
	}
}

static void test_plain_and_port(void **state)
{
	struct sp_hop hop = { .client_ip = SP_STR("::1"), .port = 65535, .request_id = SP_STR("r") };
	struct feed f;

	(void)state;
	feed_all_ways(&f, &requests, (struct sp_str)R(""));
	assert_true(sp_hop_request(&f.head, &f.arena, &hop));
	assert_string_equal(listed(&f.head),
			    "X-Forwarded-For: ::1\nX-Forwarded-Proto: http\nX-Forwarded-Host: example.com:8443\n"
			    "X-Forwarded-Port: 65535\nX-Request-Id: r\nVia: 1.1 sallyport\n");
	feed_fini(&f);
}

static const struct {
	struct sp_str in;
	bool is_upgrade_kept;
	const char *want;
} answer_cases[] = {
	{ T("HTTP/1.1 200 OK\r\nServer: x\r\nDate: then\r\nA: 1\r\n\r\n"), false,
	  "Date: then\nA: 1\nVia: 1.1 sallyport\n" },
	{ T("HTTP/1.1 200 OK\r\nA: 1\r\n\r\n"), false,
	  "A: 1\nDate: Tue, 24 Nov 2026 16:20:00 GMT\nVia: 1.1 sallyport\n" },
	{ T("HTTP/1.1 200 OK\r\nDate: d\r\nConnection: close, X-A\r\nX-A: 1\r\nKeep-Alive: timeout=5\r\nTrailer: X\r\n"
	    "Proxy-Authenticate: Basic\r\nProxy-Connection: close\r\nUpgrade: h2c\r\nTE: x\r\nProxy: x\r\n\r\n"),
	  false, "Date: d\nVia: 1.1 sallyport\n" },
	{ T("HTTP/1.1 200 OK\r\nDate: d\r\nVia: 1.0 inner\r\nX-Forwarded-For: echoed\r\nSet-Cookie: a\r\nSet-Cookie: "
	    "b\r\n\r\n"),
	  false,
	  "Date: d\nVia: 1.0 inner\nX-Forwarded-For: echoed\nSet-Cookie: a\nSet-Cookie: b\nVia: 1.1 sallyport\n" },
	{ T("HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nServer: x\r\n\r\n"), true,
	  "Upgrade: websocket\nVia: 1.1 sallyport\n" },
	{ T("HTTP/1.1 103 x\r\nLink: </a>\r\n\r\n"), false, "Link: </a>\nVia: 1.1 sallyport\n" },
};

static void test_answers(void **state)
{
	(void)state;
	sp_clock_set(1, 1795537200000U);
	for (size_t i = 0; i < SP_COUNT(answer_cases); i++) {
		struct feed f;

		feed_all_ways(&f, &answers, answer_cases[i].in);
		assert_int_equal(f.rc, SP_H1_HEAD);
		assert_true(sp_hop_response(&f.head, &f.arena, answer_cases[i].is_upgrade_kept));
		if (strcmp(listed(&f.head), answer_cases[i].want) != 0)
			fail_msg("%zu:\n%s", i, listed(&f.head));
		feed_fini(&f);
	}
}

static void test_no_memory(void **state)
{
	struct sp_hop hop = {
		.client_ip = SP_STR("1.2.3.4"), .port = 1, .is_peer_trusted = true, .request_id = SP_STR("r")
	};
	bool was_done = false, failed = false;

	(void)state;
	for (size_t room = 0; room < 2048; room += 8) {
		struct feed f;
		bool done;

		feed_all_ways(&f, &requests, (struct sp_str)R("X-Forwarded-For: 1\r\n"));
		f.arena.limit = f.arena.used + room;
		f.head.field_room = f.head.field_count; /* the next field needs memory */
		done = sp_hop_request(&f.head, &f.arena, &hop);
		was_done |= done;
		failed |= !done;
		feed_fini(&f);
	}
	assert_true(was_done && failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_plain_and_port),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
