#include "top_table.h"

#include <string.h>

#include "top_text.h"

#define COLUMNS(t) (t), SP_COUNT(t)

uint64_t sp_top_between(const struct sp_top_pair *pair)
{
	return pair->before == NULL || pair->now->at_us <= pair->before->at_us ? 0 : pair->now->at_us - pair->before->at_us;
}

/* ---- rows */

/* One more row, all of "-"; its cells are to be written. NULL: no memory. */
static const char **add_row(struct sp_top_table *t, enum sp_top_style style, uint64_t weight)
{
	const char **cells;

	if (t->row_count == t->room) {
		const size_t room = t->room * 2 + 16;
		const char **more = sp_arena_alloc(t->arena, room * t->column_count * sizeof(*more));
		enum sp_top_style *styles = sp_arena_alloc(t->arena, room * sizeof(*styles));
		uint64_t *weights = sp_arena_alloc(t->arena, room * sizeof(*weights));

		if (more == NULL || styles == NULL || weights == NULL)
			return NULL;
		if (t->row_count > 0) {
			memcpy(more, t->cells, t->row_count * t->column_count * sizeof(*more));
			memcpy(styles, t->styles, t->row_count * sizeof(*styles));
			memcpy(weights, t->weights, t->row_count * sizeof(*weights));
		}
		t->cells = more;
		t->styles = styles;
		t->weights = weights;
		t->room = room;
	}
	cells = &t->cells[t->row_count * t->column_count];
	for (size_t i = 0; i < t->column_count; i++)
		cells[i] = "-";
	t->styles[t->row_count] = style;
	t->weights[t->row_count++] = weight;
	return cells;
}

/* ---- cells: of a row now, and of the same row before (NULL: it was not there) */

struct both {
	const struct sp_top_pair *pair;
	const struct sp_top_row *now, *before;
};

static const char *text(const struct both *b, const char *name)
{
	return sp_top_clean(b->pair->arena, sp_top_text(b->now, name));
}

static const char *count(const struct both *b, const char *name)
{
	return sp_top_count(b->pair->arena, sp_top_number(b->now, name));
}

/* What was not there before was nothing then. */
static const char *rate(const struct both *b, const char *name)
{
	return sp_top_rate(b->pair->arena, sp_top_number(b->now, name), sp_top_number(b->before, name),
			   sp_top_between(b->pair));
}

static uint64_t grown(const struct both *b, const char *name)
{
	const uint64_t now = sp_top_number(b->now, name), before = sp_top_number(b->before, name);

	return b->pair->before == NULL || now < before ? 0 : now - before;
}

static bool is(const struct both *b, const char *name, const char *value)
{
	return sp_str_eq(sp_top_text(b->now, name), sp_str(value));
}

/* ---- tables */

/* Trouble before the rest, whatever else they weigh. */
#define TROUBLE (UINT64_C(1) << 62)
#define ODDITY (UINT64_C(1) << 61)

static uint64_t weight_of(enum sp_top_style style)
{
	return style == SP_TOP_BAD ? TROUBLE : style == SP_TOP_ODD ? ODDITY : 0;
}

static const struct sp_top_column pools[] = {
	{ "pool", false, 0 },    { "backend", false, 0 }, { "state", false, 0 }, { "in flight", true, 1 },
	{ "queue", true, 2 },    { "req/s", true, 0 },    { "err/s", true, 3 },  { "errors", true, 4 },
	{ "requests", true, 6 }, { "check", false, 5 },
};

static void add_pool(const struct both *b, struct sp_top_table *t)
{
	const bool is_ejected = sp_top_number(b->now, "ejecting_workers") > 0;
	const enum sp_top_style style = is(b, "state", "down") ? SP_TOP_BAD
					: is_ejected || !is(b, "state", "up") ? SP_TOP_ODD
									      : SP_TOP_GOOD;
	const char **c = add_row(t, style, weight_of(style));

	if (c == NULL)
		return;
	c[0] = text(b, "pool");
	c[1] = text(b, "backend");
	c[2] = is_ejected && is(b, "state", "up") ? "ejected" : text(b, "state");
	c[3] = count(b, "in_flight");
	c[4] = count(b, "queue");
	c[5] = rate(b, "requests");
	c[6] = rate(b, "errors");
	c[7] = count(b, "errors");
	c[8] = count(b, "requests");
	c[9] = text(b, "last_check");
}

