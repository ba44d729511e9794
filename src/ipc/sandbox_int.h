/*
 * sandbox_int - how the parts of the sandbox see each other: the tables of the
 * roles, and one function a layer.
 */
#ifndef SP_IPC_SANDBOX_INT_H
#define SP_IPC_SANDBOX_INT_H

#include "sp/ipc/sandbox.h"

/* ---- the tables: sandbox_calls.c ---- */

enum sp_cond_kind {
	SP_COND_NONE, /* ends the conditions of a row */
	SP_COND_MASKED, /* (argument & mask) == value */
	SP_COND_OWN_PID, /* the argument is our own process id */
	SP_COND_DIR, /* the argument is one of the directories; the same one wherever a row says so */
};

struct sp_cond {
	uint8_t arg;
	uint8_t kind; /* enum sp_cond_kind */
	uint64_t mask, value;
};

/* All conditions of a row must hold. Rows of the same call are alternatives. */
struct sp_call {
	int nr; /* negative: this architecture has no such call */
	const char *name, *why;
	uint16_t error; /* 0 = allowed; else what it is answered with, politely */
	struct sp_cond conds[4];
};

struct sp_call_group {
	const struct sp_call *calls;
	size_t count;
};

#define SP_SANDBOX_GROUPS 8

struct sp_role_row {
	const char *name;
	struct sp_call_group groups[SP_SANDBOX_GROUPS];
	uint16_t otherwise; /* errno for every call of no group; 0 = the process is killed */
	uint32_t without; /* SP_BIT(enum sp_layer): layers that are not meant for this role */
	uint64_t caps; /* capabilities that it keeps */
	bool may_connect; /* Landlock: to the ports of the want */
	bool may_write_files, may_fork;
	uint64_t memlock; /* bytes; UINT64_MAX = as it is */
};

extern const struct sp_role_row sp_role_rows[SP_ROLE_COUNT];

/* ---- one function a layer: sets its state; false with *err where going on would be wrong ---- */

typedef bool sp_layer_take(const struct sp_sandbox_want *want, struct sp_sandbox_level *level, struct sp_err *err);

sp_layer_take sp_layer_take_descriptors, sp_layer_take_rlimits; /* sandbox_limits.c */
sp_layer_take sp_layer_take_bounding, sp_layer_take_root, sp_layer_take_ids, sp_layer_take_caps; /* sandbox_ids.c */
sp_layer_take sp_layer_take_landlock; /* sandbox_landlock.c: files, ports and scope */
sp_layer_take sp_layer_take_calls; /* sandbox_seccomp.c */

/* ---- states: sandbox_level.c ---- */

void sp_layer_in_force(struct sp_sandbox_level *level, enum sp_layer layer);
void sp_layer_missing(struct sp_sandbox_level *level, enum sp_layer layer, enum sp_lack lack, int error);
void sp_layer_not_meant(struct sp_sandbox_level *level, enum sp_layer layer, enum sp_lack lack);
/* false with *err: a layer that the demand names is missing. */
SP_MUST_USE bool sp_sandbox_judge(const struct sp_sandbox_level *level, enum sp_demand demand, struct sp_err *err);

#endif
