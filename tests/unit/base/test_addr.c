#include "sp/base/addr.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/un.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" /* 35 */

static const struct {
	const char *text;
	const char *want; /* sp_addr_ip_text; NULL = refused */
} ips[] = {
	{ "10.0.0.1", "10.0.0.1" },
	{ "0.0.0.0", "0.0.0.0" },
	{ "255.255.255.255", "255.255.255.255" },
	{ "::1", "::1" },
	{ "::", "::" },
	{ "[::1]", "::1" },
	{ "FD00::A", "fd00::a" },
	{ "::ffff:10.0.0.1", "::ffff:10.0.0.1" },
	{ "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	{ "", NULL },
	{ "10.0.0", NULL },
	{ "10.0.0.1.", NULL },
	{ "10.0.0.1.2", NULL },
	{ "010.0.0.1", NULL },
	{ "10.0.0.01", NULL },
	{ "10.0.0.256", NULL },
	{ "10.0.0.-1", NULL },
	{ "0x0a.0.0.1", NULL },
	{ "167772161", NULL },
	{ " 10.0.0.1", NULL },
	{ "10.0.0.1 ", NULL },
	{ "10.0.0.1:80", NULL },
	{ "10.0.0.1/8", NULL },
	{ "[10.0.0.1]", NULL },
	{ "[::1", NULL },
	{ "::1]", NULL },
	{ "[]", NULL },
	{ "[", NULL },
	{ "]", NULL },
	{ "[[::1]]", NULL },
	{ "[::1]:80", NULL },
	{ "fe80::1%eth0", NULL },
	{ "fe80::1%1", NULL },
	{ ":::", NULL },
	{ "1::2::3", NULL },
	{ "12345::", NULL },
	{ "::ffff:010.0.0.1", NULL },
	{ "::ffff:10.0.0", NULL },
	{ "0:0:0:0:0:0:0:0:0", NULL },
	{ "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555", NULL },
	{ "localhost", NULL },
	{ A A A, NULL },
};

static void test_ips(void **state)
{
	char text[SP_ADDR_TEXT];
	struct sp_addr addr;

	(void)state;
	for (size_t i = 0; i < SP_COUNT(ips); i++) {
		bool is_ok = sp_addr_parse_ip(sp_str(ips[i].text), &addr);

		if (is_ok != (ips[i].want != NULL))
			fail_msg("%s", ips[i].text);
		if (is_ok) {
			assert_string_equal(sp_addr_ip_text(&addr, text), ips[i].want);
			assert_int_equal(addr.port, 0);
		}
	}
	assert_false(sp_addr_parse_ip(SP_STR("10.0.0.1\0"), &addr));
	assert_false(sp_addr_parse_ip(SP_STR("10.0.0.1\0.example"), &addr));
	assert_false(sp_addr_parse_ip(SP_STR_NONE, &addr));
}

static const struct {
	const char *text;
	uint16_t default_port;
	const char *want; /* sp_addr_text; NULL = refused */
} addrs[] = {
	{ "10.0.0.1:80", 0, "10.0.0.1:80" },
	{ "10.0.0.1:65535", 0, "10.0.0.1:65535" },
	{ "10.0.0.1", 8080, "10.0.0.1:8080" },
	{ "[::1]:80", 0, "[::1]:80" },
	{ "[::]:443", 0, "[::]:443" },
	{ "[::1]", 443, "[::1]:443" },
	{ "unix:/run/x.sock", 0, "unix:/run/x.sock" },
	{ "unix:x", 80, "unix:x" },
	{ "unix:" A A A "aa", 0, "unix:" A A A "aa" },
	{ "", 80, NULL },
	{ ":80", 80, NULL },
	{ "10.0.0.1", 0, NULL },
	{ "10.0.0.1:", 80, NULL },
	{ "10.0.0.1:0", 80, NULL },
	{ "10.0.0.1:080", 0, NULL },
	{ "10.0.0.1:65536", 0, NULL },
	{ "10.0.0.1:99999999999999999999", 0, NULL },
	{ "10.0.0.1:+80", 0, NULL },
	{ "10.0.0.1:80 ", 0, NULL },
	{ "10.0.0.1: 80", 0, NULL },
	{ "10.0.0.1:80:80", 0, NULL },
	{ "10.0.0.1:http", 0, NULL },
	{ "::1:80", 80, NULL },
	{ "::1", 80, NULL },
	{ "[::1]", 0, NULL },
	{ "[::1]80", 0, NULL },
	{ "[::1]:", 80, NULL },
	{ "[::1]:0", 80, NULL },
	{ "[::1", 80, NULL },
	{ "[]:80", 0, NULL },
	{ "[10.0.0.1]:80", 0, NULL },
	{ "[fe80::1%1]:80", 0, NULL },
	{ "[::1]]:80", 0, NULL },
	{ "unix:", 80, NULL },
	{ "unix:/a\nb", 0, NULL },
	{ "unix:/a\x7f", 0, NULL },
	{ "UNIX:/a", 80, NULL },
	{ "unix:" A A A "aaa", 0, NULL },
	{ "app.internal:80", 0, NULL },
};

static void test_addrs(void **state)
{
	char text[SP_ADDR_TEXT];
	struct sp_addr addr, again;

	(void)state;
	for (size_t i = 0; i < SP_COUNT(addrs); i++) {
		bool is_ok = sp_addr_parse(sp_str(addrs[i].text), addrs[i].default_port, &addr);

		if (is_ok != (addrs[i].want != NULL))
			fail_msg("%s", addrs[i].text);
		if (!is_ok)
			continue;
		assert_string_equal(sp_addr_text(&addr, text), addrs[i].want);
		assert_true(sp_addr_parse(sp_str(text), 0, &again) && sp_addr_eq(&addr, &again));
	}
	assert_false(sp_addr_parse(SP_STR("unix:/a\0b"), 0, &addr));
	assert_false(sp_addr_parse(SP_STR_NONE, 80, &addr));
}

static struct sp_addr at(const char *text)
{
	struct sp_addr addr;

	assert_true(sp_addr_parse(sp_str(text), 0, &addr));
	return addr;
}

static const struct {
	const char *a, *b;
	bool is_eq, is_same_ip;
} pairs[] = {
	{ "10.0.0.1:80", "10.0.0.1:80", true, true },    { "10.0.0.1:80", "10.0.0.1:81", false, true },
	{ "10.0.0.1:80", "10.0.0.2:80", false, false },  { "10.0.0.1:80", "[::ffff:10.0.0.1]:80", false, false },
	{ "[a00:1::]:80", "10.0.0.1:80", false, false }, /* the same first four bytes */
	{ "[::1]:80", "[::1]:80", true, true },          { "[::1]:80", "[::2]:80", false, false },
	{ "unix:/a", "unix:/a", true, false },           { "unix:/a", "unix:/ab", false, false },
};

static void test_pairs(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(pairs); i++) {
		struct sp_addr a = at(pairs[i].a), b = at(pairs[i].b);

		assert_int_equal(sp_addr_eq(&a, &b), pairs[i].is_eq);
		assert_int_equal(sp_addr_same_ip(&a, &b), pairs[i].is_same_ip);
	}
}

