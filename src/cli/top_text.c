#include "top_text.h"

typedef unsigned long long num;

static const char *or_none(const char *text)
{
	return text == NULL ? "-" : text;
}

const char *sp_top_clean(struct sp_arena *arena, struct sp_str text)
{
	struct sp_str copy = text.n == 0 ? SP_STR_NONE : sp_arena_copy(arena, text);
	char *p = (char *)copy.p; /* ours: the arena's */

	for (size_t i = 0; p != NULL && i < copy.n; i++)
		if (p[i] < ' ' || p[i] > '~')
			p[i] = '?';
	return or_none(p);
}

/* Three figures, or the whole where it is short. */
const char *sp_top_count(struct sp_arena *arena, uint64_t n)
{
	static const char units[] = { 'k', 'M', 'G', 'T', 'P' };
	uint64_t hundredths = n / 10; /* of a thousand */
	size_t unit = 0;

	if (n < 10000)
		return or_none(sp_arena_printf(arena, "%llu", (num)n));
	while (hundredths >= 100000 && unit + 1 < sizeof(units)) {
		hundredths /= 1000;
		unit++;
	}
	if (hundredths < 1000)
		return or_none(sp_arena_printf(arena, "%llu.%02llu%c", (num)hundredths / 100, (num)hundredths % 100, units[unit]));
	return or_none(sp_arena_printf(arena, "%llu.%llu%c", (num)hundredths / 100, (num)hundredths / 10 % 10, units[unit]));
}

const char *sp_top_whole(struct sp_arena *arena, uint64_t n)
{
	return n == 0 ? "-" : or_none(sp_arena_printf(arena, "%llu", (num)n));
}

const char *sp_top_rate(struct sp_arena *arena, uint64_t now, uint64_t before, uint64_t us)
{
	uint64_t tenths;

	if (us == 0 || now < before)
		return "-";
	tenths = (uint64_t)((double)(now - before) * 1e7 / (double)us + 0.5);
	if (tenths == 0)
		return "0";
	if (tenths < 1000)
		return or_none(sp_arena_printf(arena, "%llu.%llu", (num)tenths / 10, (num)tenths % 10));
	return sp_top_count(arena, (tenths + 5) / 10);
}

const char *sp_top_time(struct sp_arena *arena, uint64_t us)
{
	if (us < 1000)
		return or_none(sp_arena_printf(arena, "%lluus", (num)us));
	if (us < 100000)
		return or_none(sp_arena_printf(arena, "%llu.%llums", (num)us / 1000, (num)us / 100 % 10));
	if (us < 1000000)
		return or_none(sp_arena_printf(arena, "%llums", (num)us / 1000));
	return or_none(sp_arena_printf(arena, "%llu.%llus", (num)us / 1000000, (num)us / 100000 % 10));
}

const char *sp_top_span(struct sp_arena *arena, uint64_t s)
{
	if (s < 60)
		return or_none(sp_arena_printf(arena, "%llus", (num)s));
	if (s < 3600)
		return or_none(sp_arena_printf(arena, "%llum%llus", (num)s / 60, (num)s % 60));
	if (s < 86400)
		return or_none(sp_arena_printf(arena, "%lluh%llum", (num)s / 3600, (num)s / 60 % 60));
	return or_none(sp_arena_printf(arena, "%llud%lluh", (num)s / 86400, (num)s / 3600 % 24));
}

const char *sp_top_bytes(struct sp_arena *arena, uint64_t n)
{
	static const char units[] = { 'k', 'M', 'G', 'T', 'P' };
	uint64_t tenths = n / 1024 * 10 + n % 1024 * 10 / 1024;
	size_t unit = 0;

	if (n == 0)
		return "-";
	while (tenths >= 10240 && unit + 1 < sizeof(units)) {
		tenths /= 1024;
		unit++;
	}
	return or_none(sp_arena_printf(arena, "%llu.%llu%c", (num)tenths / 10, (num)tenths % 10, units[unit]));
}