static const struct sp_top_column limits[] = {
	{ "limit", false, 0 },     { "mode", false, 3 },   { "passed/s", true, 2 },
	{ "limited/s", true, 0 },  { "limited", true, 1 }, { "bans", true, 4 },
};

static void add_limit(const struct both *b, struct sp_top_table *t)
{
	const enum sp_top_style style = grown(b, "limited") > 0 ? SP_TOP_ODD : SP_TOP_PLAIN;
	const char **c = add_row(t, style, weight_of(style));

	if (c == NULL)
		return;
	c[0] = text(b, "limit");
	c[1] = text(b, "mode");
	c[2] = rate(b, "passed");
	c[3] = rate(b, "limited");
	c[4] = count(b, "limited");
	c[5] = count(b, "bans");
}

static const struct sp_top_column bans[] = {
	{ "banned", false, 0 }, { "left", true, 0 }, { "times", true, 2 }, { "by", false, 1 },
};

static void add_ban(const struct both *b, struct sp_top_table *t)
{
	const char **c = add_row(t, SP_TOP_PLAIN, sp_top_number(b->now, "left_s"));

	if (c == NULL)
		return;
	c[0] = text(b, "address");
	c[1] = sp_top_span(b->pair->arena, sp_top_number(b->now, "left_s"));
	c[2] = count(b, "times");
	c[3] = text(b, "by");
}

static const struct sp_top_column routes[] = {
	{ "route", false, 0 }, { "to", false, 4 },   { "req/s", true, 0 }, { "4xx/s", true, 2 },
	{ "5xx/s", true, 1 },  { "mean", true, 3 },  { "hits", true, 5 },
};

static void add_route(const struct both *b, struct sp_top_table *t)
{
	const enum sp_top_style style = grown(b, "status_5xx") > 0          ? SP_TOP_BAD
					: sp_top_number(b->now, "hits") == 0 ? SP_TOP_DIM
									     : SP_TOP_PLAIN;
	const char **c = add_row(t, style, weight_of(style) + grown(b, "hits"));

	if (c == NULL)
		return;
	c[0] = text(b, "route");
	c[1] = text(b, "to");
	c[2] = rate(b, "hits");
	c[3] = rate(b, "status_4xx");
	c[4] = rate(b, "status_5xx");
	c[5] = sp_top_number(b->now, "hits") == 0 ? "-" : sp_top_time(b->pair->arena, sp_top_number(b->now, "mean_us"));
	c[6] = count(b, "hits");
}

static const struct sp_top_column listeners[] = {
	{ "listener", false, 0 }, { "connections", true, 0 }, { "bind", false, 1 },
};

static void add_listener(const struct both *b, struct sp_top_table *t)
{
	const char **c = add_row(t, SP_TOP_PLAIN, sp_top_number(b->now, "connections"));

	if (c == NULL)
		return;
	c[0] = text(b, "listener");
	c[1] = count(b, "connections");
	c[2] = text(b, "bind");
}

static const struct sp_top_column processes[] = {
	{ "process", false, 0 }, { "pid", true, 5 }, { "state", false, 1 }, { "cpu%", true, 0 },     { "memory", true, 0 },
	{ "fds", true, 2 },      { "of", true, 6 },  { "uptime", true, 3 }, { "restarts", true, 4 },
};

