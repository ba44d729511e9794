/*
 * links - the channels between those who ask (workers, the monitor) and the roles
 * that they ask (keeper, dialer): made by the master, one pair for each two, anew
 * whenever one of the two is born. The master keeps neither end.
 */
#include "master_int.h"

#include <unistd.h>

#include "sp/base/log.h"

static bool send_end(struct sp_slot *to, enum sp_ipc_role role, unsigned worker, uint32_t generation, int fd)
{
	const struct sp_ipc_message message = {
		.type = SP_IPC_PEER,
		.body.peer = { .role = role, .worker = worker, .generation = generation },
		.fd = fd,
	};

	return sp_slot_tell(to, &message);
}

/* One pair: the role's end is sent, that of who asks returned. -1: none. worker 0: the monitor. */
static int link_up(struct sp_slot *role, unsigned worker)
{
	struct sp_err err = { .text = "" };
	int fds[2];

	if (role->pid == 0)
		return -1;
	if (!sp_ipc_pair(fds, &err)) {
		sp_error("link_not_made", SP_KV_U64("worker", worker), SP_KV_TEXT("why", err.text));
		return -1;
	}
	(void)send_end(role, worker == 0 ? SP_IPC_MONITOR : SP_IPC_WORKER, worker, role->edition->number, fds[1]);
	close(fds[1]);
	return fds[0];
}

void sp_links_of_worker(struct sp_master *m, unsigned worker, struct sp_links *links)
{
	*links = (struct sp_links){ -1, -1 };
	for (unsigned i = 0; i < SP_ROLES; i++) {
		struct sp_slot *role = m->slots[i];

		if (role->role == SP_IPC_KEEPER)
			links->keeper_fd = link_up(role, worker);
		else if (role->role == SP_IPC_DIALER)
			links->dialer_fd = link_up(role, worker);
	}
}

void sp_links_close(struct sp_links *links)
{
	if (links->keeper_fd >= 0)
		close(links->keeper_fd);
	if (links->dialer_fd >= 0)
		close(links->dialer_fd);
	*links = (struct sp_links){ -1, -1 };
}

static bool is_asked(const struct sp_slot *slot)
{
	return slot->role == SP_IPC_KEEPER || slot->role == SP_IPC_DIALER;
}

/* The monitor asks by the indexes of its own configuration. */
static void link_monitor(struct sp_slot *role)
{
	struct sp_slot *monitor = sp_slot_of_role(role->master, SP_IPC_MONITOR);
	int fd = -1;

	if (monitor != NULL && monitor->pid > 0 && monitor->is_ready && monitor->edition == role->edition)
		fd = link_up(role, 0);
	if (fd < 0)
		return;
	(void)send_end(monitor, role->role, 0, role->edition->number, fd);
	close(fd);
}

void sp_links_of_monitor(struct sp_master *m)
{
	for (unsigned i = 0; i < SP_ROLES; i++)
		if (is_asked(m->slots[i]))
			link_monitor(m->slots[i]);
}

bool sp_links_of_role(struct sp_slot *slot)
{
	struct sp_master *m = slot->master;
	bool is_fine = true;

	if (!slot->is_spare)
		link_monitor(slot);
	for (unsigned i = 0; i < m->workers; i++) {
		struct sp_slot *worker = m->slots[SP_ROLES + i];
		int fd = worker->pid > 0 ? link_up(slot, worker->worker) : -1;

		if (fd < 0)
			continue;
		is_fine = send_end(worker, slot->role, worker->worker, slot->edition->number, fd) && is_fine;
		close(fd);
	}
	return is_fine;
}
