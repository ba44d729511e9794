#include "sp/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const struct {
	const char *a, *b;
	bool is_same, is_same_nocase, starts, ends; /* does a start, end with b? */
} pairs[] = {
	{ "", "", true, true, true, true },
	{ "a", "", false, false, true, true },
	{ "", "a", false, false, false, false },
	{ "Host", "host", false, true, false, false },
	{ "host", "host", true, true, true, true },
	{ "host", "hos", false, false, true, false },
	{ "host", "ost", false, false, false, true },
	{ "a", "ab", false, false, false, false },
	{ "[", "{", false, false, false, false }, /* 0x20 apart, but no letters */
	{ "@", "`", false, false, false, false },
	{ "\xc4", "\xe4", false, false, false, false }, /* nor is Latin-1 */
	{ "K", "k", false, true, false, false },
	{ "ab\0c", "ab\0d", true, true, true, true }, /* C strings end at NUL: see the next test for slices */
};

static void test_pairs(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(pairs); i++) {
		struct sp_str a = sp_str(pairs[i].a), b = sp_str(pairs[i].b);

		assert_int_equal(sp_str_eq(a, b), pairs[i].is_same);
		assert_int_equal(sp_str_eq_nocase(a, b), pairs[i].is_same_nocase);
		assert_int_equal(sp_str_starts(a, b), pairs[i].starts);
		assert_int_equal(sp_str_ends(a, b), pairs[i].ends);
	}
}

static void test_nothing_and_nul(void **state)
{
	struct sp_str none = SP_STR_NONE;

	(void)state;
	assert_true(sp_str_eq(none, SP_STR("")));
	assert_true(sp_str_eq_nocase(none, none));
	assert_true(sp_str_starts(none, none) && sp_str_ends(none, none));
	assert_false(sp_str_starts(none, SP_STR("a")) || sp_str_ends(none, SP_STR("a")));
	assert_int_equal(sp_str_trim(none).n, 0);
	assert_false(sp_str_eq(SP_STR("ab\0c"), SP_STR("ab\0d")));
	assert_false(sp_str_eq_nocase(SP_STR("ab\0c"), SP_STR("ab\0d")));
	assert_true(sp_str_eq_nocase(SP_STR("ab\0c"), SP_STR("AB\0C")));
}

static const struct {
	const char *text, *want;
} trims[] = {
	{ "", "" },           { " ", "" },          { " \t \t", "" },   { "a", "a" },      { " a ", "a" },
	{ "\ta b\t", "a b" }, { "\na\n", "\na\n" }, { "\r a", "\r a" }, { "a\v ", "a\v" },
};

static void test_trim(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(trims); i++)
		assert_true(sp_str_eq(sp_str_trim(sp_str(trims[i].text)), sp_str(trims[i].want)));
}

static const struct {
	const char *text;
	size_t n;
	const char *want[4];
} splits[] = {
	{ "", 1, { "" } },        { "a", 1, { "a" } },      { ",", 2, { "", "" } },
	{ "a,", 2, { "a", "" } }, { ",a", 2, { "", "a" } }, { "a,b,,c", 4, { "a", "b", "", "c" } },
};

static void test_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(splits); i++) {
		struct sp_str rest = sp_str(splits[i].text), head;
		size_t n = 0;

		while (sp_str_split(&rest, ',', &head)) {
			assert_true(n < splits[i].n);
			assert_true(sp_str_eq(head, sp_str(splits[i].want[n])));
			n++;
		}
		assert_int_equal(n, splits[i].n);
		assert_null(head.p);
		assert_false(sp_str_split(&rest, ',', &head));
	}
}

