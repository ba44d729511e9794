#include "takeover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sp/base/log.h"
#include "sp/base/str.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define TABLE_MOST ((off_t)8 << 20)

static struct {
	struct sp_handed_row *rows; /* owned; NULL: there is none */
	size_t count;
	bool is_rehearsed, has_secrets;
} taken;

/* -1: the variable is not set. */
static bool table_of(const char *variable, int *fd, struct sp_err *err)
{
	const char *text = getenv(variable);
	uint64_t n;

	*fd = -1;
	if (text == NULL)
		return true;
	if (!sp_str_u64(sp_str(text), INT32_MAX, &n) || n <= STDERR_FILENO)
		return sp_err_set(err, "%s is no descriptor", variable);
	*fd = (int)n;
	return true;
}

/* Sealed, so that it neither changes nor shrinks while it is read. fd is closed. */
static struct sp_handed_row *read_table(int fd, size_t *count, struct sp_err *err)
{
	struct sp_handed_row *rows = NULL;
	int seals = fcntl(fd, F_GET_SEALS);
	void *bytes = MAP_FAILED;
	struct stat st;

	if (seals >= 0 && (seals & SEALS) == SEALS && fstat(fd, &st) == 0 && st.st_size > 0 && st.st_size <= TABLE_MOST)
		bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED) {
		sp_err_set(err, "descriptor %d is no sealed table", fd);
	} else {
		rows = sp_handover_read(bytes, (size_t)st.st_size, count, err);
		(void)munmap(bytes, (size_t)st.st_size);
	}
	(void)close(fd);
	return rows;
}

static bool close_others(void)
{
	int top = STDERR_FILENO;

	for (;;) {
		int next = INT32_MAX;

		for (size_t i = 0; i < taken.count; i++)
			if (taken.rows[i].fd > top && taken.rows[i].fd < next)
				next = taken.rows[i].fd;
		if (next > top + 1 &&
		    close_range((unsigned)top + 1, next == INT32_MAX ? ~0U : (unsigned)next - 1, 0) != 0)
			return false;
		if (next == INT32_MAX)
			return true;
		top = next;
	}
}

/* Ours again: nothing that is executed from here on inherits them. A number behind which nothing is open is nobody's. */
static void close_on_exec(void)
{
	for (size_t i = 0; i < taken.count; i++)
		if (taken.rows[i].fd >= 0 && fcntl(taken.rows[i].fd, F_SETFD, FD_CLOEXEC) != 0)
			taken.rows[i].fd = -1;
}

/* Before anything is hashed. */
static void take_secrets(void)
{
	size_t at = 0;
	const struct sp_handed_row *row = sp_takeover_next(SP_HANDED_SECRETS, &at);

	taken.has_secrets = row != NULL;
	if (row == NULL)
		return;
	sp_siphash_set_process_key(&row->is.secrets.hash);
	sp_tls_tickets_set(row->is.secrets.tickets);
}

bool sp_takeover_begin(struct sp_err *err)
{
	struct sp_err why = { .text = "" };
	int fd;

	if (!table_of(SP_TAKEOVER_VARIABLE, &fd, err))
		return false;
	if (fd < 0)
		return true;
	/* The sockets that a supervisor passed are in the table, under whatever number. */
	(void)unsetenv(SP_TAKEOVER_VARIABLE);
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	taken.rows = read_table(fd, &taken.count, &why);
	if (taken.rows == NULL)
		return sp_err_set(err, "cannot take over from the program before: %s", why.text);
	if (taken.rows[0].is.master.pid != getpid())
		return sp_err_set(err, "cannot take over: the table is of process %d", taken.rows[0].is.master.pid);
	if (!close_others())
		return sp_err_set(err, "cannot close inherited descriptors: %s", strerror(errno));
	close_on_exec();
	take_secrets();
	return true;
}

