/*
 * sandbox_ids - capabilities, root directory, user and group.
 */
#include "sandbox_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CAPS_MOST 64

struct caps {
	uint64_t effective, permitted, inheritable;
};

static bool get_caps(struct caps *caps)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	memset(data, 0, sizeof(data));
	if (syscall(SYS_capget, &header, data) != 0)
		return false;
	caps->effective = data[0].effective | (uint64_t)data[1].effective << 32;
	caps->permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
	caps->inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
	return true;
}

static bool set_caps(const struct caps *caps)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {
		{ (uint32_t)caps->effective, (uint32_t)caps->permitted, (uint32_t)caps->inheritable },
		{ (uint32_t)(caps->effective >> 32), (uint32_t)(caps->permitted >> 32),
		  (uint32_t)(caps->inheritable >> 32) },
	};

	return syscall(SYS_capset, &header, data) == 0;
}

static bool has_effective(unsigned cap)
{
	struct caps caps;

	return get_caps(&caps) && (caps.effective & UINT64_C(1) << cap) != 0;
}

/* Who may not drop it does not need to: no_new_privs lets no program file give a capability back. */
bool sp_layer_take_bounding(const struct sp_sandbox_want *want, struct sp_sandbox_level *level, struct sp_err *err)
{
	uint64_t keep = sp_role_rows[want->role].caps;

	if (!has_effective(CAP_SETPCAP)) {
		sp_layer_not_meant(level, SP_LAYER_BOUNDING, SP_LACK_NOT_ROOT);
		return true;
	}
	for (unsigned cap = 0; cap < CAPS_MOST; cap++) {
		if ((keep & UINT64_C(1) << cap) != 0 || prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != 1)
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0)
			return sp_err_set(err, "cannot drop capability %u for good: %s", cap, strerror(errno));
	}
	sp_layer_in_force(level, SP_LAYER_BOUNDING);
	return true;
}

static uint64_t ambient_caps(void)
{
	uint64_t set = 0;

	for (unsigned cap = 0; cap < CAPS_MOST; cap++)
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) == 1)
			set |= UINT64_C(1) << cap;
	return set;
}

static bool is_same(const struct caps *a, const struct caps *b)
{
	return a->effective == b->effective && a->permitted == b->permitted && a->inheritable == b->inheritable;
}

/* What the master keeps as an ambient capability goes with it through execve() in place, so that stays inheritable.
 * Who has nothing to give up does not ask: a service manager's filter may refuse capset() (systemd: ~@privileged). */
bool sp_layer_take_caps(const struct sp_sandbox_want *want, struct sp_sandbox_level *level, struct sp_err *err)
{
	uint64_t keep = sp_role_rows[want->role].caps;
	struct caps now, less, then;

	if (!get_caps(&now))
		return sp_err_set(err, "cannot read the capabilities: %s", strerror(errno));
	less.permitted = less.effective = now.permitted & keep;
	less.inheritable = ambient_caps() & keep;
	if ((!is_same(&now, &less) && !set_caps(&less)) || !get_caps(&then))
		return sp_err_set(err, "cannot give up capabilities: %s", strerror(errno));
	if (!is_same(&less, &then) || (ambient_caps() & ~keep) != 0)
		return sp_err_set(err, "capabilities that were given up are still there: refusing to run");
	sp_layer_in_force(level, SP_LAYER_CAPS);
	return true;
}

/* ---- the empty root ---- */

int sp_sandbox_open_root(struct sp_err *err)
{
	static const char *const places[] = { "/run/sallyport-root-XXXXXX", "/tmp/sallyport-root-XXXXXX" };
	char path[32];
	int fd = -1;

	for (size_t i = 0; i < SP_COUNT(places) && fd < 0; i++) {
		memcpy(path, places[i], strlen(places[i]) + 1);
		if (mkdtemp(path) == NULL)
			continue;
		if (chmod(path, 0555) == 0)
			fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		/* Without a name nobody finds it, and the kernel lets nobody make anything in it, root included. */
		if (rmdir(path) != 0 && fd >= 0) {
			(void)close(fd);
			fd = -1;
		}
	}
	if (fd < 0)
		sp_err_set(err, "cannot make an empty directory in /run or /tmp: %s", strerror(errno));
	return fd;
}

static bool is_empty(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	bool saw_other = false;

	if (dir == NULL)
		return false;
	while ((entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			saw_other = true;
	(void)closedir(dir);
	return !saw_other;
}

bool sp_layer_take_root(const struct sp_sandbox_want *want, struct sp_sandbox_level *level, struct sp_err *err)
{
	struct stat st;

	if (!has_effective(CAP_SYS_CHROOT)) {
		sp_layer_not_meant(level, SP_LAYER_ROOT, SP_LACK_NOT_ROOT);
		return true;
	}
	if (want->empty_root < 0) {
		sp_layer_missing(level, SP_LAYER_ROOT, SP_LACK_NOT_ASKED, 0);
		return true;
	}
	if (fstat(want->empty_root, &st) != 0 || !S_ISDIR(st.st_mode) || st.st_uid != 0 || (st.st_mode & 0222) != 0)
		return sp_err_set(err, "the empty root is not a directory that only root owns and nobody may write");
	if (fchdir(want->empty_root) != 0 || chroot(".") != 0 || chdir("/") != 0)
		return sp_err_set(err, "cannot make the empty directory the root: %s", strerror(errno));
	(void)close(want->empty_root); /* before anybody could leave through it */
	if (!is_empty("/"))
		return sp_err_set(err, "the empty root is not empty: refusing to run");
	sp_layer_in_force(level, SP_LAYER_ROOT);
	return true;
}

/* ---- user and group ---- */

static bool is_wholly(uid_t uid, gid_t gid)
{
	uid_t u[3];
	gid_t g[3];

	return getresuid(&u[0], &u[1], &u[2]) == 0 && getresgid(&g[0], &g[1], &g[2]) == 0 && u[0] == uid &&
	       u[1] == uid && u[2] == uid && g[0] == gid && g[1] == gid && g[2] == gid && getgroups(0, NULL) == 0;
}

bool sp_layer_take_ids(const struct sp_sandbox_want *want, struct sp_sandbox_level *level, struct sp_err *err)
{
	if (!want->changes_ids && geteuid() == 0)
		return sp_err_set(err, "the %s would run as root: refusing to run", sp_sandbox_role_name(want->role));
	if (!want->changes_ids) {
		sp_layer_not_meant(level, SP_LAYER_IDS, SP_LACK_NOT_ROOT);
		return true;
	}
	if (want->uid == 0 || want->gid == 0)
		return sp_err_set(err, "root is no user for the %s", sp_sandbox_role_name(want->role));
	if (setgroups(0, NULL) != 0 || setresgid(want->gid, want->gid, want->gid) != 0 ||
	    setresuid(want->uid, want->uid, want->uid) != 0)
		return sp_err_set(err, "cannot become uid %u: %s", (unsigned)want->uid, strerror(errno));
	if (setuid(0) == 0 || setgid(0) == 0 || !is_wholly(want->uid, want->gid))
		return sp_err_set(err, "could become root again: refusing to run");
	sp_layer_in_force(level, SP_LAYER_IDS);
	return true;
}
