/* The PROXY header that we write is one that we read. */
#include "t.h"

#include "sp/base/check.h"
#include "sp/net/forwarded.h"
#include "sp/net/proxy_header.h"

static struct sp_addr addr(const char *text)
{
	struct sp_addr made;

	assert_true(sp_addr_parse(sp_str(text), 0, &made));
	return made;
}

static void test_read_back(void **state)
{
	static const struct {
		const char *source, *destination, *read_source, *read_destination;
		size_t n;
	} rows[] = {
		{ "192.0.2.1:1234", "198.51.100.2:443", "192.0.2.1:1234", "198.51.100.2:443", 28 },
		{ "[2001:db8::1]:1", "[2001:db8::2]:65535", "[2001:db8::1]:1", "[2001:db8::2]:65535", 52 },
		{ "192.0.2.1:1234", "[2001:db8::2]:443", "192.0.2.1:1234", "[2001:db8::2]:443", 52 },
		{ "[2001:db8::1]:1", "198.51.100.2:443", "[2001:db8::1]:1", "198.51.100.2:443", 52 },
	};

	(void)state;
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		struct sp_addr source = addr(rows[i].source), destination = addr(rows[i].destination);
		char text[SP_ADDR_TEXT];
		uint8_t bytes[SP_PROXY_HEADER_MAX];
		size_t n = sp_proxy_header_write(&source, &destination, bytes);
		struct sp_forwarded read;

		assert_int_equal(n, rows[i].n);
		assert_int_equal(sp_forwarded_read(bytes, n, &read), SP_FORWARDED_DONE);
		assert_int_equal(read.length, n);
		assert_true(read.has_addresses);
		assert_string_equal(sp_addr_text(&read.source, text), rows[i].read_source);
		assert_string_equal(sp_addr_text(&read.destination, text), rows[i].read_destination);
	}
}

/* A Unix socket has no address to tell; our own connections are nobody's. */
static void test_nothing_to_say(void **state)
{
	struct sp_addr source = addr("unix:/run/x.sock"), none = { .family = SP_ADDR_NONE }, v4 = addr("192.0.2.1:1");
	const struct sp_addr *const pairs[][2] = { { &source, &source }, { &v4, &none }, { &none, &v4 } };
	uint8_t bytes[SP_PROXY_HEADER_MAX];
	struct sp_forwarded read;

	(void)state;
	for (size_t i = 0; i <= SP_COUNT(pairs); i++) {
		size_t n = i == SP_COUNT(pairs) ? sp_proxy_header_write_local(bytes)
						: sp_proxy_header_write(pairs[i][0], pairs[i][1], bytes);

		assert_int_equal(n, 16);
		assert_int_equal(bytes[12], i == SP_COUNT(pairs) ? 0x20 : 0x21);
		assert_int_equal(sp_forwarded_read(bytes, n, &read), SP_FORWARDED_DONE);
		assert_false(read.has_addresses);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_back),
		cmocka_unit_test(test_nothing_to_say),
	};

	return cmocka_run_group_tests_name("net/proxy_header", tests, NULL, NULL);
}
