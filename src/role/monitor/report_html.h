/*
 * report_html - a section of a report as HTML: whatever a cell says, it is text.
 *
 * Classes say what a cell is (k-NAME) and, where that is a short word, what it says (v-WORD), for the style sheet.
 */
#ifndef SP_ROLE_MONITOR_REPORT_HTML_H
#define SP_ROLE_MONITOR_REPORT_HTML_H

#include "report.h"

#define SP_REPORT_ACTION '\1' /* a cell that begins so is a button */

void sp_html_put(struct sp_buf *to, struct sp_str text);
void sp_report_html_section(struct sp_report *report); /* the one that is open; its cells wait in report->cells */

#endif
