/* GCRA in a table that several processes write. */
#include "t.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sp/board/limits.h"

#define S 1000000000ULL
static const struct sp_limit_rate fifty = { S / 50, 100 };

static struct sp_limits *shared(void)
{
	void *p = mmap(NULL, sizeof(struct sp_limits), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(p != MAP_FAILED);
	return p;
}

static void unshare_limits(struct sp_limits *limits)
{
	assert_int_equal(munmap(limits, sizeof(*limits)), 0);
}

static unsigned taken(struct sp_limits *limits, uint64_t key, const struct sp_limit_rate *rate, uint64_t now, unsigned asked)
{
	unsigned n = 0;

	for (unsigned i = 0; i < asked; i++)
		n += sp_limits_take(limits, key, rate, now).is_over ? 0 : 1;
	return n;
}

/* After the burst exactly the rate; what rests is earned again, and no more than the burst. */
static void test_burst_and_rate(void **state)
{
	struct sp_limits *limits = shared();
	uint64_t now = 1000 * S;
	unsigned n = 0;

	(void)state;
	assert_int_equal(taken(limits, 7, &fifty, now, 500), 100);
	for (unsigned ms = 1; ms <= 10000; ms++)
		n += taken(limits, 7, &fifty, now + ms * (S / 1000), 3);
	assert_int_equal(n, 500);
	assert_int_equal(taken(limits, 7, &fifty, now + 11 * S, 500), 50);
	assert_int_equal(taken(limits, 7, &fifty, now + 9999 * S, 500), 100);
	assert_int_equal(taken(limits, 8, &fifty, now, 500), 100); /* another's is not touched */
	unshare_limits(limits);
}

static void test_what_is_told(void **state)
{
	static const struct sp_limit_rate slow = { 12 * S, 2 }; /* 5/m */
	struct sp_limits *limits = shared();
	const uint64_t now = 50 * S;
	struct sp_limit_state got;

	(void)state;
	got = sp_limits_look(limits, 1, &slow, now);
	assert_true(!got.is_over && got.left == 2 && got.wait_ns == 0 && got.full_ns == 0);
	got = sp_limits_take(limits, 1, &slow, now);
	assert_true(!got.is_over && got.left == 1 && got.full_ns == 12 * S);
	got = sp_limits_take(limits, 1, &slow, now + 2 * S);
	assert_true(!got.is_over && got.left == 0 && got.full_ns == 22 * S);
	got = sp_limits_take(limits, 1, &slow, now + 3 * S);
	assert_true(got.is_over && got.wait_ns == 9 * S);
	got = sp_limits_look(limits, 1, &slow, now + 12 * S - 1);
	assert_true(got.is_over && got.wait_ns == 1);
	assert_false(sp_limits_take(limits, 1, &slow, now + 12 * S).is_over);
	unshare_limits(limits);
}

/* Statuses are counted when they have happened: as many as there were, and no longer than the burst lasts. */
static void test_charge(void **state)
{
	static const struct sp_limit_rate rate = { S, 3 };
	struct sp_limits *limits = shared();

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_false(sp_limits_look(limits, 9, &rate, 10 * S).is_over);
		sp_limits_charge(limits, 9, &rate, 10 * S);
	}
	for (int i = 0; i < 1000; i++)
		sp_limits_charge(limits, 9, &rate, 10 * S);
	assert_int_equal(sp_limits_look(limits, 9, &rate, 10 * S).wait_ns, S);
	assert_false(sp_limits_look(limits, 9, &rate, 11 * S).is_over);
	unshare_limits(limits);
}

/* Keys of one bucket: more than it has places. The one that was earned first goes. */
static void test_eviction(void **state)
{
	struct sp_limits *limits = shared();
	const uint64_t now = 5 * S;

	(void)state;
	for (uint64_t key = 1; key <= SP_LIMITS_BUCKET; key++)
		assert_int_equal(taken(limits, key, &fifty, now, (unsigned)key + 1), key + 1);
	assert_int_equal(taken(limits, 100, &fifty, now, 1), 1);
	assert_int_equal(sp_limits_look(limits, 1, &fifty, now).left, 100); /* it had used least */
	for (uint64_t key = 2; key <= SP_LIMITS_BUCKET; key++)
		assert_int_equal(sp_limits_look(limits, key, &fifty, now).left, 100 - key - 1);
	unshare_limits(limits);
}

/* As a worker that was taken over may leave it. */
static void test_any_content(void **state)
{
	struct sp_limits *limits = shared();
	uint64_t random = 88172645463325252ULL, *words = (uint64_t *)(void *)limits;
	const uint64_t now = 1000 * S;

	(void)state;
	for (size_t i = 0; i < sizeof(*limits) / sizeof(*words); i++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		words[i] = random;
	}
	for (uint64_t i = 1; i < 20000; i++) {
		const uint64_t key = i << 32 | i;
		struct sp_limit_state got = sp_limits_take(limits, key, &fifty, now);

		assert_true(got.left <= 100 && got.wait_ns <= fifty.interval_ns && got.full_ns <= 2 * S);
		sp_limits_charge(limits, key, &fifty, now);
		got = sp_limits_look(limits, key, &fifty, now);
		assert_true(got.left <= 100 && got.full_ns <= 2 * S);
	}
	memset(limits, 0xff, sizeof(*limits)); /* every key has used all: for one interval, not for ever */
	assert_true(sp_limits_look(limits, UINT64_MAX, &fifty, now).is_over);
	assert_int_equal(sp_limits_look(limits, UINT64_MAX, &fifty, now).wait_ns, fifty.interval_ns);
	unshare_limits(limits);
}

enum { WORKERS = 4, ASKED = 20000 };

static void test_several_processes(void **state)
{
	struct sp_limits *limits = shared();
	pid_t pids[WORKERS];
	unsigned sum = 0;
	int pipes[2];

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	for (int i = 0; i < WORKERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			const struct sp_limit_rate rate = { S, 10000 };
			unsigned n = taken(limits, 3, &rate, 77 * S, ASKED);

			_exit(write(pipes[1], &n, sizeof(n)) == (ssize_t)sizeof(n) ? 0 : 1);
		}
	}
	for (int i = 0; i < WORKERS; i++) {
		int status;
		unsigned n = 0;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
		assert_int_equal(read(pipes[0], &n, sizeof(n)), sizeof(n));
		sum += n;
	}
	assert_in_range(sum, 10000, 10000 + WORKERS);
	close(pipes[0]);
	close(pipes[1]);
	unshare_limits(limits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_burst_and_rate), cmocka_unit_test(test_what_is_told),
		cmocka_unit_test(test_charge),         cmocka_unit_test(test_eviction),
		cmocka_unit_test(test_any_content),    cmocka_unit_test(test_several_processes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
