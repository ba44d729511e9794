/* Counters that several processes share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/wait.h>
#include <unistd.h>

#include "sp/worker/tally.h"

static void test_rows_and_slots(void **state)
{
	struct sp_err err = { .text = "" };
	struct sp_tally *t = sp_tally_new(3, 20, &err);

	(void)state;
	assert_non_null(t);
	for (size_t row = 0; row < 3; row++)
		for (size_t slot = 0; slot < 20; slot++)
			sp_tally_set(t, row, slot, (uint32_t)(100 * row + slot));
	for (size_t slot = 0; slot < 20; slot++)
		assert_int_equal(sp_tally_sum(t, slot), 300 + 3 * slot);
	sp_tally_clear(t, 1);
	for (size_t slot = 0; slot < 20; slot++)
		assert_int_equal(sp_tally_sum(t, slot), 200 + 2 * slot);
	sp_tally_set(t, 0, 0, UINT32_MAX);
	sp_tally_set(t, 2, 0, UINT32_MAX);
	assert_int_equal(sp_tally_sum(t, 0), 2 * (uint64_t)UINT32_MAX);
	sp_tally_free(t);
}

static void test_shared_with_a_child(void **state)
{
	struct sp_err err = { .text = "" };
	struct sp_tally *t = sp_tally_new(2, 1, &err);
	pid_t pid;
	int status;

	(void)state;
	assert_non_null(t);
	sp_tally_set(t, 0, 0, 5);
	pid = fork();
	if (pid == 0) {
		sp_tally_set(t, 1, 0, 7);
		_exit(sp_tally_sum(t, 0) == 12 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(sp_tally_sum(t, 0), 12);
	sp_tally_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_and_slots),
		cmocka_unit_test(test_shared_with_a_child),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
