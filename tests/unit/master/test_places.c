/* Listeners keep their slots over generations. */
#include "t.h"

#include <stdio.h>
#include <stdlib.h>

#include "../../../src/master/places.h"
#include "sp/conf/read.h"

static struct sp_conf *conf_of(const char *names)
{
	struct sp_conf_report report;
	struct sp_conf *conf;
	char text[2048];
	int n = snprintf(text, sizeof(text), "[route:r]\nrespond = 200\n");

	for (unsigned i = 0; names[i] != '\0'; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "[listener:%c]\nbind = 127.0.0.1:%d\n", names[i],
			      18000 + names[i]);
	sp_conf_report_init(&report);
	conf = sp_conf_read_text("t.ini", sp_str(text), &report);
	sp_conf_report_print(&report, "t.ini", stderr);
	assert_non_null(conf);
	sp_conf_report_fini(&report);
	return conf;
}

static void test_places(void **state)
{
	struct sp_conf *first = conf_of("abc"), *second = conf_of("dcb");
	struct sp_places *places = calloc(1, sizeof(*places));
	struct sp_err err = { "" };
	uint32_t b, c;

	(void)state;
	assert_true(sp_places_give(places, first, &err));
	b = sp_places_slot(places, SP_STR("b"));
	c = sp_places_slot(places, SP_STR("c"));
	assert_int_equal(sp_places_slot(places, SP_STR("a")), 1);
	assert_true(sp_places_give(places, second, &err));
	assert_int_equal(sp_places_slot(places, SP_STR("d")), 4);
	sp_places_keep(places, second); /* a is free again */
	assert_int_equal(sp_places_slot(places, SP_STR("b")), b);
	assert_int_equal(sp_places_slot(places, SP_STR("c")), c);
	sp_conf_free(second);
	second = conf_of("bcdx");
	assert_true(sp_places_give(places, second, &err));
	assert_int_equal(sp_places_slot(places, SP_STR("x")), 1);
	sp_places_keep(places, NULL);
	free(places);
	sp_conf_free(first);
	sp_conf_free(second);
}

static void test_no_room(void **state)
{
	struct sp_conf *conf = conf_of("abc");
	struct sp_places *places = calloc(1, sizeof(*places));
	struct sp_err err = { "" };

	(void)state;
	for (size_t i = 0; i < SP_PLACES - 2; i++)
		places->names[i] = strdup("taken");
	assert_false(sp_places_give(places, conf, &err));
	assert_non_null(strstr(err.text, "at most 1024"));
	sp_places_keep(places, NULL);
	free(places);
	sp_conf_free(conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_places), cmocka_unit_test(test_no_room) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
