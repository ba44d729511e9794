/* access: lines byte for byte, no byte of a peer outside its field, and a pipe that takes nothing or has no reader. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../../src/proxy/access_line.h"
#include "sp/base/clock.h"
#include "sp/base/log.h"

enum { WALL_S = 1795537200 }; /* 2026-11-24T16:20:00Z */

static const struct sp_conf_text redact_names[] = { { .text = { "token", 5 } }, { .text = { "api_key", 7 } } };
static const struct sp_conf_log json_conf = { .format = SP_LOG_FORMAT_JSON };
static const struct sp_conf_log combined_conf = { .format = SP_LOG_FORMAT_COMBINED };
static const struct sp_conf_log redacting_json = { .redact = { redact_names, 2 } };
static const struct sp_conf_log redacting_combined = { .format = SP_LOG_FORMAT_COMBINED,
						       .redact = { redact_names, 2 } };

static struct sp_addr addr_of(const char *text)
{
	struct sp_addr addr;

	assert_true(sp_addr_parse(sp_str(text), 0, &addr));
	return addr;
}

static struct sp_addr peer, client;

static struct sp_access_record usual(void)
{
	struct sp_access_record r = SP_ACCESS_RECORD;

	peer = addr_of("10.0.0.7:51234");
	client = addr_of("203.0.113.9:1");
	r.wall_ms = WALL_S * UINT64_C(1000) + 7;
	r.id = SP_STR("4f1c0d9e8b7a65544f1c0d9e8b7a6554");
	r.peer = &peer;
	r.client = &client;
	r.listener = SP_STR("https");
	r.sni = SP_STR("example.com");
	r.tls = "TLSv1.3";
	r.proto = "HTTP/1.1";
	r.method = SP_STR("GET");
	r.host = SP_STR("example.com");
	r.path = SP_STR("/api/items");
	r.query = SP_STR("?page=2");
	r.status = 200;
	r.backend_status = 200;
	r.bytes_in = 312;
	r.bytes_out = 1320;
	r.body_out = 1024;
	r.route = SP_STR("api");
	r.pool = SP_STR("app");
	r.backend = SP_STR("10.0.1.10:8080");
	r.tries = 1;
	r.t_header = 42;
	r.t_queue = 0;
	r.t_first_byte = 1500;
	r.t_total = 12000345;
	r.reused = true;
	r.cause = "ok";
	r.at = "data";
	r.flags = "--";
	r.rule = (struct sp_conf_at){ "sallyport.ini", 47 };
	r.gen = 3;
	r.user_agent = SP_STR("curl/7.88.1");
	r.referer = SP_STR("https://example.com/?q=1");
	return r;
}

static const char *line_of(const struct sp_conf_log *conf, const struct sp_access_record *record)
{
	static char line[SP_ACCESS_LINE_MAX + 1];
	struct sp_access_time time = { 0 };
	size_t n = sp_access_line(line, conf, record, &time);

	assert_true(n <= SP_ACCESS_LINE_MAX);
	line[n] = '\0';
	assert_int_equal(strlen(line), n);
	return line;
}

/* ---- lines ---- */

static void test_json(void **state)
{
	struct sp_access_record r = usual();

	(void)state;
	assert_string_equal(
		line_of(&json_conf, &r),
		"{\"time\":\"2026-11-24T16:20:00.007Z\",\"id\":\"4f1c0d9e8b7a65544f1c0d9e8b7a6554\","
		"\"peer\":\"10.0.0.7:51234\",\"client\":\"203.0.113.9\",\"country\":null,\"listener\":\"https\","
		"\"sni\":\"example.com\",\"tls\":\"TLSv1.3\",\"proto\":\"HTTP/1.1\",\"method\":\"GET\","
		"\"host\":\"example.com\",\"path\":\"/api/items?page=2\",\"status\":200,\"backend_status\":200,"
		"\"bytes_in\":312,\"bytes_out\":1320,\"route\":\"api\",\"pool\":\"app\",\"backend\":\"10.0.1.10:8080\","
		"\"tries\":1,\"t_tls\":null,\"t_header\":0.000042,\"t_queue\":0.000000,\"t_connect\":null,"
		"\"t_first_byte\":0.001500,\"t_total\":12.000345,\"reused\":true,\"cause\":\"ok\",\"at\":\"data\","
		"\"flags\":\"--\",\"rule\":\"sallyport.ini:47\",\"gen\":3}\n");
}

