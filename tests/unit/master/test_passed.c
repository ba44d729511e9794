/* Descriptors that a supervisor passes: which, under what name, and to whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../../src/master/passed.h"

static void test_parse(void **state)
{
	static const struct {
		const char *name, *pid, *fds, *names;
		bool ok;
		size_t count;
		const char *first, *last;
	} rows[] = {
		{ "nothing set", NULL, NULL, NULL, true, 0, NULL, NULL },
		{ "no pid", NULL, "2", "a:b", true, 0, NULL, NULL },
		{ "no fds", "77", NULL, "a:b", true, 0, NULL, NULL },
		{ "another process", "78", "2", "a:b", true, 0, NULL, NULL },
		{ "another process, nonsense behind", "78", "x", "", true, 0, NULL, NULL },
		{ "two with names", "77", "2", "http:https", true, 2, "http", "https" },
		{ "the same name twice", "77", "2", "web:web", true, 2, "web", "web" },
		{ "without names", "77", "2", NULL, true, 2, "unknown", "unknown" },
		{ "fewer names", "77", "2", "web", true, 2, "web", "unknown" },
		{ "an empty name", "77", "2", ":web", true, 2, "unknown", "web" },
		{ "empty names", "77", "1", "", true, 1, "unknown", "unknown" },
		{ "none", "77", "0", NULL, true, 0, NULL, NULL },
		{ "the most", "77", "256", NULL, true, 256, "unknown", "unknown" },
		{ "one more", "77", "257", NULL, false, 0, NULL, NULL },
		{ "more names", "77", "1", "a:b", false, 0, NULL, NULL },
		{ "minus", "77", "-1", NULL, false, 0, NULL, NULL },
		{ "blank", "77", " 1", NULL, false, 0, NULL, NULL },
		{ "no number", "77", "two", NULL, false, 0, NULL, NULL },
		{ "empty number", "77", "", NULL, false, 0, NULL, NULL },
		{ "huge", "77", "99999999999999999999", NULL, false, 0, NULL, NULL },
		{ "pid no number", "self", "1", NULL, false, 0, NULL, NULL },
		{ "pid with more", "77x", "1", NULL, false, 0, NULL, NULL },
	};
	static struct sp_passed got;

	(void)state;
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		struct sp_err err = { .text = "" };

		print_message("  %s\n", rows[i].name);
		assert_int_equal(sp_passed_parse(rows[i].pid, rows[i].fds, rows[i].names, 77, &got, &err), rows[i].ok);
		assert_int_equal(err.text[0] == '\0', rows[i].ok);
		assert_int_equal(got.count, rows[i].count);
		if (got.count == 0)
			continue;
		assert_true(sp_str_eq(got.names[0], sp_str(rows[i].first)));
		assert_true(sp_str_eq(got.names[got.count - 1], sp_str(rows[i].last)));
	}
}

/* Every socket has a worker, every worker a socket; worker w has socket w mod k. */
static void test_share(void **state)
{
	(void)state;
	for (size_t k = 1; k <= 9; k++) {
		for (size_t n = 1; n <= 9; n++) {
			for (size_t w = 0; w < n; w++)
				assert_true(sp_passed_is_of(w % k, k, w, n));
			for (size_t i = 0; i < k; i++) {
				size_t served = 0;

				for (size_t w = 0; w < n; w++)
					served += sp_passed_is_of(i, k, w, n) ? 1 : 0;
				assert_true(served >= 1);
				assert_true(n <= k ? served == 1 : served <= (n + k - 1) / k);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
