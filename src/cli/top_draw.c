#include "top_draw.h"

#include <string.h>

#include "sp/base/version.h"
#include "top_text.h"

enum {
	GAP = 2, /* blanks between two columns */
	NARROWEST = 6, /* of a column of text that has to give way */
	TABLE_ROWLESS = 2, /* lines beside rows: a blank one, the titles */
	COLUMNS_MOST = 16,
	QUANTILES = 3,
	BUCKETS_MOST = 64,
};

static const char *const codes[SP_TOP_STYLES] = {
	[SP_TOP_PLAIN] = "", [SP_TOP_GOOD] = "\033[32m", [SP_TOP_ODD] = "\033[33m",
	[SP_TOP_BAD] = "\033[31m", [SP_TOP_DIM] = "\033[2m", [SP_TOP_HEAD] = "\033[1m",
};

/* ---- one line */

struct line {
	const struct sp_top_frame *frame;
	struct sp_buf *out;
	size_t at; /* letters so far */
};

/* Of the text what still fits; width: so many letters at least, blanks behind it or, is_right, in front. */
static void put(struct line *l, enum sp_top_style style, const char *text, size_t width, bool is_right)
{
	const size_t most = l->frame->columns == 0 ? SIZE_MAX : l->frame->columns, n = strlen(text);
	const size_t pad = width > n ? width - n : 0, room = most > l->at ? most - l->at : 0;
	const bool is_styled = l->frame->has_colour && style != SP_TOP_PLAIN && room > 0;
	const size_t front = is_right ? (pad < room ? pad : room) : 0, left = room - front;
	const size_t shown = n < left ? n : left, behind = is_right ? 0 : pad < left - shown ? pad : left - shown;

	if (is_styled)
		sp_buf_put(l->out, sp_str(codes[style]));
	sp_buf_printf(l->out, "%*s%.*s", (int)front, "", (int)shown, text);
	if (is_styled)
		sp_buf_put(l->out, SP_STR("\033[0m"));
	sp_buf_printf(l->out, "%*s", (int)behind, "");
	l->at += front + shown + behind;
}

static void end_line(struct line *l)
{
	sp_buf_put(l->out, SP_STR("\n"));
	l->at = 0;
}

/* A name and its value, with a gap before where something stands there. */
static void put_value(struct line *l, const char *name, enum sp_top_style style, const char *value)
{
	if (l->at > 0)
		put(l, SP_TOP_PLAIN, "  ", 0, false);
	if (name[0] != '\0') {
		put(l, SP_TOP_DIM, name, 0, false);
		put(l, SP_TOP_PLAIN, " ", 0, false);
	}
	put(l, style, value, 0, false);
}

/* ---- the first lines */

struct head {
	const struct sp_top_pair *pair;
	struct sp_arena *arena;
	const struct sp_top_row *gateway, *now, *before; /* now, before: of the traffic; NULL: not told */
};

static const struct sp_top_row *only(const struct sp_top_status *status, const char *section)
{
	const struct sp_top_section *found = sp_top_section(status, section);

	return found->count > 0 ? &found->rows[0] : NULL;
}

static uint64_t sum(const struct sp_top_status *status, const char *section, const char *name)
{
	const struct sp_top_section *found = sp_top_section(status, section);
	uint64_t all = 0;

	for (size_t i = 0; i < found->count; i++)
		all += sp_top_number(&found->rows[i], name);
	return all;
}

static void put_gateway(const struct head *h, struct line *l)
{
	const struct sp_str state = sp_top_text(h->gateway, "state");
	const uint64_t confirm = sp_top_number(h->gateway, "confirm_within_s");
	const struct sp_top_section *processes = sp_top_section(h->pair->now, "processes");
	const uint64_t up = processes->count > 0 ? sp_top_number(&processes->rows[0], "uptime_s") : 0; /* the master's */

	put_value(l, "", sp_str_eq(state, SP_STR("serving")) ? SP_TOP_GOOD : SP_TOP_ODD, sp_top_clean(h->arena, state));
	put_value(l, "generation", SP_TOP_PLAIN, sp_top_whole(h->arena, sp_top_number(h->gateway, "generation")));
	if (confirm > 0)
		put_value(l, "confirm within", SP_TOP_ODD, sp_top_span(h->arena, confirm));
	put_value(l, "up", SP_TOP_PLAIN, sp_top_span(h->arena, up));
	put_value(l, "connections", SP_TOP_PLAIN, sp_top_count(h->arena, sp_top_number(h->gateway, "connections")));
	put_value(l, "sallyport", SP_TOP_PLAIN, sp_top_clean(h->arena, sp_top_text(h->gateway, "version")));
	put_value(l, "", SP_TOP_DIM, sp_top_clean(h->arena, sp_top_text(h->gateway, "config_file")));
	end_line(l);
}

