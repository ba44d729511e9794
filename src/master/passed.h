/*
 * passed - listening descriptors that the supervisor passed (sd_listen_fds(3)):
 * LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES.
 */
#ifndef SP_MASTER_PASSED_H
#define SP_MASTER_PASSED_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "sp/base/err.h"
#include "sp/base/str.h"

#define SP_PASSED_FIRST 3 /* SD_LISTEN_FDS_START */
#define SP_PASSED_MAX 256

struct sp_passed {
	size_t count; /* descriptors SP_PASSED_FIRST + 0.. */
	struct sp_str names[SP_PASSED_MAX]; /* borrowed from `names`; "unknown" without one */
};

/* Each text may be NULL (not set). Meant for another process: count = 0, and that is fine. false with *err: nonsense. */
SP_MUST_USE bool sp_passed_parse(const char *pid, const char *fds, const char *names, pid_t self, struct sp_passed *out,
				 struct sp_err *err);
/* Of k sockets of one name, does worker w of n take socket i? Worker w takes socket w mod k; a socket that no worker
 * has by that (more sockets than workers) goes to worker i mod n, so that every socket is served. */
bool sp_passed_is_of(size_t i, size_t k, size_t w, size_t n);

#endif
