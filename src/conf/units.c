#include "sp/conf/units.h"

#include <inttypes.h>
#include <stdio.h>

#define NUMBER_MAX 1000000000000000ULL /* times any unit below it still fits 64 bits with care */

bool sp_units_size(struct sp_str text, uint64_t *bytes, const char **why)
{
	struct sp_str digits = text;
	unsigned shift = 0;

	*why = "not a size, as 512, 16k, 10m or 1g";
	if (text.n == 0)
		return false;
	switch (sp_lower(text.p[text.n - 1])) {
	case 'k': shift = 10; break;
	case 'm': shift = 20; break;
	case 'g': shift = 30; break;
	default: break;
	}
	if (shift > 0)
		digits.n--;
	if (!sp_str_u64(digits, NUMBER_MAX, bytes))
		return false;
	if (*bytes > UINT64_MAX >> shift) {
		*why = "a size beyond all bounds";
		return false;
	}
	*bytes <<= shift;
	return true;
}

static const struct {
	const char *name;
	uint64_t ms;
} units[] = {
	/* the longest first: 1h30m, never 30m1h */
	{ "y", 365 * 86400000ULL }, { "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 },
};

/* Takes "30m" off *rest. */
static bool take_step(struct sp_str *rest, size_t *least, uint64_t *ms)
{
	size_t digits = 0, letters = 0;
	struct sp_str unit;
	uint64_t n = 0;

	while (digits < rest->n && rest->p[digits] >= '0' && rest->p[digits] <= '9')
		digits++;
	while (digits + letters < rest->n && (rest->p[digits + letters] < '0' || rest->p[digits + letters] > '9'))
		letters++;
	unit = sp_str_of(rest->p + digits, letters);
	if (!sp_str_u64(sp_str_of(rest->p, digits), 1000000000, &n))
		return false;
	for (size_t i = *least; i < SP_COUNT(units); i++) {
		if (sp_str_eq(unit, sp_str(units[i].name))) {
			*least = i + 1;
			*ms += n * units[i].ms; /* 6 steps of 10^9 years fit */
			*rest = sp_str_of(rest->p + digits + letters, rest->n - digits - letters);
			return true;
		}
	}
	return false;
}

bool sp_units_duration(struct sp_str text, uint64_t *ms, const char **why)
{
	size_t least = 0;
	uint64_t plain = 0;

	if (sp_str_u64(text, UINT64_MAX, &plain)) {
		*why = "a duration needs a unit, as 250ms, 10s, 5m, 1h30m or 7d";
		return false;
	}
	*why = "not a duration, as 250ms, 10s, 5m, 1h30m or 7d";
	*ms = 0;
	if (text.n == 0)
		return false;
	while (text.n > 0) {
		if (!take_step(&text, &least, ms))
			return false;
	}
	return true;
}

bool sp_units_rate(struct sp_str text, uint64_t *per_second_x1000, const char **why)
{
	struct sp_str number;
	uint64_t n = 0;

	*why = "not a rate, as 50/s, 5/m or 1000/h";
	if (!sp_str_split(&text, '/', &number) || text.n != 1 || !sp_str_u64(number, NUMBER_MAX, &n))
		return false;
	switch (text.p[0]) {
	case 's': *per_second_x1000 = n * 1000; return true;
	case 'm': *per_second_x1000 = n * 1000 / 60; return true;
	case 'h': *per_second_x1000 = n * 1000 / 3600; return true;
	default: return false;
	}
}

bool sp_units_pace(struct sp_str text, uint64_t *ns, const char **why)
{
	static const uint64_t second = 1000000000, most_a_second = 1000000;
	struct sp_str number;
	uint64_t n = 0, seconds;

	*why = "not a rate, as 50/s, 5/m or 1000/h";
	if (!sp_str_split(&text, '/', &number) || text.n != 1 || !sp_str_u64(number, NUMBER_MAX, &n))
		return false;
	seconds = text.p[0] == 's' ? 1 : text.p[0] == 'm' ? 60 : text.p[0] == 'h' ? 3600 : 0;
	if (seconds == 0)
		return false;
	*why = "from 1/h to 1000000/s";
	if (n == 0 || n > most_a_second * seconds)
		return false;
	*ns = seconds * second / n;
	return true;
}

const char *sp_units_size_text(uint64_t bytes, char text[static SP_UNITS_TEXT])
{
	static const char names[] = { 'g', 'm', 'k' };

	for (unsigned i = 0; i < SP_COUNT(names); i++) {
		unsigned shift = 30 - 10 * i;

		if (bytes > 0 && bytes % (1ULL << shift) == 0) {
			(void)snprintf(text, SP_UNITS_TEXT, "%" PRIu64 "%c", bytes >> shift, names[i]);
			return text;
		}
	}
	(void)snprintf(text, SP_UNITS_TEXT, "%" PRIu64, bytes);
	return text;
}

/* In one unit, as people write them: 60s, 300s, 90m, 24h, 7d. */
const char *sp_units_duration_text(uint64_t ms, char text[static SP_UNITS_TEXT])
{
	for (size_t i = 1; i < SP_COUNT(units); i++) { /* days, not years */
		bool is_few = units[i].ms >= 60000 && ms < 10 * 60000; /* 60s, not 1m */

		if (ms > 0 && ms % units[i].ms == 0 && !is_few) {
			(void)snprintf(text, SP_UNITS_TEXT, "%" PRIu64 "%s", ms / units[i].ms, units[i].name);
			return text;
		}
	}
	(void)snprintf(text, SP_UNITS_TEXT, "0s");
	return text;
}

/* In the least unit that gives it back: what was 60/m is 1/s. */
const char *sp_units_pace_text(uint64_t ns, char text[static SP_UNITS_TEXT])
{
	static const struct {
		uint64_t ns;
		char name;
	} per[] = { { 1000000000, 's' }, { 60000000000, 'm' }, { 3600000000000, 'h' } };
	size_t i = 0;

	while (i + 1 < SP_COUNT(per) && (ns > per[i].ns || per[i].ns / (per[i].ns / ns) != ns))
		i++;
	(void)snprintf(text, SP_UNITS_TEXT, "%" PRIu64 "/%c", per[i].ns / ns, per[i].name);
	return text;
}

const char *sp_units_rate_text(uint64_t per_second_x1000, char text[static SP_UNITS_TEXT])
{
	if (per_second_x1000 % 1000 == 0)
		(void)snprintf(text, SP_UNITS_TEXT, "%" PRIu64 "/s", per_second_x1000 / 1000);
	else
		(void)snprintf(text, SP_UNITS_TEXT, "%" PRIu64 "/m", per_second_x1000 * 60 / 1000);
	return text;
}
