/*
 * role - what the processes that workers ask (keeper, dialer) are given by the
 * master, and how they end.
 */
#ifndef SP_ROLE_ROLE_H
#define SP_ROLE_ROLE_H

#include "sp/board/board.h"
#include "sp/conf/conf.h"
#include "sp/ipc/sandbox.h"

struct sp_role_env {
	const struct sp_conf *conf;     /* borrowed */
	struct sp_board *board;         /* borrowed; entered; NULL: none */
	unsigned workers;               /* how many places of workers there are */
	int channel_fd;                 /* to the master; owned from here on */
	struct sp_sandbox *sandbox;     /* borrowed; dropped already, sealed by the role before it serves; NULL: none */
};

enum sp_role_exit {
	SP_ROLE_DONE = 0,               /* told to stop */
	SP_ROLE_ORPHAN = 1,             /* the master went away */
	SP_ROLE_CANNOT_START = 70,      /* trying again is of no use at start-up; the log says why */
};

#endif
