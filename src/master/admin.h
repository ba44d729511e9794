/*
 * admin - the listening socket of the commands: made by the master, served by
 * the monitor of the day.
 *
 * Its path stays from generation to generation while it is the same. Root and
 * the gateway's own user may connect; the monitor asks the kernel who does.
 */
#ifndef SP_MASTER_ADMIN_H
#define SP_MASTER_ADMIN_H

#include <sys/types.h>

#include "ids.h"
#include "sp/base/err.h"
#include "sp/conf/conf.h"

struct sp_admin_socket {
	int fd; /* owned; -1: none */
	bool is_kept; /* it is the one before, which owns it still */
	ino_t inode;
	char path[108]; /* as long as a socket's name can be */
};

/* before: what is served now, NULL at the start. A path that nobody wrote down, and that cannot be made, is no error but
 * warned of: then there is no socket. false with *err ("file:line: error: …"). */
SP_MUST_USE bool sp_admin_open(struct sp_admin_socket *admin, const struct sp_conf *conf, const struct sp_ids *ids,
			       const struct sp_admin_socket *before, struct sp_err *err);
/* And its path removed, unless it is kept; twice is harmless. */
void sp_admin_close(struct sp_admin_socket *admin);
/* `by`, opened with this one before, takes its place. */
void sp_admin_replace(struct sp_admin_socket *admin, struct sp_admin_socket *by);

#endif
