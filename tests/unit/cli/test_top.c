/* What `top` draws: every size of a terminal, any status, and no byte of it that a terminal would obey. */
#include "t.h"

#include <stdio.h>
#include <string.h>

#include "../../../src/cli/top_draw.h"
#include "../../../src/cli/top_text.h"
#include "sp/base/check.h"

#define GATEWAY                                                                                                        \
	"\"gateway\":{\"version\":\"1\",\"config_file\":\"/etc/a.ini\",\"state\":\"serving\",\"generation\":7,"           \
	"\"connections\":12,\"access_lines_dropped\":0,\"error_lines_dropped\":0},"

static const char before[] =
	"{" GATEWAY "\"traffic\":{\"requests\":100,\"status_1xx\":0,\"status_2xx\":90,\"status_3xx\":0,\"status_4xx\":5,"
	"\"status_5xx\":5,\"no_status\":0},"
	"\"latency\":[{\"at_most_us\":1000,\"requests\":50},{\"at_most_us\":2000,\"requests\":50},{\"at_most_us\":0,\"requests\":0}],"
	"\"pools\":[{\"pool\":\"app\",\"backend\":\"10.0.0.1:80\",\"state\":\"up\",\"in_flight\":0,\"ejecting_workers\":0,"
	"\"queue\":0,\"requests\":100,\"errors\":5,\"last_check\":\"ok\"}],"
	"\"limits\":[{\"limit\":\"few\",\"mode\":\"enforce\",\"passed\":10,\"limited\":0,\"bans\":0}],"
	"\"bans\":[],"
	"\"routes\":[{\"route\":\"all\",\"hits\":100,\"status_4xx\":5,\"status_5xx\":5,\"mean_us\":1500,\"to\":\"app\"}],"
	"\"processes\":[{\"process\":\"master\",\"pid\":1,\"state\":\"ready\",\"uptime_s\":60,\"restarts\":0,\"cpu_us\":0,"
	"\"resident_bytes\":null,\"open_fds\":null,\"max_fds\":100}]}\n";

static const char now[] =
	"{" GATEWAY "\"traffic\":{\"requests\":300,\"status_1xx\":0,\"status_2xx\":280,\"status_3xx\":0,\"status_4xx\":5,"
	"\"status_5xx\":15,\"no_status\":0},"
	"\"latency\":[{\"at_most_us\":1000,\"requests\":150},{\"at_most_us\":2000,\"requests\":150},{\"at_most_us\":0,\"requests\":0}],"
	"\"pools\":[{\"pool\":\"app\",\"backend\":\"10.0.0.1:80\",\"state\":\"up\",\"in_flight\":3,\"ejecting_workers\":0,"
	"\"queue\":2,\"requests\":300,\"errors\":15,\"last_check\":\"ok\"},"
	"{\"pool\":\"app\",\"backend\":\"10.0.0.2:80\",\"state\":\"down\",\"in_flight\":0,\"ejecting_workers\":0,"
	"\"queue\":2,\"requests\":0,\"errors\":0,\"last_check\":\"refused\"}],"
	"\"limits\":[{\"limit\":\"few\",\"mode\":\"enforce\",\"passed\":30,\"limited\":8,\"bans\":1}],"
	"\"bans\":[{\"address\":\"192.0.2.7\",\"until\":\"2026-01-01T00:00:00.000Z\",\"left_s\":3700,\"times\":1,\"by\":\"limit:few\"}],"
	"\"routes\":[{\"route\":\"all\",\"hits\":300,\"status_4xx\":5,\"status_5xx\":15,\"mean_us\":1500,\"to\":\"app\"}],"
	"\"processes\":[{\"process\":\"master\",\"pid\":1,\"state\":\"ready\",\"uptime_s\":62,\"restarts\":0,\"cpu_us\":500000,"
	"\"resident_bytes\":7340032,\"open_fds\":62,\"max_fds\":100}]}\n";

enum { SECONDS_2 = 2000000 };

struct drawing {
	struct sp_arena arena;
	struct sp_top_status now, before;
	struct sp_buf out;
};

static void draw(struct drawing *d, const char *first, const char *second, const struct sp_top_frame *frame)
{
	const struct sp_top_pair pair = { .now = &d->now, .before = first == NULL ? NULL : &d->before, .arena = &d->arena };

	sp_arena_init(&d->arena, NULL, 0, 0);
	sp_buf_init(&d->out);
	assert_true(sp_top_read(sp_str(second), &d->arena, &d->now));
	assert_true(first == NULL || sp_top_read(sp_str(first), &d->arena, &d->before));
	d->before.at_us = 1;
	d->now.at_us = 1 + SECONDS_2;
	sp_top_draw(&pair, frame, &d->out);
}

static void forget(struct drawing *d)
{
	sp_buf_fini(&d->out);
	sp_arena_fini(&d->arena);
}

