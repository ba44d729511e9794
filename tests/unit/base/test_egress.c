#include "sp/base/egress.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct sp_addr at(const char *text)
{
	struct sp_addr addr;

	if (!sp_addr_parse(sp_str(text), 0, &addr))
		fail_msg("%s", text);
	return addr;
}

#define MOST 4

/* A policy as text: up to four of each, the rest NULL. Ports of rules: both 0 = any. */
struct world {
	struct {
		const char *cidr;
		uint16_t from, to;
	} allow[MOST];
	bool has_allow, is_public_ok;
	const char *literals[MOST], *own[MOST], *local[MOST];
};

struct row {
	const char *to;
	enum sp_egress_verdict want;
};

static size_t parse_all(const char *const texts[MOST], struct sp_addr out[MOST])
{
	size_t n = 0;

	for (; n < MOST && texts[n] != NULL; n++)
		out[n] = at(texts[n]);
	return n;
}

static enum sp_egress_verdict check(const struct world *world, const char *to)
{
	struct sp_addr literals[MOST], own[MOST], local[MOST], addr = at(to);
	struct sp_egress_rule allow[MOST];
	struct sp_egress egress = {
		.allow = allow,
		.has_allow = world->has_allow,
		.is_public_ok = world->is_public_ok,
		.literals = literals,
		.literal_count = parse_all(world->literals, literals),
		.own = own,
		.own_count = parse_all(world->own, own),
		.local = local,
		.local_count = parse_all(world->local, local),
	};

	for (size_t i = 0; i < MOST && world->allow[i].cidr != NULL; i++) {
		assert_true(sp_cidr_parse(sp_str(world->allow[i].cidr), &allow[i].cidr));
		allow[i].port_from = world->allow[i].from;
		allow[i].port_to = world->allow[i].to;
		egress.allow_count++;
	}
	return sp_egress_check(&egress, &addr);
}

static void check_rows(const struct world *world, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		enum sp_egress_verdict got = check(world, rows[i].to);

		if (got != rows[i].want)
			fail_msg("%s: %s, not %s", rows[i].to, sp_egress_word(got), sp_egress_word(rows[i].want));
	}
}

