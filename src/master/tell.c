#include "tell.h"

#include <string.h>
#include <unistd.h>

#include "orders.h"
#include "reload.h"

/* NULL: there is none that listens. */
static struct sp_slot *monitor_of(struct sp_master *m)
{
	struct sp_slot *slot = m->slots == NULL ? NULL : sp_slot_of_role(m, SP_IPC_MONITOR);

	return slot != NULL && slot->pid > 0 && slot->is_ready ? slot : NULL;
}

/* Our own row is the first; the places follow. */
static uint32_t rows_of(const struct sp_master *m)
{
	return 1 + SP_ROLES + m->workers;
}

static void fill_ids(const struct sp_master *m, enum sp_ipc_role role, struct sp_ipc_message *to)
{
	const struct sp_id *id = &m->ids.of[sp_confine_role(role)];
	bool is_changed = m->ids.must_change && role != SP_IPC_MASTER;

	to->body.process.uid = is_changed ? id->uid : geteuid();
	to->body.process.gid = is_changed ? id->gid : getegid();
}

static void tell_own(struct sp_master *m, struct sp_slot *monitor)
{
	struct sp_ipc_message told = { .type = SP_IPC_PROCESS, .fd = -1 };

	memset(&told.body, 0, sizeof(told.body)); /* nothing of our stack goes along */
	told.body.process.count = rows_of(m);
	told.body.process.role = SP_IPC_MASTER;
	told.body.process.pid = getpid();
	told.body.process.is_ready = 1;
	told.body.process.born_ms = m->born_ms;
	told.body.process.born_wall_ms = m->started_wall_ms;
	told.body.process.level = m->level;
	fill_ids(m, SP_IPC_MASTER, &told);
	(void)sp_slot_tell(monitor, &told);
}

static void tell_one(struct sp_slot *monitor, const struct sp_slot *slot, uint32_t index)
{
	struct sp_ipc_message told = { .type = SP_IPC_PROCESS, .fd = -1 };

	memset(&told.body, 0, sizeof(told.body));
	told.body.process.index = index;
	told.body.process.count = rows_of(slot->master);
	told.body.process.role = slot->role;
	told.body.process.worker = slot->worker;
	told.body.process.pid = slot->pid;
	told.body.process.restarts = slot->restarts;
	told.body.process.is_ready = slot->is_ready;
	told.body.process.born_ms = slot->born_ms;
	told.body.process.born_wall_ms = slot->born_wall_ms;
	told.body.process.level = slot->level;
	fill_ids(slot->master, slot->role, &told);
	(void)sp_slot_tell(monitor, &told);
}

void sp_tell_process(struct sp_slot *slot)
{
	struct sp_master *m = slot->master;
	struct sp_slot *monitor = monitor_of(m);

	for (uint32_t i = 1; monitor != NULL && i < rows_of(m); i++)
		if (m->slots[i - 1] == slot)
			tell_one(monitor, slot, i);
}

void sp_tell_gateway(struct sp_master *m)
{
	struct sp_ipc_message told = { .type = SP_IPC_GATEWAY, .fd = -1 };
	struct sp_slot *monitor = monitor_of(m);

	if (monitor == NULL)
		return;
	memset(&told.body, 0, sizeof(told.body));
	told.body.gateway.generation = m->edition->number;
	told.body.gateway.is_last_reload_refused = m->is_last_reload_refused;
	told.body.gateway.is_draining = m->state >= SP_MASTER_RED;
	told.body.gateway.is_drained = m->is_drained;
	told.body.gateway.started_wall_ms = m->started_wall_ms;
	told.body.gateway.loaded_wall_ms = m->edition->loaded_wall_ms;
	told.body.gateway.returns = sp_reload_returns(m, &told.body.gateway.confirm_ms);
	memcpy(told.body.gateway.dropped, m->dropped, sizeof(m->dropped));
	(void)sp_slot_tell(monitor, &told);
}

void sp_tell_all(struct sp_master *m)
{
	struct sp_slot *monitor = monitor_of(m);

	if (monitor == NULL)
		return;
	sp_tell_gateway(m);
	tell_own(m, monitor);
	for (uint32_t i = 1; i < rows_of(m); i++)
		tell_one(monitor, m->slots[i - 1], i);
	sp_links_of_monitor(m);
	if (m->admin.fd >= 0)
		(void)sp_slot_tell(monitor, &(struct sp_ipc_message){ .type = SP_IPC_ADMIN, .fd = m->admin.fd });
	if (m->page.fd >= 0)
		(void)sp_slot_tell(monitor, &(struct sp_ipc_message){ .type = SP_IPC_PAGE, .fd = m->page.fd });
	sp_orders_deliver(m);
}
