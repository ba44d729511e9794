#include "near.h"

#include <stdio.h>

struct sp_near sp_near_to(struct sp_str wrong)
{
	unsigned worst = wrong.n <= 3 ? 1 : wrong.n <= 8 ? 2 : 3;

	return (struct sp_near){ .wrong = wrong, .distance = worst + 1 };
}

/* "helth_check" and "check", "timeout" and "header_timeout": one is the words at an end of the other. */
static bool shares_words(struct sp_str a, struct sp_str b)
{
	struct sp_str whole = a.n > b.n ? a : b, part = a.n > b.n ? b : a;

	if (part.n < 3 || whole.n == part.n)
		return false;
	if (sp_str_starts(whole, part) && whole.p[part.n] == '_')
		return true;
	return sp_str_ends(whole, part) && whole.p[whole.n - part.n - 1] == '_';
}

void sp_near_offer(struct sp_near *near, struct sp_str candidate, struct sp_conf_at at)
{
	unsigned distance;

	/* Nothing as long as this is a slip of the finger; and the distance costs length times length. */
	if (near->wrong.n == 0 || near->wrong.n > 64 || candidate.n > 64)
		return;
	distance = sp_str_distance(near->wrong, candidate, near->distance);
	if (distance < near->distance) {
		near->distance = distance;
		near->best = candidate;
		near->at = at;
	} else if (near->best.n == 0 && shares_words(near->wrong, candidate)) {
		near->best = candidate;
		near->at = at;
	}
}

const char *sp_near_text(const struct sp_near *near, char text[static SP_NEAR_TEXT])
{
	text[0] = '\0';
	if (near->best.n == 0)
		return text;
	if (near->at.file != NULL)
		(void)snprintf(text, SP_NEAR_TEXT, "; did you mean \"%.*s\" (%.400s:%d)?", SP_STR_ARG(near->best),
			       near->at.file, near->at.line);
	else
		(void)snprintf(text, SP_NEAR_TEXT, "; did you mean \"%.*s\"?", SP_STR_ARG(near->best));
	return text;
}