static void test_figures(void **state)
{
	static const char *const lines[] = {
		"serving  generation 7  up 1m2s  connections 12  sallyport 1  /etc/a.ini\n",
		"requests/s 100  2xx 95.0  3xx 0  4xx 0  5xx 5.0  none 0  limited 4.0  bans 1\n",
		"latency  p50 1.0ms  p95 1.9ms  p99 1.9ms\n",
		"\npool  backend      state  in flight  queue  req/s  err/s  errors  requests  check\n"
		"app   10.0.0.1:80  up             3      2    100    5.0      15       300  ok\n"
		"app   10.0.0.2:80  down           0      2      0      0       0         0  refused\n",
		"\nlimit  mode     passed/s  limited/s  limited  bans\n"
		"few    enforce      10.0        4.0        8     1\n",
		"\nbanned     left  times  by\n192.0.2.7  1h1m      1  limit:few\n",
		"\nroute  to   req/s  4xx/s  5xx/s   mean  hits\nall    app    100      0    5.0  1.5ms   300\n",
		"\nprocess  pid  state  cpu%  memory  fds   of  uptime  restarts\n"
		"master     1  ready  25.0    7.0M   62  100    1m2s         0\n",
	};
	const struct sp_top_frame frame = { .rows = 0 };
	struct drawing d;

	(void)state;
	draw(&d, before, now, &frame);
	for (size_t i = 0; i < SP_COUNT(lines); i++) {
		print_message("  %s", lines[i]);
		assert_non_null(strstr(d.out.p, lines[i]));
	}
	assert_null(strchr(d.out.p, '\033'));
	forget(&d);
	draw(&d, NULL, now, &frame); /* without a before there are no rates, and nothing else is missing */
	assert_non_null(strstr(d.out.p, "requests/s -  2xx -"));
	assert_non_null(strstr(d.out.p, "p50 -"));
	assert_non_null(strstr(d.out.p, "app   10.0.0.1:80  up             3      2      -      -      15"));
	forget(&d);
	draw(&d, now, before, &frame); /* counters that begin anew: no rate below zero */
	assert_non_null(strstr(d.out.p, "requests/s -  2xx -"));
	forget(&d);
}

/* Lines, and the longest of them in letters; only escapes that are ours. */
static void measure(const char *text, size_t *lines, size_t *longest)
{
	size_t n = 0;

	*lines = *longest = 0;
	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '\033') {
			static const char *const ours[] = { "\033[0m", "\033[1m", "\033[2m", "\033[31m", "\033[32m", "\033[33m" };
			size_t i = 0;

			while (i < SP_COUNT(ours) && strncmp(p, ours[i], strlen(ours[i])) != 0)
				i++;
			assert_true(i < SP_COUNT(ours));
			p += strlen(ours[i]) - 1;
			continue;
		}
		if (*p == '\n') {
			++*lines;
			n = 0;
			continue;
		}
		assert_true(*p >= ' ' && *p <= '~');
		if (++n > *longest)
			*longest = n;
	}
	assert_int_equal(n, 0); /* the last line has its newline */
}

static void test_sizes(void **state)
{
	static const size_t rows[] = { 1, 2, 3, 4, 5, 6, 7, 8, 10, 13, 24, 30, 60 };
	static const size_t columns[] = { 1, 2, 5, 10, 20, 40, 60, 80, 120, 200 };

	(void)state;
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		for (size_t k = 0; k < SP_COUNT(columns); k++) {
			for (unsigned how = 0; how < 4; how++) {
				const struct sp_top_frame frame = { .rows = rows[i],
								    .columns = columns[k],
								    .has_colour = how % 2 == 1,
								    .trouble = how >= 2 ? "no gateway listens" : NULL };
				size_t lines, longest;
				struct drawing d;

				draw(&d, before, now, &frame);
				measure(d.out.p, &lines, &longest);
				assert_true(lines <= rows[i] && longest <= columns[k]);
				assert_true(lines >= 1);
				forget(&d);
			}
		}
	}
}

/* 200 backends, of which the last is down, in a terminal of 24 lines: it is there, and it is said how many are not. */
static void test_trouble_first(void **state)
{
	const struct sp_top_frame frame = { .rows = 24, .columns = 80 };
	struct sp_buf json;
	struct drawing d;

	(void)state;
	sp_buf_init(&json);
	sp_buf_put(&json, SP_STR("{\"pools\":["));
	for (int i = 0; i < 200; i++)
		sp_buf_printf(&json, "%s{\"pool\":\"app\",\"backend\":\"10.0.0.%d:80\",\"state\":\"%s\"}", i > 0 ? "," : "", i,
			      i == 199 ? "down" : "up");
	sp_buf_put(&json, SP_STR("]}"));
	draw(&d, NULL, json.p, &frame);
	assert_non_null(strstr(d.out.p, "10.0.0.0:80 "));
	assert_non_null(strstr(d.out.p, "10.0.0.199:80  down"));
	assert_non_null(strstr(d.out.p, "and 182 more\n"));
	forget(&d);
	sp_buf_fini(&json);
}

