/*
 * top_status - the status of a gateway as its monitor tells it in JSON: sections, each an object or a list of objects.
 */
#ifndef SP_CLI_TOP_STATUS_H
#define SP_CLI_TOP_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sp/base/arena.h"
#include "sp/base/str.h"

enum { SP_TOP_SECTIONS = 32, SP_TOP_VALUES = 64 }; /* at most, and values of a row; what is more is left out */

struct sp_top_value {
	struct sp_str name, text; /* text: of a text; empty: null */
	uint64_t number; /* of a number, and of yes and no */
};

struct sp_top_row {
	const struct sp_top_value *values;
	size_t count;
};

struct sp_top_section {
	struct sp_str name;
	const struct sp_top_row *rows; /* of an object: one */
	size_t count;
};

struct sp_top_status {
	struct sp_top_section sections[SP_TOP_SECTIONS];
	size_t count;
	uint64_t at_us; /* when it was told: the caller's */
};

/* All of it lies in the arena; json may go. false: it is no status, or there is no memory. */
SP_MUST_USE bool sp_top_read(struct sp_str json, struct sp_arena *arena, struct sp_top_status *out);

/* One without rows where there is none of that name; NULL status too. */
const struct sp_top_section *sp_top_section(const struct sp_top_status *status, const char *name);
struct sp_str sp_top_text(const struct sp_top_row *row, const char *name); /* empty: none; NULL row too */
uint64_t sp_top_number(const struct sp_top_row *row, const char *name); /* 0: none; NULL row too */
/* The row with the same texts under these names (the second may be NULL); NULL: there is none. */
const struct sp_top_row *sp_top_same(const struct sp_top_section *in, const struct sp_top_row *as, const char *name,
				     const char *other);

#endif
