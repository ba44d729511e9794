/* chain: scripted policies that pass, answer, drop and wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sp/policy/policy.h"

/* What a scripted step says at its first, second, … call; it remembers how often it was asked. */
struct script {
	enum sp_verdict verdicts[4];
	unsigned calls, cancelled;
};

static struct script *waiter;
static unsigned woken;

static void on_wake(struct sp_wait *w)
{
	(void)w;
	woken++;
}

static void on_cancel(struct sp_wait *w)
{
	(void)w;
	waiter->cancelled++;
}

static enum sp_verdict say(const void *conf, struct sp_ask *ask, struct sp_wait *w)
{
	struct script *script = (struct script *)(uintptr_t)conf;
	enum sp_verdict verdict = script->verdicts[script->calls++];

	if (verdict == SP_ANSWER)
		ask->status = 403;
	if (verdict == SP_WAIT) {
		waiter = script;
		w->wake = on_wake;
		w->cancel = on_cancel;
	}
	return verdict;
}

static const struct sp_policy scripted = { .name = "scripted", .request = say };

struct bed {
	struct script scripts[3];
	struct sp_step steps[3];
	struct sp_chain_of_steps chain;
	struct sp_ask ask;
	struct sp_wait w;
};

static void bed_init(struct bed *bed, size_t count)
{
	*bed = (struct bed){ .chain = { bed->steps, count } };
	for (size_t i = 0; i < SP_COUNT(bed->steps); i++)
		bed->steps[i] = (struct sp_step){ &scripted, &bed->scripts[i] };
	waiter = NULL;
	woken = 0;
}

static enum sp_verdict run(struct bed *bed)
{
	return sp_steps_run(&bed->chain, &bed->ask, &bed->w);
}

static void test_verdicts(void **state)
{
	static const struct {
		const char *name;
		enum sp_verdict says[3];
		enum sp_verdict want;
		unsigned calls[3];
	} rows[] = {
		{ "all pass", { SP_PASS, SP_PASS, SP_PASS }, SP_PASS, { 1, 1, 1 } },
		{ "the first that does not wins", { SP_PASS, SP_ANSWER, SP_DROP }, SP_ANSWER, { 1, 1, 0 } },
		{ "drop", { SP_DROP, SP_ANSWER, SP_PASS }, SP_DROP, { 1, 0, 0 } },
		{ "the last counts too", { SP_PASS, SP_PASS, SP_DROP }, SP_DROP, { 1, 1, 1 } },
	};

	(void)state;
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		struct bed bed;

		print_message("  %s\n", rows[i].name);
		bed_init(&bed, 3);
		for (size_t k = 0; k < 3; k++)
			bed.scripts[k].verdicts[0] = rows[i].says[k];
		assert_int_equal(run(&bed), rows[i].want);
		for (size_t k = 0; k < 3; k++)
			assert_int_equal(bed.scripts[k].calls, rows[i].calls[k]);
		assert_int_equal(bed.ask.status, rows[i].want == SP_ANSWER ? 403 : 0);
		assert_int_equal(bed.ask.at, 0); /* ready for the next chain */
	}
}

static void test_no_steps_pass(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed, 0);
	assert_int_equal(run(&bed), SP_PASS);
}

/* Resumes where it waited: what passed before is not asked again. */
static void test_wait_and_resume(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed, 3);
	bed.scripts[1].verdicts[0] = SP_WAIT;
	bed.scripts[1].verdicts[1] = SP_WAIT;
	bed.scripts[1].verdicts[2] = SP_PASS;
	bed.scripts[2].verdicts[0] = SP_ANSWER;
	for (unsigned i = 1; i <= 2; i++) {
		assert_int_equal(run(&bed), SP_WAIT);
		assert_true(sp_wait_is_on(&bed.w));
		sp_wait_wake(&bed.w);
		assert_int_equal(woken, i);
		assert_false(sp_wait_is_on(&bed.w));
	}
	assert_int_equal(run(&bed), SP_ANSWER);
	assert_int_equal(bed.scripts[0].calls, 1);
	assert_int_equal(bed.scripts[1].calls, 3);
	assert_int_equal(bed.scripts[2].calls, 1);
}

