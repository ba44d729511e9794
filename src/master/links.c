/*
 * links - the channels between workers and the roles that they ask: made by the
 * master, one pair for each two, anew whenever one of the two is born. The
 * master keeps neither end.
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

/* One pair: the role's end is sent, the worker's returned. -1: none. */
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
	(void)send_end(role, SP_IPC_WORKER, worker, role->edition->number, fds[1]);
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

bool sp_links_of_role(struct sp_slot *slot)
{
	struct sp_master *m = slot->master;
	bool is_fine = true;

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