static void test_json_of_nothing(void **state)
{
	struct sp_access_record r = SP_ACCESS_RECORD;

	(void)state;
	assert_string_equal(line_of(&json_conf, &r),
			    "{\"time\":\"1970-01-01T00:00:00.000Z\",\"id\":null,\"peer\":null,\"client\":null,"
			    "\"country\":null,\"listener\":null,\"sni\":null,\"tls\":null,\"proto\":null,"
			    "\"method\":null,\"host\":null,\"path\":null,\"status\":null,\"backend_status\":null,"
			    "\"bytes_in\":0,\"bytes_out\":0,\"route\":null,\"pool\":null,\"backend\":null,\"tries\":0,"
			    "\"t_tls\":null,\"t_header\":null,\"t_queue\":null,\"t_connect\":null,"
			    "\"t_first_byte\":null,\"t_total\":null,\"reused\":false,\"cause\":null,\"at\":null,"
			    "\"flags\":null,\"rule\":null,\"gen\":0}\n");
}

static void test_combined(void **state)
{
	struct sp_access_record r = usual();

	(void)state;
	assert_string_equal(line_of(&combined_conf, &r),
			    "203.0.113.9 - - [24/Nov/2026:16:20:00 +0000] \"GET /api/items?page=2 HTTP/1.1\" 200 1024 "
			    "\"https://example.com/?q=1\" \"curl/7.88.1\"\n");
	client = addr_of("[2001:db8::1]:9");
	r.body_out = 0;
	r.referer = SP_STR_NONE;
	r.user_agent = SP_STR("");
	assert_string_equal(line_of(&combined_conf, &r),
			    "2001:db8::1 - - [24/Nov/2026:16:20:00 +0000] \"GET /api/items?page=2 HTTP/1.1\" 200 - "
			    "\"-\" \"\"\n");
	client = addr_of("unix:/run/a b.sock");
	r = (struct sp_access_record){ .wall_ms = r.wall_ms, .client = &client };
	assert_string_equal(line_of(&combined_conf, &r),
			    "unix: - - [24/Nov/2026:16:20:00 +0000] \"-\" - - \"-\" \"-\"\n");
	r.client = NULL;
	assert_string_equal(line_of(&combined_conf, &r), "- - - [24/Nov/2026:16:20:00 +0000] \"-\" - - \"-\" \"-\"\n");
}

/* One buffer for many lines: the second's text is shared, the next second's is new. */
static void test_time_moves_on(void **state)
{
	static const struct {
		uint64_t ms;
		const char *json, *clf;
	} times[] = {
		{ 999, "2026-11-24T16:20:00.999Z", "24/Nov/2026:16:20:00 +0000" },
		{ 0, "2026-11-24T16:20:00.000Z", "24/Nov/2026:16:20:00 +0000" },
		{ 1050, "2026-11-24T16:20:01.050Z", "24/Nov/2026:16:20:01 +0000" },
		{ 86400000, "2026-11-25T16:20:00.000Z", "25/Nov/2026:16:20:00 +0000" },
	};
	struct sp_access_time time = { 0 };
	char line[SP_ACCESS_LINE_MAX];
	struct sp_access_record r = usual();

	(void)state;
	for (size_t i = 0; i < SP_COUNT(times); i++) {
		r.wall_ms = WALL_S * UINT64_C(1000) + times[i].ms;
		sp_access_line(line, &json_conf, &r, &time);
		assert_memory_equal(line + 9, times[i].json, 24);
		sp_access_line(line, &combined_conf, &r, &time);
		assert_memory_equal(line + 17, times[i].clf, 26);
	}
}

