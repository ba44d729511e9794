/* balance, eject, slow start, the retry budget: who is next, by load, by weight, by what was tried, what is full and what
 * failed. */
#include "../../../src/proxy/balance.h"
#include "../../../src/proxy/proxy_int.h"
#include "../../../src/proxy/retry_budget.h"
#include "../../../src/proxy/sticky.h"
#include "sp/base/clock.h"
#include "sp/board/backends.h"
#include "sp/board/board.h"
#include "sp/board/counters.h"
#include "t.h"

#define MOST 16

struct fixture {
	struct sp_conf_backend confs[MOST];
	struct sp_backend backends[MOST];
	struct sp_backend *among[MOST];
	char names[MOST][32];
	struct sp_conf_pool conf;
	struct sp_pool pool;
};

static void begin(struct fixture *f, enum sp_conf_balance balance, size_t count, const uint64_t *weights)
{
	memset(f, 0, sizeof(*f));
	for (size_t i = 0; i < count; i++) {
		snprintf(f->names[i], sizeof(f->names[i]), "10.0.0.%zu:80", i + 1);
		f->confs[i] = (struct sp_conf_backend){ .name = sp_str(f->names[i]), .weight = weights == NULL ? 1 : weights[i] };
		f->backends[i] = (struct sp_backend){ .conf = &f->confs[i],
						      .pool = &f->pool,
						      .slot = SP_CROWD_NO_SLOT,
						      .identity = sp_balance_hash(f->confs[i].name),
						      .state = { .is_usable = true, .weight = -1 } };
	}
	f->conf.backends = f->confs;
	f->conf.backend_count = count;
	f->conf.balance = balance;
	f->conf.section.name = SP_STR("app");
	f->conf.eject = 3;
	f->conf.eject_time = 10000;
	f->conf.eject_max = 50;
	f->pool.conf = &f->conf;
	f->pool.backends = f->backends;
	f->pool.among = f->among;
	sp_clock_set(1000000000, 0);
}

static void at_ms(uint64_t ms)
{
	sp_clock_set(1000000000 + ms * 1000, 0);
}

static size_t next(struct fixture *f, uint64_t tried)
{
	bool is_full;
	struct sp_pool_want want = { .tried = tried };
	struct sp_backend *b = sp_balance_next(&f->pool, &want, &is_full);

	assert_non_null(b);
	return sp_backend_index(b);
}

static size_t next_of_key(struct fixture *f, unsigned key)
{
	struct sp_pool_want want = { .has_hash = true, .hash = sp_balance_hash(sp_str_of((const char *)&key, sizeof(key))) };
	bool is_full;
	struct sp_backend *b = sp_balance_next(&f->pool, &want, &is_full);

	assert_non_null(b);
	return sp_backend_index(b);
}

static const uint64_t weights[] = { 5, 1, 3 };

static void test_round_robin_is_smooth_and_by_weight(void **state)
{
	static const size_t want[] = { 0, 2, 0, 1, 0, 2, 0, 2, 0 };
	struct fixture f;

	(void)state;
	begin(&f, SP_BALANCE_ROUND_ROBIN, 3, weights);
	for (int lap = 0; lap < 3; lap++)
		for (size_t i = 0; i < SP_COUNT(want); i++)
			assert_int_equal(next(&f, 0), want[i]);
}

static void test_least_conn_goes_by_load_and_weight(void **state)
{
	size_t counts[3] = { 0 };
	struct fixture f;

	(void)state;
	begin(&f, SP_BALANCE_LEAST_CONN, 3, weights);
	for (int i = 0; i < 90; i++) {
		size_t k = next(&f, 0);

		f.backends[k].inflight++;
		counts[k]++;
	}
	assert_int_equal(counts[0], 50);
	assert_int_equal(counts[1], 10);
	assert_int_equal(counts[2], 30);
}

static void test_least_conn_takes_turns_among_equals(void **state)
{
	static const uint64_t equal[] = { 1, 1, 1 };
	size_t counts[3] = { 0 };
	struct fixture f;

	(void)state;
	begin(&f, SP_BALANCE_LEAST_CONN, 3, equal);
	for (int i = 0; i < 30; i++)
		counts[next(&f, 0)]++;
	for (int i = 0; i < 3; i++)
		assert_int_equal(counts[i], 10);
}

