/*
 * Answer heads, judged by the scanner alone.
 */
#include "feed.h"

#define S(line) TEXT(line "\r\nX: y\r\n\r\n")
#define A(fields) TEXT("HTTP/1.1 200 OK\r\n" fields "\r\n")
#define AS(status, fields) TEXT("HTTP/1.1 " status " x\r\n" fields "\r\n")
#define OLD(fields) TEXT("HTTP/1.0 200 OK\r\n" fields "\r\n")
#define CL "Content-Length: "
#define TE "Transfer-Encoding: "
#define OK SP_REFUSE_NONE

static const struct feed like = { .limits = FEED_LIMITS, .is_answer = true, .answers = SP_M_GET };

static const struct feed_case cases[] = {
	{ "plain", S("HTTP/1.1 200 OK"), OK },
	{ "1.0", S("HTTP/1.0 200 OK"), OK },
	{ "no fields", TEXT("HTTP/1.1 200 OK\r\n\r\n"), OK },
	{ "empty reason", S("HTTP/1.1 200 "), OK },
	{ "no blank behind the status", S("HTTP/1.1 200"), SP_REFUSE_START_LINE },
	{ "long reason", S("HTTP/1.1 404 Not Found at all, (sorry)"), OK },
	{ "reason with obs-text", S("HTTP/1.1 200 \344\366\374"), OK },
	{ "reason with a tab", S("HTTP/1.1 200 a\tb"), OK },
	{ "reason of blanks", S("HTTP/1.1 200   "), OK },
	{ "reason with digits", S("HTTP/1.1 200 200"), OK },
	{ "100", S("HTTP/1.1 100 Continue"), OK },
	{ "101", S("HTTP/1.1 101 Switching Protocols"), OK },
	{ "103", S("HTTP/1.1 103 Early Hints"), OK },
	{ "199", S("HTTP/1.1 199 x"), OK },
	{ "299", S("HTTP/1.1 299 x"), OK },
	{ "418", S("HTTP/1.1 418 I'm a teapot"), OK },
	{ "599", S("HTTP/1.1 599 x"), OK },

	{ "600", S("HTTP/1.1 600 x"), SP_REFUSE_STATUS },
	{ "999", S("HTTP/1.1 999 x"), SP_REFUSE_STATUS },
	{ "000", S("HTTP/1.1 000 x"), SP_REFUSE_STATUS },
	{ "099", S("HTTP/1.1 099 x"), SP_REFUSE_STATUS },
	{ "two digits", S("HTTP/1.1 20 OK"), SP_REFUSE_START_LINE },
	{ "one digit", S("HTTP/1.1 2 OK"), SP_REFUSE_START_LINE },
	{ "four digits", S("HTTP/1.1 2000 OK"), SP_REFUSE_START_LINE },
	{ "0200", S("HTTP/1.1 0200 OK"), SP_REFUSE_START_LINE },
	{ "no status", S("HTTP/1.1"), SP_REFUSE_START_LINE },
	{ "no status, a blank", S("HTTP/1.1 "), SP_REFUSE_START_LINE },
	{ "no status, reason", S("HTTP/1.1 OK"), SP_REFUSE_START_LINE },
	{ "letters as a status", S("HTTP/1.1 2xx OK"), SP_REFUSE_START_LINE },
	{ "hex status", S("HTTP/1.1 0x2 OK"), SP_REFUSE_START_LINE },
	{ "signed status", S("HTTP/1.1 +20 OK"), SP_REFUSE_START_LINE },
	{ "negative status", S("HTTP/1.1 -20 OK"), SP_REFUSE_START_LINE },
	{ "fraction", S("HTTP/1.1 200.1 OK"), SP_REFUSE_START_LINE },
	{ "tab before the status", S("HTTP/1.1\t200 OK"), SP_REFUSE_START_LINE },
	{ "two blanks before the status", S("HTTP/1.1  200 OK"), SP_REFUSE_START_LINE },
	{ "four blanks before the status", S("HTTP/1.1    200"), SP_REFUSE_START_LINE },
	{ "tab behind the status", S("HTTP/1.1 200\tOK"), SP_REFUSE_START_LINE },
	{ "comma behind the status", S("HTTP/1.1 200,OK"), SP_REFUSE_START_LINE },
	{ "dash behind the status", S("HTTP/1.1 200-OK"), SP_REFUSE_START_LINE },
	{ "letter behind the status", S("HTTP/1.1 200OK"), SP_REFUSE_START_LINE },
	{ "leading blank", S(" HTTP/1.1 200 OK"), SP_REFUSE_START_LINE },
	{ "leading empty line", S("\r\nHTTP/1.1 200 OK"), SP_REFUSE_START_LINE },
	{ "leading LF", S("\nHTTP/1.1 200 OK"), SP_REFUSE_LINE_END },
	{ "leading garbage", S("xHTTP/1.1 200 OK"), SP_REFUSE_START_LINE },
	{ "lower case", S("http/1.1 200 OK"), SP_REFUSE_START_LINE },
	{ "no version", S("HTTP 200 OK"), SP_REFUSE_START_LINE },
	{ "HTTP/1", S("HTTP/1 200 OK"), SP_REFUSE_VERSION },
	{ "HTTP/1.", S("HTTP/1. 200 OK"), SP_REFUSE_VERSION },
	{ "HTTP/1.2", S("HTTP/1.2 200 OK"), SP_REFUSE_VERSION },
	{ "HTTP/1.10", S("HTTP/1.10 200 OK"), SP_REFUSE_START_LINE },
	{ "HTTP/0.9", S("HTTP/0.9 200 OK"), SP_REFUSE_VERSION },
	{ "HTTP/2.0", S("HTTP/2.0 200 OK"), SP_REFUSE_VERSION },
	{ "HTTP/2", S("HTTP/2 200 OK"), SP_REFUSE_VERSION },
	{ "HTTP/3.0", S("HTTP/3.0 200 OK"), SP_REFUSE_VERSION },
	{ "ICY", S("ICY 200 OK"), SP_REFUSE_START_LINE },
	{ "0.9: a page", TEXT("<html></html>\r\n"), SP_REFUSE_START_LINE },
	{ "SMTP", TEXT("220 mail ESMTP\r\n"), SP_REFUSE_START_LINE },
	{ "SSH", TEXT("SSH-2.0-OpenSSH_9.2\r\n"), SP_REFUSE_START_LINE },
	{ "TLS alert", TEXT("\025\003\001\000\002\002\106\r\n"), SP_REFUSE_CONTROL },
	{ "a request", TEXT("GET / HTTP/1.1\r\n\r\n"), SP_REFUSE_START_LINE },
	{ "empty line", TEXT("\r\n\r\n"), SP_REFUSE_START_LINE },
	{ "NUL in the reason", S("HTTP/1.1 200 O\0K"), SP_REFUSE_CONTROL },
	{ "0x01 in the reason", S("HTTP/1.1 200 O\001K"), SP_REFUSE_CONTROL },
	{ "DEL in the reason", S("HTTP/1.1 200 O\177K"), SP_REFUSE_CONTROL },
	{ "ESC in the reason", S("HTTP/1.1 200 \033[2J"), SP_REFUSE_CONTROL },
	{ "CR in the reason", S("HTTP/1.1 200 OK\rSet-Cookie: x"), SP_REFUSE_LINE_END },
	{ "LF in the reason", S("HTTP/1.1 200 OK\nSet-Cookie: x"), SP_REFUSE_LINE_END },
	{ "LF ends the status line", TEXT("HTTP/1.1 200 OK\nX: y\r\n\r\n"), SP_REFUSE_LINE_END },
	{ "CR ends the status line", TEXT("HTTP/1.1 200 OK\rX: y\r\n\r\n"), SP_REFUSE_LINE_END },
	{ "CR CR LF", TEXT("HTTP/1.1 200 OK\r\r\nX: y\r\n\r\n"), SP_REFUSE_LINE_END },
	{ "LF everywhere", TEXT("HTTP/1.1 200 OK\nX: y\n\n"), SP_REFUSE_LINE_END },

	{ "any fields", A("Server: x\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n"), OK },
	{ "names with _", A("X_Y: 1\r\n"), OK },
	{ "names with dots", A("Content.Length: 1\r\n"), OK },
	{ "empty value", A("X:\r\n"), OK },
	{ "obs-text", A("Content-Disposition: attachment; filename=\"\303\244.txt\"\r\n"), OK },
	{ "tabs around", A("X:\ta\t\r\n"), OK },
	{ "expect means nothing here", A("Expect: 5\r\n"), OK },
	{ "two Hosts mean nothing here", A("Host: a\r\nHost: b\r\n"), OK },
	{ "connection close", A("Connection: close\r\n"), OK },
	{ "two content types mean nothing here", A("Content-Type: a/b\r\nContent-Type: a/b\r\n"), OK },
	{ "fold", A("X: a\r\n b\r\n"), SP_REFUSE_FOLD },
	{ "tab fold", A("X: a\r\n\tb\r\n"), SP_REFUSE_FOLD },
	{ "fold of the first", TEXT("HTTP/1.1 200 OK\r\n X: y\r\n\r\n"), SP_REFUSE_FOLD },
	{ "blank before the colon", A("X : y\r\n"), SP_REFUSE_FIELD_NAME },
	{ "blank in a name", A("X Y: z\r\n"), SP_REFUSE_FIELD_NAME },
	{ "no colon", A("X\r\n"), SP_REFUSE_FIELD_NAME },
	{ "empty name", A(": y\r\n"), SP_REFUSE_FIELD_NAME },
	{ "high byte in a name", A("X\344: y\r\n"), SP_REFUSE_FIELD_NAME },
	{ "NUL in a name", A("X\0: y\r\n"), SP_REFUSE_CONTROL },
	{ "NUL in a value", A("X: a\0b\r\n"), SP_REFUSE_CONTROL },
	{ "control in a value", A("X: a\033b\r\n"), SP_REFUSE_CONTROL },
	{ "DEL in a value", A("X: a\177b\r\n"), SP_REFUSE_CONTROL },
	{ "CR in a value", A("X: a\rSet-Cookie: b\r\n"), SP_REFUSE_LINE_END },
	{ "LF in a value", A("X: a\nSet-Cookie: b\r\n"), SP_REFUSE_LINE_END },
	{ "LF ends the head", TEXT("HTTP/1.1 200 OK\r\nX: y\r\n\n"), SP_REFUSE_LINE_END },
	{ "CR CR X ends the head", TEXT("HTTP/1.1 200 OK\r\nX: y\r\n\rX"), SP_REFUSE_LINE_END },
	{ "connection names Host", A("Connection: host\r\n"), SP_REFUSE_CONNECTION },
	{ "connection names Set-Cookie", A("Connection: close, Set-Cookie\r\n"), SP_REFUSE_CONNECTION },
	{ "connection names Content-Length", A("Connection: Content-Length\r\n" CL "1\r\n"), SP_REFUSE_CONNECTION },
	{ "connection no token", A("Connection: a b\r\n"), SP_REFUSE_CONNECTION },
	{ "connection HSTS", A("Connection: Strict-Transport-Security\r\n"), SP_REFUSE_CONNECTION },

	{ "length", A(CL "5\r\n"), OK },
	{ "length 0", A(CL "0\r\n"), OK },
	{ "18 digits", A(CL "999999999999999999\r\n"), OK },
	{ "length in 1.0", OLD(CL "5\r\n"), OK },
	{ "19 digits", A(CL "1000000000000000000\r\n"), SP_REFUSE_LENGTH },
	{ "2^64 + 5", A(CL "18446744073709551621\r\n"), SP_REFUSE_LENGTH },
	{ "length empty", A("Content-Length:\r\n"), SP_REFUSE_LENGTH },
	{ "length plus", A(CL "+5\r\n"), SP_REFUSE_LENGTH },
	{ "length minus", A(CL "-5\r\n"), SP_REFUSE_LENGTH },
	{ "length hex", A(CL "0x5\r\n"), SP_REFUSE_LENGTH },
	{ "length list", A(CL "5, 5\r\n"), SP_REFUSE_LENGTH },
	{ "length blank", A(CL "5 5\r\n"), SP_REFUSE_LENGTH },
	{ "length words", A(CL "many\r\n"), SP_REFUSE_LENGTH },
	{ "length twice equal", A(CL "5\r\n" CL "5\r\n"), SP_REFUSE_FRAMING },
	{ "length twice different", A(CL "5\r\n" CL "6\r\n"), SP_REFUSE_FRAMING },
	{ "length twice with 304", AS("304", CL "5\r\n" CL "5\r\n"), SP_REFUSE_FRAMING },
	{ "bad length with 304", AS("304", CL "x\r\n"), SP_REFUSE_LENGTH },

	{ "chunked", A(TE "chunked\r\n"), OK },
	{ "Chunked", A("transfer-encoding: Chunked\r\n"), OK },
	{ "chunked with Trailer", A(TE "chunked\r\nTrailer: X\r\n"), OK },
	{ "chunked in 1.0", OLD(TE "chunked\r\n"), SP_REFUSE_FRAMING },
	{ "both", A(CL "5\r\n" TE "chunked\r\n"), SP_REFUSE_FRAMING },
	{ "both, other order", A(TE "chunked\r\n" CL "5\r\n"), SP_REFUSE_FRAMING },
	{ "both with identity", A(TE "identity\r\n" CL "5\r\n"), SP_REFUSE_FRAMING },
	{ "both in 1.0", OLD(CL "5\r\n" TE "chunked\r\n"), SP_REFUSE_FRAMING },
	{ "both with 304", AS("304", CL "5\r\n" TE "chunked\r\n"), SP_REFUSE_FRAMING },
	{ "chunked twice", A(TE "chunked\r\n" TE "chunked\r\n"), SP_REFUSE_FRAMING },
	{ "chunked, chunked", A(TE "chunked, chunked\r\n"), SP_REFUSE_FRAMING },
	{ "chunked, gzip", A(TE "chunked, gzip\r\n"), SP_REFUSE_FRAMING },
	{ "gzip, chunked", A(TE "gzip, chunked\r\n"), SP_REFUSE_CODING },
	{ "gzip", A(TE "gzip\r\n"), SP_REFUSE_CODING },
	{ "identity", A(TE "identity\r\n"), SP_REFUSE_CODING },
	{ "coding empty", A("Transfer-Encoding:\r\n"), SP_REFUSE_FRAMING },
	{ "coding unknown", A(TE "foo\r\n"), SP_REFUSE_FRAMING },
	{ "coding with a parameter", A(TE "chunked;a=b\r\n"), SP_REFUSE_FRAMING },
	{ "VT before chunked", A(TE "\vchunked\r\n"), SP_REFUSE_CONTROL },

	{ "204", AS("204", ""), OK },
	{ "204 with length 0", AS("204", CL "0\r\n"), OK },
	{ "204 with a length", AS("204", CL "5\r\n"), SP_REFUSE_FRAMING },
	{ "204 chunked", AS("204", TE "chunked\r\n"), SP_REFUSE_FRAMING },
	{ "100 with length 0", AS("100", CL "0\r\n"), OK },
	{ "100 with a length", AS("100", CL "5\r\n"), SP_REFUSE_FRAMING },
	{ "100 chunked", AS("100", TE "chunked\r\n"), SP_REFUSE_FRAMING },
	{ "101 with a length", AS("101", CL "5\r\n"), SP_REFUSE_FRAMING },
	{ "101 websocket", AS("101", "Connection: upgrade\r\nUpgrade: websocket\r\n"), OK },
	{ "101 with two upgrades", AS("101", "Connection: upgrade\r\nUpgrade: a\r\nUpgrade: b\r\n"), OK },
	{ "304", AS("304", ""), OK },
	{ "304 with a length", AS("304", CL "5\r\n"), OK },
	{ "304 chunked", AS("304", TE "chunked\r\n"), OK },
	{ "304 chunked in 1.0", TEXT("HTTP/1.0 304 x\r\n" TE "chunked\r\n\r\n"), SP_REFUSE_FRAMING },
};

