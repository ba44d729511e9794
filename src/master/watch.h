/*
 * watch - certificates, their keys and what verifies clients, while they change on disk.
 *
 * A file is looked at every second. What has changed, and rests, is offered to
 * reload.h: the same configuration with that pair anew. On doubt the old one stays,
 * and the log says why, once for each change.
 */
#ifndef SP_MASTER_WATCH_H
#define SP_MASTER_WATCH_H

#include "master_int.h"

SP_MUST_USE bool sp_watch_open(struct sp_master *m, struct sp_err *err);
void sp_watch_follow(struct sp_master *m); /* another configuration is served: its files from now on */
void sp_watch_close(struct sp_master *m); /* a master without one is fine */

#endif
