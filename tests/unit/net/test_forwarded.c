/*
 * The PROXY header: what is one, what is none, and that no cut of one is taken for either.
 */
#include "t.h"

#include <string.h>

#include "sp/net/forwarded.h"

#define SIGN "\r\n\r\n\0\r\nQUIT\n"
#define V4 "\xc0\0\2\1\xc6\x33\x64\7\xd4\x31\1\xbb"
#define V6 "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\2\xd4\x31\1\xbb"
#define MAPPED "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\1\0\0\0\0\0\0\0\0\0\0\xff\xff\xc6\x33\x64\7\xd4\x31\1\xbb"
#define TEXT_(text) text, sizeof(text) - 1

static const struct {
	const char *name, *bytes;
	size_t n;
	enum sp_forwarded_rc want;
	const char *source, *destination;
} headers[] = {
	{ "v1 TCP4", TEXT_("PROXY TCP4 192.0.2.1 198.51.100.7 54321 443\r\n"), SP_FORWARDED_DONE, "192.0.2.1:54321",
	  "198.51.100.7:443" },
	{ "v1 TCP6", TEXT_("PROXY TCP6 2001:db8::1 2001:DB8::2 54321 443\r\n"), SP_FORWARDED_DONE,
	  "[2001:db8::1]:54321", "[2001:db8::2]:443" },
	{ "v1 mapped", TEXT_("PROXY TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.7 1 65535\r\n"), SP_FORWARDED_DONE,
	  "192.0.2.1:1", "198.51.100.7:65535" },
	{ "v1 port 0", TEXT_("PROXY TCP4 192.0.2.1 198.51.100.7 0 0\r\n"), SP_FORWARDED_DONE, "192.0.2.1:0",
	  "198.51.100.7:0" },
	{ "v1 unknown", TEXT_("PROXY UNKNOWN\r\n"), SP_FORWARDED_DONE, NULL, NULL },
	{ "v1 unknown, more", TEXT_("PROXY UNKNOWN ffff::1 x  y\r\n"), SP_FORWARDED_DONE, NULL, NULL },
	{ "v1 longest",
	  TEXT_("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 "
		"65535\r\n"),
	  SP_FORWARDED_DONE, NULL, NULL },
	{ "v1 a byte longer",
	  TEXT_("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 "
		"65535 \r\n"),
	  SP_FORWARDED_BAD, NULL, NULL },
	{ "v1 LF", TEXT_("PROXY TCP4 192.0.2.1 198.51.100.7 54321 443\n"), SP_FORWARDED_BAD, NULL, NULL },
	{ "v1 CR", TEXT_("PROXY TCP4 192.0.2.1 198.51.100.7 54321 443\r\r\n"), SP_FORWARDED_BAD, NULL, NULL },
	{ "v1 NUL", TEXT_("PROXY UNKNOWN \0\r\n"), SP_FORWARDED_BAD, NULL, NULL },
	{ "v1 not ASCII", TEXT_("PROXY UNKNOWN \xff\r\n"), SP_FORWARDED_BAD, NULL, NULL },
	{ "v1 tab", TEXT_("PROXY TCP4\t192.0.2.1 198.51.100.7 54321 443\r\n"), SP_FORWARDED_BAD, NULL, NULL },
	{ "v1 two blanks", TEXT_("PROXY TCP4  192.0.2.1 198.51.100.7 54321 443\r\n"), SP_FORWARDED_BAD, NULL, NULL },
	{ "v1 blank at the end", TEXT_("PROXY TCP4 192.0.2.1 198.51.100.7 54321 443 \r\n"), SP_FORWARDED_BAD, NULL,
	  NULL },
	{ "v1 one thing more", TEXT_("PROXY TCP4 192.0.2.1 198.51.100.7 54321 443 1\r\n"), SP_FORWARDED_BAD, NULL,
	  NULL },
	{ "v1 one port", TEXT_("PROXY TCP4 192.0.2.1 198.51.100.7 54321\r\n"), SP_FORWARDED_BAD, NULL, NULL },
	{ "v1 no port", TEXT_("PROXY TCP4 192.0.2.1 198.51.100.7\r\n"), SP_FORWARDED_BAD, NULL, NULL },
	{ "v1 nothing", TEXT_("PROXY \r\n"), SP_FORWARDED_BAD, NULL, NULL },
	{ "v1 family alone", TEXT_("PROXY TCP4\r\n"), SP_FORWARDED_BAD, NULL, NULL },
	{ "v1 UDP4", TEXT_("PROXY UDP4 192.0.2.1 198.51.100.7 54321 443\r\n"), SP_FORWARDED_BAD, NULL, NULL },
	{ "v1 lower case", TEXT_("PROXY tcp4 192.0.2.1 198.51.100.7 54321 443\r\n"), SP_FORWARDED_BAD, NULL, NULL },
	{ "v1 UNKNOWNS", TEXT_("PROXY UNKNOWNS\r\n"), SP_FORWARDED_BAD, NULL, NULL },
	{ "v1 v6 in TCP4", TEXT_("PROXY TCP4 2001:db8::1 198.51.100.7 54321 443\r\n"), SP_FORWARDED_BAD, NULL, NULL },
	{ "v1 v4 in TCP6", TEXT_("PROXY TCP6 2001:db8::1 198.51.100.7 54321 443\r\n"), SP_FORWARDED_BAD, NULL, NULL },
	{ "v1 brackets", TEXT_("PROXY TCP6 [2001:db8::1] 2001:db8::2 54321 443\r\n"), SP_FORWARDED_BAD, NULL, NULL },
	{ "v1 scope", TEXT_("PROXY TCP6 fe80::1%eth0 2001:db8::2 54321 443\r\n"), SP_FORWARDED_BAD, NULL, NULL },
	{ "v1 zero in front", TEXT_("PROXY TCP4 192.0.02.1 198.51.100.7 54321 443\r\n"), SP_FORWARDED_BAD, NULL, NULL },
	{ "v1 three numbers", TEXT_("PROXY TCP4 192.0.1 198.51.100.7 54321 443\r\n"), SP_FORWARDED_BAD, NULL, NULL },
	{ "v1 256", TEXT_("PROXY TCP4 192.0.2.256 198.51.100.7 54321 443\r\n"), SP_FORWARDED_BAD, NULL, NULL },
	{ "v1 a name", TEXT_("PROXY TCP4 localhost 198.51.100.7 54321 443\r\n"), SP_FORWARDED_BAD, NULL, NULL },
	{ "v1 port 65536", TEXT_("PROXY TCP4 192.0.2.1 198.51.100.7 65536 443\r\n"), SP_FORWARDED_BAD, NULL, NULL },
	{ "v1 port 0443", TEXT_("PROXY TCP4 192.0.2.1 198.51.100.7 54321 0443\r\n"), SP_FORWARDED_BAD, NULL, NULL },
	{ "v1 port +443", TEXT_("PROXY TCP4 192.0.2.1 198.51.100.7 54321 +443\r\n"), SP_FORWARDED_BAD, NULL, NULL },
	{ "v1 port -1", TEXT_("PROXY TCP4 192.0.2.1 198.51.100.7 -1 443\r\n"), SP_FORWARDED_BAD, NULL, NULL },

	{ "v2 TCP4", TEXT_(SIGN "\x21\x11\0\xc" V4), SP_FORWARDED_DONE, "192.0.2.1:54321", "198.51.100.7:443" },
	{ "v2 TCP6", TEXT_(SIGN "\x21\x21\0\x24" V6), SP_FORWARDED_DONE, "[2001:db8::1]:54321", "[2001:db8::2]:443" },
	{ "v2 mapped", TEXT_(SIGN "\x21\x21\0\x24" MAPPED), SP_FORWARDED_DONE, "192.0.2.1:54321", "198.51.100.7:443" },
	{ "v2 UNSPEC", TEXT_(SIGN "\x21\0\0\0"), SP_FORWARDED_DONE, NULL, NULL },
	{ "v2 UNSPEC with a TLV", TEXT_(SIGN "\x21\0\0\3\4\0\0"), SP_FORWARDED_DONE, NULL, NULL },
	{ "v2 LOCAL", TEXT_(SIGN "\x20\0\0\0"), SP_FORWARDED_DONE, NULL, NULL },
	{ "v2 LOCAL with addresses", TEXT_(SIGN "\x20\x11\0\xc" V4), SP_FORWARDED_DONE, NULL, NULL },
	{ "v2 LOCAL of an unknown family", TEXT_(SIGN "\x20\xff\0\1x"), SP_FORWARDED_DONE, NULL, NULL },
	{ "v2 TLVs", TEXT_(SIGN "\x21\x11\0\x17" V4 "\xea\0\2\1x\x4\0\0\x1\0\0"), SP_FORWARDED_DONE, "192.0.2.1:54321",
	  "198.51.100.7:443" },
	{ "v2 TLV without a length", TEXT_(SIGN "\x21\x11\0\xe" V4 "\4\0"), SP_FORWARDED_BAD, NULL, NULL },
	{ "v2 TLV too long", TEXT_(SIGN "\x21\x11\0\x10" V4 "\4\0\2x"), SP_FORWARDED_BAD, NULL, NULL },
	{ "v2 TLV of 65535", TEXT_(SIGN "\x21\x11\0\x10" V4 "\4\xff\xff?"), SP_FORWARDED_BAD, NULL, NULL },
	{ "v2 checksum", TEXT_(SIGN "\x21\x11\0\x13" V4 "\3\0\4\x03\x6d\x76\x82"), SP_FORWARDED_DONE, "192.0.2.1:54321",
	  "198.51.100.7:443" },
	{ "v2 wrong checksum", TEXT_(SIGN "\x21\x11\0\x13" V4 "\3\0\4\x03\x6d\x76\x83"), SP_FORWARDED_BAD, NULL, NULL },
	{ "v2 short checksum", TEXT_(SIGN "\x21\x11\0\x12" V4 "\3\0\3abc"), SP_FORWARDED_BAD, NULL, NULL },
	{ "v2 two checksums", TEXT_(SIGN "\x21\x11\0\x1a" V4 "\3\0\4\0\0\0\0\3\0\4\0\0\0\0"), SP_FORWARDED_BAD, NULL,
	  NULL },
	{ "v2 short for TCP4",
	  TEXT_(SIGN "\x21\x11\0\xb"
		     "\xc0\0\2\1\xc6\x33\x64\7\xd4\x31\1"),
	  SP_FORWARDED_BAD, NULL, NULL },
	{ "v2 short for TCP6", TEXT_(SIGN "\x21\x21\0\xc" V4), SP_FORWARDED_BAD, NULL, NULL },
	{ "v2 short for a path", TEXT_(SIGN "\x21\x31\0\xc" V4), SP_FORWARDED_BAD, NULL, NULL },
	{ "v2 UDP4", TEXT_(SIGN "\x21\x12\0\xc" V4), SP_FORWARDED_BAD, NULL, NULL },
	{ "v2 TCP of no family", TEXT_(SIGN "\x21\x01\0\0"), SP_FORWARDED_BAD, NULL, NULL },
	{ "v2 family 4", TEXT_(SIGN "\x21\x41\0\0"), SP_FORWARDED_BAD, NULL, NULL },
	{ "v2 command 2", TEXT_(SIGN "\x22\x11\0\xc" V4), SP_FORWARDED_BAD, NULL, NULL },
	{ "v2 version 1", TEXT_(SIGN "\x11\x11\0\xc" V4), SP_FORWARDED_BAD, NULL, NULL },
	{ "v2 version 3", TEXT_(SIGN "\x31\x11\0\xc" V4), SP_FORWARDED_BAD, NULL, NULL },
	{ "v2 too long", TEXT_(SIGN "\x20\0\xf\xf1"), SP_FORWARDED_BAD, NULL, NULL },
	{ "v2 far too long", TEXT_(SIGN "\x21\x11\xff\xff"), SP_FORWARDED_BAD, NULL, NULL },
	{ "v2 the longest, begun", TEXT_(SIGN "\x20\0\xf\xf0"), SP_FORWARDED_MORE, NULL, NULL },

	{ "nothing", TEXT_(""), SP_FORWARDED_MORE, NULL, NULL },
	{ "POST", TEXT_("PO"), SP_FORWARDED_NONE, NULL, NULL },
	{ "PROPFIND", TEXT_("PROPFIND / HTTP/1.1\r\n"), SP_FORWARDED_NONE, NULL, NULL },
	{ "PROXYS", TEXT_("PROXYS"), SP_FORWARDED_NONE, NULL, NULL },
	{ "lower case", TEXT_("proxy TCP4"), SP_FORWARDED_NONE, NULL, NULL },
	{ "empty lines and GET", TEXT_("\r\n\r\nG"), SP_FORWARDED_NONE, NULL, NULL },
	{ "a hello", TEXT_("\x16\3\1"), SP_FORWARDED_NONE, NULL, NULL },
	{ "one wrong byte of the signature", TEXT_("\r\n\r\n\0\r\nQUIT\r"), SP_FORWARDED_NONE, NULL, NULL },
	{ "a blank before", TEXT_(" PROXY UNKNOWN\r\n"), SP_FORWARDED_NONE, NULL, NULL },
};