static const struct {
	const char *text;
	uint64_t max;
	bool is_ok;
	uint64_t want;
} numbers[] = {
	{ "0", 0, true, 0 },
	{ "0", UINT64_MAX, true, 0 },
	{ "000", 0, true, 0 },
	{ "007", 7, true, 7 },
	{ "7", 6, false, 0 },
	{ "1", 0, false, 0 },
	{ "10", 9, false, 0 },
	{ "10", 10, true, 10 },
	{ "99", 98, false, 0 },
	{ "65535", 65535, true, 65535 },
	{ "65536", 65535, false, 0 },
	{ "18446744073709551615", UINT64_MAX, true, UINT64_MAX },
	{ "18446744073709551616", UINT64_MAX, false, 0 },
	{ "18446744073709551620", UINT64_MAX, false, 0 },
	{ "28446744073709551615", UINT64_MAX, false, 0 },
	{ "99999999999999999999999999", UINT64_MAX, false, 0 },
	{ "000000000000000000000000000001", 1, true, 1 },
	{ "", UINT64_MAX, false, 0 },
	{ "+1", UINT64_MAX, false, 0 },
	{ "-1", UINT64_MAX, false, 0 },
	{ " 1", UINT64_MAX, false, 0 },
	{ "1 ", UINT64_MAX, false, 0 },
	{ "1_0", UINT64_MAX, false, 0 },
	{ "0x10", UINT64_MAX, false, 0 },
	{ "1e3", UINT64_MAX, false, 0 },
	{ "1.0", UINT64_MAX, false, 0 },
	{ "\xef\xbc\x91", UINT64_MAX, false, 0 }, /* a full-width 1 */
	{ "/", UINT64_MAX, false, 0 },
	{ ":", UINT64_MAX, false, 0 },
};

static void test_u64(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(numbers); i++) {
		uint64_t got = 0;

		assert_int_equal(sp_str_u64(sp_str(numbers[i].text), numbers[i].max, &got), numbers[i].is_ok);
		assert_true(got == numbers[i].want);
	}
	assert_false(sp_str_u64(SP_STR("1\0"), 10, &(uint64_t){ 0 }));
	assert_false(sp_str_u64(SP_STR_NONE, 10, &(uint64_t){ 0 }));
}

static const struct {
	const char *a, *b;
	unsigned cap, want;
} distances[] = {
	{ "", "", 3, 0 },
	{ "check", "check", 3, 0 },
	{ "check", "chek", 3, 1 },
	{ "check", "chekc", 3, 1 }, /* a swap is one mistake */
	{ "helth_check", "health_check", 3, 1 },
	{ "kitten", "sitting", 9, 3 },
	{ "kitten", "sitting", 2, 2 },
	{ "", "abc", 9, 3 },
	{ "abc", "", 2, 2 },
	{ "ca", "abc", 9, 3 },
	{ "abc", "xyz", 9, 3 },
	{ "ab", "ba", 0, 0 },
	{ "a-text-of-more-than-sixty-four-letters-is-not-what-somebody-meant-x",
	  "a-text-of-more-than-sixty-four-letters-is-not-what-somebody-meant-y", 3, 3 },
	{ "a-text-of-more-than-sixty-four-letters-is-not-what-somebody-meant-x",
	  "a-text-of-more-than-sixty-four-letters-is-not-what-somebody-meant-x", 3, 0 },
	{ "0123456789012345678901234567890123456789012345678901234567890123",
	  "123456789012345678901234567890123456789012345678901234567890123x", 9, 2 },
	{ "0123456789012345678901234567890123456789012345678901234567890123", "", 99, 64 },
};

static void test_distance(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(distances); i++) {
		struct sp_str a = sp_str(distances[i].a), b = sp_str(distances[i].b);

		assert_int_equal(sp_str_distance(a, b, distances[i].cap), distances[i].want);
		assert_int_equal(sp_str_distance(b, a, distances[i].cap), distances[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs), cmocka_unit_test(test_nothing_and_nul),
		cmocka_unit_test(test_trim),  cmocka_unit_test(test_split),
		cmocka_unit_test(test_u64),   cmocka_unit_test(test_distance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
