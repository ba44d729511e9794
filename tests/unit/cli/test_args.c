/* The arguments of a command. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "../../../src/cli/args.h"

#define ALL (SP_ARG_CONFIG | SP_ARG_STRICT | SP_ARG_ONLINE)

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

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_args) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