static const char *traffic(const struct head *h, const char *name)
{
	return sp_top_rate(h->arena, sp_top_number(h->now, name), sp_top_number(h->before, name), sp_top_between(h->pair));
}

static enum sp_top_style if_any(const struct head *h, const char *name, enum sp_top_style style)
{
	return h->before != NULL && sp_top_number(h->now, name) > sp_top_number(h->before, name) ? style : SP_TOP_PLAIN;
}

static void put_rates(const struct head *h, struct line *l)
{
	const uint64_t dropped =
		sp_top_number(h->gateway, "access_lines_dropped") + sp_top_number(h->gateway, "error_lines_dropped");
	const uint64_t limited = sum(h->pair->now, "limits", "limited"), before = sum(h->pair->before, "limits", "limited");

	put_value(l, "requests/s", SP_TOP_HEAD, traffic(h, "requests"));
	put_value(l, "2xx", SP_TOP_PLAIN, traffic(h, "status_2xx"));
	put_value(l, "3xx", SP_TOP_PLAIN, traffic(h, "status_3xx"));
	put_value(l, "4xx", if_any(h, "status_4xx", SP_TOP_ODD), traffic(h, "status_4xx"));
	put_value(l, "5xx", if_any(h, "status_5xx", SP_TOP_BAD), traffic(h, "status_5xx"));
	put_value(l, "none", SP_TOP_PLAIN, traffic(h, "no_status"));
	put_value(l, "limited", limited > before ? SP_TOP_ODD : SP_TOP_PLAIN,
		  sp_top_rate(h->arena, limited, before, sp_top_between(h->pair)));
	put_value(l, "bans", SP_TOP_PLAIN, sp_top_count(h->arena, sp_top_section(h->pair->now, "bans")->count));
	if (dropped > 0)
		put_value(l, "log lines dropped", SP_TOP_ODD, sp_top_count(h->arena, dropped));
	end_line(l);
}

/* Within its bucket a request may be anywhere: evenly spread, as Prometheus has it. The last bucket has no end. */
static uint64_t quantile(const uint64_t *counts, const uint64_t *tops, size_t n, uint64_t all, uint64_t percent)
{
	double rest = (double)all * (double)percent / 100;
	uint64_t low = 0;

	for (size_t i = 0; i < n; i++) {
		if (rest <= (double)counts[i])
			return tops[i] == 0 ? low : low + (uint64_t)((double)(tops[i] - low) * rest / (double)counts[i]);
		rest -= (double)counts[i];
		low = tops[i];
	}
	return low;
}

static void put_latency(const struct head *h, struct line *l)
{
	static const uint64_t percents[QUANTILES] = { 50, 95, 99 };
	static const char *const names[QUANTILES] = { "p50", "p95", "p99" };
	const struct sp_top_section *now = sp_top_section(h->pair->now, "latency");
	const struct sp_top_section *before = sp_top_section(h->pair->before, "latency");
	uint64_t counts[BUCKETS_MOST], tops[BUCKETS_MOST], all = 0;
	size_t n = 0;

	for (; n < now->count && n < before->count && n < BUCKETS_MOST; n++) {
		const uint64_t is = sp_top_number(&now->rows[n], "requests"), was = sp_top_number(&before->rows[n], "requests");

		tops[n] = sp_top_number(&now->rows[n], "at_most_us");
		counts[n] = is > was ? is - was : 0;
		all += counts[n];
	}
	put(l, SP_TOP_DIM, "latency", 0, false);
	for (size_t i = 0; i < QUANTILES; i++)
		put_value(l, names[i], SP_TOP_PLAIN,
			  all == 0 ? "-" : sp_top_time(h->arena, quantile(counts, tops, n, all, percents[i])));
	end_line(l);
}

