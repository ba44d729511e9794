/*
 * Entering the sandbox: each layer by itself, what is refused, what is told. In a sanitizer build: that it says it cannot.
 */
#include "t.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "../../../src/ipc/sandbox_int.h"
#include "escape_place.h"

#ifndef SP_SAN

/* ---- descriptors and limits ---- */

static bool is_zero(__rlimit_resource_t which)
{
	struct rlimit now;

	return getrlimit(which, &now) == 0 && now.rlim_cur == 0 && now.rlim_max == 0;
}

/* 0, or which check was not met. */
static int check_drop(void)
{
	struct sp_sandbox_want want = want_for(SP_ROLE_WORKER, AS_NOBODY);
	struct sp_sandbox_level level;
	struct sp_err err = { .text = "" };
	struct rlimit now;

	become_ordinary();
	want.memory_max = UINT64_C(64) << 20;
	if (!sp_sandbox_drop(&want, &level, &err))
		return 1;
	if (fcntl(here.named, F_GETFD) >= 0 || fcntl(here.kit.tcp, F_GETFD) < 0 || fcntl(STDERR_FILENO, F_GETFD) < 0)
		return 2;
	if (!is_zero(RLIMIT_CORE) || !is_zero(RLIMIT_NPROC) || !is_zero(RLIMIT_FSIZE) || !is_zero(RLIMIT_MSGQUEUE) ||
	    !is_zero(RLIMIT_MEMLOCK))
		return 3;
	if (getrlimit(RLIMIT_NOFILE, &now) != 0 || now.rlim_max != want.nofile)
		return 4;
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return 5;
	return malloc(UINT64_C(128) << 20) == NULL ? 0 : 6;
}

