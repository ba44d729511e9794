/* shape: the methods of a listener, and the 405 that names them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sp/policy/policy.h"

static const struct sp_str methods[] = { { "GET", 3 }, { "HEAD", 4 }, { "POST", 4 } };

static void test_methods(void **state)
{
	static const struct {
		const char *method;
		size_t count;
		enum sp_verdict want;
		const char *allow;
	} rows[] = {
		{ "GET", 3, SP_PASS, "" },
		{ "POST", 3, SP_PASS, "" },
		{ "PUT", 3, SP_ANSWER, "GET, HEAD, POST" },
		{ "get", 3, SP_ANSWER, "GET, HEAD, POST" },
		{ "GE", 3, SP_ANSWER, "GET, HEAD, POST" },
		{ "GETS", 3, SP_ANSWER, "GET, HEAD, POST" },
		{ "", 3, SP_ANSWER, "GET, HEAD, POST" },
		{ "HEAD", 1, SP_ANSWER, "GET" },
		{ "GET", 0, SP_ANSWER, "" },
	};
	struct sp_arena arena;

	(void)state;
	sp_arena_init(&arena, NULL, 0, 0);
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		struct sp_conf_listener conf = { .methods = methods, .method_count = rows[i].count };
		struct sp_head head = { .is_request = true, .method_text = sp_str(rows[i].method) };
		struct sp_ask ask = { .request = &head, .arena = &arena };
		struct sp_chain_of_steps chain;
		struct sp_wait w = { 0 };

		assert_true(sp_steps_of_listener(&conf, &arena, &chain));
		assert_int_equal(sp_steps_run(&chain, &ask, &w), rows[i].want);
		assert_true(sp_str_eq(ask.allow, sp_str(rows[i].allow)));
		assert_int_equal(ask.status, rows[i].want == SP_ANSWER ? 405 : 0);
		if (rows[i].want == SP_ANSWER)
			assert_string_equal(ask.cause, "bad_request");
	}
	sp_arena_fini(&arena);
}

static void test_a_route_has_no_steps_yet(void **state)
{
	struct sp_conf_route conf = { .methods = methods, .method_count = 1 };
	struct sp_head head = { .is_request = true, .method_text = SP_STR("PUT") };
	struct sp_ask ask = { .request = &head };
	struct sp_chain_of_steps chain;
	struct sp_arena arena;
	struct sp_wait w = { 0 };

	(void)state;
	sp_arena_init(&arena, NULL, 0, 0);
	assert_true(sp_steps_of_route(&conf, &arena, &chain));
	assert_int_equal(sp_steps_run(&chain, &ask, &w), SP_PASS);
	sp_arena_fini(&arena);
}

static void test_no_memory(void **state)
{
	struct sp_conf_listener conf = { .methods = methods, .method_count = 3 };
	struct sp_chain_of_steps chain;
	bool is_built = false;

	(void)state;
	for (size_t limit = 1; !is_built; limit += 16) {
		struct sp_arena arena;

		sp_arena_init(&arena, NULL, 0, limit);
		is_built = sp_steps_of_listener(&conf, &arena, &chain);
		assert_true(limit < 4096);
		assert_true(!is_built || limit > 16);
		sp_arena_fini(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_methods),
		cmocka_unit_test(test_a_route_has_no_steps_yet),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
