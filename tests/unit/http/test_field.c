#include "feed.h"

#include "../../../src/http/field.h"

static void test_every_name_is_found(void **state)
{
	(void)state;
	for (int id = SP_F_OTHER + 1; id < SP_F_COUNT; id++) {
		struct sp_str name = sp_field_name((enum sp_field_id)id);
		char upper[64], lower[64];

		assert_in_range(name.n, 2, sizeof(upper));
		for (size_t i = 0; i < name.n; i++) {
			char c = name.p[i];

			lower[i] = sp_lower(c);
			upper[i] = c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
		}
		assert_int_equal(sp_field_id(name), id);
		assert_int_equal(sp_field_id(sp_str_of(upper, name.n)), id);
		assert_int_equal(sp_field_id(sp_str_of(lower, name.n)), id);
		assert_int_equal(sp_field_id(sp_str_of(name.p, name.n - 1)), SP_F_OTHER);
		lower[name.n - 1] ^= 1; /* no name of ours is another's with that bit turned */
		assert_int_equal(sp_field_id(sp_str_of(lower, name.n)), SP_F_OTHER);
		for (size_t i = 0; i < name.n; i++) {
			memcpy(upper, name.p, name.n);
			upper[i] &= 0x1f; /* what setting 0x20 would lift into a letter or "-" */
			assert_int_equal(sp_field_id(sp_str_of(upper, name.n)), SP_F_OTHER);
		}
	}
	assert_int_equal(sp_field_name(SP_F_OTHER).n, 0);
	assert_int_equal(sp_field_id(SP_STR("")), SP_F_OTHER);
}

static const struct {
	const char *name;
	bool is_alias;
} aliases[] = {
	{ "X_Forwarded_For", true },
	{ "x.forwarded.for", true },
	{ "Content_Length", true },
	{ "transfer_encoding", true },
	{ "X-Forwarded-Whatever", true },
	{ "x_forwarded_ssl", true },
	{ "X^Real^IP", true },
	{ "user_agent", true },
	{ "Host", true },
	{ "my_header", false },
	{ "x_forward", false },
	{ "XForwardedFor", false },
	{ "content__length", false },
	{ "_host", false },
};

static void test_aliases(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(aliases); i++) {
		if (sp_field_is_alias(sp_str(aliases[i].name)) != aliases[i].is_alias)
			fail_msg("%s", aliases[i].name);
	}
}

static void test_head_of_fields(void **state)
{
	struct sp_arena arena;
	struct sp_head head;

	(void)state;
	sp_arena_init(&arena, NULL, 0, 0);
	sp_head_init(&head, true);
	assert_null(sp_head_find(&head, SP_F_HOST));
	for (int i = 0; i < 60; i++)
		assert_true(sp_head_add(&head, &arena, SP_STR("x-a"), SP_STR("1")));
	assert_true(sp_head_add(&head, &arena, SP_STR("cOOkie"), SP_STR("a")));
	assert_true(sp_head_add_id(&head, &arena, SP_F_COOKIE, SP_STR("b")));
	assert_int_equal(head.field_count, 62);
	feed_same_str(sp_head_find(&head, SP_F_COOKIE)->value, SP_STR("a"));
	feed_same_str(sp_head_find_name(&head, SP_STR("COOKIE"))->value, SP_STR("a"));
	assert_ptr_equal(sp_head_find_name(&head, SP_STR("X-A")), &head.fields[0]);
	head.fields[60].is_dropped = true;
	feed_same_str(sp_head_find(&head, SP_F_COOKIE)->value, SP_STR("b"));
	sp_head_drop_name(&head, SP_STR("COOKIE"));
	assert_null(sp_head_find(&head, SP_F_COOKIE));
	sp_head_drop_name(&head, SP_STR("X-a"));
	assert_null(sp_head_find_name(&head, SP_STR("x-a")));
	assert_null(sp_head_find_name(&head, SP_STR("x-b")));
	sp_head_drop(&head, SP_F_DATE);
	sp_arena_fini(&arena);
}

static void test_no_memory(void **state)
{
	struct sp_arena arena;
	struct sp_head head;

	(void)state;
	sp_arena_init(&arena, NULL, 0, 16);
	sp_head_init(&head, true);
	assert_false(sp_head_add(&head, &arena, SP_STR("x-a"), SP_STR("1")));
	assert_false(sp_head_add_id(&head, &arena, SP_F_DATE, SP_STR("1")));
	sp_arena_fini(&arena);
}

static void test_lists(void **state)
{
	static const char *const want[] = { "a", "b c", "d" };
	struct sp_str rest = SP_STR(" ,a,, b c\t, ,d,"), item;
	size_t n = 0;

	(void)state;
	while (sp_list_next(&rest, &item)) {
		assert_in_range(n, 0, SP_COUNT(want) - 1);
		feed_same_str(item, sp_str(want[n++]));
	}
	assert_int_equal(n, SP_COUNT(want));
	rest = SP_STR("");
	assert_false(sp_list_next(&rest, &item));
	rest = SP_STR_NONE;
	assert_false(sp_list_next(&rest, &item));
}

static void test_reasons_have_words(void **state)
{
	(void)state;
	for (int why = 0; why < SP_REFUSE_COUNT; why++) {
		uint16_t status = sp_refuse_status((enum sp_refuse)why);

		assert_non_null(sp_refuse_word((enum sp_refuse)why));
		assert_in_range(status, 400, 505);
	}
	assert_int_equal(sp_refuse_status(SP_REFUSE_METHOD_UNKNOWN), 501);
	assert_int_equal(sp_refuse_status(SP_REFUSE_TARGET_TOO_LONG), 414);
	assert_int_equal(sp_refuse_status(SP_REFUSE_HEAD_TOO_LARGE), 431);
	assert_int_equal(sp_refuse_status(SP_REFUSE_EXPECT), 417);
	assert_int_equal(sp_refuse_status(SP_REFUSE_PREFACE), 505);
	assert_string_equal(sp_refuse_word(SP_REFUSE_LINE_END), "line_end");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_name_is_found),
		cmocka_unit_test(test_aliases),
		cmocka_unit_test(test_head_of_fields),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_reasons_have_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
