/* The table of ranges: what is found in it, and what is no such table. */
#include "t.h"

#include <stdlib.h>

#include "sp/base/geo.h"

static struct sp_addr addr_of(const char *text)
{
	struct sp_addr addr;

	assert_true(sp_addr_parse_ip(sp_str(text), &addr));
	return addr;
}

static void add(struct sp_geo_maker *maker, const char *start, const char *country, uint32_t as)
{
	struct sp_addr addr = addr_of(start);

	assert_true(sp_geo_add(maker, addr.family == SP_ADDR_V4, addr.ip,
			       (struct sp_geo_place){ sp_geo_country(sp_str(country)), as }));
}

static struct sp_str example(void)
{
	struct sp_geo_maker maker = { .alias_count = 3 };
	struct sp_str bytes;

	maker.aliases[0] = (struct sp_geo_alias){ 0x2002000000000000, 0, 16 };
	maker.aliases[1] = (struct sp_geo_alias){ 0x20010db800000000, 0, 40 };
	maker.aliases[2] = (struct sp_geo_alias){ 0x0064ff9b00000000, 0, 96 };
	add(&maker, "0.0.0.0", "", 0);          /* nothing before the first is nothing to keep */
	add(&maker, "10.0.0.0", "DE", 0);
	add(&maker, "10.0.1.0", "DE", 0);       /* goes on */
	add(&maker, "10.1.0.0", "FR", 64496);
	add(&maker, "10.2.0.0", "", 0);
	add(&maker, "255.255.255.255", "CH", 0);
	add(&maker, "2001:db9::", "KP", 4294967295U);
	add(&maker, "2001:dba::", "", 0);
	add(&maker, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "AQ", 0);
	bytes = sp_geo_finish(&maker);
	sp_geo_maker_free(&maker);
	assert_non_null(bytes.p);
	return bytes;
}

static void test_countries(void **state)
{
	char text[3];

	(void)state;
	assert_int_equal(sp_geo_country(SP_STR("de")), sp_geo_country(SP_STR("DE")));
	assert_string_equal(sp_geo_country_text(sp_geo_country(SP_STR("zA")), text), "ZA");
	assert_string_equal(sp_geo_country_text(0, text), "");
	assert_int_equal(sp_geo_country(SP_STR("D")), 0);
	assert_int_equal(sp_geo_country(SP_STR("DEU")), 0);
	assert_int_equal(sp_geo_country(SP_STR("D1")), 0);
	assert_int_equal(sp_geo_country(SP_STR("[E")), 0);
	assert_int_equal(sp_geo_country(SP_STR("")), 0);
}

static void test_found(void **state)
{
	static const struct {
		const char *addr, *country;
		uint32_t as;
	} rows[] = {
		{ "0.0.0.0", "", 0 },
		{ "9.255.255.255", "", 0 },
		{ "10.0.0.0", "DE", 0 },
		{ "10.0.255.255", "DE", 0 },
		{ "10.1.0.0", "FR", 64496 },
		{ "10.1.255.255", "FR", 64496 },
		{ "10.2.0.0", "", 0 },
		{ "255.255.255.254", "", 0 },
		{ "255.255.255.255", "CH", 0 },
		{ "::ffff:10.1.2.3", "FR", 64496 },
		{ "2002:a01:203::9", "FR", 64496 },             /* 6to4 */
		{ "2001:db8:a:102:3::9", "FR", 64496 },         /* behind 40 bits: 10.1.2.0 */
		{ "2001:db8:a:102:3ff::", "FR", 64496 },        /* 10.1.2.3 */
		{ "2001:db8:a:202:300::", "", 0 },
		{ "2001:db8:00::", "", 0 },
		{ "64:ff9b::10.1.2.3", "FR", 64496 },           /* behind 96 */
		{ "64:ff9c::10.1.2.3", "", 0 },
		{ "2001:db8:ff0a:102::", "", 0 },
		{ "2001:db9::", "KP", 4294967295U },
		{ "2001:db9:ffff:ffff:ffff:ffff:ffff:ffff", "KP", 4294967295U },
		{ "2001:dba::", "", 0 },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", "", 0 },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "AQ", 0 },
		{ "::", "", 0 },
	};
	struct sp_str bytes = example();
	struct sp_geo geo;

	(void)state;
	assert_true(sp_geo_check(bytes, &geo));
	assert_true(geo.has_countries && geo.has_as);
	assert_int_equal(geo.v4_count, 4);
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		const struct sp_addr addr = addr_of(rows[i].addr);
		const struct sp_geo_place place = sp_geo_find(&geo, &addr);
		char text[3];

		print_message("  %s\n", rows[i].addr);
		assert_string_equal(sp_geo_country_text(place.country, text), rows[i].country);
		assert_int_equal(place.as, rows[i].as);
	}
	free((char *)bytes.p);
}

