/*
 * logs - the access log, the error log and the journal of bans: the descriptors where their lines
 * end, opened by the master and anew on USR1, and the pipes by which all
 * processes hand lines to the logger. The master keeps both ends, so that a
 * logger that dies loses only what it had read.
 */
#ifndef SP_MASTER_LOGS_H
#define SP_MASTER_LOGS_H

#include "sp/base/err.h"
#include "sp/conf/conf.h"
#include "sp/ipc/channel.h"

struct sp_logs {
	int old_bans[2]; /* owned: what the journal of bans said when it was opened, the older first; -1: nothing */
	int fds[SP_IPC_LOG_COUNT]; /* owned above 2; off: /dev/null */
	int from[SP_IPC_LOG_COUNT], to[SP_IPC_LOG_COUNT]; /* owned: reading and writing end */
};

/* Pipes of the program before are taken over. The process's own log goes to the error log itself, until sp_logs_use_pipe. false with *err ("file:line: error: …"). */
SP_MUST_USE bool sp_logs_open(struct sp_logs *logs, const struct sp_conf *conf, struct sp_err *err);
/* One log anew, if it is a file. false with *err: nothing changed, the old descriptor stays. */
SP_MUST_USE bool sp_logs_reopen(struct sp_logs *logs, const struct sp_conf *conf, enum sp_ipc_log which,
				struct sp_err *err);
void sp_logs_use_pipe(const struct sp_logs *logs); /* there is a logger */
void sp_logs_use_file(const struct sp_logs *logs); /* there is none any more */
void sp_logs_write_rest(const struct sp_logs *logs); /* of the errors' pipe, which no logger reads any more; never waits */
bool sp_logs_is_file(const struct sp_conf *conf, enum sp_ipc_log which);
void sp_logs_close(struct sp_logs *logs);

/* Where the next configuration's lines end, opened before anything is changed. */
struct sp_logs_next {
	bool is_new[SP_IPC_LOG_COUNT];
	int fds[SP_IPC_LOG_COUNT]; /* of those that are: owned above 2 */
};

SP_MUST_USE bool sp_logs_prepare(struct sp_logs_next *next, const struct sp_conf *was, const struct sp_conf *is,
				 struct sp_err *err);
void sp_logs_abandon(struct sp_logs_next *next); /* twice is harmless */
void sp_logs_take(struct sp_logs *logs, const struct sp_logs_next *next, enum sp_ipc_log which); /* one that is new */

#endif
