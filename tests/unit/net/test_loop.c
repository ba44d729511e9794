#include "t.h"

#include <stdlib.h>
#include <string.h>

#include "sp/net/loop.h"

static char order[64];
static struct sp_loop *loop;

struct job {
	struct sp_soon soon; /* first */
	struct sp_grave grave;
	struct job *other; /* cancelled by run */
	bool comes_back;
	char name;
};

static void run(struct sp_soon *soon)
{
	struct job *job = (struct job *)soon;

	order[strlen(order)] = job->name;
	if (job->other != NULL)
		sp_soon_cancel(&job->other->soon);
	if (job->comes_back)
		sp_soon_add(loop, soon);
}

static void free_job(struct sp_grave *grave)
{
	order[strlen(order)] = 'X';
	free((char *)grave - offsetof(struct job, grave));
}

static struct job *new_job(char name)
{
	struct job *job = calloc(1, sizeof(*job));

	assert_non_null(job);
	job->name = name;
	sp_soon_init(&job->soon, run);
	return job;
}

static int set_up(void **state)
{
	struct sp_err err = { "" };

	(void)state;
	loop = sp_loop_new(&err);
	memset(order, 0, sizeof(order));
	return loop == NULL;
}

static int tear_down(void **state)
{
	(void)state;
	sp_loop_free(loop);
	return 0;
}

static void test_soon_runs_once_a_turn(void **state)
{
	struct job *a = new_job('a'), *b = new_job('b'), *c = new_job('c');

	(void)state;
	a->comes_back = true;
	b->other = c;
	sp_soon_add(loop, &a->soon);
	sp_soon_add(loop, &b->soon);
	sp_soon_add(loop, &c->soon);
	sp_soon_add(loop, &a->soon);
	sp_loop_turn(loop, true);
	assert_string_equal(order, "ab");
	a->comes_back = false;
	sp_loop_turn(loop, true);
	assert_string_equal(order, "aba");
	sp_loop_turn(loop, true);
	assert_string_equal(order, "aba");
	free(a);
	free(b);
	free(c);
}

static void bury_itself(struct sp_soon *soon)
{
	struct job *job = (struct job *)soon;

	sp_loop_bury(loop, &job->grave, free_job);
	sp_loop_bury(loop, &job->grave, free_job);
	order[strlen(order)] = job->name; /* still there: freed behind the turn */
}

static void test_burial_behind_the_turn(void **state)
{
	struct job *a = new_job('a'), *b = new_job('b');

	(void)state;
	a->soon.run = bury_itself;
	sp_soon_add(loop, &a->soon);
	sp_soon_add(loop, &b->soon);
	sp_loop_turn(loop, false);
	assert_string_equal(order, "abX");
	sp_loop_bury(loop, &b->grave, free_job); /* freed with the loop */
}

struct count {
	struct sp_flush flush; /* first */
	int n;
};

static void flush(struct sp_flush *f)
{
	((struct count *)f)->n++;
	if (((struct count *)f)->n == 2)
		sp_loop_off_flush(f);
}

static void stop(struct sp_soon *soon)
{
	(void)soon;
	sp_loop_stop(loop);
}

static void test_flush_and_stop(void **state)
{
	struct count c = { .flush = { .run = flush } };
	struct job *a = new_job('a');

	(void)state;
	sp_loop_on_flush(loop, &c.flush);
	sp_loop_turn(loop, false);
	sp_loop_turn(loop, false);
	sp_loop_turn(loop, false);
	assert_int_equal(c.n, 2);
	a->soon.run = stop;
	sp_soon_add(loop, &a->soon);
	sp_loop_run(loop);
	sp_loop_run(loop); /* nothing could wake it: it does not hang */
	free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_soon_runs_once_a_turn, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_burial_behind_the_turn, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_flush_and_stop, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("net/loop", tests, NULL, NULL);
}