static void test_no_byte_is_obeyed(void **state)
{
	const struct sp_top_frame frame = { .rows = 40, .columns = 600, .has_colour = true, .trouble = "a\033[2Jb\x9b" "1mc\n\r\t" };
	size_t lines, longest;
	struct sp_buf json;
	struct drawing d;

	(void)state;
	sp_buf_init(&json);
	sp_buf_put(&json, SP_STR("{\"errors\":[{\"time\":\"2026-01-01T00:00:00.000Z\",\"status\":\"502\",\"path\":\""));
	for (int i = 0; i < 256; i++)
		if (i != '"' && i != '\\')
			sp_buf_printf(&json, "\\u00%02x", i);
	sp_buf_put(&json, SP_STR("\",\"host\":\"\\u001b]0;title\\u0007\"}],\"bans\":[{\"address\":\"\\u009b31m\",\"by\":\"\\u001b[31m\"}]}"));
	draw(&d, NULL, json.p, &frame);
	measure(d.out.p, &lines, &longest); /* asserts of each byte */
	assert_non_null(strstr(d.out.p, "?]0;title?"));
	assert_non_null(strstr(d.out.p, "a?[2Jb?1mc???"));
	forget(&d);
	sp_buf_fini(&json);
}

/* Cut at every place it is no status; a byte that is another makes it one or not, and nothing worse. */
static void test_broken(void **state)
{
	const size_t n = strlen(now) - 1;
	char text[sizeof(now)];

	(void)state;
	for (size_t i = 0; i < n; i++) {
		struct sp_arena arena;
		struct sp_top_status status;

		sp_arena_init(&arena, NULL, 0, 0);
		assert_false(sp_top_read(sp_str_of(now, i), &arena, &status));
		sp_arena_fini(&arena);
	}
	for (size_t i = 0; i < n; i++) {
		static const char bytes[] = "{}[]\",:0n\\\x01";

		for (size_t k = 0; k < sizeof(bytes); k++) {
			const struct sp_top_frame frame = { .rows = 24, .columns = 80 };
			struct sp_top_status status;
			struct sp_arena arena;
			const struct sp_top_pair pair = { .now = &status, .arena = &arena };
			struct sp_buf out;

			memcpy(text, now, sizeof(now));
			text[i] = bytes[k];
			sp_arena_init(&arena, NULL, 0, 0);
			sp_buf_init(&out);
			if (sp_top_read(sp_str_of(text, n), &arena, &status)) {
				status.at_us = 0;
				sp_top_draw(&pair, &frame, &out);
			}
			sp_buf_fini(&out);
			sp_arena_fini(&arena);
		}
	}
}

static void test_texts(void **state)
{
	struct sp_arena arena;

	(void)state;
	sp_arena_init(&arena, NULL, 0, 0);
	assert_string_equal(sp_top_count(&arena, 0), "0");
	assert_string_equal(sp_top_count(&arena, 9999), "9999");
	assert_string_equal(sp_top_count(&arena, 10000), "10.0k");
	assert_string_equal(sp_top_count(&arena, 999999), "999.9k");
	assert_string_equal(sp_top_count(&arena, 1000000), "1.00M");
	assert_string_equal(sp_top_count(&arena, 1234567), "1.23M");
	assert_string_equal(sp_top_count(&arena, 999999999999999), "999.9T");
	assert_string_equal(sp_top_rate(&arena, 10, 5, 0), "-");
	assert_string_equal(sp_top_rate(&arena, 5, 10, 1000000), "-");
	assert_string_equal(sp_top_rate(&arena, 10, 10, 1000000), "0");
	assert_string_equal(sp_top_rate(&arena, 1, 0, 2000000), "0.5");
	assert_string_equal(sp_top_rate(&arena, 250, 0, 1000000), "250");
	assert_string_equal(sp_top_rate(&arena, 40000, 0, 1000000), "40.0k");
	assert_string_equal(sp_top_time(&arena, 999), "999us");
	assert_string_equal(sp_top_time(&arena, 1250), "1.2ms");
	assert_string_equal(sp_top_time(&arena, 250000), "250ms");
	assert_string_equal(sp_top_time(&arena, 3400000), "3.4s");
	assert_string_equal(sp_top_span(&arena, 59), "59s");
	assert_string_equal(sp_top_span(&arena, 200000), "2d7h");
	assert_string_equal(sp_top_bytes(&arena, 0), "-");
	assert_string_equal(sp_top_bytes(&arena, 7340032), "7.0M");
	assert_string_equal(sp_top_bytes(&arena, UINT64_MAX), "16383.9P");
	assert_string_equal(sp_top_clean(&arena, SP_STR("")), "-");
	sp_arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_figures),         cmocka_unit_test(test_sizes),  cmocka_unit_test(test_trouble_first),
		cmocka_unit_test(test_no_byte_is_obeyed), cmocka_unit_test(test_broken), cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
