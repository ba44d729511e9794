/* queue: first come, first served, bounded in number and time, left at will. */
#include "../../../src/proxy/balance.h"
#include "../../../src/proxy/proxy_int.h"
#include "sp/base/clock.h"
#include "t.h"

#define MOST 5

struct fixture {
	struct sp_proxy proxy;
	struct sp_conf_backend conf_backend;
	struct sp_backend backend, *among[1];
	struct sp_conf_pool conf;
	struct sp_pool pool;
	struct sp_place places[MOST];
};

static size_t order[2 * MOST], called;
static struct fixture *now;

/* Whoever is called takes the backend's next free place, unless it comes too late. */
static void on_wake(struct sp_wait *wait)
{
	struct sp_place *place = SP_HOLDER(wait, struct sp_place, wait);

	order[called++] = (size_t)(place - now->places);
	if (!place->is_late)
		now->backend.inflight++;
}

static void begin(struct fixture *f, uint64_t queue, unsigned workers, uint64_t timeout)
{
	memset(f, 0, sizeof(*f));
	sp_clock_tick();
	f->proxy.loop = sp_loop_new(NULL);
	assert_non_null(f->proxy.loop);
	f->conf_backend = (struct sp_conf_backend){ .weight = 1, .max_inflight = 1 };
	f->conf = (struct sp_conf_pool){ .backends = &f->conf_backend, .backend_count = 1, .queue = queue, .queue_timeout = timeout };
	f->backend = (struct sp_backend){ .conf = &f->conf_backend, .pool = &f->pool, .inflight = 1,
					  .state = { .is_usable = true, .weight = -1 } };
	f->pool = (struct sp_pool){ .conf = &f->conf, .proxy = &f->proxy, .backends = &f->backend, .among = f->among };
	assert_true(sp_queue_init(&f->pool.queue, &f->pool, workers));
	for (int i = 0; i < MOST; i++)
		sp_place_init(&f->places[i]);
	called = 0;
	now = f;
}

static void end(struct fixture *f)
{
	sp_queue_fini(&f->pool.queue);
	sp_loop_free(f->proxy.loop);
}

static bool enter(struct fixture *f, size_t i)
{
	return sp_queue_enter(&f->pool.queue, &f->places[i], on_wake, 0);
}

static void one_returns(struct fixture *f)
{
	f->backend.inflight--;
	sp_queue_look(&f->pool.queue);
	sp_loop_turn(f->proxy.loop, false);
}

static void test_first_come_first_served(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 3, 1, 60000);
	for (size_t i = 0; i < 3; i++)
		assert_true(enter(&f, i));
	assert_false(enter(&f, 3)); /* full */
	sp_queue_look(&f.pool.queue); /* nothing has returned */
	sp_loop_turn(f.proxy.loop, false);
	assert_int_equal(called, 0);
	for (size_t i = 0; i < 3; i++) {
		one_returns(&f);
		assert_int_equal(called, i + 1);
		assert_int_equal(order[i], i);
	}
	assert_true(sp_queue_is_empty(&f.pool.queue));
	end(&f);
}

static void test_who_leaves_is_not_called(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 2, 1, 60000);
	assert_true(enter(&f, 0));
	assert_true(enter(&f, 1));
	sp_wait_cancel(&f.places[0].wait);
	assert_true(enter(&f, 2)); /* the place is free again */
	one_returns(&f);
	assert_int_equal(called, 1);
	assert_int_equal(order[0], 1);
	sp_wait_cancel(&f.places[2].wait);
	assert_true(sp_queue_is_empty(&f.pool.queue));
	end(&f);
}

static void test_who_waits_too_long_is_told(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 2, 1, 30);
	assert_true(enter(&f, 0));
	while (called == 0)
		sp_loop_turn(f.proxy.loop, true);
	assert_true(f.places[0].is_late);
	assert_true(sp_queue_is_empty(&f.pool.queue));
	end(&f);
}

/* A request of another worker ends: nobody here is told, and the queue sees it all the same. */
static void test_room_made_elsewhere_is_found(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 2, 1, 60000);
	assert_true(enter(&f, 0));
	f.backend.inflight = 0;
	while (called == 0)
		sp_loop_turn(f.proxy.loop, true);
	assert_false(f.places[0].is_late);
	end(&f);
}

static void test_one_that_can_use_it_is_called_before_one_that_cannot(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 2, 1, 60000);
	assert_true(sp_queue_enter(&f.pool.queue, &f.places[0], on_wake, 1)); /* that backend has failed for it */
	assert_true(enter(&f, 1));
	one_returns(&f);
	assert_int_equal(called, 1);
	assert_int_equal(order[0], 1);
	sp_wait_cancel(&f.places[0].wait);
	end(&f);
}

static void test_workers_share_the_number(void **state)
{
	static const struct {
		uint64_t queue;
		unsigned workers;
		size_t max;
	} cases[] = { { 0, 1, 0 }, { 0, 4, 0 }, { 10, 1, 10 }, { 10, 2, 5 }, { 10, 3, 4 }, { 1, 8, 1 } };

	(void)state;
	for (size_t i = 0; i < SP_COUNT(cases); i++) {
		struct fixture f;

		begin(&f, cases[i].queue, cases[i].workers, 1000);
		assert_int_equal(f.pool.queue.max, cases[i].max);
		end(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_come_first_served),
		cmocka_unit_test(test_who_leaves_is_not_called),
		cmocka_unit_test(test_who_waits_too_long_is_told),
		cmocka_unit_test(test_room_made_elsewhere_is_found),
		cmocka_unit_test(test_one_that_can_use_it_is_called_before_one_that_cannot),
		cmocka_unit_test(test_workers_share_the_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