static void test_cases(void **state)
{
	(void)state;
	feed_cases(&like, cases, SP_COUNT(cases));
}

static const struct {
	struct sp_str text;
	enum sp_method method;
	uint16_t status;
	enum sp_framing framing;
	bool has_length;
	uint64_t length;
	bool is_keep_alive;
	const char *reason;
} models[] = {
	{ A(CL "5\r\n"), SP_M_GET, 200, SP_BODY_LENGTH, true, 5, true, "OK" },
	{ A(CL "0\r\n"), SP_M_GET, 200, SP_BODY_LENGTH, true, 0, true, "OK" },
	{ A(CL "5\r\nConnection: close\r\n"), SP_M_GET, 200, SP_BODY_LENGTH, true, 5, false, "OK" },
	{ A(CL "5\r\n"), SP_M_HEAD, 200, SP_BODY_NONE, true, 5, true, "OK" },
	{ A(TE "chunked\r\n"), SP_M_GET, 200, SP_BODY_CHUNKED, false, 0, true, "OK" },
	{ A(TE "chunked\r\n"), SP_M_HEAD, 200, SP_BODY_NONE, false, 0, true, "OK" },
	{ A(""), SP_M_GET, 200, SP_BODY_CLOSE, false, 0, false, "OK" },
	{ A("Connection: keep-alive\r\n"), SP_M_GET, 200, SP_BODY_CLOSE, false, 0, false, "OK" },
	{ A(""), SP_M_HEAD, 200, SP_BODY_NONE, false, 0, true, "OK" },
	{ OLD(CL "5\r\n"), SP_M_GET, 200, SP_BODY_LENGTH, true, 5, false, "OK" },
	{ OLD(CL "5\r\nConnection: keep-alive\r\n"), SP_M_GET, 200, SP_BODY_LENGTH, true, 5, true, "OK" },
	{ AS("304", CL "7\r\n"), SP_M_GET, 304, SP_BODY_NONE, true, 7, true, "x" },
	{ AS("304", TE "chunked\r\n"), SP_M_GET, 304, SP_BODY_NONE, false, 0, true, "x" },
	{ AS("204", CL "0\r\n"), SP_M_GET, 204, SP_BODY_NONE, false, 0, true, "x" },
	{ AS("100", ""), SP_M_GET, 100, SP_BODY_NONE, false, 0, true, "x" },
	{ AS("101", ""), SP_M_GET, 101, SP_BODY_NONE, false, 0, true, "x" },
	{ AS("205", CL "0\r\n"), SP_M_GET, 205, SP_BODY_LENGTH, true, 0, true, "x" },
	{ AS("500", ""), SP_M_POST, 500, SP_BODY_CLOSE, false, 0, false, "x" },
	{ S("HTTP/1.1 404 "), SP_M_GET, 404, SP_BODY_CLOSE, false, 0, false, "" },
	{ S("HTTP/1.1 404  a "), SP_M_GET, 404, SP_BODY_CLOSE, false, 0, false, " a " },
};

