#include "status.h"

#include "figures.h"

static uint64_t sum(const sp_cell *row, unsigned a, unsigned b)
{
	return sp_metrics_get(row, a) + sp_metrics_get(row, b);
}

void sp_status_geos(const struct sp_facts *facts, struct sp_report *report)
{
	if (facts->figures == NULL || facts->figures->sum == NULL || facts->conf->geo_count == 0)
		return;
	sp_report_table(report, "geo");
	for (size_t i = 0; i < facts->conf->geo_count; i++) {
		const struct sp_conf_geo *geo = &facts->conf->geos[i];
		const sp_cell *row = sp_metrics_find(facts->figures->sum, SP_METRICS_GEO,
						     sp_name_key(SP_NAME_GEO, SP_STR(""), geo->section.name), 0);

		sp_report_row(report);
		sp_report_text(report, "geo", geo->section.name);
		sp_report_count(report, "allowed", sum(row, SP_GEO_ALLOWED, SP_GEO_UNKNOWN_ALLOWED));
		sp_report_count(report, "denied", sum(row, SP_GEO_DENIED, SP_GEO_UNKNOWN_DENIED));
		sp_report_count(report, "unknown", sum(row, SP_GEO_UNKNOWN_ALLOWED, SP_GEO_UNKNOWN_DENIED));
		sp_report_count(report, "exempt", sp_metrics_get(row, SP_GEO_EXEMPT));
	}
}