static const struct {
	const char *text, *want;
} folds[] = {
	{ "[::ffff:10.0.0.1]:80", "10.0.0.1:80" },
	{ "[::ffff:a00:1]:80", "10.0.0.1:80" },
	{ "[::10.0.0.1]:80", "[::10.0.0.1]:80" },
	{ "[::ffff:0:a00:1]:80", "[::ffff:0:a00:1]:80" },
	{ "[1::ffff:a00:1]:80", "[1::ffff:a00:1]:80" },
	{ "10.0.0.1:80", "10.0.0.1:80" },
	{ "unix:/a", "unix:/a" },
};

static void test_folds(void **state)
{
	char text[SP_ADDR_TEXT];

	(void)state;
	for (size_t i = 0; i < SP_COUNT(folds); i++) {
		struct sp_addr addr = at(folds[i].text), folded = sp_addr_fold(&addr);

		assert_string_equal(sp_addr_text(&folded, text), folds[i].want);
	}
}

static void test_sockaddr(void **state)
{
	static const char *const texts[] = { "10.0.0.1:80", "[fd00::7]:443", "unix:/run/x", "unix:" A A A "aa" };
	struct sockaddr_storage ss;
	struct sp_addr addr, back;
	char text[SP_ADDR_TEXT];

	(void)state;
	for (size_t i = 0; i < SP_COUNT(texts); i++) {
		socklen_t n;

		addr = at(texts[i]);
		n = sp_addr_to_sockaddr(&addr, &ss);
		assert_true(n > 0);
		assert_true(sp_addr_from_sockaddr((struct sockaddr *)&ss, n, &back));
		assert_string_equal(sp_addr_text(&back, text), texts[i]);
	}
	addr = at("[::ffff:10.0.0.1]:80");
	assert_true(sp_addr_from_sockaddr((struct sockaddr *)&ss, sp_addr_to_sockaddr(&addr, &ss), &back));
	assert_string_equal(sp_addr_text(&back, text), "10.0.0.1:80");
}

static void test_bad_sockaddr(void **state)
{
	struct sockaddr_in in4 = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr other = { .sa_family = AF_UNSPEC };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct sockaddr_storage ss;
	struct sp_addr addr = { .family = SP_ADDR_NONE };
	char text[SP_ADDR_TEXT];

	(void)state;
	assert_int_equal(sp_addr_to_sockaddr(&addr, &ss), 0);
	assert_string_equal(sp_addr_text(&addr, text), "-");
	assert_false(sp_addr_from_sockaddr((struct sockaddr *)&in4, 0, &addr));
	assert_false(sp_addr_from_sockaddr((struct sockaddr *)&in4, sizeof(in4) - 1, &addr));
	assert_false(sp_addr_from_sockaddr((struct sockaddr *)&in6, sizeof(in6) - 1, &addr));
	assert_false(sp_addr_from_sockaddr(&other, sizeof(other), &addr));
	/* a peer without a name, an abstract one, one that fills the field without a NUL */
	assert_true(sp_addr_from_sockaddr((struct sockaddr *)&un, sizeof(un.sun_family), &addr));
	assert_string_equal(addr.path, "");
	un.sun_path[1] = 'x';
	assert_true(sp_addr_from_sockaddr((struct sockaddr *)&un, sizeof(un.sun_family) + 2, &addr));
	assert_string_equal(addr.path, "");
	memset(un.sun_path, 'x', sizeof(un.sun_path));
	assert_false(sp_addr_from_sockaddr((struct sockaddr *)&un, sizeof(un), &addr));
	assert_true(sp_addr_from_sockaddr((struct sockaddr *)&un, sizeof(un) - 1, &addr));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ips),   cmocka_unit_test(test_addrs),    cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_folds), cmocka_unit_test(test_sockaddr), cmocka_unit_test(test_bad_sockaddr),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
