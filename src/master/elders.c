#include "elders.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sp/base/log.h"
#include "takeover.h"

enum {
	STOP_MS = 2000, /* from being told to the end of a process */
	LOOK_MS = 2,
	AGAIN_MS = 100, /* when one did not listen */
};

struct elder {
	struct sp_elders *all; /* borrowed */
	struct sp_handed_row row; /* its descriptor is owned: the channel */
	pid_t pid; /* 0: it has ended */
	bool is_told; /* to finish */
	struct sp_deadline overdue;
};

struct sp_elders {
	struct sp_master *m; /* borrowed */
	struct elder *items; /* owned */
	size_t count;
	struct sp_deadline again;
};

#define FIELDS(elder) SP_KV_TEXT("name", (elder)->row.is.child.name), SP_KV_I64("pid", (elder)->pid)

static bool is_worker(const struct elder *elder)
{
	return elder->row.is.child.ends == SP_HANDED_WORKS;
}

static enum sp_ipc_rc tell_stop(struct elder *elder)
{
	return sp_ipc_send_packed(elder->row.fd, elder->row.is.child.stop, elder->row.is.child.stop_n);
}

static void on_overdue(struct sp_deadline *deadline)
{
	struct elder *elder = SP_HOLDER(deadline, struct elder, overdue);

	if (elder->pid > 0)
		(void)kill(elder->pid, SIGKILL);
}

/* ---- the end of one */

static void forget(struct elder *elder)
{
	struct sp_master *m = elder->all->m;

	sp_deadline_clear(&elder->overdue);
	(void)close(elder->row.fd);
	elder->row.fd = -1;
	elder->pid = 0;
	if (is_worker(elder) && elder->row.is.child.part != SP_HANDED_NO_PART)
		sp_board_part_died(m->board, elder->row.is.child.part);
}

static bool has_workers(const struct sp_elders *all, uint32_t set)
{
	for (size_t i = 0; i < all->count; i++)
		if (all->items[i].pid > 0 && is_worker(&all->items[i]) && all->items[i].row.is.child.set == set)
			return true;
	return false;
}

/* Whom nobody asks any more. */
static void end_unasked(struct sp_elders *all)
{
	for (size_t i = 0; i < all->count; i++) {
		struct elder *elder = &all->items[i];

		if (elder->pid == 0 || is_worker(elder) || sp_deadline_is_set(&elder->overdue) ||
		    has_workers(all, elder->row.is.child.set))
			continue;
		(void)tell_stop(elder);
		sp_deadline_set(&elder->overdue, sp_loop_deadlines(all->m->loop, STOP_MS), on_overdue);
	}
}

static void log_end(const struct elder *elder, int status)
{
	bool was_killed = WIFSIGNALED(status);
	int code = was_killed ? WTERMSIG(status) : WEXITSTATUS(status);

	if (was_killed || code != 0)
		sp_error("old_process_died", FIELDS(elder), SP_KV_TEXT("how", was_killed ? "signal" : "exit"),
			 SP_KV_I64("code", code));
	else
		sp_info("old_process_ended", FIELDS(elder));
}

/* What nobody counts in any more. */
static void free_board(struct sp_master *m)
{
	sp_board_use_banks(m->board, sp_elders_banks(m));
	if (sp_elders_alive(m) == 0)
		sp_board_forget_names(m->board);
}

bool sp_elders_on_exit(struct sp_master *m, pid_t pid, int status)
{
	struct sp_elders *all = m->elders;

	for (size_t i = 0; all != NULL && i < all->count; i++) {
		struct elder *elder = &all->items[i];

		if (elder->pid != pid)
			continue;
		log_end(elder, status);
		forget(elder);
		free_board(m);
		if (is_worker(elder) && sp_elders_alive(m) == 0)
			sp_info("old_workers_gone");
		end_unasked(all);
		return true;
	}
	return false;
}

/* ---- from the takeover */

/* A pid that is no child of ours is somebody else's by now. */
static bool is_alive_child(struct sp_handed_row *row)
{
	int status;
	pid_t rc;

	do
		rc = waitpid(row->is.child.pid, &status, WNOHANG);
	while (rc < 0 && errno == EINTR);
	return rc == 0 && row->fd >= 0;
}

/* One that hangs in the kernel, on a disk that is gone, is left to it: it does nothing that would disturb its successor. */
static void wait_for_end(struct elder *elder)
{
	const struct timespec pause = { 0, LOOK_MS * 1000000L };
	int status;

	(void)tell_stop(elder);
	for (unsigned waited = 0; waitpid(elder->pid, &status, WNOHANG) == 0; waited += LOOK_MS) {
		if (waited >= STOP_MS)
			(void)kill(elder->pid, SIGKILL);
		if (waited >= 2U * STOP_MS)
			return;
		(void)nanosleep(&pause, NULL);
	}
	forget(elder);
}

