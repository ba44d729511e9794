#include "report.h"

#include <stdio.h>

#include "sp/base/clock.h"
#include "sp/base/json.h"

#include "report_html.h"

void sp_report_init(struct sp_report *report, bool is_json)
{
	*report = (struct sp_report){ .is_json = is_json };
	sp_buf_init(&report->out);
	sp_buf_init(&report->cells);
}

void sp_report_init_html(struct sp_report *report, const char *token)
{
	sp_report_init(report, false);
	report->is_html = true;
	report->token = token;
}

void sp_report_fini(struct sp_report *report)
{
	sp_buf_fini(&report->out);
	sp_buf_fini(&report->cells);
}

/* ---- text */

static size_t width_of(const struct sp_report *r, size_t columns, size_t column)
{
	size_t width = r->is_table ? strlen(r->columns[column]) : 0;
	const char *cell = r->cells.p;

	for (size_t i = 0; i < r->cell_count; i++, cell += strlen(cell) + 1)
		if (i % columns == column && strlen(cell) > width)
			width = strlen(cell);
	return width;
}

static void put_line(struct sp_report *r, size_t columns, const char *const *cells, const size_t *widths)
{
	for (size_t i = 0; i < columns; i++) {
		bool is_last = i + 1 == columns;

		sp_buf_printf(&r->out, "%s%*s", i == 0 ? "" : "  ", is_last ? 0 : -(int)widths[i], cells[i]);
	}
	sp_buf_put(&r->out, SP_STR("\n"));
}

/* Only whole rows: a reporter that leaves a cell out has fewer rows, not other columns. */
static void put_section(struct sp_report *r)
{
	const char *cells[SP_REPORT_COLUMNS] = { NULL };
	size_t widths[SP_REPORT_COLUMNS] = { 0 }, columns = r->column_count;
	const char *cell = r->cells.p;

	if (columns == 0 || r->cells.is_failed)
		return;
	if (r->sections > 1)
		sp_buf_put(&r->out, SP_STR("\n"));
	for (size_t i = 0; i < columns; i++) {
		widths[i] = width_of(r, columns, i);
		cells[i] = r->columns[i];
	}
	if (r->is_table)
		put_line(r, columns, cells, widths);
	for (size_t i = 0; i < r->cell_count; i++, cell += strlen(cell) + 1) {
		cells[i % columns] = cell;
		if ((i + 1) % columns == 0)
			put_line(r, columns, cells, widths);
	}
}

static void put_cell(struct sp_report *r, struct sp_str text)
{
	sp_buf_put(&r->cells, text.n > 0 ? text : SP_STR("-"));
	sp_buf_put(&r->cells, sp_str_of("", 1));
	r->cell_count++;
}

/* "uptime_s" is "uptime" for who reads it where the unit stands at the value. */
static void title_of(const char *name, const char *unit, char title[static SP_REPORT_NAME])
{
	const size_t n = strlen(name), end = strlen(unit);

	snprintf(title, SP_REPORT_NAME, "%.*s", (int)(n > end && strcmp(name + n - end, unit) == 0 ? n - end : n), name);
	for (char *c = title; *c != '\0'; c++)
		if (*c == '_')
			*c = ' ';
}

static void add_value(struct sp_report *r, const char *name, const char *unit, struct sp_str text)
{
	char title[SP_REPORT_NAME];

	title_of(name, unit, title);
	if (!r->is_table) {
		r->column_count = 2;
		put_cell(r, sp_str(title));
	} else if (r->rows == 1 && r->column_count < SP_REPORT_COLUMNS) {
		memcpy(r->columns[r->column_count++], title, sizeof(title));
	}
	put_cell(r, text);
}

static void add_text(struct sp_report *r, const char *name, struct sp_str text)
{
	add_value(r, name, "_s", text);
}

/* ---- JSON */

static void open_member(struct sp_report *r, const char *name)
{
	sp_buf_printf(&r->out, "%s\"%s\":", r->members++ > 0 ? "," : "", name);
}

static void end_row(struct sp_report *r)
{
	if (r->is_in_row)
		sp_buf_put(&r->out, SP_STR("}"));
	r->is_in_row = false;
}

/* ---- both */

static void end_section(struct sp_report *r)
{
	if (r->sections == 0)
		return;
	if (r->is_html) {
		sp_report_html_section(r);
	} else if (!r->is_json) {
		put_section(r);
	} else {
		end_row(r);
		sp_buf_put(&r->out, r->is_table ? SP_STR("]") : SP_STR("}"));
	}
	sp_buf_fini(&r->cells);
	r->cell_count = r->column_count = r->members = r->rows = 0;
}

