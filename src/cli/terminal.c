#include "terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "sp/base/check.h"

#define ENTER "\033[?1049h\033[?25l" /* the other screen, no cursor */
#define LEAVE "\033[0m\033[?25h\033[?1049l"

static const int ours[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH };
static struct termios before; /* as it was, where has_keys */
static volatile sig_atomic_t is_entered, has_keys; /* what a handler has to undo */
static volatile sig_atomic_t ending, stopping, resized; /* signals that came */
static bool is_deaf; /* standard input is no terminal, or at its end */

/* ---- what a signal handler may do, too */

static void put(const char *text, size_t n)
{
	while (n > 0) {
		ssize_t put = write(STDOUT_FILENO, text, n);

		if (put < 0 && errno != EINTR)
			return;
		text += put > 0 ? put : 0;
		n -= put > 0 ? (size_t)put : 0;
	}
}

void sp_terminal_leave(void)
{
	if (!is_entered)
		return;
	is_entered = 0;
	put(LEAVE, sizeof(LEAVE) - 1);
	if (has_keys)
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
	has_keys = 0;
}

static void on_signal(int signo)
{
	if (signo == SIGWINCH || signo == SIGCONT)
		resized = 1;
	else if (signo == SIGTSTP)
		stopping = 1;
	else
		ending = signo;
}

/* It is a bug of ours; who sees its message shall have a terminal to read it on. The handler is gone already. */
static void on_crash(int signo)
{
	sp_terminal_leave();
	(void)raise(signo);
}

/* ---- signals, keys, size */

static void take_signals(void)
{
	static const int crashes[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
	struct sigaction action = { .sa_handler = on_signal };

	for (size_t i = 0; i < SP_COUNT(ours); i++)
		(void)sigaction(ours[i], &action, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
#ifndef SP_SAN /* a sanitizer has handlers of its own */
	action = (struct sigaction){ .sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND | SA_NODEFER };
	for (size_t i = 0; i < SP_COUNT(crashes); i++)
		(void)sigaction(crashes[i], &action, NULL);
#else
	(void)crashes, (void)on_crash;
#endif
}

/* Keys come at once and are not shown; Ctrl-C, Ctrl-Z and Ctrl-\ stay what they are. */
static void take_keys(void)
{
	struct termios raw;

	is_deaf = tcgetattr(STDIN_FILENO, &before) != 0;
	if (is_deaf)
		return;
	raw = before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	has_keys = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

bool sp_terminal_is(void)
{
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && (term == NULL || strcmp(term, "dumb") != 0);
}

void sp_terminal_enter(void)
{
	static bool is_registered;

	if (is_entered)
		return;
	if (!is_registered) {
		is_registered = true;
		(void)atexit(sp_terminal_leave);
		take_signals();
	}
	take_keys();
	is_entered = 1;
	put(ENTER, sizeof(ENTER) - 1);
}

void sp_terminal_size(size_t *rows, size_t *columns)
{
	struct winsize size = { .ws_row = 0 };

	(void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	*rows = size.ws_row > 0 ? size.ws_row : 24;
	*columns = size.ws_col > 0 ? size.ws_col : 80;
}

/* ---- the screen */

bool sp_terminal_show(struct sp_str lines)
{
	struct sp_buf out;
	struct sp_str line;
	bool is_first = true, ok;

	sp_buf_init(&out);
	sp_buf_put(&out, SP_STR("\033[H"));
	while (lines.n > 0 && sp_str_split(&lines, '\n', &line)) {
		/* Not behind the last one: that would move the whole screen up. */
		sp_buf_put(&out, is_first ? SP_STR("") : SP_STR("\r\n"));
		sp_buf_put(&out, line);
		sp_buf_put(&out, SP_STR("\033[K"));
		is_first = false;
	}
	sp_buf_put(&out, SP_STR("\033[J"));
	errno = 0;
	if (!out.is_failed)
		put(out.p, out.n);
	ok = errno == 0 || errno == EINTR;
	sp_buf_fini(&out);
	return ok;
}

/* Ctrl-Z: the shell gets its terminal as it was. */
static void stop(void)
{
	stopping = 0;
	sp_terminal_leave();
	(void)raise(SIGSTOP);
	sp_terminal_enter();
	resized = 1;
}

static bool read_key(char *key)
{
	ssize_t n = read(STDIN_FILENO, key, 1);

	if (n == 1)
		return true;
	is_deaf = n == 0 || (errno != EINTR && errno != EAGAIN);
	if (is_deaf && isatty(STDOUT_FILENO) == 0)
		ending = SIGHUP; /* the terminal is gone */
	return false;
}

/* With the signals blocked but while it waits, none that comes between the look and the wait is missed. */
static int wait_blocked(uint64_t ms, bool *is_readable)
{
	const struct timespec most = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 };
	struct pollfd in = { .fd = is_deaf ? -1 : STDIN_FILENO, .events = POLLIN };
	sigset_t blocked, old;
	int n = 0;

	sigemptyset(&blocked);
	for (size_t i = 0; i < SP_COUNT(ours); i++)
		sigaddset(&blocked, ours[i]);
	(void)sigprocmask(SIG_BLOCK, &blocked, &old);
	if (!ending && !stopping && !resized)
		n = ppoll(&in, 1, &most, &old);
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	*is_readable = n > 0;
	return n;
}

enum sp_terminal_event sp_terminal_wait(uint64_t ms, char *key)
{
	bool is_readable;
	int n = wait_blocked(ms, &is_readable);

	if (stopping)
		stop();
	if (ending)
		return SP_TERMINAL_END;
	if (resized) {
		resized = 0;
		return SP_TERMINAL_RESIZED;
	}
	if (is_readable && read_key(key))
		return SP_TERMINAL_KEY;
	if (ending)
		return SP_TERMINAL_END;
	return n == 0 ? SP_TERMINAL_TIME : SP_TERMINAL_RESIZED;
}

bool sp_terminal_is_over(void)
{
	return ending != 0;
}

void sp_terminal_die(void)
{
	const int signo = ending;

	sp_terminal_leave();
	if (signo == 0)
		return;
	(void)signal(signo, SIG_DFL);
	(void)raise(signo);
}
