/*
 * json - texts into JSON (RFC 8259), and one flat object out of a line.
 *
 * What is read is what this program writes: {"name":"text","name":12}, blanks between the tokens, nothing nested, no
 * name twice. A byte that is no printable ASCII is written as \u00hh and read back as that byte, so any text survives.
 */
#ifndef SP_BASE_JSON_H
#define SP_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "sp/base/buf.h"
#include "sp/base/check.h"
#include "sp/base/str.h"

#define SP_JSON_MEMBERS 8
#define SP_JSON_NUMBER 999999999999999ULL /* the largest that is read: every reader of JSON keeps it exact */

/* With its quotes. */
void sp_json_put(struct sp_buf *buf, struct sp_str text);

struct sp_json_member {
	struct sp_str name;
	bool is_number;
	struct sp_str text; /* unless it is a number */
	uint64_t number;
};

struct sp_json {
	size_t count;
	struct sp_json_member members[SP_JSON_MEMBERS];
};

/* room: line.n bytes, where names and texts go; they live as long as it. NULL: it is one; else what is wrong with it. */
SP_MUST_USE const char *sp_json_read(struct sp_str line, char *room, struct sp_json *out);
/* ---- the tokens, for who knows what is nested in what */

struct sp_json_reader {
	struct sp_str rest; /* what is still to be read */
	char *to; /* where texts go: as many bytes as are to be read */
};
/* Past the blanks, this byte? */
bool sp_json_take(struct sp_json_reader *r, char c);
/* Behind its first quote. NULL, or what is wrong. */
SP_MUST_USE const char *sp_json_take_text(struct sp_json_reader *r, struct sp_str *out);
SP_MUST_USE const char *sp_json_take_number(struct sp_json_reader *r, uint64_t *out);

/* NULL: there is none of that name. */
const struct sp_json_member *sp_json_find(const struct sp_json *json, const char *name);

#endif
