#include "status.h"

#include "figures.h"

static void report_errors(const struct sp_figures *f, uint64_t key, struct sp_report *report)
{
	uint64_t cells[SP_METRICS_METHODS * SP_METRICS_CODES] = { 0 }, classes[6] = { 0 };

	sp_figures_of_route(f, key, SP_ROUTE_REQUESTS, SP_COUNT(cells), cells);
	for (size_t i = 0; i < SP_COUNT(cells); i++)
		classes[sp_metrics_status(i % SP_METRICS_CODES) / 100] += cells[i];
	sp_report_count(report, "status_4xx", classes[4]);
	sp_report_count(report, "status_5xx", classes[5]);
}

/* The mean; 0 without requests. */
static void report_time(const struct sp_figures *f, uint64_t key, struct sp_report *report)
{
	uint64_t cells[SP_HISTOGRAM_CELLS] = { 0 }, count = 0;

	sp_figures_of_route(f, key, SP_ROUTE_TOOK, SP_COUNT(cells), cells);
	for (size_t i = 0; i <= SP_HISTOGRAM_BOUNDS; i++)
		count += cells[i];
	sp_report_count(report, "mean_us", count == 0 ? 0 : cells[SP_HISTOGRAM_SUM] / count);
}

static void report_outcome(const struct sp_conf_route *route, struct sp_report *report)
{
	if (route->pool != NULL)
		sp_report_text(report, "to", route->pool->section.name);
	else
		sp_report_text(report, "to", route->redirect_status != 0 ? SP_STR("redirect") : SP_STR("respond"));
}

void sp_status_routes(const struct sp_facts *facts, struct sp_report *report)
{
	const struct sp_figures *f = facts->figures;

	if (f == NULL)
		return;
	sp_report_table(report, "routes");
	for (size_t i = 0; i < facts->conf->route_count; i++) {
		sp_report_row(report);
		sp_report_text(report, "route", facts->conf->routes[i].section.name);
		sp_report_count(report, "hits", sp_figures_hits(f, f->route_keys[i]));
		report_errors(f, f->route_keys[i], report);
		report_time(f, f->route_keys[i], report);
		report_outcome(&facts->conf->routes[i], report);
	}
}