static void test_who_may_not_be_asked(void **state)
{
	static const enum sp_conf_balance kinds[] = { SP_BALANCE_LEAST_CONN, SP_BALANCE_ROUND_ROBIN, SP_BALANCE_RANDOM_TWO,
						      SP_BALANCE_HASH_CLIENT, SP_BALANCE_COOKIE };

	(void)state;
	for (size_t i = 0; i < SP_COUNT(kinds); i++) {
		struct fixture f;
		struct sp_pool_want one = { .tried = 0x1 }, two = { .tried = 0x5 };
		bool is_full;

		begin(&f, kinds[i], 3, weights);
		assert_int_equal(next(&f, 0x5), 1);
		f.confs[1].is_down = true;
		assert_null(sp_balance_next(&f.pool, &two, &is_full));
		assert_false(is_full);
		f.confs[2].max_inflight = f.backends[2].inflight = 2;
		assert_null(sp_balance_next(&f.pool, &one, &is_full));
		assert_true(is_full);
		f.backends[2].inflight = 1;
		assert_int_equal(next(&f, 0x1), 2);
	}
}

#define KEYS 20000

static void test_random_two_goes_by_weight_and_avoids_the_busy(void **state)
{
	static const uint64_t equal[] = { 1, 1, 1, 1 };
	size_t counts[4] = { 0 };
	struct fixture f;

	(void)state;
	begin(&f, SP_BALANCE_RANDOM_TWO, 4, equal);
	for (int i = 0; i < KEYS; i++) {
		size_t k = next(&f, 0);

		f.backends[k].inflight++;
		counts[k]++;
	}
	for (int i = 0; i < 4; i++)
		assert_in_range(counts[i], KEYS / 4 - 20, KEYS / 4 + 20);
	f.backends[2].inflight += KEYS;
	for (int i = 0; i < 1000; i++)
		assert_int_not_equal(next(&f, 0), 2);
}

static void test_hash_shares_by_weight(void **state)
{
	size_t counts[3] = { 0 };
	struct fixture f;

	(void)state;
	begin(&f, SP_BALANCE_HASH_HEADER, 3, weights);
	for (unsigned key = 0; key < KEYS; key++)
		counts[next_of_key(&f, key)]++;
	for (int i = 0; i < 3; i++)
		assert_in_range(counts[i], KEYS * weights[i] / 9 - KEYS / 50, KEYS * weights[i] / 9 + KEYS / 50);
}

/* When one leaves, its keys move and no other; at most 1/n + 5 %. When it is back, all is as before. */
static void test_hash_moves_few_keys(void **state)
{
	static size_t before[KEYS];
	struct fixture f;

	(void)state;
	begin(&f, SP_BALANCE_HASH_CLIENT, 10, NULL);
	for (unsigned key = 0; key < KEYS; key++)
		before[key] = next_of_key(&f, key);
	for (size_t gone = 0; gone < 10; gone++) {
		size_t moved = 0;

		f.confs[gone].is_down = true;
		for (unsigned key = 0; key < KEYS; key++) {
			size_t now = next_of_key(&f, key);

			moved += now != before[key] ? 1 : 0;
			assert_true(now == before[key] || before[key] == gone);
		}
		assert_in_range(moved, 1, KEYS * 15 / 100);
		f.confs[gone].is_down = false;
	}
	for (unsigned key = 0; key < KEYS; key++)
		assert_int_equal(next_of_key(&f, key), before[key]);
}

static void test_sticky_stays_with_its_own(void **state)
{
	struct sp_pool_want want = { .tried = 0 };
	struct fixture f;
	bool is_full;

	(void)state;
	begin(&f, SP_BALANCE_COOKIE, 4, NULL);
	for (size_t i = 0; i < 4; i++) {
		sp_sticky_name(&f.backends[i]);
		assert_int_equal(strlen(f.backends[i].token), 32);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(f.backends[i].token, f.backends[k].token);
	}
	want.sticky = sp_str(f.backends[2].token);
	f.backends[2].inflight = 100;
	for (int i = 0; i < 20; i++)
		assert_ptr_equal(sp_balance_next(&f.pool, &want, &is_full), &f.backends[2]);
	f.confs[2].is_down = true;
	assert_ptr_not_equal(sp_balance_next(&f.pool, &want, &is_full), &f.backends[2]);
	want.sticky = SP_STR("10.0.0.3:80"); /* made up: as if there were none */
	assert_non_null(sp_balance_next(&f.pool, &want, &is_full));
}

