/* explain: arguments to the bytes that a client would send, and the listener that would get them. */
#include "t.h"

#include <string.h>

#include "../../../src/cli/explain.h"
#include "sp/conf/read.h"

static const struct {
	const char *name, *url, *method, *fields[3];
	const char *head, *server_name; /* head NULL: refused, and server_name is part of what is said */
} requests[] = {
	{ "least", "http://a.test", NULL, { NULL }, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", "a.test" },
	{ "path and query", "https://a.test/p/q?x=1", "PUT", { NULL }, "PUT /p/q?x=1 HTTP/1.1\r\nHost: a.test\r\n\r\n", "a.test" },
	{ "a query alone", "http://a.test?x", NULL, { NULL }, "GET /?x HTTP/1.1\r\nHost: a.test\r\n\r\n", "a.test" },
	{ "a fragment alone", "http://a.test#f", NULL, { NULL }, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", "a.test" },
	{ "a fragment behind a query", "http://a.test/?x#f?y/", NULL, { NULL }, "GET /?x HTTP/1.1\r\nHost: a.test\r\n\r\n", "a.test" },
	{ "a mark in the query", "http://a.test/?u=http://b@c/", NULL, { NULL },
	  "GET /?u=http://b@c/ HTTP/1.1\r\nHost: a.test\r\n\r\n", "a.test" },
	{ "the path as it is", "http://a.test/../%2e/b", NULL, { NULL }, "GET /../%2e/b HTTP/1.1\r\nHost: a.test\r\n\r\n", "a.test" },
	{ "options of the server", "http://a.test", "OPTIONS", { NULL }, "OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n", "a.test" },
	{ "options of its root", "http://a.test/", "OPTIONS", { NULL }, "OPTIONS / HTTP/1.1\r\nHost: a.test\r\n\r\n", "a.test" },
	{ "the scheme's port", "HTTPS://A.Test:443/", NULL, { NULL }, "GET / HTTP/1.1\r\nHost: A.Test\r\n\r\n", "a.test" },
	{ "another port", "https://a.test:80/", NULL, { NULL }, "GET / HTTP/1.1\r\nHost: a.test:80\r\n\r\n", "a.test" },
	{ "a dot behind the name", "http://a.test./", NULL, { NULL }, "GET / HTTP/1.1\r\nHost: a.test.\r\n\r\n", "a.test" },
	{ "v4", "https://10.0.0.1/", NULL, { NULL }, "GET / HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n", "" },
	{ "v6", "https://[::1]:8443/", NULL, { NULL }, "GET / HTTP/1.1\r\nHost: [::1]:8443\r\n\r\n", "" },
	{ "fields in their order", "http://a.test/", NULL, { "B: 1", "A:2" }, "GET / HTTP/1.1\r\nHost: a.test\r\nB: 1\r\nA:2\r\n\r\n", "a.test" },
	{ "another Host", "http://a.test:81/", NULL, { "X: 1", "hOST: b" }, "GET / HTTP/1.1\r\nX: 1\r\nhOST: b\r\n\r\n", "a.test" },
	{ "what the gateway refuses", "http://a.test/", "b@d", { "A B : c" }, "b@d / HTTP/1.1\r\nHost: a.test\r\nA B : c\r\n\r\n", "a.test" },
	{ "no URL", NULL, NULL, { NULL }, NULL, "which request?" },
	{ "empty", "", NULL, { NULL }, NULL, "begins with http:// or https://" },
	{ "cut", "http:/", NULL, { NULL }, NULL, "begins with http:// or https://" },
	{ "no host", "https://", NULL, { NULL }, NULL, "has no host" },
	{ "a port alone", "http://:80/", NULL, { NULL }, NULL, "has no host" },
	{ "no port behind the colon", "http://a:/", NULL, { NULL }, NULL, "a port is a number" },
	{ "junk behind the bracket", "http://[::1]80/", NULL, { NULL }, NULL, "a port is a number" },
	{ "a tab", "http://a.test/\t", NULL, { NULL }, NULL, "no blanks" },
	{ "a delete", "http://a.test/\x7f", NULL, { NULL }, NULL, "no blanks" },
	{ "a field without a colon", "http://a/", NULL, { "A" }, NULL, "'Name: value'" },
	{ "a field of two lines", "http://a/", NULL, { "A: b\nC: d" }, NULL, "one line" },
};

static void test_requests(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(requests); i++) {
		struct sp_args args = { .what = requests[i].url, .method = requests[i].method };
		struct sp_explain_request got;
		struct sp_err err = { .text = "" };
		bool is_fine;

		print_message("  %s\n", requests[i].name);
		memcpy(args.fields, requests[i].fields, sizeof(requests[i].fields));
		is_fine = sp_explain_request_read(&args, &got, &err);
		assert_int_equal(is_fine, requests[i].head != NULL);
		if (is_fine) {
			assert_string_equal(got.head.p, requests[i].head);
			assert_string_equal(got.server_name, requests[i].server_name);
		} else {
			assert_non_null(strstr(err.text, requests[i].server_name));
		}
		sp_explain_request_fini(&got);
	}
}

#define CONF                                                                                                       \
	"[gateway]\ntrusted = 10.0.0.0/8\n[admin]\nbind = off\n"                                                 \
	"[listener:any]\nbind = 0.0.0.0:8080, [::]:80\n"                                                           \
	"[listener:one]\nbind = 127.0.0.1:8080\n"                                                                  \
	"[listener:named]\nbind = 127.0.0.1:90\nproxy_protocol = required\n"                                       \
	"[listener:unix]\nbind = unix:run/web.sock\n"                                                              \
	"[listener:fd]\nbind = fd:web\n"                                                                           \
	"[route:r]\nhost = *\nrespond = 200\n"

static const struct {
	const char *url, *listener, *from;
	const char *want; /* the listener; NULL: refused */
	unsigned port;
	const char *client;
} aims[] = {
	{ "http://a.test/", NULL, NULL, "any", 80, "203.0.113.1" },
	{ "http://10.0.0.1:8080/", NULL, NULL, "any", 8080, "203.0.113.1" },
	{ "http://a.test:8080/", NULL, NULL, NULL, 0, NULL },
	{ "http://a.test:8080/", "one", "::ffff:10.0.0.9", "one", 8080, "10.0.0.9" },
	{ "http://a.test:9999/", "one", NULL, "one", 8080, "203.0.113.1" },
	{ "http://a.test:9999/", NULL, "2001:db8::1", "fd", 9999, "2001:db8::1" },
	{ "http://a.test:90/", NULL, NULL, "named", 90, "203.0.113.1" },
	{ "http://a.test:443/", "named", NULL, "named", 443, "203.0.113.1" },
	{ "http://a.test/", "unix", NULL, "unix", 0, "unix:" },
	{ "http://a.test/", "unix", "10.0.0.1", NULL, 0, NULL },
	{ "https://a.test/", NULL, NULL, NULL, 0, NULL },
	{ "https://a.test/", "one", NULL, NULL, 0, NULL },
	{ "http://a.test/", "ona", NULL, NULL, 0, NULL },
	{ "http://a.test/", NULL, "a.test", NULL, 0, NULL },
	{ "http://a.test/", NULL, "10.0.0.0/8", NULL, 0, NULL },
};

static void test_aims(void **state)
{
	struct sp_conf_report report;
	struct sp_conf *conf;

	(void)state;
	sp_conf_report_init(&report);
	conf = sp_conf_read_text("t.ini", sp_str(CONF), &report);
	sp_conf_report_print(&report, "t.ini", stderr);
	assert_non_null(conf);
	for (size_t i = 0; i < SP_COUNT(aims); i++) {
		const struct sp_args args = { .what = aims[i].url, .listener = aims[i].listener, .from = aims[i].from };
		struct sp_explain_request request;
		struct sp_err err = { .text = "" };
		struct sp_explain_ask ask;
		char text[SP_ADDR_TEXT];

		print_message("  %s %s\n", aims[i].url, aims[i].listener != NULL ? aims[i].listener : "");
		assert_true(sp_explain_request_read(&args, &request, &err));
		assert_int_equal(sp_explain_aim(conf, &args, &request, &ask, &err), aims[i].want != NULL);
		assert_int_equal(err.text[0] == '\0', aims[i].want != NULL);
		if (aims[i].want != NULL) {
			assert_true(sp_str_eq(conf->listeners[ask.listener].section.name, sp_str(aims[i].want)));
			assert_int_equal(ask.port, aims[i].port);
			assert_string_equal(sp_addr_ip_text(&ask.client, text), aims[i].client);
		}
		sp_explain_request_fini(&request);
	}
	sp_conf_free(conf);
	sp_conf_report_fini(&report);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_requests), cmocka_unit_test(test_aims) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
