/*
 * ids - whom the workers become when the master was started as root.
 */
#ifndef SP_MASTER_IDS_H
#define SP_MASTER_IDS_H

#include <stdbool.h>
#include <sys/types.h>

#include "sp/base/err.h"
#include "sp/conf/conf.h"

struct sp_ids {
	bool must_change; /* false: not root, everybody stays who they are */
	bool is_fallback; /* the default user does not exist here: nobody */
	uid_t uid;
	gid_t gid;
};

/* false with *err, and *key the gateway's key that is wrong: a user or group that the file names and nobody has. */
SP_MUST_USE bool sp_ids_find(const struct sp_conf_gateway *gateway, uid_t self, struct sp_ids *out, const char **key,
			     struct sp_err *err);

#endif