bool sp_takeover_rehearse(struct sp_err *err)
{
	struct sp_err why = { .text = "" };
	int fd;

	if (!table_of(SP_REHEARSAL_VARIABLE, &fd, err))
		return false;
	if (fd < 0)
		return sp_err_set(err, "only a running gateway can ask that (SIGUSR2)");
	taken.rows = read_table(fd, &taken.count, &why);
	taken.is_rehearsed = true;
	for (size_t i = 0; i < taken.count; i++)
		taken.rows[i].fd = -1;
	return taken.rows != NULL || sp_err_set(err, "cannot take over from the program that runs: %s", why.text);
}

void sp_takeover_end(void)
{
	for (size_t i = 0; i < taken.count; i++)
		if (taken.rows[i].fd >= 0)
			(void)close(taken.rows[i].fd);
	if (taken.rows != NULL)
		explicit_bzero(taken.rows, taken.count * sizeof(*taken.rows));
	free(taken.rows);
	taken.rows = NULL;
	taken.count = 0;
}

bool sp_takeover_is(void)
{
	return taken.rows != NULL;
}

bool sp_takeover_is_rehearsed(void)
{
	return taken.is_rehearsed;
}

const struct sp_handed_row *sp_takeover_master(void)
{
	return taken.rows;
}

struct sp_handed_row *sp_takeover_next(enum sp_handed kind, size_t *at)
{
	while (*at < taken.count) {
		struct sp_handed_row *row = &taken.rows[(*at)++];

		if (row->kind == kind)
			return row;
	}
	return NULL;
}

/* ---- pieces */

/* By their index; false: one is missing, there twice, or too many. */
static bool find_parts(int fds[static SP_BOARD_FDS_MAX], size_t *count)
{
	const struct sp_handed_row *row;

	*count = 0;
	for (size_t i = 0; i < SP_BOARD_FDS_MAX; i++)
		fds[i] = -1;
	for (size_t at = 0; (row = sp_takeover_next(SP_HANDED_BOARD, &at)) != NULL; (*count)++) {
		if (row->is.board.index >= SP_BOARD_FDS_MAX || row->fd < 0 || fds[row->is.board.index] >= 0)
			return false;
		fds[row->is.board.index] = row->fd;
	}
	for (size_t i = 0; i < *count; i++)
		if (fds[i] < 0)
			return false;
	return true;
}

struct sp_board *sp_takeover_board(unsigned workers)
{
	static int fds[SP_BOARD_FDS_MAX]; /* 4 KiB that the stack need not hold */
	struct sp_err err = { .text = "" };
	struct sp_board *board = NULL;
	struct sp_handed_row *row;
	size_t count;

	if (taken.rows == NULL)
		return NULL;
	if (!find_parts(fds, &count))
		sp_err_set(&err, "parts of it are missing");
	else
		board = sp_board_adopt(fds, count, workers, (taken.rows[0].is.master.bank + 1) % SP_BOARD_BANKS, &err);
	if (board == NULL) {
		sp_warn("board_not_taken_over", SP_KV_TEXT("why", err.text), SP_KV_TEXT("counts", "begin at zero"));
		return NULL;
	}
	for (size_t at = 0; (row = sp_takeover_next(SP_HANDED_BOARD, &at)) != NULL;)
		row->fd = -1;
	return board;
}

int sp_takeover_pipe(enum sp_ipc_log log, bool is_write)
{
	struct sp_handed_row *row;
	struct stat st;

	for (size_t at = 0; (row = sp_takeover_next(SP_HANDED_PIPE, &at)) != NULL;) {
		int fd = row->fd;

		if (row->is.pipe.log != log || (row->is.pipe.is_write != 0) != is_write || fd < 0)
			continue;
		if (fstat(fd, &st) != 0 || !S_ISFIFO(st.st_mode))
			return -1;
		row->fd = -1;
		return fd;
	}
	return -1;
}

bool sp_takeover_has_secrets(void)
{
	return taken.has_secrets;
}