static void check_address(const struct sp_addr *addr, const char *want)
{
	char text[SP_ADDR_TEXT];

	assert_string_equal(sp_addr_text(addr, text), want);
}

static void test_headers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		struct sp_forwarded got;
		enum sp_forwarded_rc rc = sp_forwarded_read((const uint8_t *)headers[i].bytes, headers[i].n, &got);

		print_message("  %s\n", headers[i].name);
		assert_int_equal(rc, headers[i].want);
		if (rc != SP_FORWARDED_DONE)
			continue;
		assert_int_equal(got.length, headers[i].n);
		assert_int_equal(got.has_addresses, headers[i].source != NULL);
		if (!got.has_addresses)
			continue;
		check_address(&got.source, headers[i].source);
		check_address(&got.destination, headers[i].destination);
	}
}

/* A copy of exactly so many bytes, so that a sanitizer sees a look behind them. */
static enum sp_forwarded_rc read_copy(const char *bytes, size_t n, struct sp_forwarded *out)
{
	uint8_t *copy = test_malloc(n + 1);
	enum sp_forwarded_rc rc;

	memcpy(copy + 1, bytes, n);
	rc = sp_forwarded_read(copy + 1, n, out);
	test_free(copy);
	return rc;
}

static void test_every_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		enum sp_forwarded_rc before = SP_FORWARDED_MORE;

		for (size_t n = 0; n <= headers[i].n; n++) {
			struct sp_forwarded got;
			enum sp_forwarded_rc rc = read_copy(headers[i].bytes, n, &got);

			if (before != SP_FORWARDED_MORE)
				assert_int_equal(rc, before);
			else if (n < headers[i].n && headers[i].want == SP_FORWARDED_DONE)
				assert_int_equal(rc, SP_FORWARDED_MORE);
			before = rc;
		}
		assert_int_equal(before, headers[i].want);
	}
}

