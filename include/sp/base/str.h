/*
 * str - a slice: pointer and length, not owned, not terminated.
 */
#ifndef SP_BASE_STR_H
#define SP_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "sp/base/check.h"

struct sp_str {
	const char *p;
	size_t n;
};

#define SP_STR(literal) ((struct sp_str){ (literal), sizeof(literal) - 1 })
#define SP_STR_NONE ((struct sp_str){ NULL, 0 })
#define SP_STR_ARG(s) (int)(s).n, (s).p      /* for printf's "%.*s" */

static inline struct sp_str sp_str(const char *text)
{
	return (struct sp_str){ text, strlen(text) };
}

static inline struct sp_str sp_str_of(const char *p, size_t n)
{
	return (struct sp_str){ p, n };
}

static inline bool sp_str_eq(struct sp_str a, struct sp_str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* ASCII letters only; independent of the locale. */
bool sp_str_eq_nocase(struct sp_str a, struct sp_str b);
bool sp_str_starts(struct sp_str s, struct sp_str prefix);
bool sp_str_ends(struct sp_str s, struct sp_str suffix);
struct sp_str sp_str_trim(struct sp_str s);     /* SP and HTAB at both ends */

/* Splits at the first `at`: *head gets what stands before it, *s what stands
 * behind it. Without one, *head is all of *s and *s becomes empty (p == NULL).
 * Returns false when *s was exhausted (p == NULL) already. */
bool sp_str_split(struct sp_str *s, char at, struct sp_str *head);

/* Only digits, at least one, value <= max; nothing else (no sign, no blank). */
SP_MUST_USE bool sp_str_u64(struct sp_str s, uint64_t max, uint64_t *out);

static inline char sp_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* Levenshtein distance with adjacent swaps, capped at `cap`; for "did you mean". Different texts over 64 bytes are
 * `cap` apart. */
unsigned sp_str_distance(struct sp_str a, struct sp_str b, unsigned cap);

#endif