/* The client left: who was to answer hears of it once, and wakes nobody. */
static void test_wait_and_cancel(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed, 2);
	bed.scripts[0].verdicts[0] = SP_WAIT;
	assert_int_equal(run(&bed), SP_WAIT);
	sp_wait_cancel(&bed.w);
	assert_int_equal(bed.scripts[0].cancelled, 1);
	sp_wait_cancel(&bed.w);
	sp_wait_wake(&bed.w);
	assert_int_equal(bed.scripts[0].cancelled, 1);
	assert_int_equal(woken, 0);
	assert_int_equal(bed.scripts[1].calls, 0);
}

/* ---- with a witness */

struct notes {
	struct sp_witness witness;
	struct sp_met met[4];
	size_t count;
};

static void on_met(struct sp_witness *witness, const struct sp_met *met)
{
	struct notes *notes = SP_HOLDER(witness, struct notes, witness);

	notes->met[notes->count++] = *met;
}

static void tell(const void *conf, const struct sp_ask *ask, struct sp_met *met)
{
	met->rule = "better";
	met->at = (struct sp_conf_at){ "t.ini", 7 };
	met->text = sp_met_text(ask, "asked %u times", ((const struct script *)conf)->calls);
}

static const struct sp_policy telling = { .name = "telling", .request = say, .tell = tell };

/* Each step that was asked, once each time that it was, in its order; nothing behind the verdict. */
static void test_a_witness_is_told_of_each_step(void **state)
{
	struct notes notes = { .witness.met = on_met };
	struct sp_arena arena;
	struct bed bed;

	(void)state;
	sp_arena_init(&arena, NULL, 0, 0);
	bed_init(&bed, 3);
	bed.ask.arena = &arena;
	bed.ask.witness = &notes.witness;
	bed.ask.rule = (struct sp_conf_at){ "t.ini", 3 };
	bed.steps[0].policy = &telling;
	bed.scripts[1].verdicts[0] = SP_WAIT;
	bed.scripts[1].verdicts[1] = SP_ANSWER;
	assert_int_equal(run(&bed), SP_WAIT);
	sp_wait_wake(&bed.w);
	assert_int_equal(run(&bed), SP_ANSWER);

	assert_int_equal(notes.count, 3);
	assert_string_equal(notes.met[0].rule, "better");
	assert_string_equal(notes.met[0].text, "asked 1 times");
	assert_int_equal(notes.met[0].at.line, 7);
	assert_int_equal(notes.met[0].how, SP_MET_PASSED);
	assert_string_equal(notes.met[1].rule, "scripted");
	assert_int_equal(notes.met[1].how, SP_MET_UNASKED);
	assert_null(notes.met[1].at.file);
	assert_string_equal(notes.met[1].text, "");
	assert_int_equal(notes.met[2].how, SP_MET_ANSWERED);
	assert_int_equal(notes.met[2].at.line, 3);
	sp_arena_fini(&arena);
}

static void test_a_dropping_step_is_told_as_that(void **state)
{
	struct notes notes = { .witness.met = on_met };
	struct bed bed;

	(void)state;
	bed_init(&bed, 2);
	bed.ask.witness = &notes.witness;
	bed.scripts[0].verdicts[0] = SP_DROP;
	assert_int_equal(run(&bed), SP_DROP);
	assert_int_equal(notes.count, 1);
	assert_int_equal(notes.met[0].how, SP_MET_DROPPED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_no_steps_pass),
		cmocka_unit_test(test_wait_and_resume),
		cmocka_unit_test(test_wait_and_cancel),
		cmocka_unit_test(test_a_witness_is_told_of_each_step),
		cmocka_unit_test(test_a_dropping_step_is_told_as_that),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
