#include "sp/base/cidr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const struct {
	const char *text, *want; /* sp_cidr_text; NULL = refused */
} cidrs[] = {
	{ "10.0.0.0/8", "10.0.0.0/8" },
	{ "10.1.2.3", "10.1.2.3/32" },
	{ "0.0.0.0/0", "0.0.0.0/0" },
	{ "128.0.0.0/1", "128.0.0.0/1" },
	{ "10.1.2.3/32", "10.1.2.3/32" },
	{ "::/0", "::/0" },
	{ "::1", "::1/128" },
	{ "::1/128", "::1/128" },
	{ "fd00:ec2::/32", "fd00:ec2::/32" },
	{ "2001:db8:0:8000::/49", "2001:db8:0:8000::/49" },
	{ "2001:db8::8000:0:0:0/65", "2001:db8:0:0:8000::/65" },
	{ "::ffff:10.0.0.0/104", "10.0.0.0/8" },
	{ "::ffff:10.0.0.1", "10.0.0.1/32" },
	{ "::ffff:0.0.0.0/96", "0.0.0.0/0" },
	{ "", NULL },
	{ "/", NULL },
	{ "/8", NULL },
	{ "10.0.0.0/", NULL },
	{ "10.0.0.0/33", NULL },
	{ "10.0.0.0/-1", NULL },
	{ "10.0.0.0/+8", NULL },
	{ "10.0.0.0/08", NULL },
	{ "10.0.0.0/8/8", NULL },
	{ "10.0.0.0/8 ", NULL },
	{ "10.0.0.0 /8", NULL },
	{ "10.0.0.0/255.0.0.0", NULL },
	{ "10.0.0.0/4294967304", NULL },
	{ "10.0.0.0/18446744073709551624", NULL },
	{ "10.0.0.1/31", NULL },
	{ "10.0.0.1/8", NULL },
	{ "10.1.0.0/8", NULL },
	{ "10.0.0.1/0", NULL },
	{ "10/8", NULL },
	{ "010.0.0.0/8", NULL },
	{ "10.0.0.0:80", NULL },
	{ "::1/127", NULL },
	{ "::/129", NULL },
	{ "1::/0", NULL },
	{ "2001:db8:0:4000::/49", NULL },
	{ "2001:db8:0:0:4000::/65", NULL },
	{ "2001:db8:0:0:1::/64", NULL },
	{ "::ffff:10.0.0.1/104", NULL },
	{ "::ffff:10.0.0.0/8", NULL },
	{ "fe80::%1/64", NULL },
	{ "localhost/8", NULL },
};

static void test_parse(void **state)
{
	char text[SP_ADDR_TEXT];
	struct sp_cidr cidr;

	(void)state;
	for (size_t i = 0; i < SP_COUNT(cidrs); i++) {
		bool is_ok = sp_cidr_parse(sp_str(cidrs[i].text), &cidr);

		if (is_ok != (cidrs[i].want != NULL))
			fail_msg("%s", cidrs[i].text);
		if (is_ok)
			assert_string_equal(sp_cidr_text(&cidr, text), cidrs[i].want);
	}
	assert_false(sp_cidr_parse(SP_STR_NONE, &cidr));
	assert_false(sp_cidr_parse(SP_STR("10.0.0.0\0/8"), &cidr));
}

static struct sp_cidr net(const char *text)
{
	struct sp_cidr cidr;

	assert_true(sp_cidr_parse(sp_str(text), &cidr));
	return cidr;
}

static struct sp_addr ip(const char *text)
{
	struct sp_addr addr;

	assert_true(sp_addr_parse_ip(sp_str(text), &addr));
	return addr;
}

static const struct {
	const char *cidr, *addr;
	bool has;
} pairs[] = {
	{ "10.0.0.0/8", "10.255.255.255", true },
	{ "10.0.0.0/8", "11.0.0.0", false },
	{ "10.0.0.0/8", "9.255.255.255", false },
	{ "10.0.0.0/8", "::ffff:10.1.2.3", true },
	{ "10.0.0.0/8", "a00::", false },
	{ "0.0.0.0/0", "255.255.255.255", true },
	{ "0.0.0.0/0", "::", false },
	{ "0.0.0.0/0", "::ffff:1.2.3.4", true },
	{ "::/0", "ffff::", true },
	{ "::/0", "1.2.3.4", false },
	{ "::/0", "::ffff:1.2.3.4", false }, /* is 1.2.3.4 */
	{ "10.1.2.3", "10.1.2.3", true },
	{ "10.1.2.3", "10.1.2.2", false },
	{ "172.16.0.0/12", "172.31.255.255", true },
	{ "172.16.0.0/12", "172.32.0.0", false },
	{ "fe80::/10", "febf:ffff::1", true },
	{ "fe80::/10", "fec0::", false },
	{ "2001:db8::/64", "2001:db8::ffff:ffff:ffff:ffff", true },
	{ "2001:db8::/64", "2001:db8:0:1::", false },
	{ "2001:db8:0:0:8000::/65", "2001:db8::7fff:0:0:1", false },
	{ "::1", "::1", true },
	{ "::1", "::", false },
};

static void test_has(void **state)
{
	struct sp_addr unix_addr = { .family = SP_ADDR_UNIX }, none = { .family = SP_ADDR_NONE };
	struct sp_cidr all = net("0.0.0.0/0");

	(void)state;
	for (size_t i = 0; i < SP_COUNT(pairs); i++) {
		struct sp_cidr cidr = net(pairs[i].cidr);
		struct sp_addr addr = ip(pairs[i].addr);

		if (sp_cidr_has(&cidr, &addr) != pairs[i].has)
			fail_msg("%s %s", pairs[i].cidr, pairs[i].addr);
	}
	assert_false(sp_cidr_has(&all, &unix_addr));
	assert_false(sp_cidr_has(&all, &none));
}

