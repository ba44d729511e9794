/* How long a dead worker's place stays empty. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../../src/master/backoff.h"
#include "sp/base/check.h"

static void test_waits(void **state)
{
	static const struct {
		uint64_t lived_ms, want_ms;
	} rows[] = {
		{ 0, 0 },      { 0, 100 },      { 0, 200 },     { 500, 400 }, { 500, 800 }, { 500, 1600 },
		{ 500, 3200 }, { 500, 5000 },   { 9999, 5000 }, { 0, 5000 },  { 10000, 0 }, /* lived long enough: not part of the row */
		{ 0, 100 },    { 86400000, 0 }, { 20000, 0 },   { 20000, 0 }, { 1, 100 },
	};
	struct sp_backoff b = { 0 };

	(void)state;
	for (size_t i = 0; i < SP_COUNT(rows); i++)
		assert_int_equal(sp_backoff_next(&b, rows[i].lived_ms), rows[i].want_ms);
}

static void test_never_wraps(void **state)
{
	struct sp_backoff b = { .deaths = 1000000 };

	(void)state;
	assert_int_equal(sp_backoff_next(&b, 0), 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waits),
		cmocka_unit_test(test_never_wraps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
