/* ACME challenges as a pack: what is packed is found, and a pack that is not well-formed is none. */
#include "t.h"

#include <stdlib.h>
#include <string.h>

#include "sp/proxy/challenge.h"

static const struct {
	const char *name;
	bool is_name;
} names[] = {
	{ "a", true },      { "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA", true },
	{ "A_Z-09", true }, { "", false },
	{ ".", false },     { "..", false },
	{ "a.b", false },   { "a/b", false },
	{ "a b", false },   { "a%2f", false },
	{ "a\n", false },   { "\xc3\xa9", false },
};

static void test_names(void **state)
{
	char longest[SP_CHALLENGE_NAME_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		print_message("  '%s'\n", names[i].name);
		assert_int_equal(sp_challenge_is_name(sp_str(names[i].name)), names[i].is_name);
	}
	assert_false(sp_challenge_is_name(sp_str_of("a\0b", 3)));
	memset(longest, 'x', sizeof(longest));
	assert_true(sp_challenge_is_name(sp_str_of(longest, SP_CHALLENGE_NAME_MAX)));
	assert_false(sp_challenge_is_name(sp_str_of(longest, SP_CHALLENGE_NAME_MAX + 1)));
}

static void assert_text(const struct sp_challenges *set, const char *name, struct sp_str text)
{
	struct sp_str found = sp_challenges_find(set, sp_str(name));

	assert_non_null(found.p);
	assert_true(sp_str_eq(found, text));
}

static void test_what_is_packed_is_found(void **state)
{
	static char pack[3 * SP_CHALLENGE_RECORD_MAX], large[SP_CHALLENGE_TEXT_MAX];
	struct sp_challenges *set;
	size_t n;

	(void)state;
	memset(large, 'z', sizeof(large));
	n = sp_challenge_pack(pack, SP_STR("one"), SP_STR("one.thumb\n"));
	n += sp_challenge_pack(pack + n, SP_STR("large"), sp_str_of(large, sizeof(large)));
	n += sp_challenge_pack(pack + n, SP_STR("empty"), SP_STR_NONE);
	set = sp_challenges_new(sp_str_of(pack, n));
	assert_non_null(set);
	memset(pack, 0, sizeof(pack)); /* the set has its own */
	assert_text(set, "one", SP_STR("one.thumb\n"));
	assert_text(set, "large", sp_str_of(large, sizeof(large)));
	assert_int_equal(sp_challenges_find(set, SP_STR("empty")).n, 0);
	assert_non_null(sp_challenges_find(set, SP_STR("empty")).p);
	assert_null(sp_challenges_find(set, SP_STR("on")).p);
	assert_null(sp_challenges_find(set, SP_STR("One")).p);
	assert_null(sp_challenges_find(set, SP_STR("")).p);
	sp_challenges_free(set);
}

static void test_nothing(void **state)
{
	struct sp_challenges *set = sp_challenges_new(SP_STR_NONE);

	(void)state;
	assert_non_null(set);
	assert_null(sp_challenges_find(set, SP_STR("a")).p);
	assert_null(sp_challenges_find(NULL, SP_STR("a")).p);
	sp_challenges_free(set);
	sp_challenges_free(NULL);
}

static const struct {
	const char *name;
	struct sp_str pack;
} broken[] = {
	{ "half a head", { "\1\0", 2 } },           { "no name", { "\0\1\0x", 4 } },
	{ "a name cut", { "\4\0\0abc", 6 } },       { "a text cut", { "\1\4\0axyz", 7 } },
	{ "a text too long", { "\1\1\20a", 4 } },   { "a name that is none", { "\1\0\0/", 4 } },
	{ "something behind", { "\1\1\0axy", 6 } },
};

static void test_broken(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		print_message("  %s\n", broken[i].name);
		assert_null(sp_challenges_new(broken[i].pack));
	}
}

/* Cut anywhere it is a pack only where a record ends; one more record than there may be is none. */
static void test_cuts_and_count(void **state)
{
	static char pack[(SP_CHALLENGE_COUNT_MAX + 1) * 5];
	struct sp_challenges *set;
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i <= SP_CHALLENGE_COUNT_MAX; i++)
		n += sp_challenge_pack(pack + n, SP_STR("a"), SP_STR("x"));
	for (size_t cut = 0; cut < n; cut++) {
		set = sp_challenges_new(sp_str_of(pack, cut));
		assert_int_equal(set != NULL, cut % 5 == 0);
		sp_challenges_free(set);
	}
	assert_null(sp_challenges_new(sp_str_of(pack, n)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),          cmocka_unit_test(test_what_is_packed_is_found),
		cmocka_unit_test(test_nothing),        cmocka_unit_test(test_broken),
		cmocka_unit_test(test_cuts_and_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