static void adopt(struct sp_elders *all, struct sp_handed_row *row, bool is_same_board)
{
	struct elder *elder = &all->items[all->count];

	if (!is_same_board)
		row->is.child.part = SP_HANDED_NO_PART;
	if (!is_alive_child(row)) {
		if (row->is.child.part != SP_HANDED_NO_PART)
			sp_board_part_died(all->m->board, row->is.child.part);
		return;
	}
	*elder = (struct elder){ .all = all, .row = *row, .pid = row->is.child.pid };
	sp_deadline_init(&elder->overdue);
	row->fd = -1;
	all->count++;
	if (row->is.child.ends == SP_HANDED_YIELDS)
		wait_for_end(elder);
}

bool sp_elders_begin(struct sp_master *m, struct sp_err *err)
{
	struct sp_elders *all = calloc(1, sizeof(*all));
	struct sp_handed_row *row;
	size_t count = 0;

	for (size_t at = 0; sp_takeover_next(SP_HANDED_CHILD, &at) != NULL;)
		count++;
	if (all != NULL)
		all->items = calloc(count + 1, sizeof(*all->items));
	if (all == NULL || all->items == NULL) {
		free(all);
		return sp_err_set(err, "no memory for the processes of the program before");
	}
	m->elders = all;
	all->m = m;
	sp_deadline_init(&all->again);
	for (size_t at = 0; (row = sp_takeover_next(SP_HANDED_CHILD, &at)) != NULL;)
		adopt(all, row, m->has_old_board);
	free_board(m);
	end_unasked(all);
	return true;
}

/* ---- what they are told */

static void on_again(struct sp_deadline *deadline)
{
	sp_elders_finish(SP_HOLDER(deadline, struct sp_elders, again)->m);
}

void sp_elders_finish(struct sp_master *m)
{
	struct sp_elders *all = m->elders;
	bool is_again = false;
	unsigned told = 0;

	for (size_t i = 0; i < all->count; i++) {
		struct elder *elder = &all->items[i];

		if (elder->pid == 0 || !is_worker(elder) || elder->is_told || elder->row.is.child.finish_n == 0)
			continue;
		enum sp_ipc_rc rc = sp_ipc_send_packed(elder->row.fd, elder->row.is.child.finish,
						       elder->row.is.child.finish_n);

		elder->is_told = rc != SP_IPC_AGAIN; /* one that has closed its channel ends */
		told += elder->is_told ? 1 : 0;
		is_again = is_again || !elder->is_told;
	}
	if (told > 0)
		sp_info("old_workers_finish", SP_KV_U64("workers", sp_elders_alive(m)));
	if (is_again)
		sp_deadline_set(&all->again, sp_loop_deadlines(m->loop, AGAIN_MS), on_again);
}

void sp_elders_stop(struct sp_master *m)
{
	for (size_t i = 0; m->elders != NULL && i < m->elders->count; i++)
		if (m->elders->items[i].pid > 0 && is_worker(&m->elders->items[i]))
			(void)tell_stop(&m->elders->items[i]);
}

void sp_elders_kill(struct sp_master *m)
{
	for (size_t i = 0; m->elders != NULL && i < m->elders->count; i++)
		if (m->elders->items[i].pid > 0 && is_worker(&m->elders->items[i]))
			(void)kill(m->elders->items[i].pid, SIGKILL);
}

unsigned sp_elders_alive(const struct sp_master *m)
{
	unsigned n = 0;

	for (size_t i = 0; m->elders != NULL && i < m->elders->count; i++)
		n += m->elders->items[i].pid > 0 && is_worker(&m->elders->items[i]) ? 1U : 0U;
	return n;
}

bool sp_elders_serve(const struct sp_master *m)
{
	return m->state == SP_MASTER_STARTING && sp_elders_alive(m) > 0;
}

uint32_t sp_elders_banks(const struct sp_master *m)
{
	uint32_t banks = 0;

	for (size_t i = 0; i < m->elders->count; i++) {
		const struct elder *elder = &m->elders->items[i];

		if (elder->pid > 0 && is_worker(elder) && elder->row.is.child.part < SP_BOARD_BANKS * m->workers)
			banks |= SP_BIT(elder->row.is.child.part / m->workers);
	}
	return banks;
}

void sp_elders_hand(const struct sp_master *m, struct sp_handing *handing)
{
	for (size_t i = 0; i < m->elders->count; i++)
		if (m->elders->items[i].pid > 0)
			sp_handing_add(handing, SP_HANDED_CHILD, m->elders->items[i].row.fd)->is =
				m->elders->items[i].row.is;
}

void sp_elders_close(struct sp_master *m)
{
	struct sp_elders *all = m->elders;

	if (all == NULL)
		return;
	for (size_t i = 0; i < all->count; i++) {
		if (all->items[i].pid == 0)
			continue;
		(void)kill(all->items[i].pid, SIGKILL);
		(void)waitpid(all->items[i].pid, NULL, 0);
		forget(&all->items[i]);
	}
	sp_deadline_clear(&all->again);
	free(all->items);
	free(all);
	m->elders = NULL;
}
