/* explain: one request judged by the judge of the gateway, with a witness, and nothing around it. */
#include "t.h"

#include <stdio.h>
#include <string.h>

#include "sp/build/generation.h"
#include "sp/proxy/explain.h"

#define CONF                                                                                                       \
	"[gateway]\ntrusted = 10.0.0.0/8\n[egress]\nallow = 127.0.0.0/8\n[admin]\nbind = off\n"                    \
	"[listener:web]\nbind = 127.0.0.1:8080\ndeny = 192.0.2.0/24\n"                                             \
	"[limit:slow]\nrate = 5/m\n"                                                                               \
	"[route:a]\nhost = a.test\npool = app\nlimit = slow\nrequest_header = set X-A: 1\n"                        \
	"[route:b]\nhost = b.test\nrespond = 200 fine\n"                                                           \
	"[pool:app]\nbackend = 127.0.0.1:81, 127.0.0.1:82\nhost = backend\n"                                       \
	"[backend:c]\npool = app\naddress = 127.0.0.1:80\n"

struct bed {
	struct sp_conf_report report;
	struct sp_conf *conf;
	struct sp_serve *serve;
	struct sp_explanation *what;
};

static void bed_open(struct bed *bed, const char *text)
{
	struct sp_err err = { .text = "" };

	memset(bed, 0, sizeof(*bed));
	sp_conf_report_init(&bed->report);
	bed->conf = sp_conf_read_text("t.ini", sp_str(text), &bed->report);
	sp_conf_report_print(&bed->report, "t.ini", stderr);
	assert_non_null(bed->conf);
	bed->serve = sp_generation_new(bed->conf, 1, &(struct sp_generation_asks){ .signer = sp_signer_new_local() }, &err);
	assert_non_null(bed->serve);
}

static void bed_close(struct bed *bed)
{
	sp_explanation_free(bed->what);
	assert_int_equal(bed->serve->holds, 1);
	sp_serve_release(bed->serve);
	sp_conf_free(bed->conf);
	sp_conf_report_fini(&bed->report);
}

static const struct sp_explanation *explain(struct bed *bed, const char *client, const char *head)
{
	struct sp_explain_ask ask = { .port = 8080, .head = sp_str(head) };
	struct sp_err err = { .text = "" };

	sp_explanation_free(bed->what);
	assert_true(sp_addr_parse_ip(sp_str(client), &ask.client));
	bed->what = sp_explain(bed->serve, &ask, &err);
	assert_int_equal(bed->what == NULL, err.text[0] != '\0');
	return bed->what;
}

/* "rule:line how, …"; of rules without a place no line. */
static const char *rules_of(const struct sp_explanation *what)
{
	static const char *const hows[] = { "passed", "answered", "dropped", "unasked" };
	static char text[512];
	size_t n = 0;

	text[0] = '\0';
	for (const struct sp_explained_rule *r = what->rules; r != NULL; r = r->next)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s:%d %s", n > 0 ? ", " : "", r->met.rule, r->met.at.line,
				      hows[r->met.how]);
	return text;
}

/* Of who is not trusted. */
#define CAPS "max_connections_per_ip:0 unasked, "

#define HEAD(line, host) line " HTTP/1.1\r\nHost: " host "\r\n\r\n"

static void test_outcomes(void **state)
{
	static const struct {
		const char *client, *head;
		enum sp_outcome outcome;
		unsigned status;
		const char *cause, *route, *rules;
	} rows[] = {
		{ "198.51.100.1", HEAD("GET /", "a.test"), SP_OUTCOME_FORWARDED, 0, "ok", "a",
		  CAPS "ban:0 unasked, deny:9 passed, methods:0 passed, route:12 passed, limit:11 unasked, pool:14 passed, "
		  "request_header:16 passed" },
		{ "192.0.2.1", HEAD("GET /", "a.test"), SP_OUTCOME_ANSWERED, 403, "denied_ip", NULL, CAPS "ban:0 unasked, deny:9 answered" },
		{ "198.51.100.1", HEAD("GET /", "b.test"), SP_OUTCOME_ANSWERED, 200, "ok", "b",
		  CAPS "ban:0 unasked, deny:9 passed, methods:0 passed, route:17 passed, respond:19 answered" },
		{ "198.51.100.1", HEAD("GET /", "c.test"), SP_OUTCOME_ANSWERED, 421, "no_route", NULL,
		  CAPS "ban:0 unasked, deny:9 passed, methods:0 passed, route:0 answered" },
		{ "10.0.0.1", "GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 192.0.2.9\r\n\r\n", SP_OUTCOME_ANSWERED, 403,
		  "denied_ip", NULL, "trusted:2 passed, ban:0 unasked, deny:9 answered" },
		{ "198.51.100.1", "GET / HTTP/1.1\r\n\r\n", SP_OUTCOME_ANSWERED, 400, "bad_request", NULL, CAPS "http:0 answered" },
		{ "198.51.100.1", HEAD("GET /healthz", "c.test"), SP_OUTCOME_ANSWERED, 200, "ok", NULL, CAPS "health_path:0 answered" },
	};
	struct bed bed;

	(void)state;
	bed_open(&bed, CONF);
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		const struct sp_explanation *what = explain(&bed, rows[i].client, rows[i].head);

		print_message("  %s %.20s\n", rows[i].client, rows[i].head);
		assert_non_null(what);
		assert_string_equal(rules_of(what), rows[i].rules);
		assert_int_equal(what->outcome, rows[i].outcome);
		assert_int_equal(what->status, rows[i].status);
		assert_string_equal(what->cause, rows[i].cause);
		if (rows[i].route == NULL)
			assert_null(what->route);
		else
			assert_true(sp_str_eq(what->route->section.name, sp_str(rows[i].route)));
		assert_int_equal(what->answer.n > 0, rows[i].outcome == SP_OUTCOME_ANSWERED);
	}
	assert_null(explain(&bed, "198.51.100.1", "GET / HTTP/1.1\r\nHost: a.test\r\n"));
	bed_close(&bed);
}

