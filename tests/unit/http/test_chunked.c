/*
 * The chunk decoder: every fault, every cut, in place. The bytes behind what has arrived are 0xff and must stay so.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sp/base/str.h"
#include "sp/http/chunked.h"

#define T(literal)                                                                                                     \
	{                                                                                                              \
		(literal), sizeof(literal) - 1                                                                         \
	}
#define LINE_OF_64 "1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

enum { MORE, END, BAD_CHUNK, BAD_TRAILER };

static const struct {
	const char *name;
	struct sp_str in;
	int want;
	const char *body; /* also of what stands before a fault */
	size_t rest; /* bytes behind the end */
} cases[] = {
	{ "empty", T("0\r\n\r\n"), END, "", 0 },
	{ "one", T("5\r\nhello\r\n0\r\n\r\n"), END, "hello", 0 },
	{ "two", T("2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"), END, "hello", 0 },
	{ "hex", T("A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n"), END, "01234567890123456789", 0 },
	{ "two digits", T("10\r\n0123456789abcdef\r\n0\r\n\r\n"), END, "0123456789abcdef", 0 },
	{ "leading zeros", T("00000005\r\nhello\r\n0\r\n\r\n"), END, "hello", 0 },
	{ "eight zeros", T("00000000\r\n\r\n"), END, "", 0 },
	{ "bytes behind", T("0\r\n\r\nGET /"), END, "", 5 },
	{ "CRLF behind", T("1\r\na\r\n0\r\n\r\n\r\n"), END, "a", 2 },
	{ "CRLF in data", T("4\r\n\r\n\r\n\r\n0\r\n\r\n"), END, "\r\n\r\n", 0 },
	{ "a chunk in data", T("7\r\n0\r\n\r\nab\r\n0\r\n\r\n"), END, "0\r\n\r\nab", 0 },
	{ "extension", T("1;a\r\nx\r\n0\r\n\r\n"), END, "x", 0 },
	{ "extension with a value", T("1;a=b\r\nx\r\n0\r\n\r\n"), END, "x", 0 },
	{ "extensions", T("1;a=b;c;d=e\r\nx\r\n0;z\r\n\r\n"), END, "x", 0 },
	{ "extension, quoted", T("1;a=\"b c;=,\"\r\nx\r\n0\r\n\r\n"), END, "x", 0 },
	{ "extension, quoted pair", T("1;a=\"\\\"\\\\\";b\r\nx\r\n0\r\n\r\n"), END, "x", 0 },
	{ "extension, empty quotes", T("1;a=\"\"\r\nx\r\n0\r\n\r\n"), END, "x", 0 },
	{ "line of 64", T(LINE_OF_64 "\r\nx\r\n0\r\n\r\n"), END, "x", 0 },
	{ "trailer", T("0\r\nX: y\r\n\r\n"), END, "", 0 },
	{ "trailers", T("0\r\nX: y\r\nEtag:\"a\"\r\nZ:\r\n\r\n"), END, "", 0 },
	{ "trailer of framing is dropped as all are", T("0\r\nContent-Length: 5\r\n\r\n"), END, "", 0 },
	{ "trailer with obs-text", T("0\r\nX: \344\r\n\r\n"), END, "", 0 },
	{ "trailer with a tab", T("0\r\nX:\ty\t\r\n\r\n"), END, "", 0 },

	{ "nothing", T(""), MORE, "", 0 },
	{ "size only", T("5"), MORE, "", 0 },
	{ "size and CR", T("5\r"), MORE, "", 0 },
	{ "half of the data", T("5\r\nhel"), MORE, "hel", 0 },
	{ "no CRLF yet", T("5\r\nhello"), MORE, "hello", 0 },
	{ "no last chunk yet", T("5\r\nhello\r\n"), MORE, "hello", 0 },
	{ "no end of trailers yet", T("0\r\n"), MORE, "", 0 },
	{ "last CR", T("0\r\n\r"), MORE, "", 0 },
	{ "half a trailer", T("0\r\nX: y"), MORE, "", 0 },
	{ "largest size", T("ffffffff\r\nx"), MORE, "x", 0 },

	{ "nine digits", T("000000005\r\nhello\r\n"), BAD_CHUNK, "", 0 },
	{ "nine zeros", T("000000000\r\n\r\n"), BAD_CHUNK, "", 0 },
	{ "40 zeros", T("00000000000000000000000000000000000000005\r\n"), BAD_CHUNK, "", 0 },
	{ "2^32", T("100000000\r\n"), BAD_CHUNK, "", 0 },
	{ "2^64 + 5", T("10000000000000005\r\n"), BAD_CHUNK, "", 0 },
	{ "no digits", T("\r\n"), BAD_CHUNK, "", 0 },
	{ "empty line behind data", T("1\r\na\r\n\r\n"), BAD_CHUNK, "a", 0 },
	{ "plus", T("+5\r\nhello\r\n"), BAD_CHUNK, "", 0 },
	{ "minus", T("-5\r\n"), BAD_CHUNK, "", 0 },
	{ "0x", T("0x5\r\nhello\r\n"), BAD_CHUNK, "", 0 },
	{ "0X", T("0X5\r\nhello\r\n"), BAD_CHUNK, "", 0 },
	{ "x", T("x5\r\n"), BAD_CHUNK, "", 0 },
	{ "g", T("g\r\n"), BAD_CHUNK, "", 0 },
	{ "h behind", T("5h\r\nhello\r\n"), BAD_CHUNK, "", 0 },
	{ "underscore", T("1_0\r\n"), BAD_CHUNK, "", 0 },
	{ "dot", T("5.0\r\n"), BAD_CHUNK, "", 0 },
	{ "quoted", T("\"5\"\r\n"), BAD_CHUNK, "", 0 },
	{ "blank before", T(" 5\r\nhello\r\n"), BAD_CHUNK, "", 0 },
	{ "blank behind", T("5 \r\nhello\r\n"), BAD_CHUNK, "", 0 },
	{ "tab behind", T("5\t\r\nhello\r\n"), BAD_CHUNK, "", 0 },
	{ "blank inside", T("2 3\r\nhello\r\n"), BAD_CHUNK, "", 0 },
	{ "tab before", T("\t5\r\n"), BAD_CHUNK, "", 0 },
	{ "NUL", T("5\0\r\nhello\r\n"), BAD_CHUNK, "", 0 },
	{ "high byte", T("5\240\r\n"), BAD_CHUNK, "", 0 },
	{ "fullwidth digit", T("\357\274\225\r\n"), BAD_CHUNK, "", 0 },
	{ "bare LF", T("5\nhello\r\n"), BAD_CHUNK, "", 0 },
	{ "bare CR", T("5\rhello\r\n"), BAD_CHUNK, "", 0 },
	{ "CR CR LF", T("5\r\r\nhello\r\n"), BAD_CHUNK, "", 0 },
	{ "LF CR", T("5\n\rhello\r\n"), BAD_CHUNK, "", 0 },
	{ "LF ends data", T("5\r\nhello\n0\r\n\r\n"), BAD_CHUNK, "hello", 0 },
	{ "CR ends data", T("5\r\nhello\r0\r\n\r\n"), BAD_CHUNK, "hello", 0 },
	{ "XX ends data", T("5\r\nhelloXX0\r\n\r\n"), BAD_CHUNK, "hello", 0 },
	{ "nothing ends data", T("5\r\nhello0\r\n\r\n"), BAD_CHUNK, "hello", 0 },
	{ "too much data", T("5\r\nhello!\r\n0\r\n\r\n"), BAD_CHUNK, "hello", 0 },
	{ "too little data", T("5\r\nhel\r\n0\r\n\r\n"), BAD_CHUNK, "hel\r\n", 0 },
	{ "CR CR LF ends data", T("5\r\nhello\r\r\n"), BAD_CHUNK, "hello", 0 },
	{ "blank before the CRLF of data", T("5\r\nhello \r\n"), BAD_CHUNK, "hello", 0 },
	{ "extension of nothing", T("1;\r\nx\r\n"), BAD_CHUNK, "", 0 },
	{ "extension without a name", T("1;=b\r\nx\r\n"), BAD_CHUNK, "", 0 },
	{ "extension without a value", T("1;a=\r\nx\r\n"), BAD_CHUNK, "", 0 },
	{ "extension, two semicolons", T("1;;a\r\nx\r\n"), BAD_CHUNK, "", 0 },
	{ "extension, semicolon at the end", T("1;a;\r\nx\r\n"), BAD_CHUNK, "", 0 },
	{ "extension, blank before", T("1 ;a\r\nx\r\n"), BAD_CHUNK, "", 0 },
	{ "extension, blank behind ;", T("1; a\r\nx\r\n"), BAD_CHUNK, "", 0 },
	{ "extension, blank around =", T("1;a = b\r\nx\r\n"), BAD_CHUNK, "", 0 },
	{ "extension, blank at the end", T("1;a \r\nx\r\n"), BAD_CHUNK, "", 0 },
	{ "extension, LF", T("1;a\nx\r\n"), BAD_CHUNK, "", 0 },
	{ "extension, LF inside", T("1;a\n;b\r\nx\r\n"), BAD_CHUNK, "", 0 },
	{ "extension, CR inside", T("1;a\rb\r\nx\r\n"), BAD_CHUNK, "", 0 },
	{ "extension, NUL", T("1;a\0\r\nx\r\n"), BAD_CHUNK, "", 0 },
	{ "extension, control", T("1;a=\001\r\nx\r\n"), BAD_CHUNK, "", 0 },
	{ "extension, high byte", T("1;a=\344\r\nx\r\n"), BAD_CHUNK, "", 0 },
	{ "extension, two =", T("1;a=b=c\r\nx\r\n"), BAD_CHUNK, "", 0 },
	{ "extension, quotes in a name", T("1;\"a\"\r\nx\r\n"), BAD_CHUNK, "", 0 },
	{ "extension, quotes behind a token", T("1;a=b\"c\"\r\nx\r\n"), BAD_CHUNK, "", 0 },
	{ "extension, token behind quotes", T("1;a=\"b\"c\r\nx\r\n"), BAD_CHUNK, "", 0 },
	{ "extension, open quote", T("1;a=\"b\r\nx\r\n"), BAD_CHUNK, "", 0 },
	{ "extension, CR escaped", T("1;a=\"\\\r\n\"\r\nx\r\n"), BAD_CHUNK, "", 0 },
	{ "extension, LF in quotes", T("1;a=\"\n\"\r\nx\r\n"), BAD_CHUNK, "", 0 },
	{ "line of 65", T(LINE_OF_64 "a\r\nx\r\n"), BAD_CHUNK, "", 0 },
	{ "endless extension", T(LINE_OF_64 LINE_OF_64 LINE_OF_64 LINE_OF_64), BAD_CHUNK, "", 0 },
	{ "last chunk with LF", T("0\n\r\n"), BAD_CHUNK, "", 0 },
	{ "last chunk with a blank", T("0 \r\n\r\n"), BAD_CHUNK, "", 0 },
	{ "a trailer behind data without CRLF", T("1\r\naX: y\r\n"), BAD_CHUNK, "a", 0 },

	{ "LF ends the trailers", T("0\r\n\n"), BAD_TRAILER, "", 0 },
	{ "CR X ends the trailers", T("0\r\n\rX"), BAD_TRAILER, "", 0 },
	{ "CR CR LF ends the trailers", T("0\r\n\r\r\n"), BAD_TRAILER, "", 0 },
	{ "trailer without a colon", T("0\r\nX\r\n\r\n"), BAD_TRAILER, "", 0 },
	{ "trailer without a name", T("0\r\n: y\r\n\r\n"), BAD_TRAILER, "", 0 },
	{ "trailer, blank before the colon", T("0\r\nX : y\r\n\r\n"), BAD_TRAILER, "", 0 },
	{ "trailer, leading blank", T("0\r\n X: y\r\n\r\n"), BAD_TRAILER, "", 0 },
	{ "trailer, fold", T("0\r\nX: y\r\n z\r\n\r\n"), BAD_TRAILER, "", 0 },
	{ "trailer, bare LF", T("0\r\nX: y\nZ: 1\r\n\r\n"), BAD_TRAILER, "", 0 },
	{ "trailer, bare CR", T("0\r\nX: y\rZ: 1\r\n\r\n"), BAD_TRAILER, "", 0 },
	{ "trailer, NUL", T("0\r\nX: \0\r\n\r\n"), BAD_TRAILER, "", 0 },
	{ "trailer, DEL", T("0\r\nX: \177\r\n\r\n"), BAD_TRAILER, "", 0 },
	{ "trailer, NUL in the name", T("0\r\nX\0: y\r\n\r\n"), BAD_TRAILER, "", 0 },
	{ "trailer, high byte in the name", T("0\r\nX\344: y\r\n\r\n"), BAD_TRAILER, "", 0 },
	{ "a request where trailers belong", T("0\r\nGET / HTTP/1.1\r\n"), BAD_TRAILER, "", 0 },
};

