#include "sp/base/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dies.h"
#include "sp/base/list.h"
#include "sp/base/log.h"
#include "sp/base/str.h"
#include "sp/base/wait.h"

#define MAGIC 0x5a11e001U

struct thing {
	uint32_t magic;
	int value;
	struct sp_list link;
};

static void break_rule(void)
{
	volatile int two = 2;

	SP_ASSERT(two == 3);
}

static void null_object(void)
{
	(void)SP_OBJ(NULL, struct thing, MAGIC);
}

static void wrong_object(void)
{
	struct thing thing = { .magic = MAGIC + 1 };

	(void)SP_OBJ(&thing, struct thing, MAGIC);
}

static void test_rules(void **state)
{
	struct thing thing = { .magic = MAGIC, .value = 7 };

	(void)state;
	SP_ASSERT(thing.value == 7);
	assert_ptr_equal(SP_OBJ(&thing, struct thing, MAGIC), &thing);
	assert_ptr_equal(SP_HOLDER(&thing.link, struct thing, link), &thing);
	assert_true(aborts(break_rule));
	assert_true(aborts(null_object));
	assert_true(aborts(wrong_object));
}

/* What stopped a worker must be in the log. */
static void test_is_logged(void **state)
{
	char text[512];
	int pipes[2];
	ssize_t n;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	sp_log_to(pipes[1]);
	assert_true(aborts(break_rule));
	sp_log_to(STDERR_FILENO);
	n = read(pipes[0], text, sizeof(text) - 1);
	assert_true(n > 0);
	text[n] = '\0';
	assert_non_null(strstr(text, " error event=broken_rule what=\"two == 3\" file="));
	close(pipes[0]);
	close(pipes[1]);
}

static void test_list(void **state)
{
	struct sp_list all, other, a, b, c;

	(void)state;
	sp_list_init(&all);
	sp_list_init(&a);
	sp_list_init(&b);
	sp_list_init(&c);
	assert_true(sp_list_is_empty(&all) && !sp_list_is_linked(&a));
	sp_list_push(&all, &a);
	sp_list_push(&all, &b);
	sp_list_push_front(&all, &c);
	assert_true(all.next == &c && c.next == &a && a.next == &b && b.next == &all && all.prev == &b);
	sp_list_unlink(&a);
	sp_list_unlink(&a);
	assert_true(c.next == &b && !sp_list_is_linked(&a));
	sp_list_move_all(&all, &other);
	assert_true(sp_list_is_empty(&all) && other.next == &c && other.prev == &b && b.next == &other);
	sp_list_move_all(&all, &other);
	assert_true(sp_list_is_empty(&other));
}

static int woken, cancelled;

static void on_wake(struct sp_wait *w)
{
	(void)w;
	woken++;
}

static void on_cancel(struct sp_wait *w)
{
	(void)w;
	cancelled++;
}

static void test_wait(void **state)
{
	struct sp_wait w = { .wake = on_wake, .cancel = on_cancel };

	(void)state;
	assert_true(sp_wait_is_on(&w));
	sp_wait_wake(&w);
	sp_wait_wake(&w);
	sp_wait_cancel(&w);
	assert_true(woken == 1 && cancelled == 0 && !sp_wait_is_on(&w));
	w = (struct sp_wait){ .wake = on_wake, .cancel = on_cancel };
	sp_wait_cancel(&w);
	sp_wait_cancel(&w);
	sp_wait_wake(&w);
	assert_true(woken == 1 && cancelled == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_is_logged),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
