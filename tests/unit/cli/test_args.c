/* The arguments of a command. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "../../../src/cli/args.h"

#define ALL (SP_ARG_CONFIG | SP_ARG_STRICT | SP_ARG_ONLINE)

static bool same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void test_args(void **state)
{
	static const struct {
		const char *argv[6];
		unsigned allowed;
		bool ok;
		const char *config;
		bool is_strict, is_online, wants_help;
	} rows[] = {
		{ { NULL }, ALL, true, SP_CLI_DEFAULT_CONFIG, false, false, false },
		{ { NULL }, 0, true, SP_CLI_DEFAULT_CONFIG, false, false, false },
		{ { "-c", "a.ini" }, ALL, true, "a.ini", false, false, false },
		{ { "-ca.ini" }, ALL, true, "a.ini", false, false, false },
		{ { "--config", "a.ini" }, ALL, true, "a.ini", false, false, false },
		{ { "--config=a.ini" }, ALL, true, "a.ini", false, false, false },
		{ { "--strict", "-c", "a.ini" }, ALL, true, "a.ini", true, false, false },
		{ { "-c", "--strict" }, ALL, true, "--strict", false, false, false },
		{ { "--online" }, ALL, true, SP_CLI_DEFAULT_CONFIG, false, true, false },
		{ { "-h" }, 0, true, NULL, false, false, true },
		{ { "nonsense", "--help" }, 0, true, NULL, false, false, true },
		{ { "-c" }, ALL, false, NULL, false, false, false },
		{ { "--config" }, ALL, false, NULL, false, false, false },
		{ { "--config=" }, ALL, false, NULL, false, false, false },
		{ { "-c", "" }, ALL, false, NULL, false, false, false },
		{ { "-c", "a.ini", "-c", "b.ini" }, ALL, false, NULL, false, false, false },
		{ { "-c", "a.ini" }, SP_ARG_STRICT, false, NULL, false, false, false },
		{ { "--strict" }, SP_ARG_CONFIG, false, NULL, false, false, false },
		{ { "--online" }, SP_ARG_CONFIG, false, NULL, false, false, false },
		{ { "--stric" }, ALL, false, NULL, false, false, false },
		{ { "--strict=yes" }, ALL, false, NULL, false, false, false },
		{ { "a.ini" }, ALL, false, NULL, false, false, false },
		{ { "" }, ALL, false, NULL, false, false, false },
		{ { "-" }, ALL, false, NULL, false, false, false },
		{ { "--" }, ALL, false, NULL, false, false, false },
		{ { "-x" }, ALL, false, NULL, false, false, false },
	};

	(void)state;
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		struct sp_err err = { .text = "" };
		struct sp_args got;
		char *argv[6];

		memcpy(argv, rows[i].argv, sizeof(argv));
		print_message("  %s\n", argv[0] != NULL ? argv[0] : "(none)");
		assert_int_equal(sp_args_parse(argv, rows[i].allowed, &got, &err), rows[i].ok);
		assert_int_equal(err.text[0] == '\0', rows[i].ok);
		if (!rows[i].ok)
			continue;
		assert_int_equal(got.wants_help, rows[i].wants_help);
		if (got.wants_help)
			continue;
		assert_string_equal(got.config, rows[i].config);
		assert_int_equal(got.is_strict, rows[i].is_strict);
		assert_int_equal(got.is_online, rows[i].is_online);
	}
}

static void test_a_request(void **state)
{
	static const struct {
		const char *argv[10];
		bool ok;
		const char *from, *listener, *method, *fields[3], *what;
	} rows[] = {
		{ { "http://a/" }, true, NULL, NULL, NULL, { NULL }, "http://a/" },
		{ { "--from", "10.0.0.1", "u", "--listener", "web", "-X", "PUT" }, true, "10.0.0.1", "web", "PUT", { NULL }, "u" },
		{ { "--from=10.0.0.1", "--listener=web", "-XPUT", "-HA: b", "-H", "C: d" }, true, "10.0.0.1", "web", "PUT",
		  { "A: b", "C: d" }, NULL },
		{ { "--from=" }, true, "", NULL, NULL, { NULL }, NULL },
		{ { "-X", "--from" }, true, NULL, NULL, "--from", { NULL }, NULL },
		{ { "-H", "" }, true, NULL, NULL, NULL, { "" }, NULL },
		{ .argv = { "--from" } },
		{ .argv = { "-H" } },
		{ .argv = { "--fromage" } },
		{ .argv = { "--listen", "web" } },
		{ .argv = { "-X", "PUT", "-XGET" } },
		{ .argv = { "--from=a", "--from", "b" } },
		{ .argv = { "u", "v" } },
	};

	(void)state;
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		struct sp_err err = { .text = "" };
		struct sp_args got;
		char *argv[10];

		memcpy(argv, rows[i].argv, sizeof(argv));
		print_message("  %s\n", argv[0]);
		assert_int_equal(sp_args_parse(argv, SP_ARG_REQUEST | SP_ARG_WHAT, &got, &err), rows[i].ok);
		assert_int_equal(err.text[0] == '\0', rows[i].ok);
		if (argv[0][0] == '-') /* no option of another command */
			assert_false(sp_args_parse(argv, SP_ARG_WHAT, &(struct sp_args){ 0 }, &(struct sp_err){ "" }));
		if (!rows[i].ok)
			continue;
		assert_true(same(got.from, rows[i].from) && same(got.listener, rows[i].listener) &&
			    same(got.method, rows[i].method) && same(got.what, rows[i].what));
		for (size_t k = 0; k < 3; k++)
			assert_true(same(got.fields[k], rows[i].fields[k]));
	}
}