/* What follows is the client's: not looked at, not counted. */
static void test_what_follows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		char bytes[512];
		struct sp_forwarded got;

		if (headers[i].want != SP_FORWARDED_DONE)
			continue;
		memcpy(bytes, headers[i].bytes, headers[i].n);
		for (size_t n = 0; n + headers[i].n <= sizeof(bytes); n += 13) {
			memset(bytes + headers[i].n, 'P', n);
			assert_int_equal(read_copy(bytes, headers[i].n + n, &got), SP_FORWARDED_DONE);
			assert_int_equal(got.length, headers[i].n);
		}
	}
}

static void test_paths_and_the_longest(void **state)
{
	static uint8_t bytes[SP_FORWARDED_MAX + 1];
	struct sp_forwarded got;

	(void)state;
	memcpy(bytes, SIGN "\x21\x31\0\xd8", 16);
	assert_int_equal(sp_forwarded_read(bytes, 16 + 216, &got), SP_FORWARDED_DONE);
	assert_false(got.has_addresses);
	assert_int_equal(got.length, 16 + 216);

	memcpy(bytes, SIGN "\x21\x11\xf\xf0" V4 "\xea\xf\xe1", 16 + 12 + 3);
	assert_int_equal(sp_forwarded_read(bytes, SP_FORWARDED_MAX - 1, &got), SP_FORWARDED_MORE);
	assert_int_equal(sp_forwarded_read(bytes, SP_FORWARDED_MAX + 1, &got), SP_FORWARDED_DONE);
	assert_int_equal(got.length, SP_FORWARDED_MAX);
	assert_true(got.has_addresses);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_what_follows),
		cmocka_unit_test(test_paths_and_the_longest),
	};

	return cmocka_run_group_tests_name("net/forwarded", tests, NULL, NULL);
}
