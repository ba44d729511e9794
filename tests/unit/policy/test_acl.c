/* allow and deny by address, as a listener and a route have them. */
#include "t.h"

#include <stdio.h>

#include "../../../src/policy/steps.h"
#include "sp/base/clock.h"
#include "sp/conf/read.h"

static struct sp_conf *conf_of(const char *rules)
{
	static char text[4096];
	struct sp_conf_report report;
	struct sp_conf *conf;

	(void)snprintf(text, sizeof(text), "[listener:a]\nbind = 127.0.0.1:80\n[route:a]\nrespond = 200\n%s", rules);
	sp_conf_report_init(&report);
	conf = sp_conf_read_text("t.ini", sp_str(text), &report);
	sp_conf_report_print(&report, "t.ini", stderr);
	sp_conf_report_fini(&report);
	assert_non_null(conf);
	return conf;
}

/* The line of the rule that refused; 0: it passed. */
static int refused_by(const struct sp_chain_of_steps *chain, const char *client)
{
	struct sp_addr addr = { .family = SP_ADDR_UNIX };
	struct sp_ask ask = { .client = &addr };
	struct sp_wait w = { .wake = NULL };

	if (client[0] != '\0')
		assert_true(sp_addr_parse_ip(sp_str(client), &addr));
	if (sp_steps_run(chain, &ask, &w) == SP_PASS)
		return 0;
	assert_int_equal(ask.status, 403);
	assert_string_equal(ask.cause, "denied_ip");
	return ask.rule.line;
}

static void test_deny_first_then_allow(void **state)
{
	static const struct {
		const char *rules, *client;
		int line;
	} rows[] = {
		{ "", "10.0.0.1", 0 },
		{ "deny = 10.0.0.0/8\n", "10.0.0.1", 5 },
		{ "deny = 10.0.0.0/8\n", "11.0.0.1", 0 },
		{ "deny = 10.0.0.0/8\n", "::ffff:10.0.0.1", 5 },
		{ "deny = 10.0.0.0/8\n", "", 0 },
		{ "deny = 9.0.0.0/8\ndeny = 10.0.0.0/8\n", "10.0.0.1", 6 },
		{ "allow = 10.0.0.0/8\n", "10.0.0.1", 0 },
		{ "allow = 10.0.0.0/8\n", "11.0.0.1", 5 },
		{ "allow = 10.0.0.0/8\n", "::1", 5 },
		{ "allow = 10.0.0.0/8\n", "", 5 },
		{ "allow = 10.0.0.0/8, fd00::/8\ndeny = 10.1.0.0/16\n", "10.1.2.3", 6 },
		{ "allow = 10.0.0.0/8, fd00::/8\ndeny = 10.1.0.0/16\n", "10.2.2.3", 0 },
		{ "allow = 10.0.0.0/8, fd00::/8\ndeny = 10.1.0.0/16\n", "fd00::3", 0 },
		{ "allow = 10.1.0.0/16\ndeny = 10.0.0.0/8\n", "10.1.2.3", 6 },        /* the longer prefix does not save it */
		{ "allow = 0.0.0.0/0, ::/0\n", "8.8.8.8", 0 },
		{ "deny = @b\n[addresses:b]\ncidr = 10.0.0.0/8\n", "10.0.0.1", 5 },
	};

	(void)state;
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		struct sp_conf *conf = conf_of(rows[i].rules);
		struct sp_chain_of_steps chain;
		struct sp_arena arena;

		sp_arena_init(&arena, NULL, 0, 0);
		assert_true(sp_steps_of_route(&conf->routes[0], &arena, &chain));
		if (refused_by(&chain, rows[i].client) != rows[i].line)
			fail_msg("%s%s", rows[i].rules, rows[i].client);
		sp_steps_free(&chain);
		sp_arena_fini(&arena);
		sp_conf_free(conf);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deny_first_then_allow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
