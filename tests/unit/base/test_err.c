#include "sp/base/err.h"

#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void test_first_text_stays(void **state)
{
	struct sp_err err = { "" };

	(void)state;
	assert_false(sp_err_set(&err, "%s:%d: no such pool", "a.ini", 3));
	assert_false(sp_err_set(&err, "and all else failed, too"));
	assert_string_equal(err.text, "a.ini:3: no such pool");
}

static void test_long_text_is_cut(void **state)
{
	struct sp_err err = { "" };
	char text[2000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_false(sp_err_set(&err, "%s", text));
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_text_stays),
		cmocka_unit_test(test_long_text_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
