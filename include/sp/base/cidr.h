/*
 * cidr - prefixes, and a table from prefixes to values at a cost that does not
 * grow with their number (a path-compressed binary trie; v4 and v6 apart).
 */
#ifndef SP_BASE_CIDR_H
#define SP_BASE_CIDR_H

#include <stdbool.h>
#include <stdint.h>

#include "sp/base/addr.h"

struct sp_cidr {
	struct sp_addr addr;            /* port 0 */
	uint8_t bits;                   /* 0 to 32 or 128 */
};

/* "10.0.0.0/8", "::1/128", "10.1.2.3" (= /32). Bits below the prefix must be zero. */
SP_MUST_USE bool sp_cidr_parse(struct sp_str text, struct sp_cidr *out);
bool sp_cidr_has(const struct sp_cidr *cidr, const struct sp_addr *addr);       /* folds v4-mapped first */
const char *sp_cidr_text(const struct sp_cidr *cidr, char text[static SP_ADDR_TEXT]);

struct sp_cidr_table;

SP_MUST_USE struct sp_cidr_table *sp_cidr_table_new(void);
void sp_cidr_table_free(struct sp_cidr_table *table);
/* The later value wins for an equal prefix. value is > 0. false: no memory. */
SP_MUST_USE bool sp_cidr_table_add(struct sp_cidr_table *table, const struct sp_cidr *cidr, uint32_t value);
/* The value of the longest prefix that has addr, or 0. */
uint32_t sp_cidr_table_find(const struct sp_cidr_table *table, const struct sp_addr *addr);

#endif
