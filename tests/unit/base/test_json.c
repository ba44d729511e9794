/* json - one flat object out of a line, and texts back into it. */
#include "sp/base/json.h"
#include "t.h"

#include <stdlib.h>

static const struct {
	const char *line;
	const char *why; /* NULL: it is one */
} lines[] = {
	{ "{}", NULL },
	{ " { } ", NULL },
	{ "{\"a\":\"b\"}", NULL },
	{ "{\"a\" : \"b\" , \"c\"\t:\t12}", NULL },
	{ "{\"a\":0}", NULL },
	{ "{\"a\":999999999999999}", NULL },
	{ "{\"a\":\"\\\"\\\\\\/\\u0041\\u00ff\"}", NULL },
	{ "{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1}", NULL },
	{ "{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1}", "too many members" },
	{ "", "not an object" },
	{ "[]", "not an object" },
	{ "x", "not an object" },
	{ "{", "no name where one has to be" },
	{ "{a:1}", "no name where one has to be" },
	{ "{\"a\":1,}", "no name where one has to be" },
	{ "{,}", "no name where one has to be" },
	{ "{\"a\"}", "no value behind a name" },
	{ "{\"a\":1", "no end of the object" },
	{ "{\"a\":1 \"b\":2}", "no end of the object" },
	{ "{\"a\":\"b", "a text without an end" },
	{ "{\"a\":\"b\\", "an escape that is not known" },
	{ "{\"a\":\"\\n\"}", "an escape that is not known" },
	{ "{\"a\":\"\\u0141\"}", "an escape that is not known" },
	{ "{\"a\":\"\\u00g1\"}", "an escape that is not known" },
	{ "{\"a\":\"\\u00", "an escape that is not known" },
	{ "{\"a\":\"\x01\"}", "a byte that has to be escaped" },
	{ "{\"a\":\"\xc3\xa4\"}", "a byte that has to be escaped" },
	{ "{\"a\":\"b\",\"a\":\"c\"}", "a name that is there twice" },
	{ "{\"a\":\"b\",\"\\u0061\":\"c\"}", "a name that is there twice" },
	{ "{\"a\":}", "a value that is neither a text nor a whole number" },
	{ "{\"a\":-1}", "a value that is neither a text nor a whole number" },
	{ "{\"a\":1000000000000000}", "a value that is neither a text nor a whole number" },
	{ "{\"a\":{}}", "a value that is neither a text nor a whole number" },
	{ "{\"a\":true}", "a value that is neither a text nor a whole number" },
	{ "{\"a\":01}", "a number with a zero in front" },
	{ "{\"a\":1.5}", "no end of the object" },
	{ "{} {}", "something behind the object" },
	{ "{}\n", "something behind the object" },
};

static void test_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(lines); i++) {
		struct sp_str line = sp_str(lines[i].line);
		char *room = malloc(line.n + 1), *copy = malloc(line.n + 1); /* exactly: an overflow is seen */
		struct sp_json json;
		const char *why;

		print_message("  %s\n", lines[i].line);
		assert_true(room != NULL && copy != NULL);
		memcpy(copy, line.p, line.n);
		why = sp_json_read(sp_str_of(copy, line.n), room, &json);
		if (lines[i].why == NULL)
			assert_null(why);
		else
			assert_string_equal(why, lines[i].why);
		for (size_t n = 0; n < line.n; n++)
			(void)!sp_json_read(sp_str_of(copy, n), room, &json);
		free(room);
		free(copy);
	}
}

static void test_members(void **state)
{
	static const char line[] = "{\"command\":\"reload\",\"confirm_s\":120,\"\":\"\"}";
	char room[sizeof(line)];
	struct sp_json json;

	(void)state;
	assert_null(sp_json_read(sp_str(line), room, &json));
	assert_int_equal(json.count, 3);
	assert_true(sp_str_eq(sp_json_find(&json, "command")->text, SP_STR("reload")));
	assert_false(sp_json_find(&json, "command")->is_number);
	assert_true(sp_json_find(&json, "confirm_s")->is_number);
	assert_int_equal(sp_json_find(&json, "confirm_s")->number, 120);
	assert_int_equal(sp_json_find(&json, "")->text.n, 0);
	assert_null(sp_json_find(&json, "Command"));
}

/* Every byte comes back. */
static void test_there_and_back(void **state)
{
	char text[256], room[2048];
	struct sp_json json;
	struct sp_buf line;

	(void)state;
	for (unsigned i = 0; i < 256; i++)
		text[i] = (char)i;
	sp_buf_init(&line);
	sp_buf_put(&line, SP_STR("{\"a\":"));
	sp_json_put(&line, sp_str_of(text, sizeof(text)));
	sp_buf_put(&line, SP_STR("}"));
	assert_true(line.n < sizeof(room));
	for (size_t i = 0; i < line.n; i++)
		assert_true(line.p[i] >= ' ' && line.p[i] <= '~');
	assert_null(sp_json_read(sp_buf_str(&line), room, &json));
	assert_true(sp_str_eq(json.members[0].text, sp_str_of(text, sizeof(text))));
	sp_buf_fini(&line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_there_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
