/*
 * What differs between two configurations, what of it a reload refuses, and which pools stay.
 */
#include "lib.h"

#include "sp/conf/diff.h"

#define BASE                                                                                                           \
	"[gateway]\nworkers = 2\n"                                                                                     \
	"[listener:a]\nbind = 127.0.0.1:1\n"                                                                           \
	"[pool:app]\nbackend = 10.0.0.1:80\nbackend = 10.0.0.2:80\n"                                                   \
	"[route:a]\npool = app\n"                                                                                      \
	"[route:b]\nhost = b.example\nto = 10.0.0.3:80\n"

static char *diff_of(const char *was, const char *is, size_t *lines)
{
	struct sp_conf *a = read_good(sp_str(was)), *b = read_good(sp_str(is));
	char *text = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&text, &n);

	assert_non_null(to);
	*lines = sp_conf_diff(a, b, to);
	assert_int_equal(fclose(to), 0);
	sp_conf_free(a);
	sp_conf_free(b);
	return text;
}

static void expect(const char *was, const char *is, size_t lines, const char *want)
{
	size_t count;
	char *text = diff_of(was, is, &count);

	assert_string_equal(text, want);
	assert_int_equal(count, lines);
	free(text);
}

static void test_nothing(void **state)
{
	(void)state;
	expect(BASE, BASE, 0, "");
	expect(BASE, "# a comment\n" BASE, 0, "");
}

static void test_sections(void **state)
{
	(void)state;
	expect(BASE, BASE "[route:c]\npath = /c\nrespond = 200\n", 1, "+ [route:c] (t.ini:13)\n");
	expect(BASE "[route:c]\npath = /c\nrespond = 200\n", BASE, 1, "- [route:c] (t.ini:13)\n");
}

static void test_keys(void **state)
{
	(void)state;
	expect(BASE "timeout = 5s\n", BASE "timeout = 6s\n", 1, "~ [route:b] timeout: was 5s, is 6s (t.ini:13)\n");
	expect(BASE, BASE "timeout = 6s\n", 1, "~ [route:b] timeout: was none, is 6s (t.ini:13)\n");
	expect(BASE "path = /1\n", BASE "path = /2\n", 2,
	       "- [route:b] path = /1 (t.ini:13)\n+ [route:b] path = /2 (t.ini:13)\n");
	expect(BASE "path = /1\npath = /2\n", BASE "path = /2\npath = /1\n", 1,
	       "~ [route:b] path: in another order (t.ini:13)\n");
}

static char *refusal_of(const char *was, const char *is)
{
	struct sp_conf *a = read_good(sp_str(was)), *b = read_good(sp_str(is));
	struct sp_conf_report report;
	char *said;

	sp_conf_report_init(&report);
	sp_conf_diff_refuse(a, b, &report);
	said = print_report(&report, "t.ini");
	sp_conf_report_fini(&report);
	sp_conf_free(a);
	sp_conf_free(b);
	return said;
}

static void test_needs_restart(void **state)
{
	char *said;

	(void)state;
	said = refusal_of("[gateway]\nworkers = 2\n[listener:a]\nbind = 127.0.0.1:1\n[route:a]\nrespond = 200\n",
			  "[gateway]\nmax_connections = 99\nworkers = 3\n[listener:a]\nbind = 127.0.0.1:1\n[route:a]\nrespond = 200\n");
	assert_string_equal(said, "t.ini:2: error: max_connections: needs a restart: was 20000, is 99\n"
				  "t.ini:3: error: workers: needs a restart: was 2, is 3\n"
				  "t.ini: 2 errors\n");
	free(said);
	said = refusal_of(BASE, BASE "timeout = 5s\n");
	assert_string_equal(said, "");
	free(said);
}

static bool is_same(const char *was, const char *is, size_t index)
{
	struct sp_conf *a = read_good(sp_str(was)), *b = read_good(sp_str(is));
	bool same = sp_conf_pool_is_same(a, &a->pools[index], b, &b->pools[index]);

	sp_conf_free(a);
	sp_conf_free(b);
	return same;
}

static void test_pools(void **state)
{
	static const char other[] = "[listener:a]\nbind = 127.0.0.1:1\n[pool:app]\nbackend = 10.0.0.1:80\n"
				    "backend = 10.0.0.2:80\nretries = 2\n[route:a]\npool = app\n[route:b]\n"
				    "host = b.example\nto = 10.0.0.4:80\n";

	(void)state;
	assert_true(is_same(BASE, BASE "timeout = 3s\n", 0));
	assert_true(is_same(BASE, BASE "timeout = 3s\n", 1)); /* the pool of `to` */
	assert_false(is_same(BASE, other, 0));
	assert_false(is_same(BASE, other, 1));
	assert_false(is_same(BASE, BASE "[backend:x]\npool = app\naddress = 10.0.0.9:80\n", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),       cmocka_unit_test(test_sections), cmocka_unit_test(test_keys),
		cmocka_unit_test(test_needs_restart), cmocka_unit_test(test_pools),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
