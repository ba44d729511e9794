#include "sp/base/map.h"

#include <stdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void test_edges(void **state)
{
	struct sp_map *map = sp_map_new();
	int a, b;

	(void)state;
	assert_non_null(map);
	assert_null(sp_map_get(map, SP_STR("")));
	assert_null(sp_map_get(map, SP_STR_NONE));
	assert_true(sp_map_set(map, SP_STR_NONE, &a));
	assert_ptr_equal(sp_map_get(map, SP_STR("")), &a);
	assert_true(sp_map_set(map, SP_STR("k\0x"), &a));
	assert_true(sp_map_set(map, SP_STR("k\0y"), &b));
	assert_null(sp_map_get(map, SP_STR("k")));
	assert_null(sp_map_get(map, SP_STR("K\0x")));
	assert_ptr_equal(sp_map_get(map, SP_STR("k\0x")), &a);
	assert_ptr_equal(sp_map_get(map, SP_STR("k\0y")), &b);
	assert_true(sp_map_set(map, SP_STR("k\0x"), &b));
	assert_ptr_equal(sp_map_get(map, SP_STR("k\0x")), &b);
	assert_int_equal(sp_map_count(map), 3);
	sp_map_free(map);
	sp_map_free(NULL);
}

#define MANY 20000

static void test_many(void **state)
{
	static char keys[MANY][12];
	struct sp_map *map = sp_map_new();

	(void)state;
	assert_non_null(map);
	for (int lap = 0; lap < 2; lap++) {
		for (size_t i = 0; i < MANY; i++) {
			snprintf(keys[i], sizeof(keys[i]), "key-%zu", i);
			assert_true(sp_map_set(map, sp_str(keys[i]), keys[(i + (size_t)lap) % MANY]));
		}
		assert_int_equal(sp_map_count(map), MANY);
	}
	for (size_t i = 0; i < MANY; i++) {
		char other[16];

		assert_ptr_equal(sp_map_get(map, sp_str(keys[i])), keys[(i + 1) % MANY]);
		snprintf(other, sizeof(other), "key.%zu", i);
		assert_null(sp_map_get(map, sp_str(other)));
	}
	sp_map_free(map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
