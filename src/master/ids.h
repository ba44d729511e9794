/*
 * ids - whom the children become when the master was started as root.
 *
 * The workers become `user`. A role is another user where the machine has one of
 * that name for it: "sallyport-keeper" beside "sallyport". Then a worker that was
 * taken over cannot even signal the process that holds the keys.
 */
#ifndef SP_MASTER_IDS_H
#define SP_MASTER_IDS_H

#include <stdbool.h>
#include <sys/types.h>

#include "sp/base/err.h"
#include "sp/conf/conf.h"
#include "sp/ipc/sandbox.h"

struct sp_id {
	uid_t uid;
	gid_t gid;
	bool is_own; /* a role's: not the workers' */
};

struct sp_ids {
	bool must_change; /* false: not root, everybody stays who they are */
	bool is_fallback; /* the default user does not exist here: nobody */
	struct sp_id of[SP_ROLE_COUNT]; /* the master's: unused */
};

/* false with *err, and *key the gateway's key that is wrong: a user or group that the file names and nobody has. */
SP_MUST_USE bool sp_ids_find(const struct sp_conf_gateway *gateway, uid_t self, struct sp_ids *out, const char **key,
			     struct sp_err *err);

#endif
