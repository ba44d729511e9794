/* One worker's counts of client addresses. */
#include "t.h"

#include <stdlib.h>
#include <string.h>

#include "sp/board/addrs.h"

static struct sp_addrs *t;

static int begin(void **state)
{
	(void)state;
	t = calloc(1, sizeof(*t));
	return t == NULL;
}

static int end(void **state)
{
	(void)state;
	free(t);
	return 0;
}

static uint64_t hash(const char *scope, const char *ip)
{
	struct sp_addr addr;

	assert_true(sp_addr_parse_ip(sp_str(ip), &addr));
	return sp_addrs_hash(sp_str(scope), &addr);
}

static void test_who_is_counted_together(void **state)
{
	(void)state;
	assert_true(hash("a", "10.0.0.1") == hash("a", "10.0.0.1"));
	assert_true(hash("a", "10.0.0.1") != hash("a", "10.0.0.2"));
	assert_true(hash("a", "10.0.0.1") != hash("b", "10.0.0.1"));
	assert_true(hash("a", "2001:db8:0:1::1") == hash("a", "2001:db8:0:1:ffff::2"));
	assert_true(hash("a", "2001:db8:0:1::1") != hash("a", "2001:db8:0:2::1"));
	assert_true(hash("a", "10.0.0.1") != hash("a", "a00:1::"));     /* the same first eight bytes */
}

static void test_connections_come_and_leave(void **state)
{
	uint64_t one = hash("a", "10.0.0.1"), two = hash("a", "10.0.0.2");

	(void)state;
	for (int i = 0; i < 300; i++)
		assert_true(sp_addrs_came(t, one));
	assert_true(sp_addrs_came(t, two));
	assert_int_equal(sp_addrs_connections(t, one), 300);
	assert_int_equal(sp_addrs_connections(t, two), 1);
	for (int i = 0; i < 300; i++)
		sp_addrs_left(t, one);
	assert_int_equal(sp_addrs_connections(t, one), 0);
	sp_addrs_left(t, one);                                          /* nobody is there */
	assert_int_equal(sp_addrs_connections(t, one), 0);
	sp_addrs_left(t, two);
	for (size_t i = 0; i < sizeof(*t); i++)
		assert_int_equal(((unsigned char *)t)[i], 0);
}

static void test_many_addresses_fit_and_leave_nothing(void **state)
{
	enum { MANY = 30000 };
	size_t lost = 0;
	static bool is_counted[MANY];
	struct sp_addr addr = { .family = SP_ADDR_V4, .ip = { 10 } };

	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		memcpy(&addr.ip[1], &i, 3);
		is_counted[i] = sp_addrs_came(t, sp_addrs_hash(SP_STR("a"), &addr));
		lost += !is_counted[i];
	}
	assert_true(lost < 30);
	for (size_t i = 0; i < MANY; i++) {
		memcpy(&addr.ip[1], &i, 3);
		if (is_counted[i])
			sp_addrs_left(t, sp_addrs_hash(SP_STR("a"), &addr));
	}
	for (size_t i = 0; i < SP_ADDRS_BUCKETS; i++)
		for (size_t k = 0; k < SP_ADDRS_BUCKET; k++)
			assert_int_equal(t->connections.words[i][k], 0);
}

static void test_a_full_table_counts_no_more(void **state)
{
	uint64_t one = hash("a", "10.0.0.1");

	(void)state;
	memset(&t->connections, 0xff, sizeof(t->connections));
	assert_false(sp_addrs_came(t, one));
	sp_addrs_left(t, one);
	for (size_t i = 0; i < sizeof(t->connections); i++)
		assert_int_equal(((unsigned char *)&t->connections)[i], 0xff);
}

static void test_handshakes_of_a_second(void **state)
{
	uint64_t one = hash("a", "10.0.0.1");

	(void)state;
	for (int i = 0; i < 8; i++)
		sp_addrs_shook(t, one, 10000 + 100 * (unsigned)i);
	assert_int_equal(sp_addrs_handshakes(t, one, 10999), 8000);
	assert_int_equal(sp_addrs_handshakes(t, one, 11000), 8000);     /* all of the second before … */
	assert_int_equal(sp_addrs_handshakes(t, one, 11500), 4000);     /* … half of it */
	sp_addrs_shook(t, one, 11500);
	assert_int_equal(sp_addrs_handshakes(t, one, 11500), 5000);
	assert_int_equal(sp_addrs_handshakes(t, one, 13000), 0);
	for (int i = 0; i < 20000; i++)                                 /* more than a word holds */
		sp_addrs_shook(t, one, 14000);
	assert_int_equal(sp_addrs_handshakes(t, one, 14000), 16383000);
}

static void test_past_handshakes_make_room(void **state)
{
	struct sp_addr addr = { .family = SP_ADDR_V4, .ip = { 10 } };

	(void)state;
	for (uint64_t second = 1; second <= 20; second++) {
		uint64_t hash_now;

		for (size_t i = 0; i < 20000; i++) {
			size_t who = i * 20 + second;

			memcpy(&addr.ip[1], &who, 3);
			sp_addrs_shook(t, sp_addrs_hash(SP_STR("a"), &addr), second * 2000);
		}
		hash_now = sp_addrs_hash(SP_STR("a"), &addr);
		assert_int_equal(sp_addrs_handshakes(t, hash_now, second * 2000), 1000);
	}
}

static void test_any_content_is_taken(void **state)
{
	unsigned seed = 7;

	(void)state;
	for (int round = 0; round < 20; round++) {
		for (size_t i = 0; i < sizeof(*t); i++)
			((unsigned char *)t)[i] = (unsigned char)((seed = seed * 1103515245U + 12345U) >> 16);
		for (uint64_t i = 1; i < 2000; i++) {
			uint64_t key = i * UINT64_C(0x9e3779b97f4a7c15);

			if (sp_addrs_came(t, key))
				sp_addrs_left(t, key);
			sp_addrs_shook(t, key, i * 77);
			assert_true(sp_addrs_connections(t, key) < UINT64_C(1) << 40);
			assert_true(sp_addrs_handshakes(t, key, i * 77) < UINT64_C(1) << 40);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_is_counted_together),
		cmocka_unit_test_setup_teardown(test_connections_come_and_leave, begin, end),
		cmocka_unit_test_setup_teardown(test_many_addresses_fit_and_leave_nothing, begin, end),
		cmocka_unit_test_setup_teardown(test_a_full_table_counts_no_more, begin, end),
		cmocka_unit_test_setup_teardown(test_handshakes_of_a_second, begin, end),
		cmocka_unit_test_setup_teardown(test_past_handshakes_make_room, begin, end),
		cmocka_unit_test_setup_teardown(test_any_content_is_taken, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