static void test_as_many_fields_as_there_is_room_for(void **state)
{
	static char field[] = "-HA: b", *argv[SP_ARG_FIELDS_MOST + 2];
	struct sp_err err = { .text = "" };
	static struct sp_args got;

	(void)state;
	for (size_t i = 0; i < SP_ARG_FIELDS_MOST; i++)
		argv[i] = field;
	assert_true(sp_args_parse(argv, SP_ARG_REQUEST, &got, &err));
	assert_non_null(got.fields[SP_ARG_FIELDS_MOST - 1]);
	assert_null(got.fields[SP_ARG_FIELDS_MOST]);
	argv[SP_ARG_FIELDS_MOST] = argv[0];
	assert_false(sp_args_parse(argv, SP_ARG_REQUEST, &got, &err));
	assert_string_equal(err.text, "more than 256 times -H");
}

static void test_times(void **state)
{
	static const struct {
		const char *argv[6];
		bool ok;
		uint64_t interval_ms, count;
	} rows[] = {
		{ { NULL }, true, 0, 0 },
		{ { "--interval", "2s" }, true, 2000, 0 },
		{ { "--interval=100ms" }, true, 100, 0 },
		{ { "--count", "5", "--interval", "1h" }, true, 3600000, 5 },
		{ { "--count=1000000" }, true, 0, 1000000 },
		{ { "--interval", "99ms" }, false, 0, 0 },
		{ { "--interval", "61m" }, false, 0, 0 },
		{ { "--interval", "2" }, false, 0, 0 },
		{ { "--interval" }, false, 0, 0 },
		{ { "--interval=" }, false, 0, 0 },
		{ { "--intervals", "2s" }, false, 0, 0 },
		{ { "--count", "0" }, false, 0, 0 },
		{ { "--count", "-1" }, false, 0, 0 },
		{ { "--count", "1000001" }, false, 0, 0 },
		{ { "--count", "many" }, false, 0, 0 },
		{ { "--count" }, false, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		struct sp_err err = { .text = "" };
		struct sp_args got;
		char *argv[6];

		memcpy(argv, rows[i].argv, sizeof(argv));
		print_message("  %s\n", argv[0] != NULL ? argv[0] : "(none)");
		assert_int_equal(sp_args_parse(argv, SP_ARG_TIMES, &got, &err), rows[i].ok);
		assert_int_equal(err.text[0] == '\0', rows[i].ok);
		assert_false(argv[0] != NULL && sp_args_parse(argv, ALL, &got, &err));
		if (!rows[i].ok)
			continue;
		assert_true(sp_args_parse(argv, SP_ARG_TIMES, &got, &err));
		assert_int_equal(got.interval_ms, rows[i].interval_ms);
		assert_int_equal(got.count, rows[i].count);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_args), cmocka_unit_test(test_a_request),
					    cmocka_unit_test(test_as_many_fields_as_there_is_room_for),
					    cmocka_unit_test(test_times) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