static size_t put_head(const struct sp_top_pair *pair, const struct sp_top_frame *frame, struct sp_buf *out)
{
	static void (*const lines[])(const struct head *h, struct line *l) = { put_gateway, put_rates, put_latency };
	const struct head head = { .pair = pair,
				   .arena = pair->arena,
				   .gateway = only(pair->now, "gateway"),
				   .now = only(pair->now, "traffic"),
				   .before = only(pair->before, "traffic") };
	struct line l = { .frame = frame, .out = out };
	size_t n = 0;

	if (frame->trouble != NULL) {
		put(&l, SP_TOP_BAD, sp_top_clean(pair->arena, sp_str(frame->trouble)), 0, false);
		end_line(&l);
		n++;
	}
	for (size_t i = 0; i < SP_COUNT(lines) && (frame->rows == 0 || n < frame->rows); i++, n++)
		lines[i](&head, &l);
	return n;
}

/* ---- a table */

struct layout {
	size_t widths[COLUMNS_MOST];
	bool is_out[COLUMNS_MOST];
};

static size_t width_of(const struct sp_top_table *t, const struct layout *layout)
{
	size_t all = 0;

	for (size_t i = 0; i < t->column_count; i++)
		if (!layout->is_out[i])
			all += layout->widths[i] + (all > 0 ? GAP : 0);
	return all;
}

/* The column that goes first; false: all that are there stay. */
static bool find_least(const struct sp_top_table *t, const struct layout *layout, size_t *at)
{
	uint8_t rank = 0;

	for (size_t i = 0; i < t->column_count; i++) {
		if (layout->is_out[i] || t->columns[i].rank <= rank)
			continue;
		rank = t->columns[i].rank;
		*at = i;
	}
	return rank > 0;
}

/* The widest column of text that may still give way. */
static bool find_widest(const struct sp_top_table *t, const struct layout *layout, size_t *at)
{
	size_t width = NARROWEST;

	for (size_t i = 0; i < t->column_count; i++) {
		if (layout->is_out[i] || t->columns[i].is_right || layout->widths[i] <= width)
			continue;
		width = layout->widths[i];
		*at = i;
	}
	return width > NARROWEST;
}

static void lay_out(const struct sp_top_table *t, size_t columns, struct layout *layout)
{
	size_t at = 0;

	*layout = (struct layout){ .widths = { 0 } };
	SP_ASSERT(t->column_count <= COLUMNS_MOST);
	for (size_t i = 0; i < t->column_count; i++)
		layout->widths[i] = strlen(t->columns[i].title);
	for (size_t i = 0; i < t->row_count * t->column_count; i++) {
		const size_t n = strlen(t->cells[i]);

		if (n > layout->widths[i % t->column_count])
			layout->widths[i % t->column_count] = n;
	}
	while (columns > 0 && width_of(t, layout) > columns && find_least(t, layout, &at))
		layout->is_out[at] = true;
	while (columns > 0 && width_of(t, layout) > columns && find_widest(t, layout, &at))
		layout->widths[at]--;
}

/* The cell, or as much of it as the column takes, with a sign that there is more. */
static const char *cut(const struct sp_top_table *t, const char *cell, size_t width)
{
	const char *shorter = strlen(cell) <= width || width == 0 ? NULL :
							sp_arena_printf(t->arena, "%.*s~", (int)width - 1, cell);

	return shorter == NULL ? cell : shorter;
}

static void put_cells(struct line *l, const struct sp_top_table *t, const struct layout *layout, const char *const *cells,
		      enum sp_top_style style)
{
	size_t last = 0;

	for (size_t i = 0; i < t->column_count; i++)
		last = layout->is_out[i] ? last : i;
	for (size_t i = 0; i <= last; i++) {
		const bool is_right = t->columns[i].is_right;

		if (layout->is_out[i])
			continue;
		if (l->at > 0)
			put(l, SP_TOP_PLAIN, "", GAP, false);
		put(l, style, cut(t, cells[i], layout->widths[i]), i < last || is_right ? layout->widths[i] : 0, is_right);
	}
	end_line(l);
}

