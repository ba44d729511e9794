/*
 * sandbox_limits - descriptors that do not belong, and limits on what remains.
 */
#include "sandbox_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static int by_value(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

/* Closes every descriptor above 2 that is not in keep[0..n), which is sorted by it. */
static bool close_others(int *keep, size_t n)
{
	unsigned from = STDERR_FILENO + 1;

	qsort(keep, n, sizeof(*keep), by_value);
	for (size_t i = 0; i < n; i++) {
		if (keep[i] < (int)from)
			continue;
		if ((unsigned)keep[i] > from && close_range(from, (unsigned)keep[i] - 1, 0) != 0)
			return false;
		from = (unsigned)keep[i] + 1;
	}
	return close_range(from, ~0U, 0) == 0;
}

bool sp_layer_take_descriptors(const struct sp_sandbox_want *want, struct sp_sandbox_level *level, struct sp_err *err)
{
	size_t n = 0;
	int *all;
	bool ok;

	if (want->keep == NULL) {
		sp_layer_missing(level, SP_LAYER_DESCRIPTORS, SP_LACK_NOT_ASKED, 0);
		return true;
	}
	all = calloc(want->keep_count + want->dir_count + 1, sizeof(*all));
	if (all == NULL)
		return sp_err_set(err, "no memory for the sandbox");
	for (size_t i = 0; i < want->keep_count; i++)
		all[n++] = want->keep[i];
	for (size_t i = 0; i < want->dir_count; i++)
		all[n++] = want->dirs[i];
	all[n++] = want->empty_root;
	ok = close_others(all, n);
	free(all);
	if (!ok)
		return sp_err_set(err, "cannot close inherited descriptors: %s", strerror(errno));
	sp_layer_in_force(level, SP_LAYER_DESCRIPTORS);
	return true;
}

/* Both limits, so that it cannot be raised again; never above the hard limit that is there. UINT64_MAX: as it is. */
static bool limit(__rlimit_resource_t which, uint64_t most)
{
	struct rlimit now;

	if (most == UINT64_MAX)
		return true;
	if (getrlimit(which, &now) != 0)
		return false;
	if (most > now.rlim_max)
		most = now.rlim_max;
	return setrlimit(which, &(struct rlimit){ most, most }) == 0;
}

bool sp_layer_take_rlimits(const struct sp_sandbox_want *want, struct sp_sandbox_level *level, struct sp_err *err)
{
	const struct sp_role_row *row = &sp_role_rows[want->role];
	bool ok = true;

	(void)err;
	ok &= limit(RLIMIT_NOFILE, want->nofile > 0 ? want->nofile : UINT64_MAX);
	ok &= limit(RLIMIT_CORE, 0); /* keys and requests stay in memory */
	ok &= limit(RLIMIT_NPROC, row->may_fork ? UINT64_MAX : 0);
	ok &= limit(RLIMIT_FSIZE, row->may_write_files ? UINT64_MAX : 0);
	ok &= limit(RLIMIT_MEMLOCK, row->memlock);
	ok &= limit(RLIMIT_MSGQUEUE, 0);
	ok &= limit(RLIMIT_DATA, want->memory_max > 0 ? want->memory_max : UINT64_MAX);
	if (ok)
		sp_layer_in_force(level, SP_LAYER_RLIMITS);
	else
		sp_layer_missing(level, SP_LAYER_RLIMITS, SP_LACK_REFUSED, errno);
	return true;
}
