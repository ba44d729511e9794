/*
 * sandbox - what a process gives up before the first foreign byte.
 *
 * One table a role says which system calls stay, each with its reason; the
 * layers around it (ids, root, limits, Landlock, ...) come in the one order
 * that works. A layer that this kernel lacks is told, not hidden: the level
 * reached says of each layer whether it is in force and why not, and a demand
 * refuses to run below what it names. Nothing here can be undone.
 *
 * Two steps, so that a process can build its things between them with its
 * rights already gone: sp_sandbox_drop (descriptors, limits, root, ids,
 * capabilities, flags of the process), then sp_sandbox_seal (Landlock, system
 * calls; nothing may follow that a table does not allow).
 */
#ifndef SP_IPC_SANDBOX_H
#define SP_IPC_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "sp/base/err.h"

enum sp_role {
	SP_ROLE_MASTER,
	SP_ROLE_KEEPER,
	SP_ROLE_DIALER,
	SP_ROLE_MONITOR,
	SP_ROLE_LOGGER,
	SP_ROLE_WORKER,
	SP_ROLE_COUNT
};

enum sp_demand {
	SP_DEMAND_AUTO, /* all that this kernel offers */
	SP_DEMAND_REQUIRE, /* at least no_new_privs, zero capabilities, seccomp, Landlock for files */
	SP_DEMAND_REQUIRE_ALL, /* every layer that has a meaning for this role and this way of starting */
	SP_DEMAND_OFF, /* for debugging: only ids, capabilities, no_new_privs and the master's life */
};

/* In the order in which they are taken. */
enum sp_layer {
	SP_LAYER_DESCRIPTORS, /* all others are closed */
	SP_LAYER_RLIMITS,
	SP_LAYER_BOUNDING, /* no capability can come back */
	SP_LAYER_ROOT, /* an empty directory is / */
	SP_LAYER_IDS, /* uid and gid of its own, no groups */
	SP_LAYER_CAPS, /* no capability; the master: only those it works with */
	SP_LAYER_DUMP, /* not dumpable: no core, no ptrace by its own user */
	SP_LAYER_DEATH, /* dies with the master */
	SP_LAYER_PRIVS, /* no_new_privs */
	SP_LAYER_EXEC_GAIN, /* no memory becomes executable (PR_SET_MDWE) */
	SP_LAYER_FILES, /* Landlock: no file; the logger: its directories */
	SP_LAYER_PORTS, /* Landlock: no TCP bind, no connect; the dialer: connect to its ports */
	SP_LAYER_SCOPE, /* Landlock: no abstract Unix socket of others, no signal to others */
	SP_LAYER_CALLS, /* seccomp */
	SP_LAYER_COUNT
};

enum sp_layer_state { SP_LAYER_UNTRIED, SP_LAYER_IN_FORCE, SP_LAYER_MISSING, SP_LAYER_NOT_MEANT };

/* Why a layer is missing or not meant. */
enum sp_lack {
	SP_LACK_NONE,
	SP_LACK_KERNEL, /* this kernel has none */
	SP_LACK_REFUSED, /* the kernel refused; `error` says how */
	SP_LACK_OFF, /* sandbox = off */
	SP_LACK_SANITIZER, /* a sanitizer build cannot live in it */
	SP_LACK_ROLE, /* this role needs what it forbids */
	SP_LACK_NOT_ROOT, /* only who started as root can have it */
	SP_LACK_NOT_ASKED,
	SP_LACK_COUNT
};

/* Plain numbers: it travels to the master as it is. */
struct sp_sandbox_layer {
	uint8_t state; /* enum sp_layer_state */
	uint8_t lack; /* enum sp_lack */
	uint16_t error; /* errno, with SP_LACK_REFUSED */
};

struct sp_sandbox_level {
	uint8_t role; /* enum sp_role */
	uint8_t landlock_abi; /* 0 = none */
	struct sp_sandbox_layer layer[SP_LAYER_COUNT];
};

struct sp_sandbox_want { /* all pointers are borrowed for the call */
	enum sp_role role;
	enum sp_demand demand;
	bool changes_ids; /* started as root: become uid and gid */
	uid_t uid;
	gid_t gid;
	int empty_root; /* of sp_sandbox_open_root; taken over and closed; -1 = none */
	pid_t parent; /* whose end ends us; 0 = nobody's */
	const int *keep; /* descriptors above 2 that stay, besides dirs; NULL = close nothing */
	size_t keep_count;
	const int *dirs; /* the logger: directories that it may write in, by openat() alone */
	size_t dir_count;
	const uint16_t *ports; /* the dialer: TCP ports that it may connect to; NULL = any */
	size_t port_count;
	uint64_t memory_max; /* bytes; 0 = no limit */
	uint64_t nofile; /* descriptors; 0 = as it is */
	bool was_sealed; /* the master after execve() in place: its filter is still in force, none is put on top */
};

/* false with *err: the process must end. *reached is whole after sp_sandbox_seal. */
SP_MUST_USE bool sp_sandbox_drop(const struct sp_sandbox_want *want, struct sp_sandbox_level *reached,
				 struct sp_err *err);
SP_MUST_USE bool sp_sandbox_seal(const struct sp_sandbox_want *want, struct sp_sandbox_level *reached,
				 struct sp_err *err);
/* Both at once. */
SP_MUST_USE bool sp_sandbox_enter(const struct sp_sandbox_want *want, struct sp_sandbox_level *reached,
				  struct sp_err *err);

/* A process's own, between the two steps. */
struct sp_sandbox {
	struct sp_sandbox_want want;
	struct sp_sandbox_level level;
	unsigned tell_as; /* enum sp_ipc_role: who tells the master of its level; 0: nobody */
	int tell_fd; /* borrowed: the channel to it */
	uint64_t fds_max; /* told along: descriptors that there may be here */
};

/* Seals, says in the log what was reached, and tells. NULL: a process without a sandbox; nothing is done. */
SP_MUST_USE bool sp_sandbox_finish(struct sp_sandbox *sandbox, struct sp_err *err);

/* For the master, as root: an empty directory of root's without a name, in which nothing can ever be made. A
 * descriptor for sp_sandbox_want.empty_root, or -1 with *err. */
SP_MUST_USE int sp_sandbox_open_root(struct sp_err *err);

bool sp_sandbox_holds(const struct sp_sandbox_level *level, enum sp_layer layer);
/* A level that came from another process: are all its numbers ones that the functions here know? */
bool sp_sandbox_level_is_sane(const struct sp_sandbox_level *level);

/* Texts for status, metric and log. Names are [a-z_]+. */
const char *sp_sandbox_role_name(enum sp_role role);
const char *sp_sandbox_layer_name(enum sp_layer layer);
#define SP_SANDBOX_TEXT 96
/* "yes", "no: this kernel has none", "not meant: not started as root"; text is the room for it, returned. */
const char *sp_sandbox_layer_text(const struct sp_sandbox_layer *layer, char text[static SP_SANDBOX_TEXT]);
/* One event with all of it; a warning where a layer is missing that was wanted. */
void sp_sandbox_log(const struct sp_sandbox_level *level);

#endif
