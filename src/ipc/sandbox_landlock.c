/*
 * sandbox_landlock - files, TCP ports and scopes by the kernel's Landlock. The
 * constants stand here, since the distribution's header is older than the
 * kernels we meet; what a kernel does not know is not asked of it.
 */
#include "sandbox_int.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	ABI_REFER = 2,
	ABI_TRUNCATE = 3,
	ABI_NET = 4,
	ABI_IOCTL = 5,
	ABI_SCOPE = 6,
	ABI_MOST = 7, /* of those that we have read about; its news (what is audited) is not ours */
};

#define CREATE_VERSION 1U
#define RULE_PATH_BENEATH 1
#define RULE_NET_PORT 2

#define FS_WRITE_FILE (UINT64_C(1) << 1)
#define FS_READ_FILE (UINT64_C(1) << 2)
#define FS_REMOVE_FILE (UINT64_C(1) << 5)
#define FS_MAKE_REG (UINT64_C(1) << 8)
#define FS_ABI_1 ((UINT64_C(1) << 13) - 1) /* EXECUTE to MAKE_SYM */
#define FS_REFER (UINT64_C(1) << 13)
#define FS_TRUNCATE (UINT64_C(1) << 14)
#define FS_IOCTL_DEV (UINT64_C(1) << 15)
#define NET_BIND_TCP (UINT64_C(1) << 0)
#define NET_CONNECT_TCP (UINT64_C(1) << 1)
#define SCOPE_ABSTRACT_UNIX (UINT64_C(1) << 0)
#define SCOPE_SIGNAL (UINT64_C(1) << 1)

struct ruleset_attr {
	uint64_t fs, net, scoped;
};

struct path_beneath_attr {
	uint64_t allowed;
	int32_t parent_fd;
} __attribute__((packed));

struct net_port_attr {
	uint64_t allowed, port;
};

static int abi_of_kernel(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);

	return (int)(abi > ABI_MOST ? ABI_MOST : abi);
}

static uint64_t all_fs_rights(int abi)
{
	return FS_ABI_1 | (abi >= ABI_REFER ? FS_REFER : 0) | (abi >= ABI_TRUNCATE ? FS_TRUNCATE : 0) |
	       (abi >= ABI_IOCTL ? FS_IOCTL_DEV : 0);
}

static struct ruleset_attr attr_for(const struct sp_sandbox_want *want, int abi)
{
	struct ruleset_attr attr = { .fs = all_fs_rights(abi) };

	if (abi >= ABI_NET)
		attr.net = NET_BIND_TCP | NET_CONNECT_TCP;
	/* Any port: then the right itself is left alone. */
	if (sp_role_rows[want->role].may_connect && want->ports == NULL)
		attr.net &= ~NET_CONNECT_TCP;
	if (abi >= ABI_SCOPE)
		attr.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
	return attr;
}

/* The journal and the logs: made, appended to, read back, put in each other's place. */
static bool allow_dirs(const struct sp_sandbox_want *want, int fd, uint64_t handled)
{
	const uint64_t rights = FS_WRITE_FILE | FS_READ_FILE | FS_MAKE_REG | FS_REMOVE_FILE | FS_TRUNCATE;

	for (size_t i = 0; i < want->dir_count; i++) {
		const struct path_beneath_attr rule = { rights & handled, want->dirs[i] };

		if (syscall(SYS_landlock_add_rule, fd, RULE_PATH_BENEATH, &rule, 0) != 0)
			return false;
	}
	return true;
}

static bool allow_ports(const struct sp_sandbox_want *want, int fd)
{
	for (size_t i = 0; i < want->port_count; i++) {
		const struct net_port_attr rule = { NET_CONNECT_TCP, want->ports[i] };

		if (syscall(SYS_landlock_add_rule, fd, RULE_NET_PORT, &rule, 0) != 0)
			return false;
	}
	return true;
}

static bool restrict_self(const struct sp_sandbox_want *want, const struct ruleset_attr *attr, int abi)
{
	const struct sp_role_row *row = &sp_role_rows[want->role];
	size_t size = abi >= ABI_SCOPE ? sizeof(*attr) : abi >= ABI_NET ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
	int fd = (int)syscall(SYS_landlock_create_ruleset, attr, size, 0);
	bool ok;
	int saved;

	if (fd < 0)
		return false;
	ok = (!row->may_write_files || allow_dirs(want, fd, attr->fs)) &&
	     (!row->may_connect || (attr->net & NET_CONNECT_TCP) == 0 || allow_ports(want, fd)) &&
	     syscall(SYS_landlock_restrict_self, fd, 0) == 0;
	saved = errno;
	(void)close(fd);
	errno = saved;
	return ok;
}

static void all_missing(struct sp_sandbox_level *level, enum sp_lack lack, int error)
{
	sp_layer_missing(level, SP_LAYER_FILES, lack, error);
	sp_layer_missing(level, SP_LAYER_PORTS, lack, error);
	sp_layer_missing(level, SP_LAYER_SCOPE, lack, error);
}

static void note(struct sp_sandbox_level *level, enum sp_layer layer, bool is_known)
{
	if (is_known)
		sp_layer_in_force(level, layer);
	else
		sp_layer_missing(level, layer, SP_LACK_KERNEL, 0);
}

bool sp_layer_take_landlock(const struct sp_sandbox_want *want, struct sp_sandbox_level *level, struct sp_err *err)
{
	int abi = abi_of_kernel();

	(void)err;
	if (abi < 1) {
		bool is_unknown = abi == 0 || errno == ENOSYS || errno == EOPNOTSUPP;

		all_missing(level, is_unknown ? SP_LACK_KERNEL : SP_LACK_REFUSED, is_unknown ? 0 : errno);
		return true;
	}

	const struct ruleset_attr attr = attr_for(want, abi);

	level->landlock_abi = (uint8_t)abi;
	if (!restrict_self(want, &attr, abi)) {
		all_missing(level, SP_LACK_REFUSED, errno);
		return true;
	}
	sp_layer_in_force(level, SP_LAYER_FILES);
	note(level, SP_LAYER_PORTS, abi >= ABI_NET);
	note(level, SP_LAYER_SCOPE, abi >= ABI_SCOPE);
	return true;
}
