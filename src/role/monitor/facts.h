/*
 * facts - what the monitor knows of the gateway, as the master told it last.
 */
#ifndef SP_ROLE_MONITOR_FACTS_H
#define SP_ROLE_MONITOR_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "sp/board/board.h"
#include "sp/conf/conf.h"
#include "sp/ipc/channel.h"

struct sp_figures;
struct sp_watch_list;

#define SP_FACTS_PROCESSES (SP_BOARD_WORKERS_MAX + 8) /* the workers, the roles, the master */

struct sp_facts {
	const struct sp_conf *conf; /* borrowed */
	struct sp_board *board; /* borrowed; NULL: none */
	struct sp_figures *figures; /* borrowed: its metrics; NULL: none */
	struct sp_watch_list *watched; /* borrowed: the backends */
	struct sp_ipc_message gateway; /* type SP_IPC_NONE: not told yet */
	size_t process_count;
	struct sp_ipc_message processes[SP_FACTS_PROCESSES]; /* type SP_IPC_NONE: not told yet */
};

/* Of the master's messages those that tell facts; false: another one. */
bool sp_facts_take(struct sp_facts *facts, const struct sp_ipc_message *message);

#endif