static void begin(struct sp_report *r, const char *name, bool is_table)
{
	end_section(r);
	if (r->is_json)
		sp_buf_printf(&r->out, "%s\"%s\":%s", r->sections > 0 ? "," : "{", name, is_table ? "[" : "{");
	r->sections++;
	r->name = name;
	r->is_table = is_table;
}

void sp_report_section(struct sp_report *report, const char *name)
{
	begin(report, name, false);
}

void sp_report_table(struct sp_report *report, const char *name)
{
	begin(report, name, true);
}

void sp_report_row(struct sp_report *r)
{
	if (r->is_json) {
		end_row(r);
		sp_buf_put(&r->out, r->rows > 0 ? SP_STR(",{") : SP_STR("{"));
		r->is_in_row = true;
		r->members = 0;
	}
	r->rows++;
}

struct sp_str sp_report_end(struct sp_report *r)
{
	end_section(r);
	if (r->is_json)
		sp_buf_put(&r->out, r->sections > 0 ? SP_STR("}\n") : SP_STR("{}\n"));
	return r->out.is_failed ? SP_STR("") : sp_buf_str(&r->out);
}

/* ---- values */

void sp_report_text(struct sp_report *r, const char *name, struct sp_str value)
{
	if (!r->is_json) {
		add_text(r, name, value);
		return;
	}
	open_member(r, name);
	if (value.n == 0)
		sp_buf_put(&r->out, SP_STR("null"));
	else
		sp_json_put(&r->out, value);
}

static void put_number(struct sp_report *r, const char *name, uint64_t value)
{
	open_member(r, name);
	sp_buf_printf(&r->out, "%llu", (unsigned long long)value);
}

void sp_report_count(struct sp_report *r, const char *name, uint64_t value)
{
	char text[24];

	if (r->is_json) {
		put_number(r, name, value);
		return;
	}
	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	add_text(r, name, sp_str(text));
}

void sp_report_seconds(struct sp_report *r, const char *name, uint64_t value)
{
	unsigned long long s = value;
	char text[48];

	if (r->is_json) {
		put_number(r, name, value);
		return;
	}
	if (s < 60)
		snprintf(text, sizeof(text), "%llus", s);
	else if (s < 3600)
		snprintf(text, sizeof(text), "%llum%llus", s / 60, s % 60);
	else if (s < 86400)
		snprintf(text, sizeof(text), "%lluh%llum", s / 3600, s / 60 % 60);
	else
		snprintf(text, sizeof(text), "%llud%lluh", s / 86400, s / 3600 % 24);
	add_text(r, name, sp_str(text));
}

void sp_report_micros(struct sp_report *r, const char *name, uint64_t value)
{
	char text[32];

	if (r->is_json) {
		put_number(r, name, value);
		return;
	}
	snprintf(text, sizeof(text), "%llu.%02llus", (unsigned long long)value / 1000000,
		 (unsigned long long)value / 10000 % 100);
	add_value(r, name, "_us", sp_str(text));
}

/* To a tenth of the largest unit that it holds. */
static void bytes_text(uint64_t value, char text[static 32])
{
	static const char units[] = "kMGTPE";
	uint64_t tenths = value / 1024 * 10 + value % 1024 * 10 / 1024;
	size_t unit = 0;

	while (tenths >= 10240 && unit + 2 < sizeof(units)) {
		tenths /= 1024;
		unit++;
	}
	snprintf(text, 32, "%llu.%llu%c", (unsigned long long)tenths / 10, (unsigned long long)tenths % 10, units[unit]);
}

void sp_report_bytes(struct sp_report *r, const char *name, uint64_t value)
{
	char text[32];

	if (r->is_json && value > 0) {
		put_number(r, name, value);
	} else if (r->is_json) {
		sp_report_text(r, name, SP_STR(""));
	} else {
		bytes_text(value, text);
		add_value(r, name, "_bytes", sp_str(value > 0 ? text : ""));
	}
}

void sp_report_wall(struct sp_report *r, const char *name, uint64_t wall_ms)
{
	char text[SP_CLOCK_RFC3339];

	sp_clock_rfc3339(wall_ms, text);
	sp_report_text(r, name, sp_str(text));
}

void sp_report_yes(struct sp_report *r, const char *name, bool value)
{
	if (!r->is_json) {
		add_text(r, name, value ? SP_STR("yes") : SP_STR("no"));
		return;
	}
	open_member(r, name);
	sp_buf_put(&r->out, value ? SP_STR("true") : SP_STR("false"));
}

void sp_report_action(struct sp_report *r, const char *action)
{
	char cell[SP_REPORT_NAME];

	if (!r->is_html)
		return;
	snprintf(cell, sizeof(cell), "%c%s", SP_REPORT_ACTION, action);
	add_text(r, "action", sp_str(cell));
}
