/*
 * The escape matrix: each case is a process of its own that enters the sandbox of a role and tries one thing. A sanitizer
 * build cannot enter, so there it is empty.
 */
#include "t.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "escape_place.h"

#ifndef SP_SAN

/* ---- the escape matrix ---- */

#define ROLE(name) SP_BIT(SP_ROLE_##name)
#define ALL_BUT_LOGGER (ROLE(KEEPER) | ROLE(DIALER) | ROLE(MONITOR) | ROLE(WORKER))

/* Whatever stands here for no role is killed. */
static const struct {
	const char *name;
	unsigned roles;
	int outcome;
	int needs_abi; /* of Landlock; below it the kernel has no such rule */
} exceptions[] = {
	{ "connect", ROLE(DIALER), EACCES, 4 }, /* a port of no rule */
	{ "abstract_unix", ROLE(DIALER), EPERM, 6 },
	{ "pathname_unix", ROLE(DIALER), ENOENT, 0 },
	{ "tcp_socket", ROLE(DIALER), 0, 0 },
	{ "tcp6_socket", ROLE(DIALER), 0, 0 },
	{ "udp_socket", ROLE(DIALER), 0, 0 },
	{ "open", ALL_BUT_LOGGER | ROLE(LOGGER), EACCES, 0 },
	{ "open_old", ALL_BUT_LOGGER, EACCES, 0 },
	{ "openat2", ALL_BUT_LOGGER, EACCES, 0 },
	{ "open_beside", ALL_BUT_LOGGER, EACCES, 0 },
	{ "open_absolute", ALL_BUT_LOGGER, EACCES, 0 },
	{ "open_beside", ROLE(LOGGER), EACCES, 1 },
	{ "open_absolute", ROLE(LOGGER), EACCES, 1 },
	{ "open_truncate", ALL_BUT_LOGGER, EACCES, 0 },
	{ "open_setuid", ALL_BUT_LOGGER, EACCES, 0 },
	{ "stat", ALL_BUT_LOGGER, EACCES, 0 },
	{ "access", ALL_BUT_LOGGER | ROLE(LOGGER), EACCES, 0 },
	{ "terminal_input", ALL_BUT_LOGGER | ROLE(LOGGER), ENOTTY, 0 },
};

/* false: this kernel lacks what would stop it. */
static bool expected(enum sp_role role, const char *name, int *outcome)
{
	*outcome = ESCAPE_KILLED;
	for (size_t i = 0; i < SP_COUNT(exceptions); i++) {
		if (strcmp(exceptions[i].name, name) != 0 || (exceptions[i].roles & SP_BIT(role)) == 0)
			continue;
		*outcome = exceptions[i].outcome;
		return landlock_abi() >= exceptions[i].needs_abi;
	}
	return true;
}

static int try_escape(const void *what, int report)
{
	const struct escape *escape = what;

	(void)report;
	return escape->run(&here.kit);
}

/* A kernel without 32-bit calls has no such door: whoever tries it falls by SIGSEGV, in a sandbox or not. */
static bool has_door(const struct escape *escape)
{
	static int known = -1;
	int status;
	pid_t pid;

	if (strcmp(escape->name, "int80") != 0)
		return true;
	if (known < 0) {
		pid = fork();
		if (pid == 0) {
			(void)signal(SIGSEGV, SIG_DFL); /* the test's own would go on with the next test */
			_exit(try_escape(escape, -1));
		}
		known = pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status);
	}
	if (known == 0)
		print_message("*** SKIPPED: %s: this kernel has no 32-bit calls ***\n", escape->name);
	return known != 0;
}

static void test_escapes(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (enum start start = AS_ROOT; start < START_COUNT; start++) {
		if (!can_start(start))
			continue;
		for (enum sp_role role = SP_ROLE_KEEPER; role < SP_ROLE_COUNT; role++) {
			for (size_t i = 0; i < SP_COUNT(escapes); i++) {
				int want, got;

				if (!has_door(&escapes[i]))
					continue;
				if (!expected(role, escapes[i].name, &want)) {
					print_message("*** SKIPPED: %s, %s: Landlock here is ABI %d ***\n",
						      sp_sandbox_role_name(role), escapes[i].name, landlock_abi());
					continue;
				}
				if (start == AS_ROOT && role == SP_ROLE_LOGGER &&
				    strcmp(escapes[i].name, "open_absolute") == 0)
					want = ENOENT; /* in the empty root there is no such name */
				got = outcome_of(role, start, false, try_escape, &escapes[i]);
				if (got == want)
					continue;
				wrong++;
				print_message("  %s, %s, %s: outcome %d, not %d\n", start_names[start],
					      sp_sandbox_role_name(role), escapes[i].name, got, want);
			}
		}
	}
	assert_int_equal(wrong, 0);
}