struct outcome {
	int what;
	size_t used, body;
	uint8_t bytes[16384];
};

/* Feeds pieces that end at the given place and then every `step` bytes. */
static void decode(struct outcome *o, struct sp_str in, size_t first, size_t step)
{
	struct sp_chunked c;
	enum sp_chunked_rc rc = SP_CHUNKED_MORE;
	size_t piece = first;

	sp_chunked_init(&c);
	o->used = o->body = 0;
	while (o->used < in.n && rc == SP_CHUNKED_MORE) {
		size_t n = piece < in.n - o->used ? piece : in.n - o->used, used, body;
		uint8_t *bytes = malloc(n);

		assert_non_null(bytes);
		memcpy(bytes, in.p + o->used, n);
		rc = sp_chunked_decode(&c, bytes, n, &used, &body);
		assert_in_range(used, 0, n);
		assert_in_range(body, 0, used);
		if (rc == SP_CHUNKED_MORE)
			assert_int_equal(used, n);
		assert_in_range(o->body + body, 0, sizeof(o->bytes));
		memcpy(o->bytes + o->body, bytes, body);
		free(bytes);
		o->used += used;
		o->body += body;
		piece = step;
	}
	o->what = rc == SP_CHUNKED_MORE      ? MORE
		  : rc == SP_CHUNKED_END     ? END
		  : c.why == SP_REFUSE_CHUNK ? BAD_CHUNK
					     : BAD_TRAILER;
}

