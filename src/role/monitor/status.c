#include "status.h"

#include <stdio.h>

#include "figures.h"

static void (*const sections[])(const struct sp_facts *facts, struct sp_report *report) = {
	sp_status_gateway,
	sp_status_traffic,
	sp_status_listeners,
	sp_status_pools,
	sp_status_routes,
	sp_status_geos,
	sp_status_limits,
	sp_status_bans,
	sp_status_certs,
	sp_status_errors,
	sp_status_processes,
	sp_status_sandbox,
};

void sp_status_report(const struct sp_facts *facts, struct sp_report *report)
{
	if (facts->figures != NULL)
		sp_figures_sum(facts->figures, facts->board);
	for (size_t i = 0; i < SP_COUNT(sections); i++)
		sections[i](facts, report);
}

const char *sp_status_process_name(const struct sp_ipc_message *process, char name[static 32])
{
	const char *role = sp_ipc_role_name((enum sp_ipc_role)process->body.process.role);

	if (process->body.process.worker > 0)
		snprintf(name, 32, "%s %u", role, process->body.process.worker);
	else
		snprintf(name, 32, "%s", role);
	return name;
}
