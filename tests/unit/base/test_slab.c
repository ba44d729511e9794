#include "sp/base/slab.h"

#include <string.h>
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

static void test_take_and_put(void **state)
{
	static const size_t sizes[] = { 1, 3, 4, 24, 100, 5000 };

	(void)state;
	for (size_t s = 0; s < SP_COUNT(sizes); s++) {
		struct sp_slab *slab = sp_slab_new("thing", sizes[s], 0);
		void *objects[50];

		assert_non_null(slab);
		for (int lap = 0; lap < 20; lap++) {
			for (size_t i = 0; i < SP_COUNT(objects); i++) {
				objects[i] = sp_slab_take(slab);
				assert_true(objects[i] != NULL && (uintptr_t)objects[i] % 16 == 0);
				memset(objects[i], (int)i, sizes[s]);
			}
			assert_int_equal(sp_slab_alive(slab), SP_COUNT(objects));
			for (size_t i = 0; i < SP_COUNT(objects); i++) {
				assert_int_equal(((uint8_t *)objects[i])[sizes[s] - 1], i);
				sp_slab_put(slab, objects[i]);
			}
		}
		assert_int_equal(sp_slab_alive(slab), 0);
		sp_slab_free(slab);
	}
	sp_slab_free(NULL);
}

/* What was once needed is enough for ever after (a quarantine only moves the mark). */
static void test_steady_state(void **state)
{
	struct sp_slab *slab = sp_slab_new("thing", 64, 0);
	size_t made = 0;

	(void)state;
	assert_non_null(slab);
	for (int i = 0; i < 2000; i++) {
		void *a = sp_slab_take(slab), *b = sp_slab_take(slab);

		sp_slab_put(slab, a);
		sp_slab_put(slab, b);
		if (i == 1000)
			made = sp_slab_made(slab);
	}
	assert_int_equal(sp_slab_made(slab), made);
	if (!IS_SAN)
		assert_int_equal(made, 2);
	sp_slab_free(slab);
}

static void test_limit(void **state)
{
	struct sp_slab *slab = sp_slab_new("thing", 64, 2);
	void *a, *b;

	(void)state;
	assert_non_null(slab);
	a = sp_slab_take(slab);
	b = sp_slab_take(slab);
	assert_true(a != NULL && b != NULL && a != b);
	assert_null(sp_slab_take(slab));
	sp_slab_put(slab, a);
	a = sp_slab_take(slab);
	assert_non_null(a);
	assert_null(sp_slab_take(slab));
	sp_slab_put(slab, a);
	sp_slab_put(slab, b);
	sp_slab_free(slab);
}

static void put_twice(void)
{
	struct sp_slab *slab = sp_slab_new("thing", 64, 0);
	void *object = sp_slab_take(slab);

	sp_slab_put(slab, object);
	sp_slab_put(slab, object);
}

static void put_elsewhere(void)
{
	struct sp_slab *slab = sp_slab_new("thing", 64, 0), *other = sp_slab_new("other", 64, 0);

	sp_slab_put(other, sp_slab_take(slab));
}

static void free_with_one_alive(void)
{
	struct sp_slab *slab = sp_slab_new("thing", 64, 0);

	if (sp_slab_take(slab) != NULL)
		sp_slab_free(slab);
}

static void stale_object(void)
{
	struct sp_slab *slab = sp_slab_new("thing", 64, 0);
	uint32_t *object = sp_slab_take(slab);

	*object = 0x5a11e001U;
	sp_slab_put(slab, object);
	(void)SP_OBJ(object, uint32_t, 0x5a11e001U);
}

/* As many stay at hand as are alive: what is taken beyond them is made anew. */
static void test_trim(void **state)
{
	struct sp_slab *slab = sp_slab_new("thing", 64, 0);
	void *objects[50];
	size_t made;

	(void)state;
	for (size_t i = 0; i < SP_COUNT(objects); i++)
		objects[i] = sp_slab_take(slab);
	for (size_t i = 10; i < SP_COUNT(objects); i++)
		sp_slab_put(slab, objects[i]);
	made = sp_slab_made(slab);
	sp_slab_trim(slab);
	for (size_t i = 10; i < 40; i++)
		objects[i] = sp_slab_take(slab);
	assert_int_equal(sp_slab_made(slab), made + (IS_SAN ? 30 : 20));
	for (size_t i = 0; i < 40; i++)
		sp_slab_put(slab, objects[i]);
	sp_slab_trim(slab);
	sp_slab_free(slab);
}

static void test_broken_rules(void **state)
{
	(void)state;
	assert_true(aborts(put_twice));
	assert_true(aborts(put_elsewhere));
	assert_true(aborts(free_with_one_alive));
	assert_true(dies(stale_object));
}

/* The quarantine keeps an object from the next taker, and ASan watches it. */
static void write_stale(void)
{
	struct sp_slab *slab = sp_slab_new("thing", 61, 0);
	volatile char *object = sp_slab_take(slab);

	sp_slab_put(slab, (void *)object);
	for (int i = 0; i < 100; i++)
		sp_slab_put(slab, sp_slab_take(slab));
	object[60] = 1;
}

static void test_sanitizer_sees(void **state)
{
	(void)state;
	if (!IS_SAN)
		skip();
	assert_true(dies(write_stale));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_take_and_put),   cmocka_unit_test(test_steady_state),
		cmocka_unit_test(test_limit),          cmocka_unit_test(test_broken_rules),
		cmocka_unit_test(test_trim),
		cmocka_unit_test(test_sanitizer_sees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