/* The 32 bits behind a prefix of any length are found at any place. */
static void test_aliases_of_every_length(void **state)
{
	(void)state;
	for (unsigned bits = 1; bits <= 96; bits++) {
		struct sp_geo_maker maker = { .alias_count = 1 };
		struct sp_addr addr = { .family = SP_ADDR_V6 };
		struct sp_geo geo;
		struct sp_str bytes;
		const uint32_t v4 = 0x0a010203;

		maker.aliases[0] = (struct sp_geo_alias){ UINT64_C(1) << 63, 0, bits };
		addr.ip[0] = 0x80;
		for (unsigned i = 0; i < 32; i++)
			if ((v4 >> (31 - i) & 1) != 0)
				addr.ip[(bits + i) / 8] |= (uint8_t)(0x80U >> (bits + i) % 8);
		add(&maker, "10.1.2.3", "FR", 0);
		add(&maker, "10.1.2.4", "", 0);
		bytes = sp_geo_finish(&maker);
		sp_geo_maker_free(&maker);
		assert_true(sp_geo_check(bytes, &geo));
		assert_int_equal(sp_geo_find(&geo, &addr).country, sp_geo_country(SP_STR("FR")));
		addr.ip[(bits + 31) / 8] ^= (uint8_t)(0x80U >> (bits + 31) % 8);
		assert_int_equal(sp_geo_find(&geo, &addr).country, 0);
		free((char *)bytes.p);
	}
}

static void test_other_families(void **state)
{
	struct sp_str bytes = example();
	const struct sp_addr none = { .family = SP_ADDR_NONE }, path = { .family = SP_ADDR_UNIX, .path = "/x" };
	struct sp_geo geo;

	(void)state;
	assert_true(sp_geo_view(bytes, &geo));
	assert_int_equal(sp_geo_find(&geo, &none).country, 0);
	assert_int_equal(sp_geo_find(&geo, &path).country, 0);
	free((char *)bytes.p);
}

/* Every length but the whole is refused, and so is what is out of order. */
static void test_no_table(void **state)
{
	struct sp_str bytes = example();
	char *copy = malloc(bytes.n + 1);
	struct sp_geo geo;

	(void)state;
	assert_non_null(copy);
	for (size_t n = 0; n < bytes.n; n++)
		assert_false(sp_geo_view(sp_str_of(bytes.p, n), &geo));
	memcpy(copy, bytes.p, bytes.n);
	copy[bytes.n] = 0;
	assert_false(sp_geo_view(sp_str_of(copy, bytes.n + 1), &geo));
	copy[0] ^= 1;
	assert_false(sp_geo_view(sp_str_of(copy, bytes.n), &geo));
	copy[0] ^= 1;
	assert_true(sp_geo_check(sp_str_of(copy, bytes.n), &geo));
	((char *)(uintptr_t)geo.v4)[0] = 127; /* 127.0.0.0 before 10.1.0.0 */
	assert_false(sp_geo_check(sp_str_of(copy, bytes.n), &geo));
	memcpy(copy, bytes.p, bytes.n);
	((char *)(uintptr_t)geo.v6_places)[4] = '!'; /* no letter */
	assert_false(sp_geo_check(sp_str_of(copy, bytes.n), &geo));
	free(copy);
	free((char *)bytes.p);
}

static void test_empty(void **state)
{
	struct sp_geo_maker maker = { .alias_count = 0 };
	const struct sp_addr v4 = addr_of("10.0.0.1"), v6 = addr_of("::1");
	struct sp_str bytes = sp_geo_finish(&maker);
	struct sp_geo geo;

	(void)state;
	assert_true(sp_geo_check(bytes, &geo));
	assert_false(geo.has_countries || geo.has_as);
	assert_int_equal(sp_geo_find(&geo, &v4).country, 0);
	assert_int_equal(sp_geo_find(&geo, &v6).country, 0);
	free((char *)bytes.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_countries),
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_aliases_of_every_length),
		cmocka_unit_test(test_other_families),
		cmocka_unit_test(test_no_table),
		cmocka_unit_test(test_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
