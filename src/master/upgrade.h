/*
 * upgrade - USR2: the program at the path by which this one was started is executed in place.
 *
 *   REHEARSAL -> exec
 *
 * First a child executes it as `sallyport rehearse -c FILE`: it reads the table that it would be given, and the
 * configuration, and vets that as `run` does. Whatever is wrong with either changes nothing. Then the master executes it:
 * same pid, same sockets, same board; the processes that are there become its elders (elders.h).
 */
#ifndef SP_MASTER_UPGRADE_H
#define SP_MASTER_UPGRADE_H

#include "master_int.h"

/* file: of `run -c FILE`, borrowed; NULL: this command cannot be executed again. */
SP_MUST_USE bool sp_upgrade_open(struct sp_master *m, const char *file, struct sp_err *err);
void sp_upgrade_close(struct sp_master *m); /* kills the rehearsal */
/* At once, or when the reload that is under way is over. */
void sp_upgrade_by_signal(struct sp_master *m);
/* A master without one is fine, for these two. */
void sp_upgrade_begin_remembered(struct sp_master *m);
bool sp_upgrade_is_under_way(const struct sp_master *m);
bool sp_upgrade_on_exit(struct sp_master *m, pid_t pid, int status); /* false: it was not the rehearsal */
void sp_upgrade_cancel(struct sp_master *m); /* the gateway ends */

#endif
