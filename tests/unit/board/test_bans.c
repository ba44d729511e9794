/* Who is banned, and what workers ask for. */
#include "t.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sp/board/bans.h"

static struct sp_addr addr_of(const char *text)
{
	struct sp_addr addr;

	assert_true(sp_addr_parse_ip(sp_str(text), &addr));
	return addr;
}

static bool has(const struct sp_bans *bans, const char *text, uint64_t now)
{
	struct sp_addr addr = addr_of(text);

	return sp_bans_has(bans, &addr, now);
}

static void set(struct sp_bans *bans, const char *text, uint64_t until, uint32_t count, const char *by)
{
	struct sp_addr addr = addr_of(text);

	sp_bans_set(bans, &addr, until, count, sp_str(by));
}

static void test_set_and_over(void **state)
{
	struct sp_bans *bans = calloc(1, sizeof(*bans));
	struct sp_addr unix_peer = { .family = SP_ADDR_UNIX }, addr = addr_of("10.0.0.1");
	struct sp_ban ban;
	uint64_t until;

	(void)state;
	assert_non_null(bans);
	assert_false(has(bans, "10.0.0.1", 5) || sp_bans_find(bans, &addr, &ban, &until));
	set(bans, "10.0.0.1", 100, 3, "a\nb\x7f" "c and a reason that is longer than there is room for it here");
	set(bans, "2001:db8:1:2::1", 100, 1, "");
	assert_true(has(bans, "10.0.0.1", 99) && has(bans, "::ffff:10.0.0.1", 99) && has(bans, "2001:db8:1:2:3::", 99));
	assert_false(has(bans, "10.0.0.1", 100) || has(bans, "10.0.0.2", 5) || has(bans, "2001:db8:1:3::1", 5));
	assert_false(sp_bans_has(bans, &unix_peer, 5));
	sp_bans_set(bans, &unix_peer, 100, 1, SP_STR("")); /* nothing */
	assert_true(sp_bans_find(bans, &addr, &ban, &until) && until == 100 && ban.count == 3);
	assert_int_equal(strlen(ban.by), SP_BAN_BY - 1);
	assert_memory_equal(ban.by, "a?b?c and", 9);
	set(bans, "10.0.0.1", 0, 3, "");
	assert_false(has(bans, "10.0.0.1", 5));
	sp_bans_recount(bans, 5);
	assert_int_equal(bans->in_force, 1);
	sp_bans_recount(bans, 100);
	assert_int_equal(bans->in_force, 0);
	free(bans);
}

static void test_many(void **state)
{
	struct sp_bans *bans = calloc(1, sizeof(*bans));
	struct sp_ban ban;
	uint64_t until;
	size_t at = 0, n = 0;
	char text[32];

	(void)state;
	assert_non_null(bans);
	for (unsigned i = 0; i < 200000; i++) { /* more than there is room for */
		(void)snprintf(text, sizeof(text), "10.%u.%u.%u", i >> 16 & 255, i >> 8 & 255, i & 255);
		set(bans, text, 1000 + i, 1, "x");
		assert_true(has(bans, text, 500));
	}
	while (sp_bans_next(bans, &at, 500, &ban, &until))
		n++;
	assert_in_range(n, SP_BANS_BUCKETS * SP_BANS_BUCKET * 99 / 100, SP_BANS_BUCKETS * SP_BANS_BUCKET);
	free(bans);
}

static void test_asks(void **state)
{
	struct sp_ban_asks asks = { .count = 0 };
	struct sp_ban_ask ask = { .addr = addr_of("2001:db8::7"), .limit = 7 }, got;
	uint32_t seen = 0;

	(void)state;
	assert_false(sp_bans_asked(&asks, &seen, &got));
	for (unsigned i = 0; i < 3 * SP_BAN_ASKS; i++) {
		ask.limit = i;
		sp_bans_ask(&asks, &ask);
	}
	for (unsigned i = 2 * SP_BAN_ASKS; i < 3 * SP_BAN_ASKS; i++) { /* what was written over is gone */
		assert_true(sp_bans_asked(&asks, &seen, &got));
		assert_int_equal(got.limit, i);
		assert_true(sp_addr_eq(&got.addr, &ask.addr));
	}
	assert_false(sp_bans_asked(&asks, &seen, &got));
	memset(&asks, 0, sizeof(asks)); /* that worker has died */
	sp_bans_ask(&asks, &ask);
	assert_true(sp_bans_asked(&asks, &seen, &got));
	assert_false(sp_bans_asked(&asks, &seen, &got));
}

static void test_any_content(void **state)
{
	struct sp_ban_asks asks;
	struct sp_ban_ask got;
	uint32_t seen = 5;

	(void)state;
	memset(&asks, 0xa5, sizeof(asks));
	for (unsigned i = 0; i < SP_BAN_ASKS; i++) {
		assert_true(sp_bans_asked(&asks, &seen, &got));
		assert_int_equal(got.addr.family, SP_ADDR_NONE);
	}
	assert_false(sp_bans_asked(&asks, &seen, &got));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set_and_over),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_asks),
		cmocka_unit_test(test_any_content),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