/* The floor, under the widest policy that can be written. */
static const struct row floor_rows[] = {
	{ "0.0.0.0:80", SP_EGRESS_UNSPECIFIED },
	{ "0.1.2.3:80", SP_EGRESS_UNSPECIFIED },
	{ "[::]:80", SP_EGRESS_UNSPECIFIED },
	{ "[::ffff:0.0.0.0]:80", SP_EGRESS_UNSPECIFIED },
	{ "169.253.255.255:80", SP_EGRESS_OK },
	{ "169.254.0.0:80", SP_EGRESS_LINK_LOCAL },
	{ "169.254.169.254:80", SP_EGRESS_LINK_LOCAL },
	{ "169.254.170.2:80", SP_EGRESS_LINK_LOCAL }, /* ECS task credentials */
	{ "169.254.255.255:80", SP_EGRESS_LINK_LOCAL },
	{ "169.255.0.0:80", SP_EGRESS_OK },
	{ "[::ffff:169.254.169.254]:80", SP_EGRESS_LINK_LOCAL },
	{ "[::ffff:a9fe:a9fe]:80", SP_EGRESS_LINK_LOCAL },
	{ "[fe80::1]:80", SP_EGRESS_LINK_LOCAL },
	{ "[febf:ffff::1]:80", SP_EGRESS_LINK_LOCAL },
	{ "[fec0::1]:80", SP_EGRESS_OK },
	{ "[fd00:ec2::254]:80", SP_EGRESS_LINK_LOCAL },
	{ "[fd00:ec2:ffff::1]:80", SP_EGRESS_LINK_LOCAL },
	{ "[fd00:ec3::254]:80", SP_EGRESS_OK },
	{ "223.255.255.255:80", SP_EGRESS_OK },
	{ "224.0.0.1:80", SP_EGRESS_MULTICAST },
	{ "239.255.255.255:80", SP_EGRESS_MULTICAST },
	{ "[ff02::1]:80", SP_EGRESS_MULTICAST },
	{ "[feff::1]:80", SP_EGRESS_OK },
	{ "240.0.0.1:80", SP_EGRESS_BROADCAST },
	{ "255.255.255.255:80", SP_EGRESS_BROADCAST },
	{ "[::ffff:255.255.255.255]:80", SP_EGRESS_BROADCAST },
	{ "127.0.0.1:80", SP_EGRESS_LOOPBACK }, /* 0.0.0.0/0 does not name it */
	{ "127.255.255.254:80", SP_EGRESS_LOOPBACK },
	{ "[::1]:80", SP_EGRESS_LOOPBACK },
	{ "[::ffff:127.0.0.1]:80", SP_EGRESS_LOOPBACK },
	{ "126.255.255.255:80", SP_EGRESS_OK },
	{ "128.0.0.1:80", SP_EGRESS_OK },
	{ "10.0.0.1:80", SP_EGRESS_OK },
	{ "8.8.8.8:80", SP_EGRESS_OK },
	{ "[2600::1]:80", SP_EGRESS_OK },
	{ "10.0.0.1:443", SP_EGRESS_OK },
	{ "192.0.2.9:443", SP_EGRESS_OWN_LISTENER },
	{ "unix:/run/app.sock", SP_EGRESS_FAMILY },
	/* IPv4 inside IPv6: compatible, translated, NAT64 (both prefixes), 6to4, Teredo (server, client) */
	{ "[::169.254.169.254]:80", SP_EGRESS_LINK_LOCAL },
	{ "[::127.0.0.1]:80", SP_EGRESS_LOOPBACK },
	{ "[::2]:80", SP_EGRESS_UNSPECIFIED },
	{ "[::10.0.0.1]:80", SP_EGRESS_OK },
	{ "[::ffff:0:169.254.169.254]:80", SP_EGRESS_LINK_LOCAL },
	{ "[64:ff9b::169.254.169.254]:80", SP_EGRESS_LINK_LOCAL },
	{ "[64:ff9b::127.0.0.1]:80", SP_EGRESS_LOOPBACK },
	{ "[64:ff9b::0.0.0.0]:80", SP_EGRESS_UNSPECIFIED },
	{ "[64:ff9b::224.0.0.1]:80", SP_EGRESS_MULTICAST },
	{ "[64:ff9b::255.255.255.255]:80", SP_EGRESS_BROADCAST },
	{ "[64:ff9b::192.0.2.9]:443", SP_EGRESS_OWN_LISTENER },
	{ "[64:ff9b::192.0.2.9]:444", SP_EGRESS_OK },
	{ "[64:ff9b::8.8.8.8]:80", SP_EGRESS_OK },
	{ "[64:ff9b:1:2::169.254.169.254]:80", SP_EGRESS_LINK_LOCAL },
	{ "[64:ff9b:2::169.254.169.254]:80", SP_EGRESS_OK },
	{ "[2002:a9fe:a9fe::1]:80", SP_EGRESS_LINK_LOCAL },
	{ "[2002:7f00:1::]:80", SP_EGRESS_LOOPBACK },
	{ "[2002:808:808::]:80", SP_EGRESS_OK },
	{ "[2001:0:a9fe:a9fe::f7f7:f7f7]:80", SP_EGRESS_LINK_LOCAL },
	{ "[2001:0:808:808::5601:5601]:80", SP_EGRESS_LINK_LOCAL }, /* ~169.254.169.254 */
	{ "[2001:0:808:808::f7f7:f7f7]:80", SP_EGRESS_OK },
};

