#include "sp/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sp/base/clock.h"

#define START "2026-11-24T16:20:00.123Z "

static int pipes[2];
static char got[8192];

/* What was logged since, without its newline; NULL: nothing. */
static const char *logged(void)
{
	ssize_t n = read(pipes[0], got, sizeof(got) - 1);

	if (n <= 0)
		return NULL;
	got[n] = '\0';
	assert_int_equal(got[n - 1], '\n');
	got[n - 1] = '\0';
	assert_null(strchr(got, '\n'));
	return got;
}

static int open_log(void **state)
{
	(void)state;
	sp_clock_set(1, 1795537200123);
	if (pipe2(pipes, O_NONBLOCK) != 0)
		return -1;
	sp_log_to(pipes[1]);
	return 0;
}

static int close_log(void **state)
{
	(void)state;
	sp_log_to(STDERR_FILENO);
	close(pipes[0]);
	close(pipes[1]);
	return 0;
}

static void test_kinds(void **state)
{
	struct sp_addr addr;

	(void)state;
	assert_true(sp_addr_parse(SP_STR("10.0.0.7:8080"), 0, &addr));
	sp_warn("backend_connect_failed", SP_KV_TEXT("backend", "api"), SP_KV_ADDR("addr", &addr),
		SP_KV_ERRNO("why", ECONNREFUSED));
	assert_string_equal(logged(),
			    START "warn event=backend_connect_failed backend=api addr=10.0.0.7:8080 why=ECONNREFUSED");
	sp_error("numbers", SP_KV_U64("u", UINT64_MAX), SP_KV_I64("i", INT64_MIN), SP_KV_ERRNO("e", 0),
		 SP_KV_ERRNO("f", 99999), SP_KV_ERRNO("g", -1));
	assert_string_equal(logged(),
			    START "error event=numbers u=18446744073709551615 i=-9223372036854775808 e=0 f=99999 g=-1");
	sp_info("bare");
	assert_string_equal(logged(), START "info event=bare");
	sp_info("none", SP_KV_STR("s", SP_STR_NONE), SP_KV_ADDR("a", NULL));
	assert_string_equal(logged(), START "info event=none s=\"\" a=-");
	assert_true(sp_addr_parse(SP_STR("unix:/run/my sock"), 0, &addr));
	sp_info("unix", SP_KV_ADDR("a", &addr));
	assert_string_equal(logged(), START "info event=unix a=\"unix:/run/my sock\"");
}

static void test_level_and_who(void **state)
{
	(void)state;
	assert_false(sp_log_is_on(SP_LOG_DEBUG));
	assert_true(sp_log_is_on(SP_LOG_INFO));
	sp_debug("quiet");
	sp_log_event(SP_LOG_DEBUG, "quiet", &(struct sp_kv){ .kind = SP_KV_END });
	assert_null(logged());
	sp_log_level(SP_LOG_DEBUG);
	sp_log_as("worker 1");
	sp_debug("loud", SP_KV_U64("n", 1));
	assert_string_equal(logged(), START "debug event=loud who=\"worker 1\" n=1");
	sp_log_level(SP_LOG_ERROR);
	sp_log_as("a name that is far longer than any of ours could be");
	sp_warn("quiet");
	sp_error("loud");
	assert_string_equal(logged(), START "error event=loud who=\"a name that is far longer than \"");
	sp_log_level(SP_LOG_INFO);
	sp_log_as(NULL);
	sp_info("nobody");
	assert_string_equal(logged(), START "info event=nobody");
}

