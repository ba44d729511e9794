/*
 * Where the body of a request ends; never two answers. The messages of an http-parser harness that are about framing are
 * here too.
 */
#include "feed.h"

#define P(fields) TEXT("POST / HTTP/1.1\r\nHost: a\r\n" fields "\r\n")
#define OLD(fields) TEXT("POST / HTTP/1.0\r\nHost: a\r\n" fields "\r\n")
#define CL "Content-Length: "
#define TE "Transfer-Encoding: "
#define OK SP_REFUSE_NONE

static const struct feed like = { .limits = FEED_LIMITS };

static const struct feed_case cases[] = {
	{ "none", P(""), OK },
	{ "0", P(CL "0\r\n"), OK },
	{ "5", P(CL "5\r\n"), OK },
	{ "leading zeros", P(CL "0005\r\n"), OK },
	{ "18 digits", P(CL "999999999999999999\r\n"), OK },
	{ "18 zeros", P(CL "000000000000000000\r\n"), OK },
	{ "blanks around", P("Content-Length:   5  \r\n"), OK },
	{ "no blank", P("content-length:5\r\n"), OK },
	{ "with GET", TEXT("GET / HTTP/1.1\r\nHost: a\r\n" CL "5\r\n\r\n"), OK },
	{ "with DELETE", TEXT("DELETE / HTTP/1.1\r\nHost: a\r\n" CL "5\r\n\r\n"), OK },
	{ "with OPTIONS", TEXT("OPTIONS * HTTP/1.1\r\nHost: a\r\n" CL "5\r\n\r\n"), OK },
	{ "in 1.0", OLD(CL "5\r\n"), OK },
	{ "19 digits", P(CL "1000000000000000000\r\n"), SP_REFUSE_LENGTH },
	{ "19 zeros", P(CL "0000000000000000000\r\n"), SP_REFUSE_LENGTH },
	{ "2^63 + 1", P(CL "9223372036854775809\r\n"), SP_REFUSE_LENGTH },
	{ "2^64", P(CL "18446744073709551616\r\n"), SP_REFUSE_LENGTH },
	{ "2^64 + 5", P(CL "18446744073709551621\r\n"), SP_REFUSE_LENGTH },
	{ "empty", P("Content-Length:\r\n"), SP_REFUSE_LENGTH },
	{ "blank", P("Content-Length:  \r\n"), SP_REFUSE_LENGTH },
	{ "plus", P(CL "+5\r\n"), SP_REFUSE_LENGTH },
	{ "minus", P(CL "-5\r\n"), SP_REFUSE_LENGTH },
	{ "minus 0", P(CL "-0\r\n"), SP_REFUSE_LENGTH },
	{ "hex", P(CL "0x5\r\n"), SP_REFUSE_LENGTH },
	{ "hex digits", P(CL "a\r\n"), SP_REFUSE_LENGTH },
	{ "fraction", P(CL "5.0\r\n"), SP_REFUSE_LENGTH },
	{ "exponent", P(CL "5e1\r\n"), SP_REFUSE_LENGTH },
	{ "inner blank", P(CL "1 0\r\n"), SP_REFUSE_LENGTH },
	{ "list", P(CL "5, 5\r\n"), SP_REFUSE_LENGTH },
	{ "list of different", P(CL "5,6\r\n"), SP_REFUSE_LENGTH },
	{ "trailing comma", P(CL "5,\r\n"), SP_REFUSE_LENGTH },
	{ "leading comma", P(CL ",5\r\n"), SP_REFUSE_LENGTH },
	{ "semicolon", P(CL "5;\r\n"), SP_REFUSE_LENGTH },
	{ "quoted", P(CL "\"5\"\r\n"), SP_REFUSE_LENGTH },
	{ "words", P(CL "five\r\n"), SP_REFUSE_LENGTH },
	{ "underscore in digits", P(CL "1_0\r\n"), SP_REFUSE_LENGTH },
	{ "fullwidth digit", P(CL "\357\274\225\r\n"), SP_REFUSE_LENGTH },
	{ "no-break space", P(CL "5\240\r\n"), SP_REFUSE_LENGTH },
	{ "NUL", P(CL "5\0\r\n"), SP_REFUSE_CONTROL },
	{ "VT", P(CL "\v5\r\n"), SP_REFUSE_CONTROL },
	{ "CR inside", P(CL "5\r5\r\n"), SP_REFUSE_LINE_END },
	{ "tab behind it: nginx and http-parser say no, others 5", P(CL "5\t\r\n"), SP_REFUSE_SECOND_OPINION },
	{ "twice equal", P(CL "5\r\n" CL "5\r\n"), SP_REFUSE_FRAMING },
	{ "twice different", P(CL "5\r\n" CL "6\r\n"), SP_REFUSE_FRAMING },
	{ "twice, second empty", P(CL "5\r\nContent-Length:\r\n"), SP_REFUSE_FRAMING },
	{ "twice in other case", P(CL "5\r\ncONTENT-lENGTH: 5\r\n"), SP_REFUSE_FRAMING },
	{ "twice, far apart", P(CL "5\r\nA: 1\r\nB: 2\r\n" CL "5\r\n"), SP_REFUSE_FRAMING },
	{ "three times", P(CL "5\r\n" CL "5\r\n" CL "5\r\n"), SP_REFUSE_FRAMING },
	{ "blank before the colon", P("Content-Length : 5\r\n"), SP_REFUSE_FIELD_NAME },
	{ "folded", P("Content-Length:\r\n 5\r\n"), SP_REFUSE_FOLD },
	{ "folded further", P(CL "5\r\n 6\r\n"), SP_REFUSE_FOLD },
	{ "with _, dropped", P("Content_Length: 5\r\n"), OK },

	{ "chunked", P(TE "chunked\r\n"), OK },
	{ "Chunked", P(TE "Chunked\r\n"), OK },
	{ "CHUNKED", P("TRANSFER-ENCODING: CHUNKED\r\n"), OK },
	{ "blanks", P("Transfer-Encoding:   chunked  \r\n"), OK },
	{ "with TE", P(TE "chunked\r\nTE: trailers\r\nConnection: TE\r\n"), OK },
	{ "with Trailer", P(TE "chunked\r\nTrailer: X\r\n"), OK },
	{ "GET with chunked", TEXT("GET / HTTP/1.1\r\nHost: a\r\n" TE "chunked\r\n\r\n"), OK },
	{ "1.0", OLD(TE "chunked\r\n"), SP_REFUSE_FRAMING },
	{ "1.0 identity", OLD(TE "identity\r\n"), SP_REFUSE_FRAMING },
	{ "1.0 keep-alive", OLD(TE "chunked\r\nConnection: keep-alive\r\n"), SP_REFUSE_FRAMING },
	{ "twice", P(TE "chunked\r\n" TE "chunked\r\n"), SP_REFUSE_FRAMING },
	{ "identity line, chunked line", P(TE "identity\r\n" TE "chunked\r\n"), SP_REFUSE_FRAMING },
	{ "chunked line, identity line", P(TE "chunked\r\n" TE "identity\r\n"), SP_REFUSE_FRAMING },
	{ "chunked line, empty line", P(TE "chunked\r\nTransfer-Encoding:\r\n"), SP_REFUSE_FRAMING },
	{ "chunked, chunked", P(TE "chunked, chunked\r\n"), SP_REFUSE_FRAMING },
	{ "chunked, gzip", P(TE "chunked, gzip\r\n"), SP_REFUSE_FRAMING },
	{ "chunked, identity", P(TE "chunked, identity\r\n"), SP_REFUSE_FRAMING },
	{ "empty", P("Transfer-Encoding:\r\n"), SP_REFUSE_FRAMING },
	{ "comma behind", P(TE "chunked,\r\n"), SP_REFUSE_FRAMING },
	{ "comma before", P(TE ",chunked\r\n"), SP_REFUSE_FRAMING },
	{ "parameter", P(TE "chunked;q=1\r\n"), SP_REFUSE_FRAMING },
	{ "parameter x", P(TE "chunked; x\r\n"), SP_REFUSE_FRAMING },
	{ "quoted", P(TE "\"chunked\"\r\n"), SP_REFUSE_FRAMING },
	{ "single quoted", P(TE "'chunked'\r\n"), SP_REFUSE_FRAMING },
	{ "xchunked", P(TE "xchunked\r\n"), SP_REFUSE_FRAMING },
	{ "chunkedx", P(TE "chunkedx\r\n"), SP_REFUSE_FRAMING },
	{ "chunke", P(TE "chunke\r\n"), SP_REFUSE_FRAMING },
	{ "chunked x", P(TE "chunked x\r\n"), SP_REFUSE_FRAMING },
	{ "x chunked", P(TE "x chunked\r\n"), SP_REFUSE_FRAMING },
	{ "dotted k", P(TE "chun\342\204\252ed\r\n"), SP_REFUSE_FRAMING },
	{ "high byte behind", P(TE "chunked\240\r\n"), SP_REFUSE_FRAMING },
	{ "foo, chunked", P(TE "foo, chunked\r\n"), SP_REFUSE_FRAMING },
	{ "gzip", P(TE "gzip\r\n"), SP_REFUSE_CODING },
	{ "gzip, chunked", P(TE "gzip, chunked\r\n"), SP_REFUSE_CODING },
	{ "identity", P(TE "identity\r\n"), SP_REFUSE_CODING },
	{ "identity, chunked", P(TE "identity, chunked\r\n"), SP_REFUSE_CODING },
	{ "deflate", P(TE "deflate\r\n"), SP_REFUSE_CODING },
	{ "compress, chunked", P(TE "compress, chunked\r\n"), SP_REFUSE_CODING },
	{ "x-gzip", P(TE "X-GZIP\r\n"), SP_REFUSE_CODING },
	{ "tab behind it", P(TE "chunked\t\r\n"), SP_REFUSE_SECOND_OPINION },
	{ "VT before it", P(TE "\vchunked\r\n"), SP_REFUSE_CONTROL },
	{ "NUL behind it", P(TE "chunked\0\r\n"), SP_REFUSE_CONTROL },
	{ "DEL behind it", P(TE "chunked\177\r\n"), SP_REFUSE_CONTROL },
	{ "blank before the colon", P("Transfer-Encoding : chunked\r\n"), SP_REFUSE_FIELD_NAME },
	{ "tab before the colon", P("Transfer-Encoding\t: chunked\r\n"), SP_REFUSE_FIELD_NAME },
	{ "folded value", P("Transfer-Encoding:\r\n chunked\r\n"), SP_REFUSE_FOLD },
	{ "folded before", P("X: y\r\n Transfer-Encoding: chunked\r\n"), SP_REFUSE_FOLD },
	{ "behind a bare LF", P("X: y\nTransfer-Encoding: chunked\r\n"), SP_REFUSE_LINE_END },
	{ "behind a bare CR", P("X: y\rTransfer-Encoding: chunked\r\n"), SP_REFUSE_LINE_END },
	{ "high byte in the name", P("Transfer\200-Encoding: chunked\r\n"), SP_REFUSE_FIELD_NAME },
	{ "with _, dropped", P("Transfer_Encoding: chunked\r\n"), OK },

	{ "both", P(CL "5\r\n" TE "chunked\r\n"), SP_REFUSE_FRAMING },
	{ "both, other order", P(TE "chunked\r\n" CL "5\r\n"), SP_REFUSE_FRAMING },
	{ "both, length 0", P(CL "0\r\n" TE "chunked\r\n"), SP_REFUSE_FRAMING },
	{ "both, coding identity", P(CL "5\r\n" TE "identity\r\n"), SP_REFUSE_FRAMING },
	{ "both, coding empty", P(CL "5\r\nTransfer-Encoding:\r\n"), SP_REFUSE_FRAMING },
	{ "both, length empty", P("Content-Length:\r\n" TE "chunked\r\n"), SP_REFUSE_FRAMING },
	{ "both in 1.0", OLD(CL "5\r\n" TE "chunked\r\n"), SP_REFUSE_FRAMING },
	{ "both, far apart", P(CL "5\r\nA: 1\r\nB: 2\r\n" TE "chunked\r\n"), SP_REFUSE_FRAMING },
};

static void test_cases(void **state)
{
	(void)state;
	feed_cases(&like, cases, SP_COUNT(cases));
}

static void model(struct sp_str text, enum sp_framing framing, uint64_t length)
{
	struct feed f;

	feed_all_ways(&f, &like, text);
	assert_int_equal(f.rc, SP_H1_HEAD);
	assert_int_equal(f.head.framing, framing);
	assert_int_equal(f.head.has_length, framing == SP_BODY_LENGTH);
	assert_int_equal(f.head.length, length);
	feed_fini(&f);
}

static void test_models(void **state)
{
	(void)state;
	model((struct sp_str)P(""), SP_BODY_NONE, 0);
	model((struct sp_str)P(CL "0\r\n"), SP_BODY_LENGTH, 0);
	model((struct sp_str)P(CL "00012\r\n"), SP_BODY_LENGTH, 12);
	model((struct sp_str)P(CL "999999999999999999\r\n"), SP_BODY_LENGTH, 999999999999999999U);
	model((struct sp_str)P(TE "chunked\r\n"), SP_BODY_CHUNKED, 0);
	model((struct sp_str)P("Content_Length: 7\r\n"), SP_BODY_NONE, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases), cmocka_unit_test(test_models) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
