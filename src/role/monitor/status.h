/*
 * status - the running gateway in sections: one function each, in the order of
 * the table in status.c.
 */
#ifndef SP_ROLE_MONITOR_STATUS_H
#define SP_ROLE_MONITOR_STATUS_H

#include "facts.h"
#include "report.h"

void sp_status_report(const struct sp_facts *facts, struct sp_report *report);

/* A file each. */
void sp_status_gateway(const struct sp_facts *facts, struct sp_report *report);
void sp_status_listeners(const struct sp_facts *facts, struct sp_report *report);
void sp_status_pools(const struct sp_facts *facts, struct sp_report *report);
void sp_status_traffic(const struct sp_facts *facts, struct sp_report *report);
void sp_status_routes(const struct sp_facts *facts, struct sp_report *report);
void sp_status_geos(const struct sp_facts *facts, struct sp_report *report);
void sp_status_limits(const struct sp_facts *facts, struct sp_report *report);
void sp_status_bans(const struct sp_facts *facts, struct sp_report *report);
void sp_status_certs(const struct sp_facts *facts, struct sp_report *report);
void sp_status_errors(const struct sp_facts *facts, struct sp_report *report);
void sp_status_processes(const struct sp_facts *facts, struct sp_report *report);
void sp_status_sandbox(const struct sp_facts *facts, struct sp_report *report);

/* "worker 2", for a row of SP_IPC_PROCESS. */
const char *sp_status_process_name(const struct sp_ipc_message *process, char name[static 32]);

#endif
