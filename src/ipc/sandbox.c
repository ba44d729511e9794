/*
 * sandbox - the order in which a process gives things up. It is the kernel's:
 * what needs a right comes before the right goes, a change of uid undoes
 * dumpable and death signal, and behind the filter nothing else can be done.
 */
#include "sandbox_int.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "sp/ipc/channel.h"

#ifndef PR_SET_MDWE /* Linux 6.3, younger than Debian 12's headers */
#define PR_SET_MDWE 65
#define PR_MDWE_REFUSE_EXEC_GAIN 1UL
#endif

static bool take_dump(const struct sp_sandbox_want *want, struct sp_sandbox_level *level, struct sp_err *err)
{
	(void)want;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return sp_err_set(err, "cannot become undumpable: %s", strerror(errno));
	sp_layer_in_force(level, SP_LAYER_DUMP);
	return true;
}

static bool take_death(const struct sp_sandbox_want *want, struct sp_sandbox_level *level, struct sp_err *err)
{
	if (want->parent == 0) {
		sp_layer_missing(level, SP_LAYER_DEATH, SP_LACK_NOT_ASKED, 0);
		return true;
	}
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
		return sp_err_set(err, "cannot be bound to the master's life: %s", strerror(errno));
	if (getppid() != want->parent)
		return sp_err_set(err, "the master is gone already");
	sp_layer_in_force(level, SP_LAYER_DEATH);
	return true;
}

static bool take_privs(const struct sp_sandbox_want *want, struct sp_sandbox_level *level, struct sp_err *err)
{
	(void)want;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return sp_err_set(err, "cannot give up new privileges: %s", strerror(errno));
	sp_layer_in_force(level, SP_LAYER_PRIVS);
	return true;
}

static bool take_exec_gain(const struct sp_sandbox_want *want, struct sp_sandbox_level *level, struct sp_err *err)
{
	(void)want, (void)err;
	if (prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) == 0)
		sp_layer_in_force(level, SP_LAYER_EXEC_GAIN);
	else if (errno == EINVAL)
		sp_layer_missing(level, SP_LAYER_EXEC_GAIN, SP_LACK_KERNEL, 0);
	else
		sp_layer_missing(level, SP_LAYER_EXEC_GAIN, SP_LACK_REFUSED, errno);
	return true;
}

struct step {
	uint32_t layers; /* that it sets; not taken when all of them are not meant */
	bool is_always; /* taken with sandbox = off and in sanitizer builds, too */
	sp_layer_take *take;
};

static const struct step drop_steps[] = {
	{ SP_BIT(SP_LAYER_DESCRIPTORS), true, sp_layer_take_descriptors },
	{ SP_BIT(SP_LAYER_RLIMITS), false, sp_layer_take_rlimits },
	{ SP_BIT(SP_LAYER_BOUNDING), true, sp_layer_take_bounding }, /* afterwards there is no right to */
	{ SP_BIT(SP_LAYER_ROOT), false, sp_layer_take_root }, /* needs CAP_SYS_CHROOT */
	{ SP_BIT(SP_LAYER_IDS), true, sp_layer_take_ids },
	{ SP_BIT(SP_LAYER_CAPS), true, sp_layer_take_caps },
	{ SP_BIT(SP_LAYER_DUMP), false, take_dump }, /* the change of ids has undone it */
	{ SP_BIT(SP_LAYER_DEATH), true, take_death }, /* as it has this */
	{ SP_BIT(SP_LAYER_PRIVS), true, take_privs }, /* Landlock and seccomp ask for it */
	{ SP_BIT(SP_LAYER_EXEC_GAIN), false, take_exec_gain },
};

static const struct step seal_steps[] = {
	{ SP_BIT(SP_LAYER_FILES) | SP_BIT(SP_LAYER_PORTS) | SP_BIT(SP_LAYER_SCOPE), false, sp_layer_take_landlock },
	{ SP_BIT(SP_LAYER_CALLS), false, sp_layer_take_calls },
};

