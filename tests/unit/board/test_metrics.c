#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sp/board/metrics.h"
#include "sp/board/recent.h"
#include "t.h"

static struct sp_board *make_board(size_t workers)
{
	struct sp_err err = { 0 };
	struct sp_board *board = sp_board_new(workers, &err);

	assert_non_null(board);
	return board;
}

static struct sp_metrics *sum_of(const struct sp_board *board)
{
	static struct sp_metrics *sum;

	if (sum == NULL)
		sum = calloc(1, sizeof(*sum));
	assert_non_null(sum);
	while (!sp_metrics_sum(board, sum))
		; /* somebody folds all the time */
	return sum;
}

static uint64_t count_of(const struct sp_board *board, enum sp_metrics_kind kind, uint64_t key, unsigned cell)
{
	return sp_metrics_get(sp_metrics_find(sum_of(board), kind, key, 0), cell);
}

static void test_rows(void **state)
{
	struct sp_board *board = make_board(1);
	struct sp_metrics *m = sp_board_write(board, SP_BLOCK_METRICS, 0);
	sp_cell *a = sp_metrics_row(m, SP_METRICS_LIMIT, 7, 0);

	(void)state;
	assert_non_null(a);
	assert_ptr_equal(sp_metrics_row(m, SP_METRICS_LIMIT, 7, 0), a);
	assert_ptr_not_equal(sp_metrics_row(m, SP_METRICS_LIMIT, 7, 1), a);
	assert_ptr_not_equal(sp_metrics_row(m, SP_METRICS_LIMIT, 0, 0), a);
	assert_int_equal(sp_metrics_rows(m, SP_METRICS_LIMIT), 3);
	assert_null(sp_metrics_row(NULL, SP_METRICS_LIMIT, 7, 0));
	sp_metrics_add(NULL, 0, 1);
	sp_board_free(board);
}

/* Row 0 counts for all that have none. */
static void test_full(void **state)
{
	struct sp_board *board = make_board(1);
	struct sp_metrics *m = sp_board_write(board, SP_BLOCK_METRICS, 0);

	(void)state;
	for (uint64_t key = 1; key < SP_LIMITS_MAX; key++)
		assert_ptr_not_equal(sp_metrics_row(m, SP_METRICS_LIMIT, key, 0),
				     sp_metrics_row(m, SP_METRICS_LIMIT, 0, 0));
	assert_ptr_equal(sp_metrics_row(m, SP_METRICS_LIMIT, SP_LIMITS_MAX, 0),
			 sp_metrics_row(m, SP_METRICS_LIMIT, 0, 0));
	assert_ptr_equal(sp_metrics_row(m, SP_METRICS_LIMIT, SP_LIMITS_MAX + 1, 0),
			 sp_metrics_row(m, SP_METRICS_LIMIT, 0, 0));
	sp_board_free(board);
}

/* What a worker counted stays when it is gone, but for how many wait just now; all of it is summed. */
static void test_fold(void **state)
{
	struct sp_board *board = make_board(2);

	(void)state;
	for (uint64_t i = 0; i < 2; i++) {
		struct sp_metrics *m = sp_board_write(board, SP_BLOCK_METRICS, i);

		/* In another order in each. */
		(void)sp_metrics_row(m, SP_METRICS_POOL, i + 10, 0);
		sp_metrics_add(sp_metrics_row(m, SP_METRICS_POOL, 5, 0), SP_POOL_STALE, 3 + i);
		sp_metrics_put(sp_metrics_row(m, SP_METRICS_POOL, 5, 0), SP_POOL_QUEUED, 2);
	}
	assert_int_equal(count_of(board, SP_METRICS_POOL, 5, SP_POOL_STALE), 7);
	assert_int_equal(count_of(board, SP_METRICS_POOL, 5, SP_POOL_QUEUED), 4);
	for (unsigned i = 0; i < 3; i++) {
		sp_board_worker_died(board, 1);
		assert_int_equal(count_of(board, SP_METRICS_POOL, 5, SP_POOL_STALE), 7);
		assert_int_equal(count_of(board, SP_METRICS_POOL, 5, SP_POOL_QUEUED), 2);
	}
	sp_board_free(board);
}