static void fail_at(struct fixture *f, size_t i, int times)
{
	while (times-- > 0)
		sp_eject_failed(&f->backends[i], SP_WHY_BACKEND_REFUSED);
}

static void test_ejected_after_a_row_of_failures(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, SP_BALANCE_ROUND_ROBIN, 2, NULL);
	fail_at(&f, 0, 2);
	sp_eject_answered(&f.backends[0], 200); /* the row ends */
	fail_at(&f, 0, 2);
	assert_true(sp_backend_is_usable(&f.backends[0]));
	sp_eject_answered(&f.backends[0], 503);
	assert_false(sp_backend_is_usable(&f.backends[0]));
	for (int i = 0; i < 10; i++)
		assert_int_equal(next(&f, 0), 1);
	at_ms(9999);
	assert_false(sp_backend_is_usable(&f.backends[0]));
	at_ms(10000);
	assert_true(sp_backend_is_usable(&f.backends[0]));
}

static void test_on_probation_one_failure_is_enough_and_it_lasts_longer(void **state)
{
	uint64_t now = 0, last = 10000;
	struct fixture f;

	(void)state;
	begin(&f, SP_BALANCE_ROUND_ROBIN, 2, NULL);
	fail_at(&f, 0, 3);
	for (int round = 0; round < 8; round++) {
		at_ms(now += last);
		assert_true(sp_backend_is_usable(&f.backends[0]));
		fail_at(&f, 0, 1);
		last = last * 2 > 320000 ? 320000 : last * 2;
		at_ms(now + last - 1);
		assert_false(sp_backend_is_usable(&f.backends[0]));
	}
	at_ms(now += last);
	assert_true(sp_backend_is_usable(&f.backends[0]));
	sp_eject_answered(&f.backends[0], 200);
	at_ms(now + 2 * last + 1); /* a good spell: forgotten */
	fail_at(&f, 0, 3);
	at_ms(now + 2 * last + 1 + 10000);
	assert_true(sp_backend_is_usable(&f.backends[0]));
}

static void test_never_more_out_than_eject_max(void **state)
{
	size_t out = 0;
	struct fixture f;

	(void)state;
	begin(&f, SP_BALANCE_ROUND_ROBIN, 5, NULL);
	for (size_t i = 0; i < 5; i++)
		fail_at(&f, i, 10);
	for (size_t i = 0; i < 5; i++)
		out += sp_backend_is_usable(&f.backends[i]) ? 0 : 1;
	assert_int_equal(out, 2);
	begin(&f, SP_BALANCE_ROUND_ROBIN, 1, NULL);
	fail_at(&f, 0, 10);
	assert_true(sp_backend_is_usable(&f.backends[0]));
	begin(&f, SP_BALANCE_ROUND_ROBIN, 2, NULL);
	f.conf.eject = 0;
	fail_at(&f, 0, 100);
	assert_true(sp_backend_is_usable(&f.backends[0]));
}

static void test_what_is_no_failure_of_the_backend(void **state)
{
	static const enum sp_why whys[] = { SP_WHY_CLIENT_ABORT, SP_WHY_CLIENT_SLOW, SP_WHY_NO_MEMORY, SP_WHY_DRAINING };
	struct fixture f;

	(void)state;
	begin(&f, SP_BALANCE_ROUND_ROBIN, 2, NULL);
	for (size_t i = 0; i < 10 * SP_COUNT(whys); i++)
		sp_eject_failed(&f.backends[0], whys[i % SP_COUNT(whys)]);
	for (int i = 0; i < 10; i++) {
		sp_eject_answered(&f.backends[0], 500);
		sp_eject_answered(&f.backends[0], 404);
	}
	assert_true(sp_backend_is_usable(&f.backends[0]));
}

/* ---- what all workers know */

struct crowd { /* two workers; the test is the first, and whoever else writes */
	struct sp_conf conf;
	struct sp_serve serve;
	struct sp_proxy proxy;
	struct sp_backends *states;
	struct sp_counters *own, *other;
};

