/*
 * str - a slice: pointer and length, not owned, not terminated.
 */
#include "sp/base/str.h"

#define DISTANCE_MAX 64 /* longer texts are no typing mistakes of each other */

bool sp_str_eq_nocase(struct sp_str a, struct sp_str b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++) {
		if (sp_lower(a.p[i]) != sp_lower(b.p[i]))
			return false;
	}
	return true;
}

bool sp_str_starts(struct sp_str s, struct sp_str prefix)
{
	return s.n >= prefix.n && sp_str_eq(sp_str_of(s.p, prefix.n), prefix);
}

bool sp_str_ends(struct sp_str s, struct sp_str suffix)
{
	if (suffix.n == 0)
		return true;
	return s.n >= suffix.n && memcmp(s.p + (s.n - suffix.n), suffix.p, suffix.n) == 0;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct sp_str sp_str_trim(struct sp_str s)
{
	while (s.n > 0 && is_blank(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

bool sp_str_split(struct sp_str *s, char at, struct sp_str *head)
{
	const char *found;

	if (s->p == NULL) {
		*head = SP_STR_NONE;
		return false;
	}
	found = s->n > 0 ? memchr(s->p, at, s->n) : NULL;
	if (found == NULL) {
		*head = *s;
		*s = SP_STR_NONE;
		return true;
	}
	*head = sp_str_of(s->p, (size_t)(found - s->p));
	*s = sp_str_of(found + 1, s->n - head->n - 1);
	return true;
}

bool sp_str_u64(struct sp_str s, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;

	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		unsigned digit = (unsigned char)s.p[i] - (unsigned)'0';

		if (digit > 9 || digit > max || value > (max - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*out = value;
	return true;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

unsigned sp_str_distance(struct sp_str a, struct sp_str b, unsigned cap)
{
	uint8_t rows[3][DISTANCE_MAX + 1]; /* distances of prefixes of a to those of b; the last three lines */
	uint8_t *above2 = rows[0], *above = rows[1], *now = rows[2];

	if (sp_str_eq(a, b))
		return 0;
	if (a.n > DISTANCE_MAX || b.n > DISTANCE_MAX)
		return cap;
	memset(rows, 0, sizeof(rows));
	for (size_t j = 0; j <= b.n; j++)
		now[j] = (uint8_t)j;
	for (size_t i = 1; i <= a.n; i++) {
		uint8_t *spare = above2;

		above2 = above;
		above = now;
		now = spare;
		now[0] = (uint8_t)i;
		for (size_t j = 1; j <= b.n; j++) {
			unsigned best = above[j - 1] + (a.p[i - 1] != b.p[j - 1]);

			best = least(best, least(above[j], now[j - 1]) + 1U);
			if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
				best = least(best, above2[j - 2] + 1U);
			now[j] = (uint8_t)best;
		}
	}
	return least(now[b.n], cap);
}
