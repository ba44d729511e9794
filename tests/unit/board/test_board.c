/* The board: rights of the roles, names and slots, sums, rows of backends; every reader over random memory. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sp/board/backends.h"
#include "sp/board/board.h"
#include "sp/board/counters.h"
#include "sp/board/names.h"

enum { WORKERS = 3 };

static struct sp_board *make_board(void)
{
	struct sp_err err = { 0 };
	struct sp_board *board = sp_board_new(WORKERS, &err);

	assert_string_equal(err.text, "");
	assert_non_null(board);
	return board;
}

/* What a child of the role may do, as an exit status: 0 is right. */
static int look_around(struct sp_board *board, enum sp_board_role role, size_t worker)
{
	struct sp_err err = { 0 };

	if (!sp_board_enter(board, role, worker, &err))
		return 1;
	for (int block = 0; block < SP_BLOCK_COUNT; block++) {
		const enum sp_board_part part = sp_board_blocks[block].part;

		for (size_t i = 0; i < (part == SP_PART_WORKER ? SP_BOARD_BANKS * WORKERS : 1U); i++) {
			const void *mem = sp_board_read(board, block, i);
			const bool writes = (role == SP_BOARD_MONITOR && part == SP_PART_STATES) ||
					    (role == SP_BOARD_WORKER &&
					     (part == SP_PART_LIMITS || (part == SP_PART_WORKER && i == worker)));

			if ((mem != NULL) != (role != SP_BOARD_NONE))
				return 2;
			if ((sp_board_write(board, block, i) != NULL) != writes)
				return 3;
			if (mem != NULL && !writes &&
			    mprotect((void *)((uintptr_t)mem & ~(uintptr_t)4095), 4096, PROT_READ | PROT_WRITE) == 0)
				return 4;
		}
	}
	return 0;
}

static void test_rights(void **state)
{
	static const struct {
		enum sp_board_role role;
		size_t worker;
	} who[] = { { SP_BOARD_NONE, 0 },
		    { SP_BOARD_READER, 0 },
		    { SP_BOARD_MONITOR, 0 },
		    { SP_BOARD_WORKER, 0 },
		    { SP_BOARD_WORKER, 2 } };

	(void)state;
	for (size_t i = 0; i < sizeof(who) / sizeof(who[0]); i++) {
		struct sp_board *board = make_board();
		pid_t pid = fork();
		int status;

		if (pid == 0)
			_exit(look_around(board, who[i].role, who[i].worker));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
		sp_board_free(board);
	}
}

static void test_shared_and_zeroed(void **state)
{
	struct sp_board *board = make_board();
	struct sp_err err = { 0 };
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		struct sp_counters *mine;

		if (!sp_board_enter(board, SP_BOARD_WORKER, 1, &err))
			_exit(1);
		mine = sp_board_write(board, SP_BLOCK_COUNTERS, 1);
		sp_counter_set(&mine->clients, 7);
		sp_counter_set(&mine->listener[255], UINT32_MAX);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(sp_counters_clients(board, 100), 7);
	assert_int_equal(sp_counters_listener(board, 255, 100), 100);
	assert_int_equal(sp_counters_listener(board, 256, 100), 0);
	sp_board_worker_died(board, 1);
	assert_int_equal(sp_counters_clients(board, 100), 0);
	sp_board_free(board);
}

