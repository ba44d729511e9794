#include "measure.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sp/base/str.h"
#include "sp/board/processes.h"

#define LOOK_MS 1000U
#define LIST_LOOKS 10U /* looking at each descriptor costs a busy worker's lock some milliseconds: only at every tenth look */

static const struct {
	const char *path;
	int flags;
} files[SP_IPC_PROC_COUNT] = {
	[SP_IPC_PROC_MEMORY] = { "/proc/self/statm", O_RDONLY | O_CLOEXEC },
	[SP_IPC_PROC_DESCRIPTORS] = { "/proc/self/fd", O_RDONLY | O_CLOEXEC | O_DIRECTORY },
};

void sp_measure_tell(int channel_fd, enum sp_ipc_role self)
{
	for (uint32_t which = 0; which < SP_IPC_PROC_COUNT; which++) {
		struct sp_ipc_message m = { .type = SP_IPC_PROC, .body.proc.which = which };

		m.fd = open(files[which].path, files[which].flags);
		if (m.fd < 0)
			continue;
		(void)!sp_ipc_send(channel_fd, self, SP_IPC_MASTER, &m);
		(void)close(m.fd);
	}
}

/* ---- what such a file says */

bool sp_gauge_memory(int fd, uint64_t *resident, uint64_t *size)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), most = UINT64_MAX / page;
	char text[128];
	const ssize_t n = fd < 0 ? -1 : pread(fd, text, sizeof(text), 0);
	struct sp_str rest = sp_str_of(text, n > 0 ? (size_t)n : 0), total, present;

	if (!sp_str_split(&rest, ' ', &total) || !sp_str_split(&rest, ' ', &present) ||
	    !sp_str_u64(total, most, size) || !sp_str_u64(present, most, resident))
		return false;
	*size *= page;
	*resident *= page;
	return true;
}

uint64_t sp_gauge_list_fds(int fd)
{
	const int copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *entry;
	uint64_t n = 0;

	if (dir == NULL) {
		if (copy >= 0)
			(void)close(copy);
		return 0;
	}
	rewinddir(dir); /* the place in it is one with that of the last time */
	while ((entry = readdir(dir)) != NULL)
		n += entry->d_name[0] != '.' ? 1U : 0U;
	(void)closedir(dir);
	return n;
}

uint64_t sp_gauge_fds(int fd, bool may_list)
{
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISDIR(st.st_mode))
		return 0;
	if (st.st_size > 0)
		return (uint64_t)st.st_size;
	return may_list ? sp_gauge_list_fds(fd) : 0;
}

/* ---- the board */

static void put(_Atomic uint64_t *cell, uint64_t n)
{
	atomic_store_explicit(cell, n, memory_order_relaxed);
}

static void look(struct sp_process_figures *row, const struct sp_gauge *gauge, bool may_list)
{
	uint64_t resident = 0, size = 0, fds = sp_gauge_fds(gauge->fds[SP_IPC_PROC_DESCRIPTORS], may_list);

	(void)!sp_gauge_memory(gauge->fds[SP_IPC_PROC_MEMORY], &resident, &size);
	put(&row->resident, resident);
	put(&row->size, size);
	put(&row->fds_max, gauge->fds_max);
	if (fds > 0 || may_list)
		put(&row->fds, fds);
}

/* NULL: it is in no place, so nobody is told of it. */
static struct sp_process_figures *row_of(const struct sp_slot *slot)
{
	const struct sp_master *m = slot->master;
	struct sp_processes *all = m->board == NULL ? NULL : sp_board_write(m->board, SP_BLOCK_PROCESSES, 0);

	for (size_t i = 0; all != NULL && m->slots != NULL && i < SP_ROLES + m->workers; i++)
		if (m->slots[i] == slot)
			return &all->of[1 + i];
	return NULL;
}

static void look_at_slot(const struct sp_slot *slot, bool may_list)
{
	struct sp_process_figures *row = row_of(slot);

	if (row != NULL)
		look(row, &slot->gauge, may_list);
}

static void on_look(struct sp_deadline *deadline)
{
	struct sp_master *m = SP_HOLDER(deadline, struct sp_master, measure);
	struct sp_processes *all = sp_board_write(m->board, SP_BLOCK_PROCESSES, 0);
	const bool may_list = m->looks++ % LIST_LOOKS == 0;

	look(&all->of[0], &m->gauge, may_list);
	for (size_t i = 0; i < SP_ROLES + m->workers; i++)
		look(&all->of[1 + i], &m->slots[i]->gauge, may_list);
	sp_deadline_set(&m->measure, sp_loop_deadlines(m->loop, LOOK_MS), on_look);
}

static void close_gauge(struct sp_gauge *gauge)
{
	for (size_t i = 0; i < SP_IPC_PROC_COUNT; i++)
		if (gauge->fds[i] >= 0)
			(void)close(gauge->fds[i]);
	*gauge = SP_NO_GAUGE;
}

/* ---- whom it looks at */

void sp_measure_begin(struct sp_master *m)
{
	struct rlimit limit;

	for (size_t i = 0; i < SP_IPC_PROC_COUNT; i++)
		m->gauge.fds[i] = open(files[i].path, files[i].flags);
	m->gauge.fds_max = getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
	on_look(&m->measure);
}

void sp_measure_end(struct sp_master *m)
{
	sp_deadline_clear(&m->measure);
	close_gauge(&m->gauge);
}

void sp_measure_take(struct sp_slot *slot, struct sp_ipc_message *message)
{
	const uint32_t which = message->body.proc.which;

	if (slot->is_ready || which >= SP_IPC_PROC_COUNT || slot->gauge.fds[which] >= 0)
		return;
	slot->gauge.fds[which] = message->fd;
	message->fd = -1;
}

void sp_measure_ready(struct sp_slot *slot)
{
	look_at_slot(slot, true);
}

void sp_measure_forget(struct sp_slot *slot)
{
	close_gauge(&slot->gauge);
	look_at_slot(slot, true);
}
