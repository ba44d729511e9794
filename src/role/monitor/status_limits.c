#include "status.h"

#include "figures.h"

void sp_status_limits(const struct sp_facts *facts, struct sp_report *report)
{
	if (facts->figures == NULL || facts->figures->sum == NULL)
		return;
	sp_report_table(report, "limits");
	for (size_t i = 0; i < facts->conf->limit_count; i++) {
		const struct sp_conf_limit *limit = &facts->conf->limits[i];
		const sp_cell *row = sp_metrics_find(facts->figures->sum, SP_METRICS_LIMIT,
						     sp_name_key(SP_NAME_LIMIT, SP_STR(""), limit->section.name), 0);

		sp_report_row(report);
		sp_report_text(report, "limit", limit->section.name);
		sp_report_text(report, "mode", limit->is_observed ? SP_STR("observe") : SP_STR("enforce"));
		sp_report_count(report, "passed",
				sp_metrics_get(row, SP_LIMIT_PASSED) + sp_metrics_get(row, SP_LIMIT_OBSERVED_PASSED));
		sp_report_count(report, "limited",
				sp_metrics_get(row, SP_LIMIT_LIMITED) + sp_metrics_get(row, SP_LIMIT_OBSERVED_LIMITED));
		sp_report_count(report, "bans", sp_metrics_get(row, SP_LIMIT_BANS));
	}
}