static void same(const char *name, const struct outcome *a, const struct outcome *b)
{
	if (a->what != b->what || a->used != b->used || a->body != b->body || memcmp(a->bytes, b->bytes, a->body) != 0)
		fail_msg("%s: depends on how it was cut", name);
}

static void test_cases(void **state)
{
	static struct outcome whole, cut;

	(void)state;
	for (size_t i = 0; i < SP_COUNT(cases); i++) {
		struct sp_str in = cases[i].in;

		decode(&whole, in, in.n, in.n);
		if (whole.what != cases[i].want)
			fail_msg("%s: %d", cases[i].name, whole.what);
		assert_int_equal(whole.body, strlen(cases[i].body));
		assert_memory_equal(whole.bytes, cases[i].body, whole.body);
		if (whole.what == END)
			assert_int_equal(whole.used, in.n - cases[i].rest);
		for (size_t step = 1; step < 8; step++) {
			decode(&cut, in, step, step);
			same(cases[i].name, &whole, &cut);
		}
		for (size_t at = 1; at < in.n; at++) {
			decode(&cut, in, at, in.n);
			same(cases[i].name, &whole, &cut);
		}
	}
	print_message("  %zu bodies\n", SP_COUNT(cases));
}

static int decode_text(const char *text, size_t n)
{
	static struct outcome whole, bytes;

	decode(&whole, sp_str_of(text, n), n, n);
	decode(&bytes, sp_str_of(text, n), 1, 1);
	same("limits", &whole, &bytes);
	return whole.what;
}

