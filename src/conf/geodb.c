#include "geodb.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "files.h"
#include "geodb_walk.h"

/* The child's descriptors, and its limits. */
enum { FROM = 3, TO = 4 };
#define MEMORY_MAX (1ULL << 30)         /* beside the file itself, which is mapped */
#define TABLE_MAX (256ULL << 20)
#define CPU_S 30U

/* How the child ends. */
enum { MADE, REFUSED, UNCONFINED };

/* ---- the child: it gives up its rights */

#ifndef SP_SAN /* a sanitizer cannot live in it */

/* Landlock's own (ABI 1): the distribution's header may be older than the kernel. */
#define FS_READ_FILE (UINT64_C(1) << 2)
#define FS_ALL ((UINT64_C(1) << 13) - 1)
#define RULE_PATH_BENEATH 1

/* No file but the database can be opened. A kernel without Landlock: the filter below is left, which lets files be
 * opened until the database is. */
static bool confine_files(void)
{
	const uint64_t handled = FS_ALL;
	const struct {
		uint64_t allowed;
		int32_t parent_fd;
	} __attribute__((packed)) rule = { FS_READ_FILE, FROM };
	int fd = (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof(handled), 0);
	bool is_done;

	if (fd < 0)
		return errno == ENOSYS || errno == EOPNOTSUPP;
	is_done = syscall(SYS_landlock_add_rule, fd, RULE_PATH_BENEATH, &rule, 0) == 0 &&
		  syscall(SYS_landlock_restrict_self, fd, 0) == 0;
	(void)close(fd);
	return is_done;
}

/* Memory, the file that is mapped, what is said, the end; and opening for reading, until it is done. */
static bool confine_calls(bool may_open)
{
	static const int calls[] = { SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(brk), SCMP_SYS(madvise), SCMP_SYS(close),
				     SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(lseek), SCMP_SYS(exit), SCMP_SYS(exit_group),
				     SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigaction), SCMP_SYS(getpid),
				     SCMP_SYS(gettid), SCMP_SYS(tgkill), SCMP_SYS(getrandom), SCMP_SYS(prctl), SCMP_SYS(seccomp) };
	const size_t count = SP_COUNT(calls) - (may_open ? 0 : 2); /* the last two put the second filter on */
	const struct scmp_arg_cmp no_exec = { .arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = PROT_EXEC };
	const struct scmp_arg_cmp reading = { .arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = O_ACCMODE | O_CREAT | O_TRUNC };
	const struct scmp_arg_cmp to_table = { .arg = 0, .op = SCMP_CMP_EQ, .datum_a = TO };
	const struct scmp_arg_cmp to_errors = { .arg = 0, .op = SCMP_CMP_EQ, .datum_a = STDERR_FILENO };
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	bool is_fine = filter != NULL;

	for (size_t i = 0; is_fine && i < count; i++)
		is_fine = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0) == 0;
	is_fine = is_fine && seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, no_exec) == 0 &&
		  seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, no_exec) == 0 &&
		  seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1, to_table) == 0 &&
		  seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1, to_errors) == 0;
	if (may_open)
		is_fine = is_fine && seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1, reading) == 0;
	is_fine = is_fine && seccomp_load(filter) == 0;
	seccomp_release(filter);
	return is_fine;
}

static bool limit(int what, uint64_t most)
{
	const struct rlimit both = { most, most };

	return setrlimit(what, &both) == 0;
}

static bool confine(uint64_t file_size)
{
	return limit(RLIMIT_AS, MEMORY_MAX + file_size) && limit(RLIMIT_CPU, CPU_S) && limit(RLIMIT_FSIZE, TABLE_MAX) &&
	       limit(RLIMIT_CORE, 0) && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       confine_files() && confine_calls(true);
}

#else

static bool confine_calls(bool may_open)
{
	(void)may_open;
	return true;
}

static bool confine(uint64_t file_size)
{
	(void)file_size;
	return true;
}

#endif

/* ---- the child: it reads */

static bool put(const char *bytes, size_t n)
{
	while (n > 0) {
		ssize_t put = write(TO, bytes, n);

		if (put <= 0)
			return false;
		bytes += put;
		n -= (size_t)put;
	}
	return true;
}