static void test_floor(void **state)
{
	static const struct world world = {
		.allow = { { "0.0.0.0/0", 0, 0 }, { "::/0", 0, 0 } },
		.has_allow = true,
		.is_public_ok = true,
		.own = { "192.0.2.9:443" },
	};

	(void)state;
	check_rows(&world, floor_rows, SP_COUNT(floor_rows));
}

/* No `allow`: exactly the backends that were declared by address, and those must be private. */
static const struct row literal_rows[] = {
	{ "10.0.1.10:8080", SP_EGRESS_OK },
	{ "[::ffff:10.0.1.10]:8080", SP_EGRESS_OK },
	{ "10.0.1.10:8081", SP_EGRESS_NOT_ALLOWED },
	{ "10.0.1.11:8080", SP_EGRESS_NOT_ALLOWED },
	{ "[fd12::7]:80", SP_EGRESS_OK },
	{ "[fd12::8]:80", SP_EGRESS_NOT_ALLOWED },
	{ "8.8.8.8:53", SP_EGRESS_PUBLIC },
	{ "127.0.0.1:9000", SP_EGRESS_LOOPBACK },
	{ "[64:ff9b::10.0.1.10]:8080", SP_EGRESS_PUBLIC },
};

static void test_literals(void **state)
{
	static const struct world world = {
		/* not in force without has_allow, and neither is `public` */
		.allow = { { "10.0.0.0/8", 0, 0 }, { "127.0.0.0/8", 0, 0 } },
		.is_public_ok = true,
		.literals = { "10.0.1.10:8080", "[fd12::7]:80", "8.8.8.8:53", "127.0.0.1:9000" },
	};
	static const struct world mapped = { .literals = { "[::ffff:10.0.1.10]:8080" } };
	static const struct world nothing = { .has_allow = false };

	(void)state;
	check_rows(&world, literal_rows, SP_COUNT(literal_rows));
	assert_int_equal(check(&mapped, "10.0.1.10:8080"), SP_EGRESS_OK);
	assert_int_equal(check(&nothing, "10.0.1.10:8080"), SP_EGRESS_NOT_ALLOWED);
}

static const struct row private_rows[] = {
	{ "9.255.255.255:80", SP_EGRESS_PUBLIC },  { "10.0.0.0:80", SP_EGRESS_OK },
	{ "10.255.255.255:80", SP_EGRESS_OK },     { "11.0.0.0:80", SP_EGRESS_PUBLIC },
	{ "172.15.255.255:80", SP_EGRESS_PUBLIC }, { "172.16.0.0:80", SP_EGRESS_OK },
	{ "172.31.255.255:80", SP_EGRESS_OK },     { "172.32.0.0:80", SP_EGRESS_PUBLIC },
	{ "192.168.0.0:80", SP_EGRESS_OK },        { "192.169.0.0:80", SP_EGRESS_PUBLIC },
	{ "100.63.255.255:80", SP_EGRESS_PUBLIC }, { "100.64.0.0:80", SP_EGRESS_OK },
	{ "100.127.255.255:80", SP_EGRESS_OK },    { "100.128.0.0:80", SP_EGRESS_PUBLIC },
	{ "192.0.2.1:80", SP_EGRESS_PUBLIC },      { "198.18.0.1:80", SP_EGRESS_PUBLIC },
	{ "[fbff::1]:80", SP_EGRESS_PUBLIC },      { "[fc00::1]:80", SP_EGRESS_OK },
	{ "[fdff:ffff::1]:80", SP_EGRESS_OK },     { "[fe00::1]:80", SP_EGRESS_PUBLIC },
	{ "[fec0::1]:80", SP_EGRESS_PUBLIC },      { "[2001:db8::1]:80", SP_EGRESS_PUBLIC },
	{ "[2002:a00:1::]:80", SP_EGRESS_PUBLIC },
};

static void test_private(void **state)
{
	static const struct world world = {
		.allow = { { "0.0.0.0/0", 0, 0 }, { "::/0", 0, 0 } },
		.has_allow = true,
	};

	(void)state;
	check_rows(&world, private_rows, SP_COUNT(private_rows));
}

