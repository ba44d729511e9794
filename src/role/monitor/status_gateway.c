#include "status.h"

#include "sp/base/clock.h"
#include "sp/base/version.h"
#include "sp/board/counters.h"

static const char *state_of(const struct sp_ipc_message *g)
{
	if (g->body.gateway.is_draining != 0)
		return "draining";
	return g->body.gateway.is_drained != 0 ? "drained" : "serving";
}

void sp_status_gateway(const struct sp_facts *facts, struct sp_report *report)
{
	const struct sp_ipc_message *g = &facts->gateway;
	uint64_t now = sp_now_ms(), until = g->body.gateway.confirm_ms;

	if (g->type == SP_IPC_NONE)
		return;
	sp_report_section(report, "gateway");
	sp_report_text(report, "version", SP_STR(SP_VERSION));
	sp_report_text(report, "config_file", sp_str(facts->conf->main_file));
	sp_report_text(report, "state", sp_str(state_of(g)));
	sp_report_wall(report, "started", g->body.gateway.started_wall_ms);
	sp_report_count(report, "generation", g->body.gateway.generation);
	sp_report_wall(report, "generation_since", g->body.gateway.loaded_wall_ms);
	if (g->body.gateway.returns > 0) {
		sp_report_seconds(report, "confirm_within_s", until > now ? (until - now + 999) / 1000 : 0);
		sp_report_count(report, "else_returns_generation", g->body.gateway.returns);
	}
	if (facts->board != NULL)
		sp_report_count(report, "connections",
				sp_counters_clients(facts->board, (uint32_t)facts->conf->gateway.max_connections));
	sp_report_count(report, "access_lines_dropped", g->body.gateway.dropped[SP_IPC_LOG_ACCESS]);
	sp_report_count(report, "error_lines_dropped", g->body.gateway.dropped[SP_IPC_LOG_ERROR]);
}