static void test_escapes(void **state)
{
	static const struct {
		struct sp_str path;
		const char *json, *combined;
	} rows[] = {
		{ SP_STR("/a\"b"), "/a\\\"b", "/a\\\"b" },
		{ SP_STR("/a\\b"), "/a\\\\b", "/a\\\\b" },
		{ SP_STR("/a\r\nb"), "/a\\u000d\\u000ab", "/a\\r\\nb" },
		{ SP_STR("/\t\b\v\f"), "/\\u0009\\u0008\\u000b\\u000c", "/\\t\\b\\v\\x0c" },
		{ SP_STR("/\0x"), "/\\u0000x", "/\\x00x" },
		{ SP_STR("/\x1b[2J"), "/\\u001b[2J", "/\\x1b[2J" },
		{ SP_STR("/\x7f\x80\xff"), "/\\u007f\\u0080\\u00ff", "/\\x7f\\x80\\xff" },
		{ SP_STR("/\xc3\xa9"), "/\\u00c3\\u00a9", "/\\xc3\\xa9" },
		{ SP_STR("/1234567\"7654321"), "/1234567\\\"7654321", "/1234567\\\"7654321" },
		{ SP_STR("/12345\x01"
			 "67 ~!"),
		  "/12345\\u000167 ~!", "/12345\\x0167 ~!" },
	};

	(void)state;
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		struct sp_access_record r = usual();
		char want[128];

		r.path = rows[i].path;
		r.query = SP_STR_NONE;
		snprintf(want, sizeof(want), "\"path\":\"%s\",", rows[i].json);
		assert_non_null(strstr(line_of(&json_conf, &r), want));
		snprintf(want, sizeof(want), "\"GET %s HTTP/1.1\"", rows[i].combined);
		assert_non_null(strstr(line_of(&combined_conf, &r), want));
		r.user_agent = rows[i].path;
		snprintf(want, sizeof(want), " \"%s\"\n", rows[i].combined);
		assert_non_null(strstr(line_of(&combined_conf, &r), want));
	}
}

static void test_redaction(void **state)
{
	static const struct {
		const char *query, *want;
	} rows[] = {
		{ "", "" },
		{ "?", "?" },
		{ "?a=1", "?a=1" },
		{ "?token=s3cret", "" },
		{ "?token", "" },
		{ "?token=", "" },
		{ "?token=s3cret&a=1", "?a=1" },
		{ "?a=1&token=s3cret", "?a=1" },
		{ "?a=1&token=s3cret&b=2", "?a=1&b=2" },
		{ "?a=1&token=s3cret&token=s3cret&b=2&api_key=s3cret", "?a=1&b=2" },
		{ "?tokens=1&xtoken=2&toke=3", "?tokens=1&xtoken=2&toke=3" },
		{ "?TOKEN=s3cret", "" },
		{ "?%74oken=s3cret&a", "?a" },
		{ "?%54oken=s3cret&a", "?a" },
		{ "?tok%65%6E=s3cret", "" },
		{ "?a=1;token=s3cret;b=2", "?a=1;b=2" },
		{ "?a=1?token=s3cret", "?a=1" },
		{ "?token%=1&%zz=2", "?token%=1&%zz=2" },
		{ "?api%5fkey=s3cret&&a", "?&a" },
	};

	(void)state;
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		struct sp_access_record r = usual();
		char want[128], referer[128];

		r.query = sp_str(rows[i].query);
		snprintf(referer, sizeof(referer), "https://e.com/x%s", rows[i].query);
		r.referer = sp_str(referer);
		snprintf(want, sizeof(want), "\"path\":\"/api/items%s\",", rows[i].want);
		assert_non_null(strstr(line_of(&redacting_json, &r), want));
		snprintf(want, sizeof(want), "GET /api/items%s HTTP/1.1\"", rows[i].want);
		assert_non_null(strstr(line_of(&redacting_combined, &r), want));
		snprintf(want, sizeof(want), "\"https://e.com/x%s\"", rows[i].want);
		assert_non_null(strstr(line_of(&redacting_combined, &r), want));
		assert_null(strstr(line_of(&redacting_combined, &r), "s3cret"));
	}
}

static void test_redacted_fragment(void **state)
{
	struct sp_access_record r = usual();

	(void)state;
	r.referer = SP_STR("https://e.com/x?api_key=s#a&token=s");
	assert_non_null(strstr(line_of(&redacting_combined, &r), "\"https://e.com/x#a\""));
}

/* ---- whatever is in the fields ---- */

static void fill(struct sp_access_record *r, struct sp_str text)
{
	r->id = r->country = r->listener = r->sni = r->method = r->host = r->path = r->query = text;
	r->route = r->pool = r->backend = r->user_agent = r->referer = text;
	r->bytes_in = r->bytes_out = r->body_out = UINT64_MAX;
	r->t_tls = r->t_header = r->t_queue = r->t_connect = r->t_first_byte = r->t_total = UINT64_MAX - 1;
	r->status = r->backend_status = r->tries = UINT32_MAX;
	r->gen = UINT32_MAX;
	r->tls = r->proto = r->cause = r->at = r->flags = text.p;
	r->rule = (struct sp_conf_at){ text.p, -1 };
	r->peer = &peer;
	r->client = &client;
}