static const struct row allow_rows[] = {
	{ "10.1.0.1:1", SP_EGRESS_OK },
	{ "10.1.255.255:65535", SP_EGRESS_OK },
	{ "[::ffff:10.1.0.1]:80", SP_EGRESS_OK },
	{ "10.2.0.1:80", SP_EGRESS_NOT_ALLOWED },
	{ "10.3.0.1:7999", SP_EGRESS_NOT_ALLOWED },
	{ "10.3.0.1:8000", SP_EGRESS_OK },
	{ "10.3.0.1:8010", SP_EGRESS_OK },
	{ "10.3.0.1:8011", SP_EGRESS_NOT_ALLOWED },
	{ "10.9.0.1:80", SP_EGRESS_NOT_ALLOWED }, /* a declared backend is no exception to `allow` */
	{ "127.0.0.1:9000", SP_EGRESS_OK },
	{ "127.0.0.1:9001", SP_EGRESS_LOOPBACK },
	{ "127.0.0.2:9000", SP_EGRESS_LOOPBACK },
	{ "[::1]:9000", SP_EGRESS_LOOPBACK },
	{ "[::ffff:127.0.0.1]:9000", SP_EGRESS_OK },
	{ "[64:ff9b::127.0.0.1]:9000", SP_EGRESS_LOOPBACK },
	{ "[fd12::7]:80", SP_EGRESS_OK },
	{ "[fd12::8]:80", SP_EGRESS_NOT_ALLOWED },
	{ "8.8.8.8:53", SP_EGRESS_PUBLIC },
	{ "169.254.169.254:80", SP_EGRESS_LINK_LOCAL },
};

static void test_allow(void **state)
{
	static const struct world world = {
		.allow = { { "10.1.0.0/16", 0, 0 },
			   { "10.3.0.0/16", 8000, 8010 },
			   { "127.0.0.1/32", 9000, 9000 },
			   { "fd12::7", 80, 80 } },
		.has_allow = true,
		.literals = { "10.9.0.1:80" },
	};
	static const struct world nothing = { .has_allow = true, .literals = { "10.9.0.1:80" } };
	static const struct world v6 = { .allow = { { "::1", 0, 0 } }, .has_allow = true };

	(void)state;
	check_rows(&world, allow_rows, SP_COUNT(allow_rows));
	assert_int_equal(check(&nothing, "10.9.0.1:80"), SP_EGRESS_NOT_ALLOWED);
	assert_int_equal(check(&v6, "[::1]:80"), SP_EGRESS_OK);
	assert_int_equal(check(&v6, "127.0.0.1:80"), SP_EGRESS_LOOPBACK);
}

