/*
 * unix_path - a listening socket at a path.
 */
#ifndef SP_MASTER_UNIX_PATH_H
#define SP_MASTER_UNIX_PATH_H

#include <stdbool.h>
#include <sys/types.h>

#include "sp/base/err.h"

#define SP_UNIX_PATH_FOR_ALL 0666 /* as with a loopback port, who reaches it may connect, and its folder says who does */

/* A socket that nobody listens on any more is replaced; a live one, or what is no socket, is left alone and is an
 * error. -1 with *err (the reason alone). */
SP_MUST_USE int sp_unix_path_listen(const char *path, mode_t mode, ino_t *inode, struct sp_err *err);
bool sp_unix_path_is(const char *path, ino_t inode); /* still the one that we made? */
/* Removes it, if it is still the one that we made. */
void sp_unix_path_remove(const char *path, ino_t inode);

#endif
