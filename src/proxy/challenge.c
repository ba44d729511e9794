#include "sp/proxy/challenge.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sp/base/check.h"

enum { HEAD = 3 };                      /* of a record: the two lengths */

struct sp_challenges {
	size_t n;
	char pack[];
};

static bool is_name_byte(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool sp_challenge_is_name(struct sp_str name)
{
	if (name.n == 0 || name.n > SP_CHALLENGE_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (!is_name_byte(name.p[i]))
			return false;
	return true;
}

size_t sp_challenge_pack(char *to, struct sp_str name, struct sp_str text)
{
	SP_ASSERT(sp_challenge_is_name(name) && text.n <= SP_CHALLENGE_TEXT_MAX);
	to[0] = (char)name.n;
	to[1] = (char)(text.n & 255);
	to[2] = (char)(text.n >> 8);
	memcpy(to + HEAD, name.p, name.n);
	if (text.n > 0)
		memcpy(to + HEAD + name.n, text.p, text.n);
	return HEAD + name.n + text.n;
}

/* The first record off *rest. false: what is there is none. */
static bool unpack(struct sp_str *rest, struct sp_str *name, struct sp_str *text)
{
	const uint8_t *head = (const uint8_t *)rest->p;
	size_t name_n, text_n;

	if (rest->n < HEAD)
		return false;
	name_n = head[0];
	text_n = head[1] | (size_t)head[2] << 8;
	if (text_n > SP_CHALLENGE_TEXT_MAX || rest->n - HEAD < name_n + text_n)
		return false;
	*name = sp_str_of(rest->p + HEAD, name_n);
	*text = sp_str_of(rest->p + HEAD + name_n, text_n);
	*rest = sp_str_of(text->p + text_n, rest->n - HEAD - name_n - text_n);
	return sp_challenge_is_name(*name);
}

static bool is_well_formed(struct sp_str pack)
{
	struct sp_str name, text;

	for (size_t i = 0; pack.n > 0; i++)
		if (i == SP_CHALLENGE_COUNT_MAX || !unpack(&pack, &name, &text))
			return false;
	return true;
}

struct sp_challenges *sp_challenges_new(struct sp_str pack)
{
	struct sp_challenges *set;

	if (!is_well_formed(pack))
		return NULL;
	set = malloc(sizeof(*set) + pack.n);
	if (set == NULL)
		return NULL;
	set->n = pack.n;
	if (pack.n > 0)
		memcpy(set->pack, pack.p, pack.n);
	return set;
}

void sp_challenges_free(struct sp_challenges *set)
{
	free(set);
}

struct sp_str sp_challenges_find(const struct sp_challenges *set, struct sp_str name)
{
	struct sp_str rest = set == NULL ? SP_STR_NONE : sp_str_of(set->pack, set->n), at, text;

	while (rest.n > 0 && unpack(&rest, &at, &text))
		if (sp_str_eq(at, name))
			return text;
	return SP_STR_NONE;
}
