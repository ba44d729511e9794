/*
 * status_traffic - what there was since the gateway began, by class of status and by time: whoever draws it takes differences.
 */
#include "status.h"

#include "figures.h"
#include "sp/board/counters.h"

static void sum_all(const struct sp_figures *f, unsigned first, size_t n, uint64_t *to)
{
	for (size_t row = 0; f->sum != NULL && row < sp_metrics_rows(f->sum, SP_METRICS_ROUTE); row++) {
		uint64_t keys[2];
		const sp_cell *cells = sp_metrics_at(f->sum, SP_METRICS_ROUTE, row, keys);

		for (size_t i = 0; i < n; i++)
			to[i] += sp_metrics_get(cells, first + (unsigned)i);
	}
}

static void report_classes(const struct sp_figures *f, struct sp_report *report)
{
	static const char *const names[6] = { "no_status",  "status_1xx", "status_2xx",
					      "status_3xx", "status_4xx", "status_5xx" };
	uint64_t cells[SP_METRICS_METHODS * SP_METRICS_CODES] = { 0 }, classes[6] = { 0 }, all = 0;

	sum_all(f, SP_ROUTE_REQUESTS, SP_COUNT(cells), cells);
	for (size_t i = 0; i < SP_COUNT(cells); i++) {
		classes[sp_metrics_status(i % SP_METRICS_CODES) / 100] += cells[i];
		all += cells[i];
	}
	sp_report_count(report, "requests", all);
	for (size_t i = 1; i < SP_COUNT(names); i++)
		sp_report_count(report, names[i], classes[i]);
	sp_report_count(report, names[0], classes[0]);
}

void sp_status_traffic(const struct sp_facts *facts, struct sp_report *report)
{
	uint64_t cells[SP_HISTOGRAM_CELLS] = { 0 };

	if (facts->figures == NULL)
		return;
	sp_report_section(report, "traffic");
	report_classes(facts->figures, report);
	if (!report->is_json)
		return; /* a histogram is nothing to read */
	sum_all(facts->figures, SP_ROUTE_TOOK, SP_COUNT(cells), cells);
	sp_report_table(report, "latency");
	for (size_t i = 0; i <= SP_HISTOGRAM_BOUNDS; i++) {
		sp_report_row(report);
		sp_report_count(report, "at_most_us", i < SP_HISTOGRAM_BOUNDS ? sp_histogram_us[i] : 0);
		sp_report_count(report, "requests", cells[i]);
	}
}