static void join(struct crowd *c, struct fixture *f)
{
	struct sp_err err = { "" };
	struct sp_board *board = sp_board_new(2, &err);
	uint32_t slot;

	assert_non_null(board);
	*c = (struct crowd){ .proxy = { .board = board, .worker = 1, .worker_count = 2, .serve = &c->serve } };
	c->conf.gateway.max_connections = 1000;
	c->serve.conf = &c->conf;
	f->pool.proxy = &c->proxy;
	c->states = sp_board_write(board, SP_BLOCK_BACKENDS, 0);
	c->own = sp_board_write(board, SP_BLOCK_COUNTERS, 0);
	c->other = sp_board_write(board, SP_BLOCK_COUNTERS, 1);
	for (size_t i = 0; i < f->conf.backend_count; i++) {
		assert_true(sp_board_name(board, SP_NAME_BACKEND, f->conf.section.name, f->confs[i].name, &slot, &err));
		sp_crowd_join(&f->backends[i]);
		assert_int_equal(f->backends[i].slot, slot);
	}
}

static void say(const struct crowd *c, const struct sp_backend *b, enum sp_backend_is is, int32_t weight)
{
	const struct sp_backend_state state = { .key = b->key, .is = is, .weight = weight };

	sp_backend_set(c->states, b->slot, &state);
}

static void test_what_others_know_counts(void **state)
{
	struct fixture f;
	struct crowd c;

	(void)state;
	begin(&f, SP_BALANCE_LEAST_CONN, 2, NULL);
	join(&c, &f);
	sp_counter_set(&c.other->in_flight[f.backends[0].slot], 5); /* ours has none at either */
	for (int i = 0; i < 4; i++)
		assert_int_equal(next(&f, 0), 1);
	f.confs[1].max_inflight = 7;
	sp_counter_set(&c.other->in_flight[f.backends[1].slot], 6);
	sp_crowd_count(&f.backends[1], 1);
	assert_int_equal(sp_counter_get(&c.own->in_flight[f.backends[1].slot]), 1);
	assert_int_equal(next(&f, 0), 0);
	sp_crowd_count(&f.backends[1], -1);
	assert_int_equal(sp_crowd_load(&f.backends[1]), 6);

	say(&c, &f.backends[0], SP_BACKEND_DOWN, -1);
	at_ms(1);
	assert_int_equal(next(&f, 0), 1);
	say(&c, &f.backends[0], SP_BACKEND_UP, 200);
	at_ms(2);
	assert_int_equal(next(&f, 0), 0);
	assert_int_equal(sp_backend_weight(&f.backends[0]), 20000);
	say(&c, &f.backends[0], SP_BACKEND_UP, 0);
	at_ms(3);
	assert_false(sp_backend_is_usable(&f.backends[0]));
	sp_board_free(c.proxy.board);
}

static void test_others_hear_of_ejection(void **state)
{
	struct fixture f;
	struct crowd c;
	uint32_t slot;

	(void)state;
	begin(&f, SP_BALANCE_LEAST_CONN, 2, NULL);
	join(&c, &f);
	slot = f.backends[1].slot;
	fail_at(&f, 1, 2);
	assert_int_equal(sp_counter_get(&c.own->failures[slot]), 2);
	fail_at(&f, 1, 1);
	assert_int_equal(c.own->ejected_until_ms[slot], sp_now_ms() + 10000);
	at_ms(10000);
	assert_true(sp_backend_is_usable(&f.backends[1]));
	assert_int_equal(c.own->ejected_until_ms[slot], 0);
	sp_eject_answered(&f.backends[1], 200);
	assert_int_equal(sp_counter_get(&c.own->failures[slot]), 0);
	sp_board_free(c.proxy.board);
}

