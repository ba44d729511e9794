/*
 * logger - the only process that writes logs.
 *
 * Every other process writes its lines into two pipes, access and error, that
 * the master made; the logger takes them out and writes them where the
 * configuration says. A file that is opened anew comes from the master. A full
 * disk costs lines, dropped and counted here; a stalled one fills the pipe, and
 * then whoever writes drops and counts. A logger that dies loses what it had
 * read; what the pipes hold is its successor's.
 */
#ifndef SP_ROLE_LOGGER_H
#define SP_ROLE_LOGGER_H

#include "sp/ipc/channel.h"
#include "sp/role/role.h"

struct sp_logger_env {
	int channel_fd;                         /* to the master; owned from here on, as the next */
	int pipes[SP_IPC_LOG_COUNT];            /* the reading ends, non-blocking; -1: that log is off */
	int sinks[SP_IPC_LOG_COUNT];            /* where the lines go; owned above 2 */
	struct sp_sandbox *sandbox;             /* as in struct sp_role_env */
};

/* Returns when the process should exit: what was in the pipes is written then. */
SP_MUST_USE enum sp_role_exit sp_logger_run(const struct sp_logger_env *env);

#endif
