#include "sp/base/arena.h"

#include <stdalign.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dies.h"

#ifdef SP_SAN
#define IS_SAN 1
#else
#define IS_SAN 0
#endif

static alignas(max_align_t) char room[1024];

static bool is_aligned(const void *p)
{
	return (uintptr_t)p % alignof(max_align_t) == 0;
}

static void test_first_block_needs_no_malloc(void **state)
{
	size_t before = sp_arena_mallocs();
	struct sp_arena arena;

	(void)state;
	if (IS_SAN)
		skip();
	sp_arena_init(&arena, room + 1, sizeof(room) - 1, 0);
	for (int i = 0; i < 20; i++) {
		char *p = sp_arena_alloc(&arena, 33);

		assert_non_null(p);
		assert_true(is_aligned(p) && p >= room && p + 33 <= room + sizeof(room));
		assert_int_equal(sp_arena_copy(&arena, SP_STR("x")).n, 1);
	}
	assert_int_equal(sp_arena_mallocs(), before);
	sp_arena_fini(&arena);
}

static void test_blocks_double(void **state)
{
	size_t before = sp_arena_mallocs();
	struct sp_arena arena;

	(void)state;
	if (IS_SAN)
		skip();
	sp_arena_init(&arena, NULL, 0, 0);
	for (int i = 0; i < 100000; i++)
		memset(sp_arena_alloc(&arena, 100), i, 100);
	assert_true(sp_arena_mallocs() - before < 30);
	sp_arena_fini(&arena);
}

/* Allocations of every size do not overlap, and each keeps its bytes. */
static void test_no_overlap(void **state)
{
	uint8_t *at[3000];
	struct sp_arena arena;

	(void)state;
	sp_arena_init(&arena, room, sizeof(room), 0);
	for (size_t i = 0; i < SP_COUNT(at); i++) {
		at[i] = sp_arena_alloc(&arena, i);
		assert_true(at[i] != NULL && is_aligned(at[i]));
		memset(at[i], (int)(i & 0xff), i);
	}
	for (size_t i = 0; i < SP_COUNT(at); i++) {
		for (size_t j = 0; j < i; j++)
			assert_true(at[i][j] == (i & 0xff));
	}
	sp_arena_fini(&arena);
}

/* An allocation that fits only without its padding goes to a block of its own. */
static void test_padding_at_the_end(void **state)
{
	struct sp_arena arena;
	char *p;

	(void)state;
	for (size_t n = 1; n <= 64; n++) {
		memset(room, 'x', sizeof(room));
		sp_arena_init(&arena, room, 64, 0);
		assert_int_equal(sp_arena_copy(&arena, SP_STR("")).n, 0);
		p = sp_arena_alloc(&arena, n);
		assert_non_null(p);
		memset(p, 'y', n);
		assert_int_equal(room[64], 'x');
		sp_arena_fini(&arena);
	}
}

static void test_limit(void **state)
{
	struct sp_arena arena;

	(void)state;
	sp_arena_init(&arena, room, sizeof(room), 4096);
	assert_non_null(sp_arena_alloc(&arena, 4000));
	assert_null(sp_arena_alloc(&arena, 97));
	assert_non_null(sp_arena_alloc(&arena, 96));
	assert_int_equal(arena.used, 4096);
	assert_null(sp_arena_alloc(&arena, 0));
	assert_null(sp_arena_copy(&arena, SP_STR("")).p);
	assert_null(sp_arena_printf(&arena, "%d", 1));
	sp_arena_fini(&arena);
	assert_int_equal(arena.used, 0);
	assert_non_null(sp_arena_alloc(&arena, 4096));
	sp_arena_fini(&arena);
}

static void test_absurd_sizes(void **state)
{
	struct sp_arena arena;

	(void)state;
	sp_arena_init(&arena, room, sizeof(room), 0);
	assert_null(sp_arena_alloc(&arena, SIZE_MAX));
	assert_null(sp_arena_alloc(&arena, SIZE_MAX - 14));
	assert_null(sp_arena_alloc(&arena, SIZE_MAX / 2));
	assert_null(sp_arena_zalloc(&arena, SIZE_MAX / 2 + 1));
	assert_null(sp_arena_copy(&arena, sp_str_of(room, SIZE_MAX)).p);
	assert_int_equal(arena.used, 0);
	assert_non_null(sp_arena_alloc(&arena, 0));
	sp_arena_fini(&arena);
}

static void test_texts(void **state)
{
	static const char zeros[64];
	struct sp_arena arena;
	struct sp_str copy;

	(void)state;
	memset(room, 'x', sizeof(room));
	sp_arena_init(&arena, room, sizeof(room), 0);
	copy = sp_arena_copy(&arena, sp_str_of("hallo", 4));
	assert_true(copy.n == 4 && strcmp(copy.p, "hall") == 0);
	copy = sp_arena_copy(&arena, SP_STR_NONE);
	assert_true(copy.n == 0 && copy.p != NULL && copy.p[0] == '\0');
	copy = sp_arena_copy(&arena, SP_STR("a\0b"));
	assert_true(copy.n == 3 && memcmp(copy.p, "a\0b", 4) == 0);
	assert_string_equal(sp_arena_printf(&arena, "%s=%d", "n", 42), "n=42");
	assert_string_equal(sp_arena_printf(&arena, "%s", ""), "");
	assert_int_equal(strlen(sp_arena_printf(&arena, "%5000d", 1)), 5000);
	assert_memory_equal(sp_arena_zalloc(&arena, sizeof(zeros)), zeros, sizeof(zeros));
	sp_arena_fini(&arena);
}

static void overrun(void)
{
	struct sp_arena arena;
	volatile char *p;

	sp_arena_init(&arena, room, sizeof(room), 0);
	p = sp_arena_alloc(&arena, 10);
	p[10] = 1;
	sp_arena_fini(&arena);
}

static void use_after_fini(void)
{
	struct sp_arena arena;
	volatile char *p;

	sp_arena_init(&arena, room, sizeof(room), 0);
	p = sp_arena_alloc(&arena, 10);
	sp_arena_fini(&arena);
	p[0] = 1;
}

static void test_sanitizer_sees(void **state)
{
	(void)state;
	if (!IS_SAN)
		skip();
	assert_true(dies(overrun));
	assert_true(dies(use_after_fini));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_block_needs_no_malloc),
		cmocka_unit_test(test_blocks_double),
		cmocka_unit_test(test_no_overlap),
		cmocka_unit_test(test_padding_at_the_end),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_absurd_sizes),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_sanitizer_sees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
