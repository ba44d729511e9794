/* balance: who is next, by load, by weight, by what was tried and what is full. */
#include "../../../src/proxy/balance.h"
#include "t.h"

#define MOST 8

struct fixture {
	struct sp_conf_backend confs[MOST];
	struct sp_backend backends[MOST];
	struct sp_conf_pool conf;
	struct sp_pool pool;
};

static void begin(struct fixture *f, enum sp_conf_balance balance, size_t count, const uint64_t *weights)
{
	memset(f, 0, sizeof(*f));
	for (size_t i = 0; i < count; i++) {
		f->confs[i].weight = weights[i];
		f->backends[i] = (struct sp_backend){ .conf = &f->confs[i], .pool = &f->pool };
	}
	f->conf.backends = f->confs;
	f->conf.backend_count = count;
	f->conf.balance = balance;
	f->pool.conf = &f->conf;
	f->pool.backends = f->backends;
}

static size_t next(struct fixture *f, uint64_t tried)
{
	bool is_full;
	struct sp_backend *b = sp_balance_next(&f->pool, tried, &is_full);

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
	static const enum sp_conf_balance kinds[] = { SP_BALANCE_LEAST_CONN, SP_BALANCE_ROUND_ROBIN };

	(void)state;
	for (size_t i = 0; i < SP_COUNT(kinds); i++) {
		struct fixture f;
		bool is_full;

		begin(&f, kinds[i], 3, weights);
		assert_int_equal(next(&f, 0x5), 1);
		f.confs[1].is_down = true;
		assert_null(sp_balance_next(&f.pool, 0x5, &is_full));
		assert_false(is_full);
		f.confs[2].max_inflight = f.backends[2].inflight = 2;
		assert_null(sp_balance_next(&f.pool, 0x1, &is_full));
		assert_true(is_full);
		f.backends[2].inflight = 1;
		assert_int_equal(next(&f, 0x1), 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_robin_is_smooth_and_by_weight),
		cmocka_unit_test(test_least_conn_goes_by_load_and_weight),
		cmocka_unit_test(test_least_conn_takes_turns_among_equals),
		cmocka_unit_test(test_who_may_not_be_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