/* Somebody sums all the time while workers die: no count is ever seen twice or not at all. */
static void test_fold_is_seen_once(void **state)
{
	struct sp_board *board = make_board(1);
	struct sp_err err = { 0 };
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		uint64_t last = 0;

		if (!sp_board_enter(board, SP_BOARD_READER, 0, &err))
			_exit(2);
		while (last < 300) {
			const uint64_t now = count_of(board, SP_METRICS_POOL, 5, SP_POOL_STALE);

			if (now < last || now > 300)
				_exit(1);
			last = now;
		}
		_exit(0);
	}
	for (unsigned i = 0; i < 300; i++) {
		sp_metrics_add(sp_metrics_row(sp_board_write(board, SP_BLOCK_METRICS, 0), SP_METRICS_POOL, 5, 0),
			       SP_POOL_STALE, 1);
		sp_board_worker_died(board, 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	sp_board_free(board);
}

static void test_any_content(void **state)
{
	struct sp_board *board = make_board(2);
	struct sp_metrics *m = sp_board_write(board, SP_BLOCK_METRICS, 1);
	struct sp_recent *recent = sp_board_write(board, SP_BLOCK_RECENT, 1);
	struct sp_recent_error error;

	(void)state;
	memset(m, 0xff, sizeof(*m));
	memset(recent, 0xff, sizeof(*recent));
	recent->ring[30].seq = 2;
	sp_metrics_add(sp_metrics_row(sp_board_write(board, SP_BLOCK_METRICS, 0), SP_METRICS_LISTENER, 5, 0),
		       SP_LISTENER_CAME, 4);
	assert_int_equal(count_of(board, SP_METRICS_LISTENER, 5, SP_LISTENER_CAME), 4);
	assert_int_equal(count_of(board, SP_METRICS_LISTENER, UINT64_MAX, SP_LISTENER_CAME), 0);
	assert_true(sp_recent_get(recent, 0, &error));
	assert_int_equal(error.cause, 0);
	assert_int_equal(error.status, 0);
	assert_int_equal(strlen(error.rule), sizeof(error.rule) - 1);
	assert_int_equal(error.rule[0], '?');
	sp_board_worker_died(board, 1);
	assert_int_equal(count_of(board, SP_METRICS_LISTENER, 5, SP_LISTENER_CAME), 4);
	sp_board_free(board);
}

static void test_histogram(void **state)
{
	static const struct {
		uint64_t us;
		unsigned bucket;
	} rows[] = { { 0, 0 },
		     { 500, 0 },
		     { 501, 1 },
		     { 1000, 1 },
		     { 60000000, 15 },
		     { 60000001, 16 },
		     { UINT64_MAX >> 20, 16 } };
	struct sp_board *board = make_board(1);

	(void)state;
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		sp_cell *row = sp_metrics_row(sp_board_write(board, SP_BLOCK_METRICS, 0), SP_METRICS_POOL, i + 1, 0);

		sp_histogram_add(row, SP_POOL_CONNECT, rows[i].us);
		assert_int_equal(sp_metrics_get(row, SP_POOL_CONNECT + rows[i].bucket), 1);
		assert_int_equal(sp_metrics_get(row, SP_POOL_CONNECT + SP_HISTOGRAM_SUM), rows[i].us);
	}
	sp_board_free(board);
}

static void test_words(void **state)
{
	static const struct {
		unsigned status;
		const char *word;
	} codes[] = { { 200, "200" }, { 499, "499" },   { 511, "511" },          { 299, "other" },
		      { 0, "none" },  { 600, "other" }, { 4000000000U, "other" } };
	char word[SP_METRICS_CODE_WORD];

	(void)state;
	for (size_t i = 0; i < SP_COUNT(codes); i++)
		assert_string_equal(sp_metrics_code_word(sp_metrics_code(codes[i].status), word), codes[i].word);
	assert_string_equal(sp_metrics_cause_words[sp_metrics_cause("banned")], "banned");
	assert_string_equal(sp_metrics_cause_words[sp_metrics_cause("what is that")], "internal");
}

static void test_recent(void **state)
{
	struct sp_board *board = make_board(1);
	struct sp_recent *recent = sp_board_write(board, SP_BLOCK_RECENT, 0);
	struct sp_recent_error error = { .status = 0 };

	(void)state;
	assert_false(sp_recent_get(recent, 0, &error));
	for (unsigned i = 1; i <= 40; i++) {
		error = (struct sp_recent_error){ .status = 400 + i };
		sp_recent_text(error.path, sizeof(error.path), SP_STR("/a\x1b\xff"));
		sp_recent_add(recent, &error);
	}
	for (uint32_t age = 0; age < SP_RECENT_ENTRIES; age++) {
		assert_true(sp_recent_get(recent, age, &error));
		assert_int_equal(error.status, 440 - age);
		assert_string_equal(error.path, "/a??");
	}
	assert_false(sp_recent_get(recent, SP_RECENT_ENTRIES, &error));
	sp_board_free(board);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),        cmocka_unit_test(test_full),
		cmocka_unit_test(test_fold),        cmocka_unit_test(test_fold_is_seen_once),
		cmocka_unit_test(test_any_content), cmocka_unit_test(test_histogram),
		cmocka_unit_test(test_words),       cmocka_unit_test(test_recent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
