/*
 * logs - the access log and the error log as descriptors, opened by the master
 * and opened anew on USR1.
 */
#ifndef SP_MASTER_LOGS_H
#define SP_MASTER_LOGS_H

#include "sp/base/err.h"
#include "sp/conf/conf.h"
#include "sp/ipc/channel.h"

struct sp_logs {
	int fds[SP_IPC_LOG_COUNT]; /* owned above 2; access: -1 = off */
};

/* Points this process's own log to the error log too. false with *err ("file:line: error: …"). */
SP_MUST_USE bool sp_logs_open(struct sp_logs *logs, const struct sp_conf *conf, struct sp_err *err);
/* One log anew, if it is a file. false with *err: nothing changed, the old descriptor stays. */
SP_MUST_USE bool sp_logs_reopen(struct sp_logs *logs, const struct sp_conf *conf, enum sp_ipc_log which,
				struct sp_err *err);
bool sp_logs_is_file(const struct sp_conf *conf, enum sp_ipc_log which);
void sp_logs_close(struct sp_logs *logs);

#endif
