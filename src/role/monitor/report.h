/*
 * report - sections of names and values, and of rows, as JSON, as aligned text or as HTML.
 *
 * Who reports says everything once: sections, tables, rows, cells. As JSON a
 * section is an object, a table a list of objects; as text a section is a line
 * a value, a table a head and a line a row; as HTML each is a <section> with a
 * table. Names are those of the JSON and stay as they are once they were out.
 */
#ifndef SP_ROLE_MONITOR_REPORT_H
#define SP_ROLE_MONITOR_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "sp/base/buf.h"
#include "sp/base/str.h"

enum { SP_REPORT_COLUMNS = 16, SP_REPORT_NAME = 32 };

struct sp_report {
	bool is_json, is_html; /* neither: text */
	const char *token; /* borrowed: as HTML, what a form of the page has to know */
	const char *name; /* borrowed: of the section that is open */
	bool is_table, is_in_row;
	struct sp_buf out; /* owned */
	/* Of the section that is open. As text all cells wait until it ends, since only then their widths are known. */
	size_t members, rows, sections;
	struct sp_buf cells; /* owned: each with a NUL behind it */
	size_t cell_count, column_count;
	char columns[SP_REPORT_COLUMNS][SP_REPORT_NAME];
};

void sp_report_init(struct sp_report *report, bool is_json);
void sp_report_init_html(struct sp_report *report, const char *token);
void sp_report_fini(struct sp_report *report);
/* The whole of it: one line of JSON, or lines; until sp_report_fini. Empty: no memory. */
struct sp_str sp_report_end(struct sp_report *report);

void sp_report_section(struct sp_report *report, const char *name);
void sp_report_table(struct sp_report *report, const char *name);
void sp_report_row(struct sp_report *report); /* of a table; each has the same cells */

void sp_report_text(struct sp_report *report, const char *name, struct sp_str value); /* empty: null, "-" */
void sp_report_count(struct sp_report *report, const char *name, uint64_t value);
void sp_report_seconds(struct sp_report *report, const char *name, uint64_t value); /* name: "…_s" */
/* Microseconds of work; name: "…_us". Bytes, 0: not known; name: "…_bytes". */
void sp_report_micros(struct sp_report *report, const char *name, uint64_t value);
void sp_report_bytes(struct sp_report *report, const char *name, uint64_t value);
void sp_report_wall(struct sp_report *report, const char *name, uint64_t wall_ms); /* RFC 3339 */
/* As HTML a cell with a button that posts the row's first cell and the token to /ACTION; else nothing. Of tables, last. */
void sp_report_action(struct sp_report *report, const char *action);
void sp_report_yes(struct sp_report *report, const char *name, bool value);

#endif
