/*
 * clean - a start that does not depend on who started us.
 */
#include "sp/master/master.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clean.h"
#include "passed.h"
#include "takeover.h"

/* Variables by which a library or the C library itself would be steered. Others stay until the workers start: the
 * configuration may ask for them by ${NAME}. The workers get none. */
static const char *const steering[] = {
	"OPENSSL_",
	"SSL_CERT_",
	"SSLKEYLOGFILE",
	"CTLOG_FILE",
	"QLOGDIR",
	"EVENT_",
	"LD_",
	"GLIBC_TUNABLES",
	"MALLOC_",
	"GCONV_PATH",
	"LOCPATH",
	"LC_",
	"LANG",
	"LANGUAGE",
	"NLSPATH",
	"RES_OPTIONS",
	"LOCALDOMAIN",
	"HOSTALIASES",
	"RESOLV_HOST_CONF",
	"TMPDIR",
	"TZDIR",
	"IFS",
	"BASH_ENV",
	"ENV",
};

static bool is_steering(const char *variable)
{
	for (size_t i = 0; i < SP_COUNT(steering); i++) {
		size_t n = strlen(steering[i]);

		if (strncmp(variable, steering[i], n) == 0 && (steering[i][n - 1] == '_' || variable[n] == '='))
			return true;
	}
	return false;
}

void sp_clean_environment(void)
{
	char name[128];

	for (char **e = environ; *e != NULL;) {
		size_t n = strcspn(*e, "=");

		if (!is_steering(*e) || n >= sizeof(name)) {
			e++;
			continue;
		}
		memcpy(name, *e, n);
		name[n] = '\0';
		if (unsetenv(name) != 0)
			e++; /* moves the others up, so *e is the next one */
	}
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* Descriptors 0 to 2 are open afterwards, so that no socket of ours can ever become one of them. */
static bool set_standard(struct sp_err *err)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return sp_err_set(err, "cannot open /dev/null: %s", strerror(errno));
	if (dup2(null, STDIN_FILENO) < 0)
		return sp_err_set(err, "cannot empty stdin: %s", strerror(errno));
	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
		if (!is_open(fd) && dup2(null, fd) < 0)
			return sp_err_set(err, "cannot open descriptor %d: %s", fd, strerror(errno));
	if (null > STDERR_FILENO)
		close(null);
	return true;
}

/* Of a parent's dispositions only "ignored" outlives an exec. */
static void reset_signals(void)
{
	struct sigaction def = { .sa_handler = SIG_DFL }, ignore = { .sa_handler = SIG_IGN }, now;
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		if (sigaction(sig, NULL, &now) == 0 && now.sa_handler == SIG_IGN)
			(void)sigaction(sig, &def, NULL);
	(void)sigaction(SIGPIPE, &ignore, NULL);
	if (sp_takeover_is())
		return; /* blocked by the program before: what came meanwhile waits for us */
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* All descriptors that nobody meant for us. A program before has said of each what it is, and the others are closed. */
static bool close_inherited(struct sp_err *err)
{
	static struct sp_passed passed; /* 4 KiB that the stack need not hold */
	unsigned first;

	if (sp_takeover_is())
		return true;
	if (!sp_passed_parse(getenv("LISTEN_PID"), getenv("LISTEN_FDS"), getenv("LISTEN_FDNAMES"), getpid(), &passed,
			     err))
		return false;
	first = SP_PASSED_FIRST + (unsigned)passed.count;
	if (close_range(first, ~0U, 0) != 0)
		return sp_err_set(err, "cannot close inherited descriptors: %s", strerror(errno));
	return true;
}

bool sp_master_clean_start(struct sp_err *err)
{
	struct rlimit no_core = { 0, 0 };

	sp_clean_environment();
	if (!sp_takeover_begin(err))
		return false;
	reset_signals();
	umask(027);
	if (!close_inherited(err) || !set_standard(err))
		return false;
	(void)setrlimit(RLIMIT_CORE, &no_core);
#ifndef SP_SAN /* the leak checker has to look into us */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
	return true;
}