static void test_the_head(void **state)
{
	static const char begin[] = "POST /x HTTP/1.1\r\nHost: 127.0.0.1:81\r\nContent-Length: 0\r\nX-B: 2\r\n"
				    "X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a.test\r\n"
				    "X-Forwarded-Port: 8080\r\nX-Request-Id: ";
	static const char end[] = "\r\nVia: 1.1 sallyport\r\nX-A: 1\r\n\r\n";
	const struct sp_explanation *what;
	struct bed bed;

	(void)state;
	bed_open(&bed, CONF);
	what = explain(&bed, "198.51.100.1", "POST /x HTTP/1.1\r\nhost: a.test\r\nX-B: 2\r\nX-A: none\r\n\r\n");
	assert_int_equal(what->head.n, sizeof(begin) - 1 + 32 + sizeof(end) - 1);
	assert_memory_equal(what->head.p, begin, sizeof(begin) - 1);
	assert_memory_equal(what->head.p + what->head.n - (sizeof(end) - 1), end, sizeof(end) - 1);
	assert_int_equal(what->pool->backend_count, 3);
	assert_true(sp_str_eq(what->hosts[0], SP_STR("127.0.0.1:81")));
	assert_true(sp_str_eq(what->hosts[1], SP_STR("127.0.0.1:82")));
	assert_true(sp_str_eq(what->hosts[2], SP_STR("127.0.0.1")));
	bed_close(&bed);
}

/* ---- policies that explain knows nothing of */

static unsigned asked;

static enum sp_verdict wait_for_it(const void *conf, struct sp_ask *ask, struct sp_wait *w)
{
	(void)conf;
	(void)ask;
	(void)w;
	asked++;
	return SP_WAIT;
}

static enum sp_verdict pass(const void *conf, struct sp_ask *ask, struct sp_wait *w)
{
	(void)conf;
	(void)ask;
	(void)w;
	return SP_PASS;
}

static enum sp_verdict drop(const void *conf, struct sp_ask *ask, struct sp_wait *w)
{
	(void)conf;
	(void)w;
	ask->cause = "denied_geo";
	ask->rule = (struct sp_conf_at){ "t.ini", 15 };
	return SP_DROP;
}

static const struct sp_policy waiting = { .name = "asker", .request = wait_for_it };
static const struct sp_policy passing = { .name = "limit", .request = pass };
static const struct sp_policy dropping = { .name = "geo", .request = drop };

static void test_other_policies(void **state)
{
	const struct sp_step steps[] = { { &waiting, NULL }, { &passing, NULL }, { &dropping, NULL } };
	const struct sp_explanation *what;
	struct bed bed;

	(void)state;
	bed_open(&bed, CONF);
	asked = 0;
	/* In the place of the steps of [route:a]. */
	bed.serve->route_steps[0] = (struct sp_chain_of_steps){ steps, 2 };
	what = explain(&bed, "198.51.100.1", HEAD("GET /", "a.test"));
	assert_int_equal(what->outcome, SP_OUTCOME_FORWARDED);
	assert_int_equal(asked, 1);
	/* Who does not tell where it stands is found by its name among the keys of the route. */
	assert_string_equal(rules_of(what), CAPS "ban:0 unasked, deny:9 passed, methods:0 passed, route:12 passed, asker:0 unasked, "
					    "limit:15 passed, pool:14 passed, request_header:16 passed");

	bed.serve->route_steps[0].count = 3;
	what = explain(&bed, "198.51.100.1", HEAD("GET /", "a.test"));
	assert_int_equal(what->outcome, SP_OUTCOME_CLOSED);
	assert_string_equal(what->cause, "denied_geo");
	assert_int_equal(what->rule.line, 15);
	assert_non_null(strstr(rules_of(what), "limit:15 passed, geo:15 dropped"));
	assert_int_equal(what->answer.n + what->head.n, 0);
	bed.serve->route_steps[0].count = 0;
	bed_close(&bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outcomes),
		cmocka_unit_test(test_the_head),
		cmocka_unit_test(test_other_policies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
