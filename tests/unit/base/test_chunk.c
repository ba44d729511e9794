#include "sp/base/chunk.h"

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

static void test_limit(void **state)
{
	struct sp_chunk_pool *pool = sp_chunk_pool_new(3);
	struct sp_chunk *chunks[3];

	(void)state;
	assert_non_null(pool);
	for (int lap = 0; lap < 100; lap++) {
		for (size_t i = 0; i < SP_COUNT(chunks); i++) {
			chunks[i] = sp_chunk_lend(pool);
			assert_non_null(chunks[i]);
			assert_true(chunks[i]->from == 0 && chunks[i]->to == 0 && chunks[i]->next == NULL);
			chunks[i]->bytes[SP_CHUNK_SIZE - 1] = 1;
			chunks[i]->to = 7;
		}
		assert_null(sp_chunk_lend(pool));
		assert_int_equal(sp_chunk_lent(pool), 3);
		for (size_t i = 0; i < SP_COUNT(chunks); i++)
			sp_chunk_give_back(pool, chunks[i]);
		sp_chunk_give_back(pool, NULL);
		assert_int_equal(sp_chunk_lent(pool), 0);
	}
	if (!IS_SAN)
		assert_int_equal(sp_chunk_made(pool), 3);
	sp_chunk_pool_free(pool);
	sp_chunk_pool_free(NULL);
}

static struct sp_chunk *lend_one(struct sp_chunk_pool **pool)
{
	*pool = sp_chunk_pool_new(2);
	return sp_chunk_lend(*pool);
}

static void give_back_twice(void)
{
	struct sp_chunk_pool *pool;
	struct sp_chunk *chunk = lend_one(&pool);

	sp_chunk_give_back(pool, chunk);
	sp_chunk_give_back(pool, chunk);
}

static void free_with_one_lent(void)
{
	struct sp_chunk_pool *pool;

	if (lend_one(&pool) != NULL)
		sp_chunk_pool_free(pool);
}

static void no_limit(void)
{
	struct sp_chunk_pool *pool = sp_chunk_pool_new(0);

	sp_chunk_pool_free(pool);
}

static void write_stale(void)
{
	struct sp_chunk_pool *pool;
	volatile struct sp_chunk *chunk = lend_one(&pool);

	sp_chunk_give_back(pool, (struct sp_chunk *)chunk);
	chunk->bytes[0] = 1;
}

/* As many stay at hand as are lent; the rest goes, and lending goes on. */
static void test_trim(void **state)
{
	struct sp_chunk_pool *pool = sp_chunk_pool_new(100);
	struct sp_chunk *chunks[50];

	(void)state;
	for (size_t i = 0; i < SP_COUNT(chunks); i++)
		chunks[i] = sp_chunk_lend(pool);
	assert_int_equal(sp_chunk_used(pool), 50);
	for (size_t i = 10; i < SP_COUNT(chunks); i++)
		sp_chunk_give_back(pool, chunks[i]);
	assert_int_equal(sp_chunk_used(pool), IS_SAN ? 10 : 50);
	sp_chunk_trim(pool);
	assert_int_equal(sp_chunk_used(pool), IS_SAN ? 10 : 20);
	for (size_t i = 10; i < 40; i++)
		chunks[i] = sp_chunk_lend(pool);
	assert_int_equal(sp_chunk_used(pool), 40);
	for (size_t i = 0; i < 40; i++)
		sp_chunk_give_back(pool, chunks[i]);
	sp_chunk_trim(pool);
	assert_int_equal(sp_chunk_used(pool), 0);
	sp_chunk_pool_free(pool);
}

static void test_broken_rules(void **state)
{
	(void)state;
	assert_true(dies(give_back_twice));
	assert_true(aborts(free_with_one_lent));
	assert_true(aborts(no_limit));
	if (IS_SAN)
		assert_true(dies(write_stale));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_trim),
		cmocka_unit_test(test_broken_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
