/*
 * status_errors - the last exchanges that went wrong, of all workers, the newest first.
 */
#include "status.h"

#include <stdlib.h>

#include "figures.h"
#include "sp/board/recent.h"

enum { SHOWN = 20 };

/* Those that are shown, the newest first. */
struct newest {
	size_t count;
	struct sp_recent_error errors[SHOWN];
};

static void add(struct newest *newest, const struct sp_recent_error *error)
{
	size_t at = newest->count;

	while (at > 0 && newest->errors[at - 1].wall_ms < error->wall_ms)
		at--;
	if (at == SHOWN)
		return;
	if (newest->count < SHOWN)
		newest->count++;
	memmove(&newest->errors[at + 1], &newest->errors[at], (newest->count - 1 - at) * sizeof(*error));
	newest->errors[at] = *error;
}

static void gather(const struct sp_board *board, struct newest *newest)
{
	for (size_t i = 0; i < sp_board_workers(board); i++) {
		const struct sp_recent *recent = sp_board_read(board, SP_BLOCK_RECENT, i);
		struct sp_recent_error error;

		for (uint32_t age = 0; age < SP_RECENT_ENTRIES; age++)
			if (sp_recent_get(recent, age, &error))
				add(newest, &error);
	}
}

static void report_error(const struct sp_facts *facts, const struct sp_recent_error *e, struct sp_report *report)
{
	struct sp_str listener, route;
	char word[SP_METRICS_CODE_WORD];

	(void)!sp_figures_listener(facts->figures, e->listener, &listener);
	(void)!sp_figures_route(facts->figures, e->route, &route);
	sp_report_row(report);
	sp_report_wall(report, "time", e->wall_ms);
	sp_report_text(report, "status",
		       e->status == 0 ? SP_STR("none")
				      : sp_str(sp_metrics_code_word(sp_metrics_code(e->status), word)));
	sp_report_text(report, "cause", sp_str(sp_metrics_cause_words[e->cause]));
	sp_report_text(report, "at", sp_str(sp_metrics_at_words[e->at]));
	sp_report_text(report, "rule", sp_str(e->rule));
	sp_report_text(report, "client", sp_str(e->client));
	sp_report_text(report, "method", sp_str(e->method));
	sp_report_text(report, "host", sp_str(e->host));
	sp_report_text(report, "path", sp_str(e->path));
	sp_report_text(report, "listener", listener);
	sp_report_text(report, "route", route);
	sp_report_text(report, "id", sp_str(e->id));
}

void sp_status_errors(const struct sp_facts *facts, struct sp_report *report)
{
	static struct newest newest; /* 12 KiB that the stack need not hold */

	if (facts->figures == NULL || facts->board == NULL)
		return;
	newest.count = 0;
	gather(facts->board, &newest);
	sp_report_table(report, "errors");
	for (size_t i = 0; i < newest.count; i++)
		report_error(facts, &newest.errors[i], report);
}