static const struct {
	const char *name;
	int outcome;
} master_escapes[] = {
	{ "fast_open_sendto", ENOSYS },
	{ "fast_open_sendmsg", ENOSYS },
	{ "mptcp_socket", ENOSYS },
	{ "icmp_socket", ENOSYS },
	{ "raw_socket", ENOSYS },
	{ "packet_socket", ENOSYS },
	{ "netlink_socket", ENOSYS },
	{ "vsock_socket", ENOSYS },
	{ "alg_socket", ENOSYS },
	{ "mount", ENOSYS },
	{ "memfd_secret", ENOSYS },
	{ "io_uring", ENOSYS },
	{ "bpf", ENOSYS },
	{ "perf", ENOSYS },
	{ "userfaultfd", ENOSYS },
	{ "keyctl", ENOSYS },
	{ "add_key", ENOSYS },
	{ "shmget", ENOSYS },
	{ "mq_open", ENOSYS },
	{ "splice", ENOSYS },
	{ "personality", ENOSYS },
	{ "clock_set", ENOSYS },
	{ "clone3", ENOSYS },
	{ "clone_user_ns", ENOSYS },
	{ "pidfd_open", ENOSYS },
	{ "ptrace", ENOSYS },
	{ "read_parent", ENOSYS },
	{ "unshare_user", ENOSYS },
	{ "setns", ENOSYS },
	{ "mprotect_exec", ENOSYS },
	{ "mmap_exec", ENOSYS },
	{ "pkey_mprotect", ENOSYS },
	{ "terminal_input", ENOTTY },
#ifdef __x86_64__
	{ "modify_ldt", ENOSYS },
	{ "x32", ESCAPE_KILLED },
	{ "int80", ESCAPE_KILLED },
#endif
};

static void test_master_escapes(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (enum start start = AS_ROOT; start < START_COUNT; start++) {
		if (!can_start(start))
			continue;
		for (size_t i = 0; i < SP_COUNT(master_escapes); i++) {
			const char *name = master_escapes[i].name;
			int got;

			if (!has_door(escape_named(name)))
				continue;
			got = outcome_of(SP_ROLE_MASTER, start, false, try_escape, escape_named(name));
			if (got == master_escapes[i].outcome)
				continue;
			wrong++;
			print_message("  %s, master, %s: outcome %d, not %d\n", start_names[start], name, got,
				      master_escapes[i].outcome);
		}
	}
	assert_int_equal(wrong, 0);
}

/* ---- what /proc says ---- */

static int try_rest(const void *what, int report)
{
	char byte;

	(void)what;
	say(report, "r");
	return read(here.pipe[0], &byte, 1) == 1 ? 0 : FAILED;
}

static bool status_says(const char *status, const char *key, const char *value)
{
	const char *at = strstr(status, key);
	size_t n = strlen(value);

	if (at == NULL)
		return false;
	at += strlen(key) + 1;
	at += strspn(at, " \t");
	if (strncmp(at, value, n) == 0 && (at[n] == '\n' || at[n] == '\t' || at[n] == ' '))
		return true;
	print_message("    %s %.*s, not %s\n", key, (int)strcspn(at, "\n"), at, value);
	return false;
}

static void read_status(pid_t pid, char *text, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = read(fd, text, size - 1);
	assert_true(n > 0);
	text[n] = '\0';
	close(fd);
}

static void check_status(enum sp_role role, enum start start, pid_t pid)
{
	static const char *const sets[] = { "CapInh:", "CapPrm:", "CapEff:", "CapAmb:" };
	char text[4096], root[64], link[256];
	ssize_t n;

	read_status(pid, text, sizeof(text));
	assert_true(status_says(text, "NoNewPrivs:", "1"));
	assert_true(status_says(text, "Seccomp:", "2"));
	if (role == SP_ROLE_MASTER)
		return;
	for (size_t i = 0; i < SP_COUNT(sets); i++)
		assert_true(status_says(text, sets[i], "0000000000000000"));
	if (start == AS_ROOT)
		assert_true(status_says(text, "CapBnd:", "0000000000000000"));
	if (geteuid() != 0)
		return;
	assert_true(status_says(text, "Uid:", "65534\t65534\t65534\t65534"));
	assert_true(status_says(text, "Gid:", "65534\t65534\t65534\t65534"));
	snprintf(root, sizeof(root), "/proc/%d/root", pid);
	n = readlink(root, link, sizeof(link) - 1);
	assert_true(n > 0);
	link[n] = '\0';
	assert_int_equal(strcmp(link, "/") != 0, start == AS_ROOT);
}

static void test_status(void **state)
{
	(void)state;
	for (enum start start = AS_ROOT; start < START_COUNT; start++) {
		for (enum sp_role role = SP_ROLE_MASTER; role < SP_ROLE_COUNT && can_start(start); role++) {
			int report[2], code;
			char byte;
			pid_t pid;

			print_message("  %s, %s\n", start_names[start], sp_sandbox_role_name(role));
			assert_int_equal(pipe2(report, O_CLOEXEC), 0);
			pid = fork();
			if (pid == 0) {
				enter(role, start, report[1]);
				_exit(try_rest(NULL, report[1]));
			}
			assert_int_equal(read(report[0], &byte, 1), 1);
			assert_int_equal(byte, 'r');
			check_status(role, start, pid);
			assert_int_equal(write(here.pipe[1], "x", 1), 1);
			assert_int_equal(waitpid(pid, &code, 0), pid);
			assert_true(WIFEXITED(code) && WEXITSTATUS(code) == 0);
			close(report[0]);
			close(report[1]);
		}
	}
}

#else

static void test_sanitizer_build(void **state)
{
	(void)state;
	print_message("*** SKIPPED: a sanitizer build has no sandbox to escape from ***\n");
}

#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
#ifdef SP_SAN
		cmocka_unit_test(test_sanitizer_build),
#else
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_master_escapes),
#endif
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("sandbox", tests, make_place, leave_place);
}
