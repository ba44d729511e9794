#include "t.h"

#include <string.h>
#include <time.h>

#include "sp/base/clock.h"
#include "sp/net/deadline.h"

struct timed {
	struct sp_deadline deadline; /* first */
	char name;
	struct sp_deadline_list *again; /* set again in fire */
	struct timed *clears; /* another that fire clears */
};

static char fired[64];
static uint64_t now_ms;
static struct sp_loop *loop;

static void fire(struct sp_deadline *deadline)
{
	struct timed *t = (struct timed *)deadline;

	assert_false(sp_deadline_is_set(deadline));
	fired[strlen(fired)] = t->name;
	if (t->clears != NULL)
		sp_deadline_clear(&t->clears->deadline);
	sp_deadline_set(deadline, t->again, fire);
}

static void pass(uint64_t ms)
{
	now_ms += ms;
	sp_clock_set(now_ms * 1000, now_ms);
	sp_loop_turn(loop, false);
}

static int set_up(void **state)
{
	struct sp_err err = { "" };

	(void)state;
	loop = sp_loop_new(&err);
	now_ms = 5000;
	sp_clock_set(now_ms * 1000, now_ms);
	memset(fired, 0, sizeof(fired));
	return loop == NULL;
}

static int tear_down(void **state)
{
	(void)state;
	sp_loop_free(loop);
	return 0;
}

static void name_all(struct timed t[4])
{
	for (int i = 0; i < 4; i++) {
		t[i] = (struct timed){ .name = (char)('a' + i) };
		sp_deadline_init(&t[i].deadline);
	}
}

static void test_order_and_never_early(void **state)
{
	struct timed t[4];
	struct sp_deadline_list *quick = sp_loop_deadlines(loop, 100), *slow = sp_loop_deadlines(loop, 1000);

	(void)state;
	name_all(t);
	assert_ptr_equal(quick, sp_loop_deadlines(loop, 100));
	sp_deadline_set(&t[0].deadline, slow, fire);
	sp_deadline_set(&t[1].deadline, quick, fire);
	pass(50);
	sp_deadline_set(&t[2].deadline, quick, fire);
	pass(49);
	assert_string_equal(fired, "");
	pass(1);
	assert_string_equal(fired, "b");
	pass(49);
	assert_string_equal(fired, "b");
	pass(1);
	assert_string_equal(fired, "bc");
	pass(849);
	assert_string_equal(fired, "bc");
	pass(1);
	assert_string_equal(fired, "bca");
	pass(100000);
	assert_string_equal(fired, "bca");
}

static void test_set_again_moves_to_the_tail(void **state)
{
	struct timed t[4];
	struct sp_deadline_list *list = sp_loop_deadlines(loop, 100);

	(void)state;
	name_all(t);
	sp_deadline_set(&t[0].deadline, list, fire);
	sp_deadline_set(&t[1].deadline, list, fire);
	pass(60);
	sp_deadline_set(&t[0].deadline, list, fire);
	pass(60);
	assert_string_equal(fired, "b");
	pass(40);
	assert_string_equal(fired, "ba");
}

static void test_clear(void **state)
{
	struct timed t[4];
	struct sp_deadline_list *list = sp_loop_deadlines(loop, 100);

	(void)state;
	name_all(t);
	sp_deadline_set(&t[0].deadline, list, fire);
	sp_deadline_set(&t[1].deadline, list, fire);
	sp_deadline_clear(&t[0].deadline);
	sp_deadline_clear(&t[0].deadline);
	sp_deadline_set(&t[1].deadline, NULL, fire);
	assert_false(sp_deadline_is_set(&t[1].deadline));
	pass(1000);
	assert_string_equal(fired, "");
}

static void test_fire_changes_others(void **state)
{
	struct timed t[4];
	struct sp_deadline_list *list = sp_loop_deadlines(loop, 100);

	(void)state;
	name_all(t);
	t[0].clears = &t[1];
	t[0].again = sp_loop_deadlines(loop, 10);
	for (int i = 0; i < 4; i++)
		sp_deadline_set(&t[i].deadline, list, fire);
	pass(100);
	assert_string_equal(fired, "acd");
	pass(9);
	assert_string_equal(fired, "acd");
	pass(1);
	assert_string_equal(fired, "acda");
	sp_deadline_clear(&t[0].deadline); /* who goes away before the loop clears first */
}

/* The same with the machine's clock: the loop must wake by itself, in time. */
static void test_wakes_by_itself(void **state)
{
	struct timed t[4];
	struct sp_deadline_list *list = sp_loop_deadlines(loop, 30);
	struct timespec from, to;
	long ms;

	(void)state;
	name_all(t);
	clock_gettime(CLOCK_MONOTONIC, &from);
	sp_clock_set((uint64_t)from.tv_sec * 1000000U + (uint64_t)from.tv_nsec / 1000U, 0);
	sp_deadline_set(&t[0].deadline, list, fire);
	while (fired[0] == '\0') {
		sp_loop_turn(loop, true);
		clock_gettime(CLOCK_MONOTONIC, &to);
		sp_clock_set((uint64_t)to.tv_sec * 1000000U + (uint64_t)to.tv_nsec / 1000U, 0);
	}
	clock_gettime(CLOCK_MONOTONIC, &to);
	ms = (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000;
	assert_true(ms >= 29);
	assert_true(ms < 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order_and_never_early, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_set_again_moves_to_the_tail, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_clear, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_fire_changes_others, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_wakes_by_itself, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("net/deadline", tests, NULL, NULL);
}