static bool make(struct sp_err *err)
{
	struct sp_geo_maker maker = { .alias_count = 0 };
	char path[32];
	MMDB_s db;
	struct sp_str bytes;
	int rc;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", FROM);
	rc = MMDB_open(path, MMDB_MODE_MMAP, &db);
	if (rc == MMDB_FILE_OPEN_ERROR || rc == MMDB_IO_ERROR)
		return sp_err_set(err, "cannot be opened by %s: %s", path, strerror(errno));
	if (rc != MMDB_SUCCESS)
		return sp_err_set(err, "is no MaxMind database: %s", MMDB_strerror(rc));
	if (!confine_calls(false))
		return sp_err_set(err, "cannot be read by a process without rights");
	if (!sp_geodb_walk(&db, &maker, err))
		return false;
	bytes = sp_geo_finish(&maker);
	return (bytes.p != NULL && put(bytes.p, bytes.n)) || sp_err_set(err, "no memory for its ranges");
}

_Noreturn static void be_reader(int from, int to, uint64_t size, pid_t parent)
{
	struct sp_err err = { .text = "" };
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	/* First out of the way of both numbers. */
	from = fcntl(from, F_DUPFD, TO + 1);
	to = fcntl(to, F_DUPFD, TO + 1);
	if (from < 0 || to < 0 || dup2(from, FROM) != FROM || dup2(to, TO) != TO || close_range(TO + 1, ~0U, 0) != 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != parent || !confine(size))
		_exit(UNCONFINED);
	if (make(&err))
		_exit(MADE);
	(void)put(err.text, strlen(err.text));
	_exit(REFUSED);
}

/* ---- the parent */

static bool wait_for(pid_t pid, int *how, struct sp_err *err)
{
	int status;

	while (waitpid(pid, &status, 0) != pid)
		if (errno != EINTR)
			return sp_err_set(err, "who reads it is gone: %s", strerror(errno));
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return sp_err_set(err, "takes more than %u s to read", CPU_S);
	if (WIFSIGNALED(status))
		return sp_err_set(err, "is broken: who read it ended by signal %d", WTERMSIG(status));
	*how = WEXITSTATUS(status);
	return *how == MADE || *how == REFUSED ||
	       sp_err_set(err, "cannot be read: a process for it cannot give up its rights");
}

/* All that the child wrote. */
static bool take_all(int fd, struct sp_arena *arena, struct sp_str *out, struct sp_err *err)
{
	struct stat st;
	char *bytes;

	if (fstat(fd, &st) != 0 || st.st_size < 0 || (uint64_t)st.st_size > TABLE_MAX)
		return sp_err_set(err, "cannot be read: what came of it cannot be examined");
	bytes = sp_arena_alloc(arena, (size_t)st.st_size + 1);
	if (bytes == NULL)
		return sp_err_set(err, "no memory for its %lld bytes", (long long)st.st_size);
	*out = sp_str_of(bytes, 0);
	while (out->n < (size_t)st.st_size) {
		ssize_t got = pread(fd, bytes + out->n, (size_t)st.st_size - out->n, (off_t)out->n);

		if (got <= 0)
			return sp_err_set(err, "cannot be read: what came of it is too short");
		out->n += (size_t)got;
	}
	bytes[out->n] = '\0';
	return true;
}

/* A child's words, of which only our own can be shown. */
static void refuse(struct sp_str said, struct sp_err *err)
{
	for (size_t i = 0; i < said.n; i++) {
		if (said.p[i] < ' ' || said.p[i] > '~') {
			sp_err_set(err, "is broken");
			return;
		}
	}
	sp_err_set(err, "%.*s", (int)(said.n < 160 ? said.n : 160), said.p);
}

static bool read_apart(int from, int to, uint64_t size, struct sp_arena *arena, struct sp_str *out, struct sp_err *err)
{
	pid_t parent = getpid(), pid;
	struct sp_geo geo;
	int how = 0;

	(void)fflush(NULL);
	pid = fork();
	if (pid == 0)
		be_reader(from, to, size, parent);
	if (pid < 0)
		return sp_err_set(err, "cannot be read: cannot fork: %s", strerror(errno));
	if (!wait_for(pid, &how, err) || !take_all(to, arena, out, err))
		return false;
	if (how == REFUSED) {
		refuse(*out, err);
		return false;
	}
	return sp_geo_check(*out, &geo) || sp_err_set(err, "is broken: what came of it is no table of ranges");
}

bool sp_geodb_read(const char *path, struct sp_arena *arena, struct sp_str *out, struct sp_err *err)
{
	int from = sp_file_open(path, SP_FILE_DATABASE, err), to;
	struct stat st;
	bool is_read = false;

	if (from < 0)
		return false;
	to = memfd_create("geo", MFD_CLOEXEC);
	if (to < 0 || fstat(from, &st) != 0)
		sp_err_set(err, "cannot be read: %s", strerror(errno));
	else
		is_read = read_apart(from, to, (uint64_t)st.st_size, arena, out, err);
	if (to >= 0)
		(void)close(to);
	(void)close(from);
	return is_read;
}
