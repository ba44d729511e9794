#include "sp/base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void test_grows(void **state)
{
	struct sp_buf buf;

	(void)state;
	sp_buf_init(&buf);
	assert_int_equal(sp_buf_str(&buf).n, 0);
	sp_buf_put(&buf, SP_STR_NONE);
	assert_string_equal(buf.p, "");
	for (int i = 0; i < 10000; i++) {
		sp_buf_put(&buf, SP_STR("abc"));
		sp_buf_printf(&buf, "%d,", i % 10);
	}
	assert_int_equal(buf.n, 50000);
	assert_false(buf.is_failed);
	assert_memory_equal(buf.p + 49995, "abc9,", 6);
	sp_buf_fini(&buf);
	assert_null(buf.p);
	sp_buf_fini(&buf);
}

/* Each length around the first room: the NUL must fit, too. */
static void test_edges(void **state)
{
	char text[600];

	(void)state;
	memset(text, 'x', sizeof(text));
	for (size_t n = 0; n < sizeof(text); n++) {
		struct sp_buf buf;

		sp_buf_init(&buf);
		sp_buf_put(&buf, sp_str_of(text, n));
		assert_int_equal(buf.n, n);
		assert_int_equal(buf.p[n], '\0');
		sp_buf_printf(&buf, "%.*s", (int)n, text);
		assert_int_equal(strlen(buf.p), 2 * n);
		sp_buf_fini(&buf);
	}
}

static void test_too_much(void **state)
{
	struct sp_buf buf;

	(void)state;
	sp_buf_init(&buf);
	sp_buf_put(&buf, SP_STR("kept"));
	sp_buf_put(&buf, sp_str_of("x", SIZE_MAX));
	assert_true(buf.is_failed);
	sp_buf_put(&buf, SP_STR("not put"));
	sp_buf_printf(&buf, "nor %d", 1);
	assert_true(sp_str_eq(sp_buf_str(&buf), SP_STR("kept")));
	sp_buf_fini(&buf);
	sp_buf_put(&buf, sp_str_of("x", SIZE_MAX / 2));
	assert_true(buf.is_failed);
	sp_buf_fini(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grows),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_too_much),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