static void put_titles(struct line *l, const struct sp_top_table *t, const struct layout *layout)
{
	const char *titles[COLUMNS_MOST];

	for (size_t i = 0; i < COLUMNS_MOST; i++)
		titles[i] = i < t->column_count ? t->columns[i].title : "";
	put_cells(l, t, layout, titles, SP_TOP_HEAD);
}

/* The heaviest that is not marked. */
static size_t find_heaviest(const struct sp_top_table *t, const bool *is_shown)
{
	size_t best = t->row_count;

	for (size_t i = 0; i < t->row_count; i++)
		if (!is_shown[i] && (best == t->row_count || t->weights[i] > t->weights[best]))
			best = i;
	return best;
}

/* Of more rows than there is room for the heaviest, in the order in which they stand. */
static void put_table(const struct sp_top_table *t, size_t rows, const struct sp_top_frame *frame, struct sp_buf *out)
{
	const bool is_cut = rows < t->row_count;
	const size_t shown = is_cut && rows > 1 ? rows - 1 : rows;
	bool *is_shown = sp_arena_zalloc(t->arena, t->row_count);
	struct line l = { .frame = frame, .out = out };
	struct layout layout;

	if (is_shown == NULL)
		return;
	for (size_t i = 0; i < shown; i++)
		is_shown[is_cut ? find_heaviest(t, is_shown) : i] = true;
	lay_out(t, frame->columns, &layout);
	end_line(&l);
	put_titles(&l, t, &layout);
	for (size_t i = 0; i < t->row_count; i++)
		if (is_shown[i])
			put_cells(&l, t, &layout, &t->cells[i * t->column_count], t->styles[i]);
	if (is_cut && rows > 1) {
		const char *more = sp_arena_printf(t->arena, "and %llu more", (unsigned long long)(t->row_count - shown));

		put(&l, SP_TOP_DIM, more == NULL ? "and more" : more, 0, false);
		end_line(&l);
	}
}

/* ---- which of them, and how much of each */

/* What goes first where there is little room, and the rows that it has before the next one gets any. */
static const struct {
	enum sp_top_kind kind;
	size_t rows;
} order[SP_TOP_TABLES] = {
	{ SP_TOP_POOLS, 4 },  { SP_TOP_PROCESSES, 4 }, { SP_TOP_LIMITS, 2 }, { SP_TOP_BANS, 2 },
	{ SP_TOP_ROUTES, 3 }, { SP_TOP_LISTENERS, 1 }, { SP_TOP_ERRORS, 2 },
};

static size_t least_of(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Rows of each table, 0: it is not there. What is left over goes to all in turn, a row at a time. */
static void share(const struct sp_top_table *tables, size_t lines, size_t *rows)
{
	bool is_any = true;

	memset(rows, 0, SP_TOP_TABLES * sizeof(*rows));
	for (size_t i = 0; i < SP_TOP_TABLES; i++) {
		const enum sp_top_kind kind = order[i].kind;

		if (tables[kind].row_count == 0 || lines <= TABLE_ROWLESS)
			continue;
		rows[kind] = least_of(least_of(tables[kind].row_count, order[i].rows), lines - TABLE_ROWLESS);
		lines -= TABLE_ROWLESS + rows[kind];
	}
	while (is_any && lines > 0) {
		is_any = false;
		for (size_t i = 0; i < SP_TOP_TABLES && lines > 0; i++) {
			const enum sp_top_kind kind = order[i].kind;

			if (rows[kind] == 0 || rows[kind] >= tables[kind].row_count)
				continue;
			rows[kind]++;
			lines--;
			is_any = true;
		}
	}
}

void sp_top_draw(const struct sp_top_pair *pair, const struct sp_top_frame *frame, struct sp_buf *out)
{
	struct sp_top_table tables[SP_TOP_TABLES];
	size_t rows[SP_TOP_TABLES], used = put_head(pair, frame, out);

	for (unsigned i = 0; i < SP_TOP_TABLES; i++)
		sp_top_table(pair, (enum sp_top_kind)i, &tables[i]);
	share(tables, frame->rows == 0 ? SIZE_MAX : frame->rows - used, rows);
	for (size_t i = 0; i < SP_TOP_TABLES; i++)
		if (rows[i] > 0)
			put_table(&tables[i], rows[i], frame, out);
}