/* In hundredths of a processor, as it was between the two. */
static const char *share_of_cpu(const struct both *b)
{
	const uint64_t us = sp_top_between(b->pair), now = sp_top_number(b->now, "cpu_us"),
		       before = sp_top_number(b->before, "cpu_us");
	uint64_t tenths;
	const char *cell;

	if (us == 0 || b->before == NULL || now < before ||
	    sp_top_number(b->now, "pid") != sp_top_number(b->before, "pid"))
		return "-";
	tenths = (uint64_t)((double)(now - before) * 1000 / (double)us + 0.5);
	cell = sp_arena_printf(b->pair->arena, "%llu.%llu", (unsigned long long)tenths / 10,
			       (unsigned long long)tenths % 10);
	return cell == NULL ? "-" : cell;
}

static void add_process(const struct both *b, struct sp_top_table *t)
{
	const enum sp_top_style style = is(b, "state", "ready")  ? SP_TOP_PLAIN
					: is(b, "state", "dead") ? SP_TOP_BAD
								 : SP_TOP_ODD;
	const char **c = add_row(t, style, weight_of(style) + grown(b, "cpu_us"));

	if (c == NULL)
		return;
	c[0] = text(b, "process");
	c[1] = sp_top_whole(t->arena, sp_top_number(b->now, "pid"));
	c[2] = text(b, "state");
	c[3] = share_of_cpu(b);
	c[4] = sp_top_bytes(t->arena, sp_top_number(b->now, "resident_bytes"));
	c[5] = count(b, "open_fds");
	c[6] = count(b, "max_fds");
	c[7] = sp_top_span(t->arena, sp_top_number(b->now, "uptime_s"));
	c[8] = count(b, "restarts");
}

static const struct sp_top_column errors[] = {
	{ "went wrong at", false, 0 }, { "status", false, 0 }, { "cause", false, 0 }, { "at", false, 5 }, { "rule", false, 3 },
	{ "client", false, 2 },        { "method", false, 6 }, { "host", false, 4 },  { "path", false, 1 },
};

static void add_error(const struct both *b, struct sp_top_table *t)
{
	static const char *const names[] = { "time", "status", "cause", "at", "rule", "client", "method", "host", "path" };
	const struct sp_str time = sp_top_text(b->now, "time");
	const char **c = add_row(t, SP_TOP_PLAIN, 0);

	if (c == NULL)
		return;
	for (size_t i = 1; i < SP_COUNT(names); i++)
		c[i] = text(b, names[i]);
	c[0] = sp_top_clean(t->arena, time.n >= 19 ? sp_str_of(time.p + 11, 8) : time); /* of the day */
}

static const struct kind {
	const char *section, *key, *other; /* a row is the same by these texts */
	const struct sp_top_column *columns;
	size_t column_count;
	void (*add)(const struct both *b, struct sp_top_table *t);
} kinds[SP_TOP_TABLES] = {
	[SP_TOP_POOLS] = { "pools", "pool", "backend", COLUMNS(pools), add_pool },
	[SP_TOP_LIMITS] = { "limits", "limit", NULL, COLUMNS(limits), add_limit },
	[SP_TOP_BANS] = { "bans", "address", NULL, COLUMNS(bans), add_ban },
	[SP_TOP_ROUTES] = { "routes", "route", NULL, COLUMNS(routes), add_route },
	[SP_TOP_LISTENERS] = { "listeners", "listener", NULL, COLUMNS(listeners), add_listener },
	[SP_TOP_PROCESSES] = { "processes", "process", NULL, COLUMNS(processes), add_process },
	[SP_TOP_ERRORS] = { "errors", "id", NULL, COLUMNS(errors), add_error },
};

void sp_top_table(const struct sp_top_pair *pair, enum sp_top_kind kind, struct sp_top_table *table)
{
	const struct kind *k = &kinds[kind];
	const struct sp_top_section *now = sp_top_section(pair->now, k->section);
	const struct sp_top_section *before = sp_top_section(pair->before, k->section);

	*table = (struct sp_top_table){ .columns = k->columns, .column_count = k->column_count, .arena = pair->arena };
	for (size_t i = 0; i < now->count; i++) {
		const struct both both = { .pair = pair,
					   .now = &now->rows[i],
					   .before = sp_top_same(before, &now->rows[i], k->key, k->other) };

		k->add(&both, table);
	}
}
