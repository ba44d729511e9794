/* dns - a question as it goes out; of answers what they say, and which of them answer it at all. */
#include <string.h>

#include "../../../../src/role/monitor/dns.h"
#include "sp/base/str.h"
#include "t.h"

#define ID 0x1234
#define NAME "\003app\010internal"

static struct sp_dns_query query;
static struct sp_dns_answer answer;

/* An answer: head, the question, records. The literal's last NUL is the root label of the question. */
static enum sp_dns_rc read_it(const void *bytes, size_t n)
{
	uint8_t exact[512];

	assert_true(n <= sizeof(exact));
	memcpy(exact, bytes, n);
	return sp_dns_read(&query, exact, n, &answer);
}

#define READ(text) read_it(text, sizeof(text) - 1)
#define HEAD(flags, answers) "\x12\x34" flags "\0\1" answers "\0\0\0\0"
#define QUESTION(type) NAME "\0" type "\0\1"
#define A(ttl, ip) "\xc0\x0c\0\1\0\1" ttl "\0\4" ip
#define AAAA(ttl, ip) "\xc0\x0c\0\x1c\0\1" ttl "\0\x10" ip

static void ask(enum sp_addr_family family)
{
	assert_true(sp_dns_ask(&query, SP_STR("app.internal"), family, ID));
}

static void test_question(void **state)
{
	static const char v4[] = "\x12\x34\1\0\0\1\0\0\0\0\0\1" QUESTION("\0\1");
	static const char v6[] = "\x12\x34\1\0\0\1\0\0\0\0\0\1" QUESTION("\0\x1c");
	char longest[300];

	(void)state;
	ask(SP_ADDR_V4);
	assert_memory_equal(query.bytes, v4, sizeof(v4) - 1);
	ask(SP_ADDR_V6);
	assert_memory_equal(query.bytes, v6, sizeof(v6) - 1);
	/* EDNS(0): answers of up to SP_DNS_UDP bytes (RFC 6891, 6.1.2) */
	assert_memory_equal(query.bytes + sizeof(v6) - 1, "\0\0\x29\4\xd0", 5);
	memset(longest, 'a', sizeof(longest));
	assert_false(sp_dns_ask(&query, SP_STR(""), SP_ADDR_V4, ID));
	assert_false(sp_dns_ask(&query, sp_str_of(longest, 64), SP_ADDR_V4, ID));
	assert_false(sp_dns_ask(&query, sp_str_of(longest, sizeof(longest)), SP_ADDR_V4, ID));
	assert_false(sp_dns_ask(&query, SP_STR("a..b"), SP_ADDR_V4, ID));
}

static void test_addresses(void **state)
{
	(void)state;
	ask(SP_ADDR_V4);
	assert_int_equal(READ(HEAD("\x81\x80", "\0\2") QUESTION("\0\1") A("\0\0\0\x3c", "\x0a\0\1\x0a")
			      A("\0\0\0\x1e", "\x0a\0\1\x0b")), SP_DNS_ADDRESSES);
	assert_int_equal(answer.count, 2);
	assert_int_equal(answer.ttl, 30); /* the least */
	assert_int_equal(answer.addrs[1].family, SP_ADDR_V4);
	assert_memory_equal(answer.addrs[1].ip, "\x0a\0\1\x0b", 4);
	/* A CNAME before it: the server followed it for us. */
	assert_int_equal(READ(HEAD("\x81\x80", "\0\2") QUESTION("\0\1") "\xc0\x0c\0\5\0\1\0\0\0\5\0\4\1b\xc0\x10"
			      "\xc0\x2a\0\1\0\1\0\0\0\x3c\0\4\x0a\0\1\x0c"), SP_DNS_ADDRESSES);
	assert_int_equal(answer.count, 1);
	ask(SP_ADDR_V6);
	assert_int_equal(READ(HEAD("\x81\x80", "\0\1") QUESTION("\0\x1c") AAAA("\0\0\0\x3c",
			      "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\7")), SP_DNS_ADDRESSES);
	assert_int_equal(answer.addrs[0].family, SP_ADDR_V6);
	assert_int_equal(answer.addrs[0].ip[15], 7);
}

static void test_no_address(void **state)
{
	(void)state;
	ask(SP_ADDR_V4);
	assert_int_equal(READ(HEAD("\x81\x83", "\0\0") QUESTION("\0\1")), SP_DNS_NONE);
	assert_int_equal(READ(HEAD("\x81\x80", "\0\0") QUESTION("\0\1")), SP_DNS_NONE);
	assert_int_equal(READ(HEAD("\x83\x80", "\0\0") QUESTION("\0\1")), SP_DNS_TRUNCATED);
	assert_int_equal(READ(HEAD("\x81\x82", "\0\0") QUESTION("\0\1")), SP_DNS_FAILED);
	assert_string_equal(answer.why, "servfail");
	assert_int_equal(READ(HEAD("\x81\x85", "\0\0") QUESTION("\0\1")), SP_DNS_FAILED);
	assert_string_equal(answer.why, "refused");
	assert_int_equal(READ(HEAD("\x81\x8b", "\0\0") QUESTION("\0\1")), SP_DNS_FAILED);
	assert_string_equal(answer.why, "error");
	/* A record that ends before its address does. */
	assert_int_equal(READ(HEAD("\x81\x80", "\0\1") QUESTION("\0\1") "\xc0\x0c\0\1\0\1\0\0\0\5\0\4\x0a\0"), SP_DNS_FAILED);
	assert_string_equal(answer.why, "bad_answer");
}

/* RFC 5452, 9.1: what is no answer to this very question is not listened to. */
static void test_others(void **state)
{
	static const char good[] = HEAD("\x81\x80", "\0\1") QUESTION("\0\1") A("\0\0\0\x3c", "\x0a\0\1\x0a");
	uint8_t bad[sizeof(good)];
	const size_t question = 12 + sizeof(QUESTION("\0\1")) - 1;

	(void)state;
	ask(SP_ADDR_V4);
	assert_int_equal(READ(good), SP_DNS_ADDRESSES);
	for (size_t n = 0; n < question; n++)
		assert_int_equal(read_it(good, n), SP_DNS_OTHER);
	for (size_t i = 0; i < question; i++) {
		if (i == 2 || i == 3 || (i >= 6 && i < 12))
			continue; /* flags and counts: told apart above */
		memcpy(bad, good, sizeof(good));
		bad[i] ^= 1;
		assert_int_equal(read_it(bad, sizeof(good) - 1), SP_DNS_OTHER);
	}
	memcpy(bad, good, sizeof(good));
	bad[2] &= 0x7f; /* a question */
	assert_int_equal(read_it(bad, sizeof(good) - 1), SP_DNS_OTHER);
	memcpy(bad, good, sizeof(good));
	bad[13] = 'A'; /* RFC 4343: case is no difference */
	assert_int_equal(read_it(bad, sizeof(good) - 1), SP_DNS_ADDRESSES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_question),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_no_address),
		cmocka_unit_test(test_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