static void test_drop(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	if (!can_start(AS_NOBODY))
		return;
	pid = fork();
	if (pid == 0)
		_exit(check_drop());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* ---- each layer by itself, without the filter that would hide it ---- */

static const struct {
	const char *name;
	int outcome, unprivileged;
	int needs_abi;
} layer_escapes
	[] = {
		{ "connect", EACCES, EACCES, 4 },
		{ "bind", EACCES, EACCES, 4 },
		{ "abstract_unix", EPERM, EPERM, 6 },
		{ "kill_parent", EPERM, EPERM, 6 },
		{ "open", ENOENT, EACCES, 1 }, /* the empty root; Landlock */
		{ "stat", ENOENT, 0, 0 }, /* Landlock lets one ask for names */
		{ "mkdir", ENOENT, EACCES, 1 },
		{ "execve", ENOENT, EACCES, 1 }, /* the empty root; Landlock */
		{ "clone", EAGAIN, EAGAIN, 0 }, /* rlimit */
		{ "ptrace", EPERM, EPERM, 1 },
		{ "read_parent", EPERM, EPERM, 1 },
		{ "mount", EPERM, EPERM, 0 },
		{ "setuid_root", EPERM, EPERM, 0 },
		{ "raw_socket", EPERM, EPERM, 0 },
		{ "chroot", EPERM, EPERM, 0 },
		{ "rlimit", EPERM, EPERM, 0 },
	};

struct layer_case {
	enum start start;
	const struct escape *escape;
	int mdwe_only;
};

/* The parts of sp_sandbox_enter up to the filter. */
static int enter_without_filter(const struct layer_case *c)
{
	struct sp_sandbox_want want = want_for(SP_ROLE_WORKER, c->start);
	struct sp_sandbox_level level;
	struct sp_err err = { .text = "" };

	if (c->start == AS_NOBODY)
		become_ordinary();
	else
		want.empty_root = sp_sandbox_open_root(&err);
	if (!sp_sandbox_drop(&want, &level, &err) || !sp_layer_take_landlock(&want, &level, &err))
		return NOT_ENTERED;
	if (c->mdwe_only != 0 && !sp_sandbox_holds(&level, SP_LAYER_EXEC_GAIN))
		return NOT_ENTERED;
	return c->escape->run(&here.kit);
}

/* An ordinary user's process has a parent of the same user, whom it must not touch all the same. */
_Noreturn static void run_case(const struct layer_case *c)
{
	int status;
	pid_t pid;

	if (c->start == AS_ROOT)
		_exit(enter_without_filter(c));
	become_ordinary();
	here.kit.victim = getpid();
	pid = fork();
	if (pid == 0)
		_exit(enter_without_filter(c));
	_exit(waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : FAILED);
}

static int outcome_without_filter(const struct layer_case *c)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		run_case(c);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* execve(2): RLIMIT_NPROC speaks first where the user had processes already when the ids were changed. */
static bool is_exec_over_limit(const struct escape *escape, int outcome)
{
	return strcmp(escape->name, "execve") == 0 && outcome == EAGAIN;
}

static void test_layers(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (enum start start = AS_ROOT; start < START_COUNT; start++) {
		for (size_t i = 0; i < SP_COUNT(layer_escapes) && can_start(start); i++) {
			struct layer_case c = { start, escape_named(layer_escapes[i].name), 0 };
			int want = start == AS_ROOT ? layer_escapes[i].outcome : layer_escapes[i].unprivileged, got;

			if (landlock_abi() < layer_escapes[i].needs_abi) {
				print_message("*** SKIPPED: %s: Landlock here is ABI %d ***\n", layer_escapes[i].name,
					      landlock_abi());
				continue;
			}
			got = outcome_without_filter(&c);
			if (got == want || is_exec_over_limit(c.escape, got))
				continue;
			wrong++;
			print_message("  %s, %s: outcome %d, not %d\n", start_names[start], layer_escapes[i].name, got,
				      want);
		}
	}
	assert_int_equal(wrong, 0);
}

static void test_no_exec_gain(void **state)
{
	struct layer_case c = { AS_NOBODY, escape_named("mprotect_exec"), 1 };
	int got;

	(void)state;
	if (!can_start(AS_NOBODY))
		return;
	got = outcome_without_filter(&c);
	if (got == NOT_ENTERED) {
		print_message("*** SKIPPED: this kernel has no PR_SET_MDWE ***\n");
		return;
	}
	assert_int_equal(got, EACCES);
	c.escape = escape_named("mmap_exec");
	assert_int_equal(outcome_without_filter(&c), EACCES);
}

/* ---- entering that must fail, or must be told ---- */

#define OUR_MASTER (-1) /* as a want's parent: who forks */

static int try_enter(const struct sp_sandbox_want *want, char *text, size_t size)
{
	int report[2], status;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe2(report, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		struct sp_sandbox_level level;
		struct sp_sandbox_want mine = *want;
		struct sp_err err = { .text = "" };
		const int keep[] = { report[1] };

		if (mine.keep != NULL) {
			mine.keep = keep;
			mine.keep_count = 1;
		}
		if (mine.parent == OUR_MASTER)
			mine.parent = getppid();
		if (sp_sandbox_enter(&mine, &level, &err))
			_exit(0);
		say(report[1], err.text);
		_exit(NOT_ENTERED);
	}
	close(report[1]);
	n = read(report[0], text, size - 1);
	text[n > 0 ? n : 0] = '\0';
	close(report[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void test_refusals(void **state)
{
	static const int none[1];
	int open_dir = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const struct sp_sandbox_want ok = { .role = SP_ROLE_WORKER,
					    .changes_ids = true,
					    .uid = NOBODY,
					    .gid = NOBODY,
					    .empty_root = -1,
					    .parent = OUR_MASTER,
					    .keep = none };
	struct sp_sandbox_want want = ok;
	char text[512];

	(void)state;
	if (!can_start(AS_ROOT))
		return;
	assert_int_equal(try_enter(&want, text, sizeof(text)), 0);
	want.changes_ids = false;
	assert_int_equal(try_enter(&want, text, sizeof(text)), NOT_ENTERED);
	assert_string_equal(text, "the worker would run as root: refusing to run");
	want = ok;
	want.uid = 0;
	assert_int_equal(try_enter(&want, text, sizeof(text)), NOT_ENTERED);
	want = ok;
	want.gid = 0;
	assert_int_equal(try_enter(&want, text, sizeof(text)), NOT_ENTERED);
	want = ok;
	want.empty_root = open_dir; /* others may write in it */
	assert_int_equal(try_enter(&want, text, sizeof(text)), NOT_ENTERED);
	want = ok;
	want.empty_root = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC); /* nobody may write, but it is not empty */
	assert_int_equal(try_enter(&want, text, sizeof(text)), NOT_ENTERED);
	assert_string_equal(text, "the empty root is not empty: refusing to run");
	close(want.empty_root);
	want = ok;
	want.parent = getppid(); /* not who forks: the master is gone, and somebody else took the orphan */
	assert_int_equal(try_enter(&want, text, sizeof(text)), NOT_ENTERED);
	assert_string_equal(text, "the master is gone already");
	want = ok;
	want.demand = SP_DEMAND_REQUIRE;
	assert_int_equal(try_enter(&want, text, sizeof(text)), landlock_abi() > 0 ? 0 : NOT_ENTERED);
	want.demand = SP_DEMAND_REQUIRE_ALL; /* but no root was given */
	assert_int_equal(try_enter(&want, text, sizeof(text)), NOT_ENTERED);
	assert_string_equal(text, "sandbox = require-all: the worker cannot have empty_root (no: not asked for)");
	close(open_dir);
}

static int try_level(const void *what, int report)
{
	(void)what;
	say(report, "in");
	return 0;
}

static void test_require_all(void **state)
{
	(void)state;
	if (!can_start(AS_ROOT))
		return;
	if (landlock_abi() < 6) {
		print_message("*** SKIPPED: Landlock here is ABI %d: require-all cannot be met ***\n", landlock_abi());
		return;
	}
	for (enum start start = AS_ROOT; start < START_COUNT; start++) {
		for (enum sp_role role = SP_ROLE_MASTER; role < SP_ROLE_COUNT; role++) {
			struct sp_sandbox_level level;
			struct sp_sandbox_want want;
			struct sp_err err = { .text = "" };
			int status;
			pid_t pid = fork();

			if (pid == 0) {
				want = want_for(role, start);
				want.demand = SP_DEMAND_REQUIRE_ALL;
				if (start == AS_NOBODY)
					become_ordinary();
				else if (role != SP_ROLE_MASTER)
					want.empty_root = sp_sandbox_open_root(&err);
				_exit(sp_sandbox_enter(&want, &level, &err) ? 0 : NOT_ENTERED);
			}
			assert_int_equal(waitpid(pid, &status, 0), pid);
			print_message("  %s, %s\n", start_names[start], sp_sandbox_role_name(role));
			assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		}
	}
}

#else /* SP_SAN */

static int try_level(const void *what, int report)
{
	(void)what;
	say(report, "in, without what a sanitizer cannot bear");
	return 0;
}

static void test_sanitizer(void **state)
{
	struct sp_sandbox_want want = want_for(SP_ROLE_WORKER, geteuid() == 0 ? AS_ROOT : AS_NOBODY);
	struct sp_sandbox_level level;
	struct sp_err err = { .text = "" };

	(void)state;
	want.demand = SP_DEMAND_REQUIRE;
	assert_false(sp_sandbox_enter(&want, &level, &err));
	assert_non_null(strstr(err.text, "sanitizer build"));
	err.text[0] = '\0';
	want.demand = SP_DEMAND_REQUIRE_ALL;
	assert_false(sp_sandbox_enter(&want, &level, &err));
	assert_non_null(strstr(err.text, "sanitizer build"));
}

#endif

/* ---- in every build ---- */

static int check_auto(enum sp_demand demand, enum sp_lack lack)
{
	struct sp_sandbox_want want = want_for(SP_ROLE_WORKER, AS_ROOT);
	struct sp_sandbox_level level;
	struct sp_err err = { .text = "" };
	char text[SP_SANDBOX_TEXT];

	want.demand = demand;
	if (!sp_sandbox_enter(&want, &level, &err) || getuid() != NOBODY || !sp_sandbox_level_is_sane(&level))
		return 1;
	if (!sp_sandbox_holds(&level, SP_LAYER_PRIVS) || !sp_sandbox_holds(&level, SP_LAYER_IDS))
		return 2;
	if (level.layer[SP_LAYER_CALLS].state != SP_LAYER_MISSING || level.layer[SP_LAYER_CALLS].lack != lack)
		return 3;
	(void)sp_sandbox_layer_text(&level.layer[SP_LAYER_CALLS], text);
	if (lack == SP_LACK_OFF && strcmp(text, "no: sandbox = off") != 0)
		return 4;
	return lack == SP_LACK_SANITIZER && strcmp(text, "no: sanitizer build") != 0 ? 5 : 0;
}

/* Off, and auto in a sanitizer build: what they skip is told, and the process is nobody all the same. */
static void test_skipped(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	if (!can_start(AS_ROOT))
		return;
	pid = fork();
	if (pid == 0)
		_exit(check_auto(SP_DEMAND_OFF, SP_LACK_OFF));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
#ifdef SP_SAN
	pid = fork();
	if (pid == 0)
		_exit(check_auto(SP_DEMAND_AUTO, SP_LACK_SANITIZER));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
#endif
	assert_int_equal(outcome_of(SP_ROLE_WORKER, AS_ROOT, false, try_level, NULL), 0);
}

static void test_texts(void **state)
{
	struct sp_sandbox_level level = { .role = SP_ROLE_WORKER };
	struct sp_err err = { .text = "" };
	char text[SP_SANDBOX_TEXT];

	(void)state;
	for (unsigned i = 0; i < SP_LAYER_COUNT; i++)
		assert_non_null(sp_sandbox_layer_name(i));
	for (unsigned i = 0; i < SP_ROLE_COUNT; i++)
		assert_non_null(sp_sandbox_role_name(i));
	assert_true(sp_sandbox_level_is_sane(&level));
	assert_false(sp_sandbox_judge(&level, SP_DEMAND_REQUIRE, &err));
	sp_layer_missing(&level, SP_LAYER_FILES, SP_LACK_REFUSED, EPERM);
	assert_string_equal(sp_sandbox_layer_text(&level.layer[SP_LAYER_FILES], text), "no: refused, EPERM");
	sp_layer_not_meant(&level, SP_LAYER_ROOT, SP_LACK_NOT_ROOT);
	assert_string_equal(sp_sandbox_layer_text(&level.layer[SP_LAYER_ROOT], text), "not meant: not started as root");
	sp_layer_in_force(&level, SP_LAYER_CALLS);
	assert_string_equal(sp_sandbox_layer_text(&level.layer[SP_LAYER_CALLS], text), "yes");
	level.layer[3].lack = 200;
	assert_false(sp_sandbox_level_is_sane(&level));
	(void)sp_sandbox_layer_text(&level.layer[3], text);
	level.layer[3].lack = 0;
	level.role = SP_ROLE_COUNT;
	assert_false(sp_sandbox_level_is_sane(&level));
	assert_string_equal(sp_sandbox_role_name(SP_ROLE_COUNT), "unknown");
}

/* Every row of every table has a reason, and every role has tables. */
static void test_tables(void **state)
{
	(void)state;
	for (unsigned role = 0; role < SP_ROLE_COUNT; role++) {
		size_t rows = 0;

		for (size_t g = 0; g < SP_SANDBOX_GROUPS; g++) {
			const struct sp_call_group *group = &sp_role_rows[role].groups[g];

			for (size_t i = 0; i < group->count; i++)
				assert_true(group->calls[i].why != NULL && group->calls[i].why[0] != '\0');
			rows += group->count;
		}
		print_message("  %s: %zu rows\n", sp_role_rows[role].name, rows);
		assert_true(rows > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_skipped),
#ifdef SP_SAN
		cmocka_unit_test(test_sanitizer),
#else
		cmocka_unit_test(test_drop),         cmocka_unit_test(test_layers),
		cmocka_unit_test(test_no_exec_gain), cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_require_all),
#endif
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("sandbox_level", tests, make_place, leave_place);
}