static void test_trailer_limits(void **state)
{
	static char text[20000];
	size_t at;

	(void)state;
	for (int fields = 31; fields < 35; fields++) {
		at = (size_t)sprintf(text, "0\r\n");
		for (int i = 0; i < fields; i++)
			at += (size_t)sprintf(text + at, "X: y\r\n");
		at += (size_t)sprintf(text + at, "\r\n");
		assert_int_equal(decode_text(text, at), fields <= 32 ? END : BAD_TRAILER);
	}
	for (size_t bytes = 8180; bytes < 8200; bytes++) {
		at = (size_t)sprintf(text, "0\r\nX:");
		memset(text + at, 'v', bytes - 6);
		at += bytes - 6;
		at += (size_t)sprintf(text + at, "\r\n\r\n");
		assert_int_equal(decode_text(text, at), bytes <= 8192 ? END : BAD_TRAILER);
	}
	for (size_t name = 126; name < 131; name++) {
		at = (size_t)sprintf(text, "0\r\n");
		memset(text + at, 'n', name);
		at += name;
		at += (size_t)sprintf(text + at, ":\r\n\r\n");
		assert_int_equal(decode_text(text, at), name <= 128 ? END : BAD_TRAILER);
	}
}

static void test_after_the_end_nothing_is_read(void **state)
{
	uint8_t text[] = "0\r\n\r\n", more[] = "5\r\nhello", bad[] = "z";
	struct sp_chunked c;
	size_t used, body;

	(void)state;
	sp_chunked_init(&c);
	assert_int_equal(sp_chunked_decode(&c, text, 5, &used, &body), SP_CHUNKED_END);
	assert_int_equal(sp_chunked_decode(&c, more, 8, &used, &body), SP_CHUNKED_END);
	assert_int_equal(used + body, 0);
	sp_chunked_init(&c);
	assert_int_equal(sp_chunked_decode(&c, bad, 1, &used, &body), SP_CHUNKED_BAD);
	assert_int_equal(sp_chunked_decode(&c, more, 8, &used, &body), SP_CHUNKED_BAD);
	assert_int_equal(used + body, 0);
}