static void test_adopt(void **state)
{
	struct sp_board *board = make_board(), *other;
	struct sp_err err = { 0 };
	int fds[SP_BOARD_FDS_MAX], copies[SP_BOARD_FDS_MAX];
	const size_t n = sp_board_fds(board, fds);
	struct sp_counters *counters = sp_board_write(board, SP_BLOCK_COUNTERS, 2);

	(void)state;
	assert_int_equal(n, 3 + SP_BOARD_BANKS * WORKERS);
	assert_int_equal(ftruncate(fds[0], 0), -1); /* sealed */
	sp_counter_set(&counters->clients, 5);
	memset((char *)counters - 64, 0xff, 8); /* a worker's own part before its counters: refuses nothing */
	for (size_t i = 0; i < n; i++)
		copies[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
	assert_null(sp_board_adopt(copies, n, WORKERS + 1, 1, &err));
	assert_non_null(strstr(err.text, "another number of workers"));
	err.text[0] = '\0';
	other = sp_board_adopt(copies, n, WORKERS, 1, &err);
	assert_string_equal(err.text, "");
	assert_non_null(other);
	assert_int_equal(sp_counters_clients(other, 100), 5);
	sp_board_free(other);

	memset((void *)((uintptr_t)sp_board_read(board, SP_BLOCK_NAMES, 0) & ~(uintptr_t)4095), 0x5a, 16);
	assert_null(sp_board_adopt(fds, n, WORKERS, 1, &err));
	assert_non_null(strstr(err.text, "another layout"));
	assert_true(fcntl(fds[0], F_GETFD) >= 0); /* refused: still the caller's */
	sp_board_free(board);
}

static struct sp_board *adopt(struct sp_board *board, unsigned bank)
{
	int fds[SP_BOARD_FDS_MAX];
	struct sp_err err = { 0 };
	const size_t n = sp_board_fds(board, fds);
	struct sp_board *other;

	for (size_t i = 0; i < n; i++)
		fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
	other = sp_board_adopt(fds, n, WORKERS, bank, &err);
	assert_string_equal(err.text, "");
	assert_non_null(other);
	return other;
}

static void set_clients(struct sp_board *board, size_t worker, uint32_t n)
{
	struct sp_counters *counters = sp_board_write(board, SP_BLOCK_COUNTERS, worker);

	assert_non_null(counters);
	sp_counter_set(&counters->clients, n);
}

/* Workers of two programs count beside each other: both see the sum, and each calls its own by the same number. */
static void test_banks(void **state)
{
	struct sp_board *old = make_board(), *new;
	size_t part;

	(void)state;
	set_clients(old, 1, 5);
	part = sp_board_part_of(old, 1);
	new = adopt(old, 3);
	assert_int_equal(sp_board_bank(new), 3);
	set_clients(new, 1, 2);
	assert_int_equal(sp_counters_clients(old, 100), 7);
	assert_int_equal(sp_counters_clients(new, 100), 7);
	sp_board_worker_died(new, 1);
	assert_int_equal(sp_counters_clients(new, 100), 5);
	sp_board_use_banks(new, 0);
	assert_int_equal(sp_board_workers(new), WORKERS);
	assert_int_equal(sp_counters_clients(new, 100), 0); /* nobody lives there, so nobody looks */
	sp_board_use_banks(new, SP_BIT(0) | SP_BIT(9));
	assert_int_equal(sp_board_workers(new), 2 * WORKERS);
	assert_int_equal(sp_counters_clients(new, 100), 5);
	sp_board_part_died(new, part);
	sp_board_part_died(new, (size_t)-1);
	assert_int_equal(sp_counters_clients(old, 100), 0);
	set_clients(old, 0, 9); /* what was left in a bank is gone when it is taken again */
	sp_board_free(new);
	new = adopt(old, 0);
	assert_int_equal(sp_counters_clients(new, 100), 0);
	sp_board_free(new);
	sp_board_free(old);
}

/* A slot that the workers of the program before count in is not given to another name while they live. */
static void test_names_of_the_program_before(void **state)
{
	struct sp_board *old = make_board(), *new;
	struct sp_err err = { 0 };
	uint32_t before, slot;

	(void)state;
	assert_true(sp_board_name(old, SP_NAME_LISTENER, SP_STR_NONE, SP_STR("gone"), &before, &err));
	assert_true(sp_board_name(old, SP_NAME_LISTENER, SP_STR_NONE, SP_STR("kept"), &slot, &err));
	new = adopt(old, 1);
	assert_true(sp_board_name(new, SP_NAME_LISTENER, SP_STR_NONE, SP_STR("kept"), &before, &err));
	assert_int_equal(before, slot);
	sp_board_names_sweep(new);
	assert_true(sp_board_slot(new, SP_NAME_LISTENER, SP_STR_NONE, SP_STR("gone"), &slot));
	sp_board_forget_names(new);
	assert_false(sp_board_slot(new, SP_NAME_LISTENER, SP_STR_NONE, SP_STR("gone"), &slot));
	assert_true(sp_board_slot(new, SP_NAME_LISTENER, SP_STR_NONE, SP_STR("kept"), &slot));
	sp_board_forget_names(new); /* twice is harmless */
	assert_true(sp_board_slot(new, SP_NAME_LISTENER, SP_STR_NONE, SP_STR("kept"), &slot));
	sp_board_free(new);
	sp_board_free(old);
}

static void test_names(void **state)
{
	struct sp_names *names = calloc(1, sizeof(*names));
	struct sp_name_uses *uses = calloc(1, sizeof(*uses));
	const uint64_t a = sp_name_key(SP_NAME_BACKEND, SP_STR("api"), SP_STR("10.0.0.1:80"));
	uint32_t slot, again;

	(void)state;
	assert_int_not_equal(a, sp_name_key(SP_NAME_BACKEND, SP_STR("web"), SP_STR("10.0.0.1:80")));
	assert_int_not_equal(a, sp_name_key(SP_NAME_BACKEND, SP_STR("api1"), SP_STR("0.0.0.1:80")));
	assert_false(sp_names_slot(names, SP_NAME_BACKEND, a, &slot));
	assert_true(sp_names_add(names, uses, SP_NAME_BACKEND, a, &slot));
	assert_true(sp_names_add(names, uses, SP_NAME_BACKEND, a, &again)); /* the next generation */
	assert_int_equal(slot, again);
	assert_false(sp_names_slot(names, SP_NAME_POOL, a, &again));
	sp_names_drop(uses, SP_NAME_BACKEND, slot);
	sp_names_sweep(names, uses);
	assert_true(sp_names_slot(names, SP_NAME_BACKEND, a, &again));
	sp_names_drop(uses, SP_NAME_BACKEND, slot);
	sp_names_sweep(names, uses);
	assert_false(sp_names_slot(names, SP_NAME_BACKEND, a, &again));
	for (uint64_t key = 1; key <= SP_LIMITS_MAX; key++)
		assert_true(sp_names_add(names, uses, SP_NAME_LIMIT, key * SP_LIMITS_MAX, &slot)); /* one home */
	assert_false(sp_names_add(names, uses, SP_NAME_LIMIT, 3, &slot)); /* full */
	free(uses);
	free(names);
}

static void test_names_of_a_board(void **state)
{
	struct sp_board *board = make_board();
	struct sp_err err = { 0 };
	uint32_t slot, again;

	(void)state;
	for (int i = 0; i < SP_LIMITS_MAX; i++)
		assert_true(sp_board_name(board, SP_NAME_LIMIT, SP_STR_NONE, sp_str_of((const char *)&i, sizeof(i)),
					  &slot, &err));
	assert_false(sp_board_name(board, SP_NAME_LIMIT, SP_STR_NONE, SP_STR("more"), &again, &err));
	assert_non_null(strstr(err.text, "'more'"));
	sp_board_name_drop(board, SP_NAME_LIMIT, slot);
	sp_board_names_sweep(board);
	assert_false(sp_board_slot(board, SP_NAME_LIMIT, SP_STR_NONE, SP_STR("more"), &again));
	assert_true(sp_board_name(board, SP_NAME_LIMIT, SP_STR_NONE, SP_STR("more"), &again, &err));
	assert_int_equal(slot, again);
	assert_true(sp_board_slot(board, SP_NAME_LIMIT, SP_STR_NONE, SP_STR("more"), &again));
	sp_board_free(board);
}

static void test_backends(void **state)
{
	struct sp_backends *backends = calloc(1, sizeof(*backends));
	struct sp_backend_state in = { .is = SP_BACKEND_DOWN, .weight = -1, .addr_count = 16, .why = "timeout" }, out;

	(void)state;
	assert_false(sp_backend_get(backends, 4, 0, &out)); /* never written */
	assert_false(sp_backend_get(backends, SP_BACKENDS_MAX, 0, &out));
	sp_backend_set(backends, 4, &in);
	assert_true(sp_backend_get(backends, 4, 0, &out));
	assert_false(sp_backend_get(backends, 4, 1, &out)); /* another had the slot */
	assert_memory_equal(&in, &out, sizeof(in));
	atomic_fetch_add(&backends->rows[4].seq, 1); /* a writer died inside */
	assert_false(sp_backend_get(backends, 4, 0, &out));
	sp_backend_set(backends, 4, &in);
	assert_true(sp_backend_get(backends, 4, 0, &out));
	free(backends);
}

static void test_random_memory(void **state)
{
	struct sp_names *names = malloc(sizeof(*names));
	struct sp_backends *backends = malloc(sizeof(*backends));
	struct sp_board *board = make_board();
	struct sp_backend_state out;
	uint32_t slot;

	(void)state;
	srandom(1);
	for (size_t i = 0; i < sizeof(*names); i++)
		((unsigned char *)names)[i] = (unsigned char)random();
	for (size_t i = 0; i < sizeof(*backends); i++)
		((unsigned char *)backends)[i] = (unsigned char)random();
	for (size_t i = 0; i < WORKERS; i++)
		memset(sp_board_write(board, SP_BLOCK_COUNTERS, i), 0xa5, sizeof(struct sp_counters));
	for (int kind = 0; kind < SP_NAME_KINDS; kind++)
		if (sp_names_slot(names, kind, names->keys[SP_NAMES_MAX - 1], &slot))
			assert_in_range(slot, 0, SP_LIMITS_MAX - 1);
	for (uint32_t i = 0; i < SP_BACKENDS_MAX; i++)
		if (sp_backend_get(backends, i, 0, &out))
			assert_in_range(out.is, 0, SP_BACKEND_STATES - 1);
	for (uint32_t i = 0; i < SP_BACKENDS_MAX; i++)
		assert_int_equal(sp_counters_in_flight(board, i, 10), 10 * WORKERS);
	sp_board_free(board);
	free(backends);
	free(names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rights),
		cmocka_unit_test(test_shared_and_zeroed),
		cmocka_unit_test(test_adopt),
		cmocka_unit_test(test_banks),
		cmocka_unit_test(test_names_of_the_program_before),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_names_of_a_board),
		cmocka_unit_test(test_backends),
		cmocka_unit_test(test_random_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
