/*
 * sandbox_seccomp - from the table of a role to a filter in the kernel.
 */
#include "sandbox_int.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define BINARY_TREE 2U /* of SCMP_FLTATR_CTL_OPTIMIZE: a few comparisons a call instead of a walk down the table */

static struct scmp_arg_cmp comparison(const struct sp_cond *cond, int dir)
{
	struct scmp_arg_cmp cmp = { .arg = cond->arg, .op = SCMP_CMP_MASKED_EQ, .datum_a = UINT32_MAX };

	switch ((enum sp_cond_kind)cond->kind) {
	case SP_COND_OWN_PID: cmp.datum_b = (uint32_t)getpid(); break;
	case SP_COND_DIR: cmp.datum_b = (uint32_t)dir; break;
	case SP_COND_MASKED:
		cmp.datum_a = cond->mask;
		cmp.datum_b = cond->value;
		break;
	case SP_COND_NONE: SP_ASSERT(false);
	}
	return cmp;
}

static bool has_dir(const struct sp_call *call)
{
	for (size_t i = 0; i < SP_COUNT(call->conds) && call->conds[i].kind != SP_COND_NONE; i++)
		if (call->conds[i].kind == SP_COND_DIR)
			return true;
	return false;
}

/* Returns 0 or a negative errno, as the library does. */
static int add_rule(scmp_filter_ctx filter, const struct sp_call *call, int dir)
{
	struct scmp_arg_cmp cmps[SP_COUNT(call->conds)];
	unsigned n = 0;
	int rc;

	while (n < SP_COUNT(call->conds) && call->conds[n].kind != SP_COND_NONE) {
		cmps[n] = comparison(&call->conds[n], dir);
		n++;
	}
	rc = seccomp_rule_add_array(filter, call->error == 0 ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(call->error), call->nr,
				    n, cmps);
	return rc == -EEXIST ? 0 : rc;
}

static int add_call(scmp_filter_ctx filter, const struct sp_call *call, const struct sp_sandbox_want *want)
{
	int rc = 0;

	if (call->nr < 0)
		return 0;
	if (!has_dir(call))
		return add_rule(filter, call, -1);
	for (size_t i = 0; i < want->dir_count && rc == 0; i++)
		rc = add_rule(filter, call, want->dirs[i]);
	return rc;
}

static bool add_all(scmp_filter_ctx filter, const struct sp_sandbox_want *want, struct sp_err *err)
{
	const struct sp_role_row *row = &sp_role_rows[want->role];

	for (size_t g = 0; g < SP_COUNT(row->groups); g++) {
		for (size_t i = 0; i < row->groups[g].count; i++) {
			const struct sp_call *call = &row->groups[g].calls[i];
			int rc = add_call(filter, call, want);

			if (rc != 0)
				return sp_err_set(err, "the filter of the %s cannot hold %s: %s", row->name, call->name,
						  strerror(-rc));
		}
	}
	return true;
}

static scmp_filter_ctx new_filter(const struct sp_sandbox_want *want, struct sp_err *err)
{
	uint16_t otherwise = sp_role_rows[want->role].otherwise;
	scmp_filter_ctx filter = seccomp_init(otherwise == 0 ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(otherwise));

	if (filter == NULL) {
		sp_err_set(err, "no memory for the filter of system calls");
		return NULL;
	}
	/* Other architectures, x32 among them, count calls differently: whoever uses one of ours means to get around. */
	if (seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) == 0 &&
	    seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, BINARY_TREE) == 0 && add_all(filter, want, err))
		return filter;
	sp_err_set(err, "cannot make a filter of system calls");
	seccomp_release(filter);
	return NULL;
}

bool sp_layer_take_calls(const struct sp_sandbox_want *want, struct sp_sandbox_level *level, struct sp_err *err)
{
	scmp_filter_ctx filter;
	int rc;

	if (want->was_sealed) {
		sp_layer_in_force(level, SP_LAYER_CALLS);
		return true;
	}
	if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0) {
		sp_layer_missing(level, SP_LAYER_CALLS, SP_LACK_KERNEL, 0);
		return true;
	}
	filter = new_filter(want, err);
	if (filter == NULL)
		return false;
	rc = seccomp_load(filter);
	seccomp_release(filter);
	if (rc == 0)
		sp_layer_in_force(level, SP_LAYER_CALLS);
	else
		sp_layer_missing(level, SP_LAYER_CALLS, SP_LACK_REFUSED, -rc);
	return true;
}
