/*
 * challenge - the small files of a folder that answer /.well-known/acme-challenge/NAME
 * (RFC 8555 8.3), as one immutable set of bytes.
 *
 * The master reads the folder, packs it, and hands the pack to the workers, who
 * open nothing. A pack is a row of records: a byte for the length of the name,
 * two for that of the text (low first), name, text.
 */
#ifndef SP_PROXY_CHALLENGE_H
#define SP_PROXY_CHALLENGE_H

#include <stdbool.h>
#include <stddef.h>

#include "sp/base/err.h"
#include "sp/base/str.h"

#define SP_CHALLENGE_PATH "/.well-known/acme-challenge/"

enum {
	SP_CHALLENGE_NAME_MAX = 128,
	SP_CHALLENGE_TEXT_MAX = 4096,
	SP_CHALLENGE_COUNT_MAX = 64,
	SP_CHALLENGE_RECORD_MAX = 3 + SP_CHALLENGE_NAME_MAX + SP_CHALLENGE_TEXT_MAX,
	SP_CHALLENGE_PACK_MAX = SP_CHALLENGE_COUNT_MAX * SP_CHALLENGE_RECORD_MAX,
};

struct sp_challenges;

/* base64url characters only (RFC 8555 8.3), 1 to SP_CHALLENGE_NAME_MAX. */
bool sp_challenge_is_name(struct sp_str name);
/* One record to `to`, which has room for SP_CHALLENGE_RECORD_MAX; returns its length. Both are within their bounds. */
size_t sp_challenge_pack(char *to, struct sp_str name, struct sp_str text);

/* A copy of a pack. NULL: it is not well-formed, or there is no memory. */
SP_MUST_USE struct sp_challenges *sp_challenges_new(struct sp_str pack);
void sp_challenges_free(struct sp_challenges *set);     /* NULL is fine */
/* The text of that name, inside the set; p == NULL: there is none. set may be NULL: nothing is in it. */
struct sp_str sp_challenges_find(const struct sp_challenges *set, struct sp_str name);

#endif