/* Why a step that could be left out is left out for all roles, if it is. */
static enum sp_lack general_lack(enum sp_demand demand)
{
	if (demand == SP_DEMAND_OFF)
		return SP_LACK_OFF;
#ifdef SP_SAN
	return SP_LACK_SANITIZER;
#else
	return SP_LACK_NONE;
#endif
}

static void leave_out(struct sp_sandbox_level *level, const struct step *step, enum sp_lack lack)
{
	for (unsigned i = 0; i < SP_LAYER_COUNT; i++) {
		if ((step->layers & SP_BIT(i)) == 0)
			continue;
		if ((sp_role_rows[level->role].without & SP_BIT(i)) != 0)
			sp_layer_not_meant(level, i, SP_LACK_ROLE);
		else
			sp_layer_missing(level, i, lack, 0);
	}
}

static bool take(const struct step *steps, size_t n, const struct sp_sandbox_want *want, struct sp_sandbox_level *level,
		 struct sp_err *err)
{
	enum sp_lack lack = general_lack(want->demand);
	uint32_t without = sp_role_rows[want->role].without;

	for (size_t i = 0; i < n; i++) {
		bool is_meant = (steps[i].layers & ~without) != 0;

		if (!is_meant || (lack != SP_LACK_NONE && !steps[i].is_always))
			leave_out(level, &steps[i], lack);
		else if (!steps[i].take(want, level, err))
			return false;
	}
	return true;
}

/* A demand that can never be met is refused before anything is given up. */
static bool can_be_met(const struct sp_sandbox_want *want, struct sp_err *err)
{
	if (general_lack(want->demand) != SP_LACK_SANITIZER || want->demand == SP_DEMAND_AUTO)
		return true;
	return sp_err_set(err,
			  "sandbox = %s: this is a sanitizer build, which cannot live in a sandbox; use auto or off",
			  want->demand == SP_DEMAND_REQUIRE ? "require" : "require-all");
}

bool sp_sandbox_drop(const struct sp_sandbox_want *want, struct sp_sandbox_level *reached, struct sp_err *err)
{
	SP_ASSERT((unsigned)want->role < SP_ROLE_COUNT && (unsigned)want->demand <= SP_DEMAND_OFF);
	*reached = (struct sp_sandbox_level){ .role = (uint8_t)want->role };
	if (!can_be_met(want, err) || !take(drop_steps, SP_COUNT(drop_steps), want, reached, err))
		return false;
	if (want->empty_root >= 0 && !sp_sandbox_holds(reached, SP_LAYER_ROOT))
		(void)close(want->empty_root); /* nobody went there; it is a way out of a root that comes later */
	return true;
}

bool sp_sandbox_seal(const struct sp_sandbox_want *want, struct sp_sandbox_level *reached, struct sp_err *err)
{
	SP_ASSERT(reached->role == want->role);
	return take(seal_steps, SP_COUNT(seal_steps), want, reached, err) &&
	       sp_sandbox_judge(reached, want->demand, err);
}

static bool tell(const struct sp_sandbox *sandbox)
{
	struct sp_ipc_message m = { .type = SP_IPC_CONFINED, .fd = -1 };

	memset(&m.body, 0, sizeof(m.body)); /* nothing of our stack goes along */
	m.body.confined.level = sandbox->level;
	m.body.confined.fds_max = sandbox->fds_max;
	return sp_ipc_send(sandbox->tell_fd, (enum sp_ipc_role)sandbox->tell_as, SP_IPC_MASTER, &m) == SP_IPC_DONE;
}

bool sp_sandbox_finish(struct sp_sandbox *sandbox, struct sp_err *err)
{
	if (sandbox == NULL)
		return true;
	if (!sp_sandbox_seal(&sandbox->want, &sandbox->level, err))
		return false;
	sp_sandbox_log(&sandbox->level);
	return sandbox->tell_as == 0 || tell(sandbox) || sp_err_set(err, "the master is gone");
}

bool sp_sandbox_enter(const struct sp_sandbox_want *want, struct sp_sandbox_level *reached, struct sp_err *err)
{
	return sp_sandbox_drop(want, reached, err) && sp_sandbox_seal(want, reached, err);
}