static const struct {
	const char *allow, *own, *local, *to;
	enum sp_egress_verdict want;
} own_rows[] = {
	{ "10.0.0.0/8", "10.0.0.5:443", NULL, "10.0.0.5:443", SP_EGRESS_OWN_LISTENER },
	{ "10.0.0.0/8", "10.0.0.5:443", NULL, "[::ffff:10.0.0.5]:443", SP_EGRESS_OWN_LISTENER },
	{ "10.0.0.0/8", "[::ffff:10.0.0.5]:443", NULL, "10.0.0.5:443", SP_EGRESS_OWN_LISTENER },
	{ "10.0.0.0/8", "10.0.0.5:443", NULL, "10.0.0.5:80", SP_EGRESS_OK },
	{ "10.0.0.0/8", "10.0.0.5:443", NULL, "10.0.0.6:443", SP_EGRESS_OK },
	{ "10.0.0.0/8", "unix:/run/in", NULL, "10.0.0.6:443", SP_EGRESS_OK },
	{ "10.0.0.0/8", "0.0.0.0:443", "10.0.0.5:1", "10.0.0.5:443", SP_EGRESS_OWN_LISTENER },
	{ "10.0.0.0/8", "0.0.0.0:443", "[::ffff:10.0.0.5]:1", "10.0.0.5:443", SP_EGRESS_OWN_LISTENER },
	{ "10.0.0.0/8", "[::]:443", "10.0.0.5:1", "10.0.0.5:443", SP_EGRESS_OWN_LISTENER },
	{ "fd00::/8", "[::]:443", "[fd12::5]:1", "[fd12::5]:443", SP_EGRESS_OWN_LISTENER },
	{ "fd00::/8", "0.0.0.0:443", "[fd12::5]:1", "[fd12::5]:443", SP_EGRESS_OWN_LISTENER },
	{ "10.0.0.0/8", "[::ffff:0.0.0.0]:443", "10.0.0.5:1", "10.0.0.5:443", SP_EGRESS_OWN_LISTENER },
	{ "10.0.0.0/8", "0.0.0.0:443", "10.0.0.5:1", "10.0.0.6:443", SP_EGRESS_OK },
	{ "10.0.0.0/8", "0.0.0.0:443", "10.0.0.5:1", "10.0.0.5:80", SP_EGRESS_OK },
	{ "127.0.0.0/8", "0.0.0.0:443", NULL, "127.0.0.1:443", SP_EGRESS_OWN_LISTENER },
	{ "127.0.0.0/8", "0.0.0.0:443", NULL, "127.9.9.9:443", SP_EGRESS_OWN_LISTENER },
	{ "127.0.0.0/8", "[::]:443", NULL, "127.0.0.1:443", SP_EGRESS_OWN_LISTENER },
	{ "127.0.0.0/8", "127.0.0.1:443", NULL, "127.0.0.1:443", SP_EGRESS_OWN_LISTENER },
	{ "127.0.0.0/8", "127.0.0.1:443", NULL, "127.0.0.2:443", SP_EGRESS_OK },
	{ "::1", "[::]:443", NULL, "[::1]:443", SP_EGRESS_OWN_LISTENER },
	/* what is never allowed comes first */
	{ "0.0.0.0/0", "169.254.9.9:443", NULL, "169.254.9.9:443", SP_EGRESS_LINK_LOCAL },
	/* also where loopback is not allowed at all: the reason that is worse is told */
	{ "10.0.0.0/8", "0.0.0.0:443", NULL, "127.0.0.1:443", SP_EGRESS_OWN_LISTENER },
	{ "10.0.0.0/8", "0.0.0.0:443", NULL, "127.0.0.1:80", SP_EGRESS_LOOPBACK },
	{ "10.0.0.0/8", "0.0.0.0:443", "10.0.0.5:1", "[64:ff9b::10.0.0.5]:443", SP_EGRESS_OWN_LISTENER },
};

static void test_own(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(own_rows); i++) {
		const struct world world = {
			.allow = { { own_rows[i].allow, 0, 0 } },
			.has_allow = true,
			.own = { own_rows[i].own },
			.local = { own_rows[i].local },
		};
		const struct row row = { own_rows[i].to, own_rows[i].want };

		print_message("  %s\n", row.to);
		check_rows(&world, &row, 1);
	}
}

static void test_words(void **state)
{
	(void)state;
	for (int v = SP_EGRESS_OK; v <= SP_EGRESS_FAMILY; v++) {
		const char *word = sp_egress_word((enum sp_egress_verdict)v);

		assert_non_null(sp_egress_text((enum sp_egress_verdict)v));
		for (; *word != '\0'; word++)
			assert_true(islower((unsigned char)*word) || *word == '_');
	}
	assert_string_equal(sp_egress_text(SP_EGRESS_LINK_LOCAL),
			    "link-local and metadata addresses are never allowed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_floor), cmocka_unit_test(test_literals), cmocka_unit_test(test_private),
		cmocka_unit_test(test_allow), cmocka_unit_test(test_own),      cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
