#include "status.h"

#include <stdio.h>
#include <stdlib.h>

#include "figures.h"
#include "sp/base/clock.h"

static void report_cert(const struct sp_conf_tls *tls, const struct sp_conf_cert *cert, int64_t expiry,
			struct sp_report *report)
{
	const int64_t left = expiry - (int64_t)(sp_wall_ms() / 1000);
	char days[24];

	(void)snprintf(days, sizeof(days), "%lld", (long long)(left / 86400));
	sp_report_row(report);
	sp_report_text(report, "tls", tls->section.name);
	sp_report_text(report, "file", cert->chain_path);
	sp_report_text(report, "days_left", sp_str(days));
	sp_report_text(report, "state",
		       left <= 0           ? SP_STR("expired")
		       : left < 14 * 86400 ? SP_STR("soon")
					   : SP_STR("valid"));
	sp_report_wall(report, "until", expiry > 0 ? (uint64_t)expiry * 1000 : 0);
}

void sp_status_certs(const struct sp_facts *facts, struct sp_report *report)
{
	if (facts->figures == NULL)
		return;
	sp_report_table(report, "certificates");
	for (size_t i = 0; i < facts->conf->tls_count; i++) {
		const struct sp_conf_tls *tls = &facts->conf->tls[i];

		for (size_t k = 0; k < tls->cert_count; k++)
			report_cert(tls, &tls->certs[k], facts->figures->expiry[tls->certs[k].index], report);
	}
}
