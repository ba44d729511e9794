#include "status.h"

#include "sp/base/clock.h"

static struct sp_str state_of(const struct sp_ipc_message *p)
{
	if (p->body.process.pid == 0)
		return SP_STR("dead");
	return p->body.process.is_ready ? SP_STR("ready") : SP_STR("starting");
}

static void report_known(struct sp_report *report, const char *name, uint64_t value)
{
	if (value > 0)
		sp_report_count(report, name, value);
	else
		sp_report_text(report, name, SP_STR(""));
}

static void report_usage(const struct sp_usage *usage, struct sp_report *report)
{
	sp_report_micros(report, "cpu_us", usage->cpu_us);
	sp_report_bytes(report, "resident_bytes", usage->resident);
	report_known(report, "open_fds", usage->fds);
	report_known(report, "max_fds", usage->fds_max);
}

void sp_status_processes(const struct sp_facts *facts, struct sp_report *report)
{
	char name[32];

	sp_report_table(report, "processes");
	for (size_t i = 0; i < facts->process_count; i++) {
		const struct sp_ipc_message *p = &facts->processes[i];
		uint64_t now = sp_now_ms(), born = p->body.process.born_ms;
		struct sp_usage usage;

		if (p->type == SP_IPC_NONE)
			continue;
		sp_report_row(report);
		sp_report_text(report, "process", sp_str(sp_status_process_name(p, name)));
		sp_report_count(report, "pid", p->body.process.pid > 0 ? (uint64_t)p->body.process.pid : 0);
		sp_report_text(report, "state", state_of(p));
		sp_report_count(report, "uid", p->body.process.uid);
		sp_report_count(report, "gid", p->body.process.gid);
		sp_report_seconds(report, "uptime_s", p->body.process.pid > 0 && now > born ? (now - born) / 1000 : 0);
		sp_report_count(report, "restarts", p->body.process.restarts);
		sp_facts_usage(facts, i, &usage);
		report_usage(&usage, report);
	}
}