/* A pool that was changed by a reload, and the one before it: both have leases of one backend. */
static void test_two_pools_count_together(void **state)
{
	struct fixture before, after;
	struct crowd c;

	(void)state;
	begin(&before, SP_BALANCE_LEAST_CONN, 1, NULL);
	begin(&after, SP_BALANCE_LEAST_CONN, 1, NULL);
	join(&c, &before);
	after.pool.proxy = &c.proxy;
	sp_crowd_join(&after.backends[0]);
	sp_crowd_count(&before.backends[0], 1);
	sp_crowd_count(&after.backends[0], 1);
	assert_int_equal(sp_crowd_load(&after.backends[0]), 2);
	sp_crowd_count(&before.backends[0], -1);
	assert_int_equal(sp_crowd_load(&after.backends[0]), 1);
	assert_int_equal(after.backends[0].inflight, 1);
	sp_board_free(c.proxy.board);
}

/* Whatever a worker that was taken over writes: no fault, and no more than the gateway may have. */
static void test_a_crowd_of_nonsense(void **state)
{
	struct fixture f;
	struct crowd c;

	(void)state;
	begin(&f, SP_BALANCE_LEAST_CONN, 2, NULL);
	join(&c, &f);
	memset(c.other, 0xff, sizeof(*c.other));
	memset(c.states, 0xa5, sizeof(*c.states));
	at_ms(1);
	assert_int_equal(sp_crowd_load(&f.backends[0]), 1000);
	assert_true(next(&f, 0) < 2);
	sp_board_free(c.proxy.board);
}

static void test_slow_start_ramps(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, SP_BALANCE_ROUND_ROBIN, 2, NULL);
	f.conf.slow_start = 20000;
	assert_int_equal(sp_backend_weight(&f.backends[0]), 100); /* there from the beginning */
	fail_at(&f, 0, 3);
	at_ms(10000);
	assert_true(sp_backend_is_usable(&f.backends[0]));
	assert_int_equal(sp_backend_weight(&f.backends[0]), 10);
	at_ms(20000);
	assert_int_equal(sp_backend_weight(&f.backends[0]), 50);
	at_ms(30000);
	assert_int_equal(sp_backend_weight(&f.backends[0]), 100);
}

static void test_retry_budget_is_a_share_above_its_floor(void **state)
{
	struct sp_retry_budget b = { 0 };
	size_t taken = 0;

	(void)state;
	sp_clock_set(1, 0); /* a clock that has just begun to run */
	for (int i = 0; i < 100; i++)
		taken += sp_retry_budget_take(&b, 20) ? 1 : 0;
	assert_int_equal(taken, SP_RETRY_FLOOR);
	taken = 0;
	for (int i = 0; i < 1000; i++) {
		sp_retry_budget_pay(&b, 20);
		taken += sp_retry_budget_take(&b, 20) ? 1 : 0;
	}
	assert_int_equal(taken, 200);
	sp_clock_set(500001, 0);
	assert_true(sp_retry_budget_take(&b, 20));
	b = (struct sp_retry_budget){ 0 };
	assert_false(sp_retry_budget_take(&b, 0));
	for (int i = 0; i < 100000; i++)
		sp_retry_budget_pay(&b, 100);
	for (taken = 0; sp_retry_budget_take(&b, 0); taken++)
		;
	assert_int_equal(taken, 100); /* what is saved up has a bound */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_robin_is_smooth_and_by_weight),
		cmocka_unit_test(test_least_conn_goes_by_load_and_weight),
		cmocka_unit_test(test_least_conn_takes_turns_among_equals),
		cmocka_unit_test(test_who_may_not_be_asked),
		cmocka_unit_test(test_random_two_goes_by_weight_and_avoids_the_busy),
		cmocka_unit_test(test_hash_shares_by_weight),
		cmocka_unit_test(test_hash_moves_few_keys),
		cmocka_unit_test(test_sticky_stays_with_its_own),
		cmocka_unit_test(test_ejected_after_a_row_of_failures),
		cmocka_unit_test(test_on_probation_one_failure_is_enough_and_it_lasts_longer),
		cmocka_unit_test(test_never_more_out_than_eject_max),
		cmocka_unit_test(test_what_is_no_failure_of_the_backend),
		cmocka_unit_test(test_what_others_know_counts),
		cmocka_unit_test(test_others_hear_of_ejection),
		cmocka_unit_test(test_two_pools_count_together),
		cmocka_unit_test(test_a_crowd_of_nonsense),
		cmocka_unit_test(test_slow_start_ramps),
		cmocka_unit_test(test_retry_budget_is_a_share_above_its_floor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