static const struct {
	const char *cidr;
	uint32_t value;
} entries[] = {
	{ "10.1.2.3", 5 },     { "10.0.0.0/8", 1 },   { "10.1.0.0/16", 2 }, { "10.1.2.0/24", 3 },
	{ "10.128.0.0/9", 6 }, { "10.1.2.2", 4 },     { "::/0", 20 },       { "2001:db8::/32", 21 },
	{ "2001:db8::1", 22 }, { "10.1.2.0/24", 33 }, /* the later wins */
	{ "192.0.2.0/31", 7 },
};

static const struct {
	const char *addr;
	uint32_t want;
} finds[] = {
	{ "10.1.2.3", 5 },    { "10.1.2.2", 4 },        { "10.1.2.1", 33 },         { "10.1.3.1", 2 },
	{ "10.2.0.0", 1 },    { "10.255.0.0", 6 },      { "::ffff:10.255.0.0", 6 }, { "11.0.0.0", 0 },
	{ "0.0.0.0", 0 },     { "255.255.255.255", 0 }, { "192.0.2.1", 7 },         { "192.0.2.2", 0 },
	{ "::", 20 },         { "a01:203::", 20 },      { "2001:db8::1", 22 },      { "2001:db8::2", 21 },
	{ "2001:db9::", 20 },
};

static void test_table(void **state)
{
	struct sp_cidr_table *table = sp_cidr_table_new();
	struct sp_addr unix_addr = { .family = SP_ADDR_UNIX };

	(void)state;
	assert_non_null(table);
	for (size_t i = 0; i < SP_COUNT(finds); i++) {
		struct sp_addr addr = ip(finds[i].addr);

		assert_int_equal(sp_cidr_table_find(table, &addr), 0);
	}
	for (size_t i = 0; i < SP_COUNT(entries); i++) {
		struct sp_cidr cidr = net(entries[i].cidr);

		assert_true(sp_cidr_table_add(table, &cidr, entries[i].value));
	}
	for (size_t i = 0; i < SP_COUNT(finds); i++) {
		struct sp_addr addr = ip(finds[i].addr);

		if (sp_cidr_table_find(table, &addr) != finds[i].want)
			fail_msg("%s", finds[i].addr);
	}
	assert_int_equal(sp_cidr_table_find(table, &unix_addr), 0);
	sp_cidr_table_free(table);
	sp_cidr_table_free(NULL);
}

static uint64_t seed = 1;

static unsigned below(unsigned n)
{
	seed = seed * 6364136223846793005U + 1442695040888963407U;
	return (unsigned)(seed >> 33) % n;
}

/* Few different bytes, so that prefixes nest and addresses meet them. */
static struct sp_addr random_ip(enum sp_addr_family family)
{
	static const uint8_t bytes[] = { 0x00, 0x01, 0x80, 0xff };
	struct sp_addr addr = { .family = family };

	for (unsigned i = 0; i < (family == SP_ADDR_V4 ? 4U : 16U); i++)
		addr.ip[i] = bytes[below(sizeof(bytes))];
	return addr;
}

static struct sp_cidr random_net(enum sp_addr_family family)
{
	struct sp_cidr cidr = { random_ip(family), (uint8_t)below(family == SP_ADDR_V4 ? 33 : 129) };

	for (unsigned bit = cidr.bits; bit < 128; bit++)
		cidr.addr.ip[bit / 8] &= (uint8_t) ~(0x80U >> bit % 8);
	return cidr;
}

#define NETS 400

/* Against a walk over all prefixes. */
static void test_random(void **state)
{
	static struct sp_cidr nets[NETS];

	(void)state;
	for (int lap = 0; lap < 20; lap++) {
		enum sp_addr_family family = lap % 2 == 0 ? SP_ADDR_V4 : SP_ADDR_V6;
		struct sp_cidr_table *table = sp_cidr_table_new();

		assert_non_null(table);
		for (uint32_t i = 0; i < NETS; i++) {
			nets[i] = random_net(family);
			assert_true(sp_cidr_table_add(table, &nets[i], i + 1));
		}
		for (int i = 0; i < 2000; i++) {
			struct sp_addr addr = random_ip(family);
			uint32_t want = 0;
			int best = -1;

			for (uint32_t n = 0; n < NETS; n++) {
				if (nets[n].bits >= best && sp_cidr_has(&nets[n], &addr)) {
					best = nets[n].bits;
					want = n + 1;
				}
			}
			assert_int_equal(sp_cidr_table_find(table, &addr), want);
		}
		sp_cidr_table_free(table);
	}
}

/* Every single address of a /16: the deepest and the widest that a list of addresses makes. */
static void test_many(void **state)
{
	struct sp_cidr_table *table = sp_cidr_table_new();
	struct sp_cidr cidr = net("10.7.0.0/32");

	(void)state;
	assert_non_null(table);
	for (uint32_t i = 0; i < 65536; i++) {
		cidr.addr.ip[2] = (uint8_t)(i >> 8);
		cidr.addr.ip[3] = (uint8_t)i;
		assert_true(sp_cidr_table_add(table, &cidr, i + 1));
	}
	for (uint32_t i = 0; i < 65536; i++) {
		cidr.addr.ip[2] = (uint8_t)(i >> 8);
		cidr.addr.ip[3] = (uint8_t)i;
		assert_int_equal(sp_cidr_table_find(table, &cidr.addr), i + 1);
	}
	sp_cidr_table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),  cmocka_unit_test(test_has),  cmocka_unit_test(test_table),
		cmocka_unit_test(test_random), cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
