/*
 * dial_remote - who asks the dialer: an index goes there, a connecting socket
 * comes back.
 */
#ifndef SP_IPC_DIAL_REMOTE_H
#define SP_IPC_DIAL_REMOTE_H

#include "sp/base/err.h"
#include "sp/ipc/channel.h"
#include "sp/net/dial.h"
#include "sp/net/loop.h"

/* It answers SP_DIAL_LATER, or FAILED with EAGAIN when too much is asked already. There is nobody to ask until it is
 * given a channel; what is asked meanwhile waits. NULL with *err. */
SP_MUST_USE struct sp_dial *sp_dial_new_remote(struct sp_loop *loop, enum sp_ipc_role self, struct sp_err *err);
/* fd is the asker's end of a channel to the dialer, owned from here on. What was asked and not answered is asked anew. */
void sp_dial_set_dialer(struct sp_dial *dial, int fd);
/* Questions that it has not answered yet. */
unsigned sp_dial_asked(const struct sp_dial *dial);
/* Nobody is asked any more. */
void sp_dial_leave(struct sp_dial *dial);

#endif
