/*
 * monitor - the process that is asked about the gateway, and told what to do.
 *
 * It serves the admin socket: a line with a JSON object comes in, lines with
 * JSON objects go out, the last of them the outcome. It knows the gateway by
 * what the master tells it and by the board; what only the master can carry out
 * it passes on, with the connection of who asked.
 */
#ifndef SP_ROLE_MONITOR_H
#define SP_ROLE_MONITOR_H

#include <sys/types.h>

#include "sp/board/board.h"
#include "sp/role/role.h"

struct sp_monitor_env {
	const struct sp_conf *conf;     /* borrowed */
	struct sp_board *board;         /* borrowed; entered; NULL: none */
	int old_bans[2];                /* journals of bans, the older first; -1: none */
	int bans_fd;                    /* a non-blocking pipe for its lines; -1: none */
	uid_t user;                     /* who may ask beside root */
	int channel_fd;                 /* to the master; owned from here on */
	struct sp_sandbox *sandbox;     /* as in struct sp_role_env */
};

/* Returns when the process should exit. */
SP_MUST_USE enum sp_role_exit sp_monitor_run(const struct sp_monitor_env *env);

#endif