static const struct {
	struct sp_str value;
	const char *want;
} values[] = {
	{ SP_STR("plain"), "plain" },
	{ SP_STR(""), "\"\"" },
	{ SP_STR("a b"), "\"a b\"" },
	{ SP_STR(" "), "\" \"" },
	{ SP_STR("a\nb"), "\"a\\x0ab\"" },
	{ SP_STR("a\r\n2026-11-24T16:20:00.123Z error event=forged"),
	  "\"a\\x0d\\x0a2026-11-24T16:20:00.123Z error event=forged\"" },
	{ SP_STR("a event=forged"), "\"a event=forged\"" },
	{ SP_STR("event=forged"), "\"event=forged\"" },
	{ SP_STR("\" event=forged"), "\"\\\" event=forged\"" },
	{ SP_STR("\\\" x"), "\"\\\\\\\" x\"" },
	{ SP_STR("\\"), "\"\\\\\"" },
	{ SP_STR("a\0b"), "\"a\\x00b\"" },
	{ SP_STR("\t"), "\"\\x09\"" },
	{ SP_STR("\x1b[31m"), "\"\\x1b[31m\"" },
	{ SP_STR("\x7f"), "\"\\x7f\"" },
	{ SP_STR("\xff"), "\"\\xff\"" },
	{ SP_STR("\xc2\x85"), "\"\\xc2\\x85\"" }, /* NEL: some readers take it for a line end */
	{ SP_STR("\xe2\x80\xa8"), "\"\\xe2\\x80\\xa8\"" }, /* LINE SEPARATOR, likewise */
	{ SP_STR("%s%n"), "%s%n" },
	{ SP_STR("!~'`$;|<>&*?{}[]()#"), "!~'`$;|<>&*?{}[]()#" },
};

static void test_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(values); i++) {
		char want[256];

		snprintf(want, sizeof(want), START "info event=e v=%s w=1", values[i].want);
		sp_info("e", SP_KV_STR("v", values[i].value), SP_KV_U64("w", 1));
		assert_string_equal(logged(), want);
	}
}

static const char repeated[] = { 'x', '"', '\n', ' ', '\xff' };

/* Whatever the value's length and bytes: one line, at most 4096 bytes, quotes closed. */
static void test_long_values(void **state)
{
	static char text[6000];

	(void)state;
	for (size_t r = 0; r < sizeof(repeated); r++) {
		memset(text, repeated[r], sizeof(text));
		for (size_t n = 200; n <= sizeof(text); n += n < 1100 ? 1 : 97) {
			const char *line;

			sp_info("e", SP_KV_STR("v", sp_str_of(text, n)), SP_KV_U64("w", 1));
			line = logged();
			assert_non_null(line);
			assert_true(strlen(line) < 1200);
			assert_string_equal(line + strlen(line) - 4, " w=1");
			if (n > 1024)
				assert_non_null(strstr(line, "...\" w=1"));
		}
	}
}

static void test_long_lines(void **state)
{
	static char text[6000];

	(void)state;
	for (size_t r = 0; r < sizeof(repeated); r++) {
		memset(text, repeated[r], sizeof(text));
		for (size_t n = 700; n < 1100; n++) {
			struct sp_str v = sp_str_of(text, n);
			const char *line;

			sp_info("e", SP_KV_STR("a", v), SP_KV_STR("b", v), SP_KV_STR("c", v), SP_KV_STR("d", v),
				SP_KV_STR("e", v), SP_KV_STR("f", v), SP_KV_U64("g", 1), SP_KV_STR("h", SP_STR("x")));
			line = logged();
			assert_non_null(line);
			assert_true(strlen(line) < 4096);
			assert_string_equal(line + strlen(line) - 6, " cut=1");
		}
	}
}

/* A reader that stalls or is gone costs the line, no more; errno stays the caller's. */
static void test_full_and_closed(void **state)
{
	(void)state;
	errno = EXDEV;
	for (int i = 0; i < 3000; i++)
		sp_info("fill", SP_KV_TEXT("with", "something of a certain length to fill the pipe"));
	assert_int_equal(errno, EXDEV);
	sp_log_to(-1);
	sp_info("nowhere");
	assert_int_equal(errno, EXDEV);
	sp_log_to(pipes[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),      cmocka_unit_test(test_level_and_who),
		cmocka_unit_test(test_values),     cmocka_unit_test(test_long_values),
		cmocka_unit_test(test_long_lines), cmocka_unit_test(test_full_and_closed),
	};

	return cmocka_run_group_tests(tests, open_log, close_log);
}
