/*
 * clock - the time, read once a turn of the loop.
 */
#include "sp/base/clock.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#define DAY_S 86400U
#define WALL_LAST 253402300799999U /* the end of the year 9999: four digits stay four */

static struct {
	uint64_t mono_us, wall_ms;
	bool is_stopped; /* by a test */
} now;

void sp_clock_tick(void)
{
	struct timespec mono, wall;

	if (now.is_stopped)
		return;
	clock_gettime(CLOCK_MONOTONIC, &mono);
	clock_gettime(CLOCK_REALTIME, &wall);
	/* + 1: a machine that has just started has a time, too */
	now.mono_us = (uint64_t)mono.tv_sec * 1000000U + (uint64_t)mono.tv_nsec / 1000U + 1;
	now.wall_ms = wall.tv_sec < 0 ? 0 : (uint64_t)wall.tv_sec * 1000U + (uint64_t)wall.tv_nsec / 1000000U;
}

/* Whoever asks before the first turn (start-up, commands) gets a time as well. */
static void tick_once(void)
{
	if (now.mono_us == 0)
		sp_clock_tick();
}

uint64_t sp_now_us(void)
{
	tick_once();
	return now.mono_us;
}

uint64_t sp_now_ms(void)
{
	tick_once();
	return now.mono_us / 1000U;
}

uint64_t sp_wall_ms(void)
{
	tick_once();
	return now.wall_ms;
}

void sp_clock_set(uint64_t mono_us, uint64_t wall_ms)
{
	now.mono_us = mono_us;
	now.wall_ms = wall_ms;
	now.is_stopped = true;
}

struct moment {
	unsigned year, month, day, weekday; /* month and day from 1, weekday 0 = Sunday */
	unsigned hour, minute, second, milli;
};

/* Days to a date by eras of 400 years that begin on March 1 (so that a leap day is a year's last). */
static void set_date(struct moment *m, unsigned days)
{
	unsigned z = days + 719468U;
	unsigned era = z / 146097U;
	unsigned of_era = z % 146097U;
	unsigned year = (of_era - of_era / 1460U + of_era / 36524U - of_era / 146096U) / 365U;
	unsigned of_year = of_era - (365U * year + year / 4U - year / 100U);
	unsigned march = (5U * of_year + 2U) / 153U; /* 0 = March */

	m->day = of_year - (153U * march + 2U) / 5U + 1U;
	m->month = march < 10U ? march + 3U : march - 9U;
	m->year = era * 400U + year + (m->month <= 2U);
	m->weekday = (days + 4U) % 7U; /* 1970-01-01 was a Thursday */
}

static struct moment split_wall(uint64_t wall_ms)
{
	uint64_t ms = wall_ms < WALL_LAST ? wall_ms : WALL_LAST;
	unsigned of_day = (unsigned)(ms / 1000U % DAY_S);
	struct moment m = { .milli = (unsigned)(ms % 1000U) };

	set_date(&m, (unsigned)(ms / 1000U / DAY_S));
	m.hour = of_day / 3600U;
	m.minute = of_day / 60U % 60U;
	m.second = of_day % 60U;
	return m;
}

/* The last `n` digits of value; returns what is behind them. A line of the log has twenty: printf would show. */
static char *put_digits(char *to, unsigned value, unsigned n)
{
	for (unsigned i = n; i > 0; i--) {
		to[i - 1] = (char)('0' + value % 10U);
		value /= 10U;
	}
	return to + n;
}

static char *put_time(char *to, const struct moment *m)
{
	to = put_digits(to, m->hour, 2);
	*to++ = ':';
	to = put_digits(to, m->minute, 2);
	*to++ = ':';
	return put_digits(to, m->second, 2);
}

static char *put_text(char *to, const char *text, size_t n)
{
	memcpy(to, text, n);
	return to + n;
}

static const char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char day_names[] = "Sun, Mon, Tue, Wed, Thu, Fri, Sat, ";

void sp_clock_rfc3339(uint64_t wall_ms, char out[static SP_CLOCK_RFC3339])
{
	struct moment m = split_wall(wall_ms);
	char *to = put_digits(out, m.year, 4);

	*to++ = '-';
	to = put_digits(to, m.month, 2);
	*to++ = '-';
	to = put_digits(to, m.day, 2);
	*to++ = 'T';
	to = put_time(to, &m);
	*to++ = '.';
	to = put_digits(to, m.milli, 3);
	put_text(to, "Z", sizeof("Z"));
}

static void write_http(uint64_t wall_ms, char out[static SP_CLOCK_HTTP])
{
	struct moment m = split_wall(wall_ms);
	char *to = put_text(out, day_names + 5U * m.weekday, 5);

	to = put_digits(to, m.day, 2);
	*to++ = ' ';
	to = put_text(to, month_names + 3U * (m.month - 1U), 3);
	*to++ = ' ';
	to = put_digits(to, m.year, 4);
	*to++ = ' ';
	to = put_time(to, &m);
	put_text(to, " GMT", sizeof(" GMT"));
}

/* Every answer has one: it is written once a second. */
void sp_clock_http(uint64_t wall_ms, char out[static SP_CLOCK_HTTP])
{
	static uint64_t second = UINT64_MAX;
	static char text[SP_CLOCK_HTTP];

	if (wall_ms / 1000U != second) {
		second = wall_ms / 1000U;
		write_http(wall_ms, text);
	}
	memcpy(out, text, sizeof(text));
}

void sp_clock_clf(uint64_t wall_ms, char out[static SP_CLOCK_CLF])
{
	struct moment m = split_wall(wall_ms);
	char *to = put_digits(out, m.day, 2);

	*to++ = '/';
	to = put_text(to, month_names + 3U * (m.month - 1U), 3);
	*to++ = '/';
	to = put_digits(to, m.year, 4);
	*to++ = ':';
	to = put_time(to, &m);
	put_text(to, " +0000", sizeof(" +0000"));
}
