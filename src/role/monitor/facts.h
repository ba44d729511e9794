/*
 * facts - what the monitor knows of the gateway, as the master told it last.
 */
#ifndef SP_ROLE_MONITOR_FACTS_H
#define SP_ROLE_MONITOR_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "sp/board/board.h"
#include "sp/board/processes.h"
#include "sp/conf/conf.h"
#include "sp/ipc/channel.h"

struct sp_figures;
struct sp_watch_list;

#define SP_FACTS_PROCESSES SP_PROCESSES_MAX

struct sp_facts {
	const struct sp_conf *conf; /* borrowed */
	struct sp_board *board; /* borrowed; NULL: none */
	struct sp_figures *figures; /* borrowed: its metrics; NULL: none */
	struct sp_watch_list *watched; /* borrowed: the backends */
	struct sp_ipc_message gateway; /* type SP_IPC_NONE: not told yet */
	size_t process_count;
	struct sp_ipc_message processes[SP_FACTS_PROCESSES]; /* type SP_IPC_NONE: not told yet */
};

/* What a process uses, by its row. 0: not known. */
struct sp_usage {
	uint64_t cpu_us; /* that it has had a processor */
	uint64_t resident, size; /* bytes */
	uint64_t fds, fds_max;
};

void sp_facts_usage(const struct sp_facts *facts, size_t row, struct sp_usage *usage);

/* Of the master's messages those that tell facts; false: another one. */
bool sp_facts_take(struct sp_facts *facts, const struct sp_ipc_message *message);

#endif
