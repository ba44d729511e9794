/*
 * Our own answers.
 */
#include "feed.h"

#include "sp/base/clock.h"
#include "sp/http/reply.h"

static const struct {
	const char *accept;
	bool wants_json;
} accepts[] = {
	{ "", false },
	{ "*/*", false },
	{ "application/json", true },
	{ "APPLICATION/JSON", true },
	{ "application/*", true },
	{ "application/json, text/plain", false },
	{ "application/json, text/plain;q=0.9", true },
	{ "application/json;q=0.5, text/plain", false },
	{ "application/json, text/plain, */*", false },
	{ "application/json, */*;q=0.1", true },
	{ "application/json, text/*;q=0.2", true },
	{ "application/json;q=0", false },
	{ "application/json;q=0.000, */*;q=0", false },
	{ "application/json;q=0.001", true },
	{ "application/json ; q=1.000", true },
	{ "application/json; charset=utf-8; Q=0.8, text/html;q=0.9", false },
	{ "application/json;q=1.001", false },
	{ "application/json;q=2", false },
	{ "application/json;q=", false },
	{ "application/json;q=x", false },
	{ "application/json;q=0.5x", false },
	{ "application/json;q=0.5555", false },
	{ "application/json;q=-1", false },
	{ "application/jsonx", false },
	{ "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", false },
	{ "application/problem+json", false },
	{ ",,,", false },
	{ ";;;", false },
	{ "application/json;;;", true },
};

static void test_accept(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(accepts); i++)
		if (sp_reply_wants_json(sp_str(accepts[i].accept)) != accepts[i].wants_json)
			fail_msg("%s", accepts[i].accept);
}

static void test_reasons(void **state)
{
	(void)state;
	feed_same_str(sp_status_reason(404), SP_STR("Not Found"));
	feed_same_str(sp_status_reason(421), SP_STR("Misdirected Request"));
	feed_same_str(sp_status_reason(299), SP_STR("Unknown"));
	for (int why = 0; why < SP_REFUSE_COUNT; why++) /* whatever we answer has a sentence */
		assert_false(sp_str_eq(sp_status_reason(sp_refuse_status((enum sp_refuse)why)), SP_STR("Unknown")));
}

static const struct {
	unsigned status;
	bool is_json;
	struct sp_str text, id;
	const char *body;
} replies[] = {
	{ 404, false, { NULL, 0 }, TEXT("id-1"), "404 Not Found\nid-1\n" },
	{ 404, false, { NULL, 0 }, { NULL, 0 }, "404 Not Found\n" },
	{ 200, false, TEXT("ok"), { NULL, 0 }, "ok\n" },
	{ 200, false, TEXT("a \"b\" \\"), TEXT("i"), "a \"b\" \\\ni\n" },
	{ 404, true, { NULL, 0 }, TEXT("id-1"), "{\"status\":404,\"error\":\"Not Found\",\"id\":\"id-1\"}\n" },
	{ 503, true, { NULL, 0 }, { NULL, 0 }, "{\"status\":503,\"error\":\"Service Unavailable\"}\n" },
	{ 403, true, TEXT("no \"x\"\\\n\001\377"), TEXT("\""),
	  "{\"status\":403,\"error\":\"no \\u0022x\\u0022\\u005c\\u000a\\u0001\\u00ff\",\"id\":\"\\u0022\"}\n" },
};

static void test_replies(void **state)
{
	(void)state;
	sp_clock_set(1, 1795537200000U);
	for (size_t i = 0; i < SP_COUNT(replies); i++) {
		struct sp_arena arena;
		struct sp_head head;
		struct sp_str body;
		const struct sp_field *id;

		sp_arena_init(&arena, NULL, 0, 0);
		assert_true(sp_reply_make(&head, &arena, replies[i].status, replies[i].is_json, replies[i].text,
					  replies[i].id, &body));
		feed_same_str(body, sp_str(replies[i].body));
		assert_int_equal(head.status, replies[i].status);
		feed_same_str(head.reason, sp_status_reason(replies[i].status));
		assert_int_equal(head.framing, SP_BODY_LENGTH);
		assert_int_equal(head.length, body.n);
		feed_same_str(sp_head_find(&head, SP_F_CONTENT_TYPE)->value,
			      replies[i].is_json ? SP_STR("application/json") : SP_STR("text/plain; charset=utf-8"));
		feed_same_str(sp_head_find(&head, SP_F_DATE)->value, SP_STR("Tue, 24 Nov 2026 16:20:00 GMT"));
		feed_same_str(sp_head_find(&head, SP_F_CACHE_CONTROL)->value, SP_STR("no-store"));
		id = sp_head_find(&head, SP_F_X_REQUEST_ID);
		assert_int_equal(id != NULL, replies[i].id.n > 0);
		if (id != NULL)
			feed_same_str(id->value, replies[i].id);
		sp_arena_fini(&arena);
	}
}

static void test_no_memory(void **state)
{
	bool was_done = false, failed = false;

	(void)state;
	for (size_t room = 1; room < 4096; room += 8) {
		struct sp_arena arena;
		struct sp_head head;
		struct sp_str body;
		bool done;

		sp_arena_init(&arena, NULL, 0, room);
		done = sp_reply_make(&head, &arena, 404, room % 16 == 1, SP_STR_NONE, SP_STR("id"), &body);
		was_done |= done;
		failed |= !done;
		sp_arena_fini(&arena);
	}
	assert_true(was_done && failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accept),
		cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