static void test_lines(void **state)
{
	static const struct {
		uint32_t n;
		const char *line;
	} lines[] = {
		{ 1, "1\r\n" },
		{ 9, "9\r\n" },
		{ 10, "a\r\n" },
		{ 15, "f\r\n" },
		{ 16, "10\r\n" },
		{ 255, "ff\r\n" },
		{ 16384, "4000\r\n" },
		{ 65535, "ffff\r\n" },
		{ 0x12345678, "12345678\r\n" },
		{ UINT32_MAX, "ffffffff\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < SP_COUNT(lines); i++) {
		char out[SP_CHUNK_LINE_MAX];
		size_t n = sp_chunk_line(out, lines[i].n);

		assert_int_equal(n, strlen(lines[i].line));
		assert_memory_equal(out, lines[i].line, n);
	}
}

/* What we encode we decode: pieces of any size. */
static void test_round_trip(void **state)
{
	static char text[16384];
	static struct outcome whole;
	size_t at = 0, sum = 0;

	(void)state;
	for (uint32_t n = 1; n < 120; n++) {
		at += sp_chunk_line(text + at, n);
		memset(text + at, (int)n, n);
		at += n;
		text[at++] = '\r';
		text[at++] = '\n';
		sum += n;
	}
	memcpy(text + at, SP_CHUNK_LAST, 5);
	at += 5;
	decode(&whole, sp_str_of(text, at), at, at);
	assert_int_equal(whole.what, END);
	assert_int_equal(whole.body, sum);
	for (size_t i = 0, n = 1; n < 120; i += n, n++)
		assert_int_equal(whole.bytes[i], n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_trailer_limits),
		cmocka_unit_test(test_after_the_end_nothing_is_read),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
