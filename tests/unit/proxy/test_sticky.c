/* sticky: the gateway's cookie is taken out of the request, whatever stands around it. */
#include "../../../src/proxy/sticky.h"
#include "t.h"

static const struct {
	const char *name, *cookie, *left, *sticky; /* left: NULL: no Cookie goes on */
} cases[] = {
	{ "ours alone", "stick=abc", NULL, "abc" },
	{ "first", "stick=abc; a=1", "a=1", "abc" },
	{ "last", "a=1; stick=abc", "a=1", "abc" },
	{ "between", "a=1; stick=abc; b=2", "a=1; b=2", "abc" },
	{ "none", "a=1; b=2", "a=1; b=2", "" },
	{ "twice: the first is ours, none goes on", "stick=abc; a=1; stick=def", "a=1", "abc" },
	{ "blanks", "a=1;stick = abc ;b=2", "a=1; b=2", "abc" },
	{ "empty", "stick=", NULL, "" },
	{ "no value", "stick", "stick", "" },
	{ "a longer name", "sticky=abc", "sticky=abc", "" },
	{ "another case", "STICK=abc", "STICK=abc", "" },
	{ "within a value", "a=stick=abc", "a=stick=abc", "" },
	{ "an equals sign in it", "stick=a=b", NULL, "a=b" },
	{ "semicolons alone", ";;;", NULL, "" },
	{ "semicolons and letters", "a;b;c;d", "a; b; c; d", "" },
	{ "no blank", ";stick=abc;", NULL, "abc" },
};

static struct sp_conf_pool conf = { .balance = SP_BALANCE_COOKIE, .balance_name = SP_STR("stick") };
static struct sp_pool pool = { .conf = &conf };

static void begin(struct sp_exchange *x)
{
	memset(x, 0, sizeof(*x));
	sp_arena_init(&x->arena, NULL, 0, 0);
	sp_head_init(&x->request, true);
	x->pool = &pool;
}

static void test_cases(void **state)
{
	static struct sp_exchange x;

	(void)state;
	for (size_t i = 0; i < SP_COUNT(cases); i++) {
		const struct sp_field *f;

		print_message("  %s\n", cases[i].name);
		begin(&x);
		assert_true(sp_head_add_id(&x.request, &x.arena, SP_F_COOKIE, sp_str(cases[i].cookie)));
		assert_true(sp_sticky_take(&x));
		assert_true(sp_str_eq(x.sticky, sp_str(cases[i].sticky)));
		f = sp_head_find(&x.request, SP_F_COOKIE);
		if (cases[i].left == NULL)
			assert_null(f);
		else
			assert_true(f != NULL && sp_str_eq(f->value, sp_str(cases[i].left)));
		sp_arena_fini(&x.arena);
	}
}

static void test_several_fields(void **state)
{
	static struct sp_exchange x;

	(void)state;
	begin(&x);
	assert_true(sp_head_add_id(&x.request, &x.arena, SP_F_COOKIE, SP_STR("stick=abc")));
	assert_true(sp_head_add_id(&x.request, &x.arena, SP_F_COOKIE, SP_STR("a=1; stick=def")));
	assert_true(sp_sticky_take(&x));
	assert_true(sp_str_eq(x.sticky, SP_STR("abc")));
	assert_true(sp_str_eq(sp_head_find(&x.request, SP_F_COOKIE)->value, SP_STR("a=1")));
	sp_arena_fini(&x.arena);
}

/* With another balance a cookie of that name is the backend's business. */
static void test_other_pools_keep_it(void **state)
{
	static const struct sp_conf_pool other = { .balance = SP_BALANCE_LEAST_CONN, .balance_name = SP_STR("stick") };
	static struct sp_pool plain = { .conf = &other };
	static struct sp_exchange x;

	(void)state;
	begin(&x);
	x.pool = &plain;
	assert_true(sp_head_add_id(&x.request, &x.arena, SP_F_COOKIE, SP_STR("stick=abc")));
	assert_true(sp_sticky_take(&x));
	assert_true(sp_str_eq(sp_head_find(&x.request, SP_F_COOKIE)->value, SP_STR("stick=abc")));
	sp_arena_fini(&x.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_several_fields),
		cmocka_unit_test(test_other_pools_keep_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