static void test_a_line_is_never_too_long(void **state)
{
	static const char fillers[] = { 'a', '"', '\x01', '\xff' };
	static char text[10000];

	(void)state;
	peer = client = addr_of("[2001:db80:1111:2222:3333:4444:5555:6666]:65535");
	for (size_t i = 0; i < SP_COUNT(fillers); i++) {
		struct sp_access_record r = usual();
		const char *line;

		memset(text, fillers[i], sizeof(text) - 1);
		fill(&r, sp_str(text));
		peer = client = addr_of(
			"unix:/run/"
			"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"");
		line = line_of(&json_conf, &r);
		print_message("  JSON %zu", strlen(line));
		assert_int_equal(strchr(line, '\n') - line, strlen(line) - 1);
		line = line_of(&combined_conf, &r);
		print_message(", combined %zu\n", strlen(line));
		assert_int_equal(strchr(line, '\n') - line, strlen(line) - 1);
	}
}

/* "…" of one line: printable ASCII, each backslash with a letter that JSON knows. */
static const char *skip_string(const char *at)
{
	assert_int_equal(*at++, '"');
	for (; *at != '"'; at++) {
		assert_in_range((unsigned char)*at, 0x20, 0x7e);
		if (*at != '\\')
			continue;
		at++;
		if (*at == 'u') {
			assert_int_equal(strspn(at + 1, "0123456789abcdef") >= 4, true);
			at += 4;
		} else {
			assert_non_null(strchr("\"\\", *at));
		}
	}
	return at + 1;
}

static const char *skip_value(const char *at)
{
	if (*at == '"')
		return skip_string(at);
	if (strncmp(at, "null", 4) == 0 || strncmp(at, "true", 4) == 0)
		return at + 4;
	if (strncmp(at, "false", 5) == 0)
		return at + 5;
	assert_true(*at >= '0' && *at <= '9');
	return at + strspn(at, "0123456789.");
}

static void check_json(const char *line)
{
	size_t members = 1;

	assert_int_equal(*line++, '{');
	for (;; members++) {
		line = skip_string(line);
		assert_int_equal(*line++, ':');
		line = skip_value(line);
		if (*line != ',')
			break;
		line++;
	}
	assert_string_equal(line, "}\n");
	assert_int_equal(members, 32);
}

static void test_random_bytes_stay_inside(void **state)
{
	char text[400];

	(void)state;
	srand(7);
	for (unsigned i = 0; i < 20000; i++) {
		struct sp_access_record r = usual();
		size_t n = (size_t)rand() % sizeof(text);
		const char *line;

		for (size_t k = 0; k < n; k++)
			text[k] = (char)(rand() % 3 == 0 ? rand() : 'a' + rand() % 26);
		r.host = r.path = r.query = r.referer = r.user_agent = r.sni = r.id = r.method = sp_str_of(text, n);
		check_json(line_of(i % 2 == 0 ? &json_conf : &redacting_json, &r));
		line = line_of(i % 2 == 0 ? &combined_conf : &redacting_combined, &r);
		assert_int_equal(strspn(line, " !#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`"
					      "abcdefghijklmnopqrstuvwxyz{|}~\""),
				 strlen(line) - 1);
	}
}

/* ---- descriptors ---- */

struct bed {
	struct sp_loop *loop;
	struct sp_access *access;
	struct sp_access_record record;
	uint64_t us;
};

static char got[8 << 20];

/* As the master makes it. */
static void make_pipe(int fds[2])
{
	assert_int_equal(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
}

static struct bed bed_open(int fd)
{
	struct bed bed = { .record = usual(), .us = 1000000 };
	struct sp_err err = { "" };

	sp_clock_set(bed.us, WALL_S * UINT64_C(1000));
	bed.loop = sp_loop_new(&err);
	assert_non_null(bed.loop);
	bed.access = sp_access_new(bed.loop, &json_conf, fd);
	assert_non_null(bed.access);
	return bed;
}

/* Every line says its number as its status. */
static void write_lines(struct bed *bed, unsigned from, unsigned n)
{
	for (unsigned i = from; i < from + n; i++) {
		bed->record.status = 100 + i;
		sp_access_write(bed->access, &bed->record);
	}
}

static void turn(struct bed *bed)
{
	bed->us += 2000;
	sp_clock_set(bed->us, WALL_S * UINT64_C(1000));
	sp_loop_turn(bed->loop, false);
}

static void bed_close(struct bed *bed)
{
	sp_access_free(bed->access);
	sp_loop_free(bed->loop);
}

/* Reads what is there, behind `n` bytes. */
static size_t drain(int fd, size_t n)
{
	ssize_t more;

	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	while ((more = read(fd, got + n, sizeof(got) - 1 - n)) > 0)
		n += (size_t)more;
	got[n] = '\0';
	return n;
}

/* All whole lines, numbers ascending; returns how many. */
static unsigned check_lines(char *text)
{
	unsigned lines = 0, last = 0;
	char *end;

	for (; *text != '\0'; text = end + 1, lines++) {
		unsigned number;

		end = strchr(text, '\n');
		assert_non_null(end);
		*end = '\0';
		assert_int_equal(text[0], '{');
		assert_int_equal(end[-1], '}');
		assert_int_equal(sscanf(strstr(text, "\"status\":"), "\"status\":%u", &number), 1);
		assert_true(number > last);
		last = number;
	}
	return lines;
}

static void test_a_turn_ends_with_a_flush(void **state)
{
	int fds[2];
	struct bed bed;

	(void)state;
	make_pipe(fds);
	bed = bed_open(fds[1]);
	write_lines(&bed, 0, 30);
	assert_int_equal(drain(fds[0], 0), 0);
	turn(&bed);
	drain(fds[0], 0);
	assert_int_equal(check_lines(got), 30);
	assert_int_equal(sp_access_dropped(bed.access), 0);
	write_lines(&bed, 0, 1);
	bed_close(&bed);
	drain(fds[0], 0);
	assert_int_equal(check_lines(got), 1);
	close(fds[0]);
	close(fds[1]);
}

/* Nobody reads: nothing blocks, the buffer fills, new lines are dropped and counted; later all comes, whole. */
static void stall(int reader, int writer)
{
	struct bed bed = bed_open(writer);
	size_t n = 0;

	for (unsigned i = 0; i < 200; i++) {
		write_lines(&bed, i * 20, 20);
		turn(&bed);
	}
	assert_in_range(sp_access_dropped(bed.access), 1, 4000 - 300);
	for (unsigned i = 0; i < 400; i++) {
		n = drain(reader, n);
		turn(&bed);
	}
	drain(reader, n);
	assert_int_equal(check_lines(got) + sp_access_dropped(bed.access), 4000);
	write_lines(&bed, 0, 5);
	turn(&bed);
	drain(reader, 0);
	assert_int_equal(check_lines(got), 5);
	bed_close(&bed);
	close(reader);
	close(writer);
}

static void test_a_pipe_that_nobody_reads(void **state)
{
	int fds[2];

	(void)state;
	make_pipe(fds);
	stall(fds[0], fds[1]);
}

static void test_a_reader_that_left(void **state)
{
	int fds[2];
	struct bed bed;

	(void)state;
	make_pipe(fds);
	bed = bed_open(fds[1]);
	close(fds[0]);
	write_lines(&bed, 0, 7);
	turn(&bed);
	assert_int_equal(sp_access_dropped(bed.access), 7);
	bed_close(&bed);
	close(fds[1]);
}

static void test_off(void **state)
{
	struct bed bed = bed_open(-1);

	(void)state;
	write_lines(&bed, 4, 1);
	turn(&bed);
	assert_int_equal(sp_access_dropped(bed.access), 0);
	bed_close(&bed);
	sp_access_free(NULL);
}

static void test_another_format(void **state)
{
	int fds[2];
	struct bed bed;

	(void)state;
	make_pipe(fds);
	bed = bed_open(fds[1]);
	sp_access_set_conf(bed.access, &combined_conf);
	write_lines(&bed, 3, 1);
	turn(&bed);
	drain(fds[0], 0);
	assert_memory_equal(got, "203.0.113.9 - - [", 17);
	bed_close(&bed);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_json_of_nothing),
		cmocka_unit_test(test_combined),
		cmocka_unit_test(test_time_moves_on),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_redaction),
		cmocka_unit_test(test_redacted_fragment),
		cmocka_unit_test(test_a_line_is_never_too_long),
		cmocka_unit_test(test_random_bytes_stay_inside),
		cmocka_unit_test(test_a_turn_ends_with_a_flush),
		cmocka_unit_test(test_a_pipe_that_nobody_reads),
		cmocka_unit_test(test_a_reader_that_left),
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_another_format),
	};

	signal(SIGPIPE, SIG_IGN);
	sp_log_level(SP_LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
