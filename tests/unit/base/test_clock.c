#include "sp/base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sp/base/check.h"

static void test_real_time(void **state)
{
	uint64_t us = sp_now_us();

	(void)state;
	assert_true(us > 0);
	assert_true(sp_wall_ms() / 1000 + 5 > (uint64_t)time(NULL));
	sp_clock_tick();
	assert_true(sp_now_us() >= us);
	assert_true(sp_now_ms() == sp_now_us() / 1000);
}

static void test_stopped(void **state)
{
	(void)state;
	sp_clock_set(1500, 42);
	sp_clock_tick();
	assert_true(sp_now_us() == 1500 && sp_now_ms() == 1 && sp_wall_ms() == 42);
}

static const struct {
	uint64_t wall_ms;
	const char *rfc3339, *http, *clf;
} dates[] = {
	{ 0, "1970-01-01T00:00:00.000Z", "Thu, 01 Jan 1970 00:00:00 GMT", "01/Jan/1970:00:00:00 +0000" },
	{ 1795537200123, "2026-11-24T16:20:00.123Z", "Tue, 24 Nov 2026 16:20:00 GMT", "24/Nov/2026:16:20:00 +0000" },
	{ 784111777999, "1994-11-06T08:49:37.999Z", "Sun, 06 Nov 1994 08:49:37 GMT", "06/Nov/1994:08:49:37 +0000" },
	{ 951782400000, "2000-02-29T00:00:00.000Z", "Tue, 29 Feb 2000 00:00:00 GMT", "29/Feb/2000:00:00:00 +0000" },
	{ 4107542400000, "2100-03-01T00:00:00.000Z", "Mon, 01 Mar 2100 00:00:00 GMT", "01/Mar/2100:00:00:00 +0000" },
	{ 253402300799999, "9999-12-31T23:59:59.999Z", "Fri, 31 Dec 9999 23:59:59 GMT", "31/Dec/9999:23:59:59 +0000" },
	{ 253402300800000, "9999-12-31T23:59:59.999Z", "Fri, 31 Dec 9999 23:59:59 GMT", "31/Dec/9999:23:59:59 +0000" },
	{ UINT64_MAX, "9999-12-31T23:59:59.999Z", "Fri, 31 Dec 9999 23:59:59 GMT", "31/Dec/9999:23:59:59 +0000" },
};

static void test_dates(void **state)
{
	char rfc3339[SP_CLOCK_RFC3339], http[SP_CLOCK_HTTP], clf[SP_CLOCK_CLF];

	(void)state;
	for (size_t i = 0; i < SP_COUNT(dates); i++) {
		sp_clock_rfc3339(dates[i].wall_ms, rfc3339);
		sp_clock_http(dates[i].wall_ms, http);
		sp_clock_clf(dates[i].wall_ms, clf);
		assert_string_equal(rfc3339, dates[i].rfc3339);
		assert_string_equal(http, dates[i].http);
		assert_string_equal(clf, dates[i].clf);
	}
}

/* Every day until 2500, against the C library. */
static void test_every_day(void **state)
{
	char got[SP_CLOCK_HTTP], want[64];

	(void)state;
	for (time_t t = 0; t < (time_t)530 * 365 * 86400; t += 86400 + 61) {
		struct tm tm;

		gmtime_r(&t, &tm);
		strftime(want, sizeof(want), "%a, %d %b %Y %H:%M:%S GMT", &tm);
		sp_clock_http((uint64_t)t * 1000, got);
		assert_string_equal(got, want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_real_time),
		cmocka_unit_test(test_stopped),
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_every_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
