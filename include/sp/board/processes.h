/*
 * processes - what the kernel says of each process of ours: the master's to write, each second; rows are in the order in
 * which the monitor is told of them (SP_IPC_PROCESS).
 */
#ifndef SP_BOARD_PROCESSES_H
#define SP_BOARD_PROCESSES_H

#include <stdatomic.h>
#include <stdint.h>

#include "sp/board/board.h"

enum { SP_PROCESSES_MAX = SP_BOARD_WORKERS_MAX + 8 }; /* the master, the roles, the workers */

struct sp_process_figures { /* 0: not known, or nobody is there */
	_Atomic uint64_t resident, size; /* bytes of memory, and of address space */
	_Atomic uint64_t fds, fds_max; /* open descriptors, and how many there may be */
};

struct sp_processes {
	struct sp_process_figures of[SP_PROCESSES_MAX];
};

#endif
