/*
 * files - what the configuration reads from disk, after a look at who could have written it.
 *
 * A file is opened without following a link in its last step and judged by the
 * descriptor, so what was judged is what is read. Files and the folders of
 * configuration files must belong to root or to us and be writable by nobody
 * else. A private key must not be readable by others; by its group it may be:
 * whoever owns it chose that group, and a service that runs under a group of
 * its own (root:sallyport, 0640) is the usual way to keep a key.
 */
#ifndef SP_CONF_FILES_H
#define SP_CONF_FILES_H

#include "sp/base/arena.h"
#include "sp/base/err.h"
#include "sp/base/str.h"

#define SP_FILES_MAX (4U << 20) /* of one file */
#define SP_FILES_DATABASE_MAX (512U << 20) /* of one that is a database */

enum sp_file_kind {
	SP_FILE_CONFIG,
	SP_FILE_PUBLIC,
	SP_FILE_KEY,
	SP_FILE_DATABASE, /* public, and larger; opened, not read */
	SP_FILE_SYSTEM, /* public, and the system's: a link is followed, whoever owns it wrote it (/etc/resolv.conf) */
};

/* The whole content, in the arena. false with *err. */
SP_MUST_USE bool sp_file_read(const char *path, enum sp_file_kind kind, struct sp_arena *arena, struct sp_str *out,
			      struct sp_err *err);
/* A file that is opened and judged, but not read: its descriptor. -1 with *err. */
SP_MUST_USE int sp_file_open(const char *path, enum sp_file_kind kind, struct sp_err *err);
/* May we trust the names in this folder? */
SP_MUST_USE bool sp_file_vet_folder(const char *path, struct sp_err *err);

#endif
