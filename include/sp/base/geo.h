/*
 * geo - addresses to countries and network operators: a table as plain bytes.
 *
 * Ranges of addresses in ascending order, IPv4 and IPv6 apart, each with its country and AS number; a range ends where
 * the next begins. The bytes are made once, by who reads a database, and lie in memory that all processes share. A search
 * halves the ranges: some twenty steps among a million.
 *
 * Whatever the bytes are, a search stays inside them.
 */
#ifndef SP_BASE_GEO_H
#define SP_BASE_GEO_H

#include <stdbool.h>
#include <stdint.h>

#include "sp/base/addr.h"

struct sp_geo_place {
	uint16_t country;               /* two letters, the first in the high byte (ISO 3166-1 alpha-2); 0: not known */
	uint32_t as;                    /* autonomous system number; 0: not known */
};

/* 'D', 'E' and "de" are the same country. 0: no two letters. */
uint16_t sp_geo_country(struct sp_str text);
/* "DE", or "" of 0. */
const char *sp_geo_country_text(uint16_t country, char text[static 3]);

/* ---- looking up */

#define SP_GEO_ALIASES 8U

struct sp_geo_alias {                   /* an IPv6 prefix whose next 32 bits are an IPv4 address: 2002::/16 */
	uint64_t hi, lo;                /* host order, as the address's first and last 8 bytes */
	uint32_t bits;                  /* at most 96 */
};

struct sp_geo {                         /* a view; borrows the bytes */
	const char *v4, *v4_places;     /* not aligned */
	const char *v6, *v6_places;
	uint32_t v4_count, v6_count;
	struct sp_geo_alias aliases[SP_GEO_ALIASES];
	uint32_t alias_count;
	bool has_countries, has_as;     /* of any address */
};

/* false: these are no such bytes. */
SP_MUST_USE bool sp_geo_view(struct sp_str bytes, struct sp_geo *out);
/* The same, and the order of all ranges is looked at as well: for bytes that another process made. */
SP_MUST_USE bool sp_geo_check(struct sp_str bytes, struct sp_geo *out);
/* v4-mapped addresses are folded first. All zero: not known. */
struct sp_geo_place sp_geo_find(const struct sp_geo *geo, const struct sp_addr *addr);

/* ---- making */

struct sp_geo_ranges {                  /* all zero at first; 16 bytes of an address each, v4 in the first 4 */
	uint8_t (*starts)[16];          /* owned */
	struct sp_geo_place *places;    /* owned */
	uint32_t count, room;
};

struct sp_geo_maker {                   /* all zero at first */
	struct sp_geo_ranges v4, v6;
	struct sp_geo_alias aliases[SP_GEO_ALIASES];
	uint32_t alias_count;
};

/* From this address on, up to the next that is added; in ascending order. false: no memory, or too many. */
SP_MUST_USE bool sp_geo_add(struct sp_geo_maker *maker, bool is_v4, const uint8_t start[16], struct sp_geo_place place);
/* The bytes, malloc'd and the caller's. p == NULL: no memory. */
SP_MUST_USE struct sp_str sp_geo_finish(const struct sp_geo_maker *maker);
void sp_geo_maker_free(struct sp_geo_maker *maker);

#endif