static void test_models(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(models); i++) {
		struct feed one = like, f;

		one.answers = models[i].method;
		feed_all_ways(&f, &one, models[i].text);
		assert_int_equal(f.rc, SP_H1_HEAD);
		assert_int_equal(f.used, models[i].text.n);
		assert_int_equal(f.head.status, models[i].status);
		assert_int_equal(f.head.framing, models[i].framing);
		assert_int_equal(f.head.has_length, models[i].has_length);
		if (models[i].has_length)
			assert_int_equal(f.head.length, models[i].length);
		assert_int_equal(f.head.is_keep_alive, models[i].is_keep_alive);
		feed_same_str(f.head.reason, sp_str(models[i].reason));
		assert_false(f.head.is_request);
		feed_fini(&f);
	}
}

/* Interim heads are heads of their own; what stands behind one is left alone. */
static void test_one_head_at_a_time(void **state)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n";
	struct feed f;

	(void)state;
	feed_init(&f, &like, sizeof(text) - 1);
	feed_to(&f, sp_str(text), sizeof(text) - 1);
	assert_int_equal(f.rc, SP_H1_HEAD);
	assert_int_equal(f.used, 25);
	assert_int_equal(f.head.status, 100);
	feed_fini(&f);
}

static void test_status_line_limit(void **state)
{
	char text[3000];

	(void)state;
	for (size_t n = 1020; n < 1030; n++) {
		struct feed_case c = { "reason", { text, n + 4 }, n <= 1024 ? OK : SP_REFUSE_START_LINE };

		memset(text, 'r', sizeof(text));
		memcpy(text, "HTTP/1.1 200 ", 13);
		memcpy(text + n, "\r\n\r\n", 4);
		feed_case(&like, &c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_models),
		cmocka_unit_test(test_one_head_at_a_time),
		cmocka_unit_test(test_status_line_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
