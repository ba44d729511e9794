/*
 * slots - the places of our processes: born, dead, born again.
 */
#include "master_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "elders.h"
#include "measure.h"
#include "orders.h"
#include "reload.h"
#include "sp/base/clock.h"
#include "sp/base/log.h"
#include "tell.h"
#include "upgrade.h"

#define EXIT_MS 2000U /* from the end of its channel to the end of a process */
#define END_LOOK_MS 2U
#define MEANWHILE_MS 20U

static void birth(struct sp_slot *slot);

/* Not before `wait` ms. The others get this worker's share of new clients meanwhile. */
static void rest(struct sp_slot *slot, uint64_t wait);

void sp_slot_name(const struct sp_slot *slot, char name[static 32])
{
	if (slot->worker > 0)
		snprintf(name, 32, "worker %u", slot->worker);
	else
		snprintf(name, 32, "%s", sp_ipc_role_name(slot->role));
}

#define SLOT_FIELDS(slot)                                                                                              \
	SP_KV_TEXT("role", sp_ipc_role_name((slot)->role)), SP_KV_U64("worker", (slot)->worker),                       \
		SP_KV_I64("pid", (slot)->pid)

static void on_ready(struct sp_slot *slot)
{
	if (slot->is_ready)
		return;
	slot->is_ready = true;
	sp_info(slot->worker > 0 ? "worker_ready" : "role_ready", SLOT_FIELDS(slot));
	sp_measure_ready(slot);
	if (slot->role == SP_IPC_MONITOR && !slot->is_spare)
		sp_tell_all(slot->master);
	else
		sp_tell_process(slot);
	sp_master_on_ready(slot->master);
	sp_reload_on_ready(slot->master);
}

/* Once, before it serves: later a process may not be itself any more. */
static void on_confined(struct sp_slot *slot, const struct sp_ipc_message *message)
{
	if (slot->is_ready || !sp_sandbox_level_is_sane(&message->body.confined.level))
		return;
	slot->level = message->body.confined.level;
	slot->gauge.fds_max = message->body.confined.fds_max;
}

static void on_dropped(struct sp_master *m, const uint64_t lines[static SP_IPC_LOG_COUNT])
{
	for (unsigned which = 0; which < SP_IPC_LOG_COUNT; which++)
		m->dropped[which] = m->dropped_before[which] + lines[which];
	sp_tell_gateway(m);
}

static void on_message(struct sp_channel *ch, struct sp_ipc_message *message)
{
	struct sp_slot *slot = SP_HOLDER(ch, struct sp_slot, channel);

	switch (message->type) {
	case SP_IPC_READY: on_ready(slot); break;
	case SP_IPC_CONFINED: on_confined(slot, message); break;
	case SP_IPC_PROC: sp_measure_take(slot, message); break;
	case SP_IPC_COMMAND: sp_orders_take(slot->master, message); break;
	case SP_IPC_DROPPED: on_dropped(slot->master, message->body.dropped.lines); break;
	default: sp_reload_on_answer(slot->master, slot, message); break;
	}
}

static void on_overdue(struct sp_deadline *deadline)
{
	struct sp_slot *slot = SP_HOLDER(deadline, struct sp_slot, timer);

	if (slot->pid > 0)
		(void)kill(slot->pid, SIGKILL);
}

/* Whoever speaks nonsense is no process of ours any more; who closed its channel is about to exit, or is none either. */
static void on_channel_end(struct sp_channel *ch, enum sp_ipc_rc why)
{
	struct sp_slot *slot = SP_HOLDER(ch, struct sp_slot, channel);

	if (why == SP_IPC_BAD) {
		sp_error("process_bad_message", SLOT_FIELDS(slot));
		on_overdue(&slot->timer);
	} else {
		sp_deadline_set(&slot->timer, sp_loop_deadlines(slot->master->loop, EXIT_MS), on_overdue);
	}
}

/* A worker that is born while the others are asked to move would miss it. */
static void on_retry(struct sp_deadline *deadline)
{
	struct sp_slot *slot = SP_HOLDER(deadline, struct sp_slot, timer);

	if (slot->worker > 0 && sp_reload_is_asking(slot->master))
		rest(slot, MEANWHILE_MS);
	else
		birth(slot);
}

static void rest(struct sp_slot *slot, uint64_t wait)
{
	if (slot->worker > 0 && !sp_elders_serve(slot->master)) /* an old worker accepts at the same ones */
		sp_binds_close_own(&slot->master->binds, slot->worker);
	sp_deadline_set(&slot->timer, sp_loop_deadlines(slot->master->loop, wait), on_retry);
}

bool sp_slot_tell(struct sp_slot *slot, const struct sp_ipc_message *message)
{
	if (sp_channel_send(&slot->channel, message) == SP_IPC_DONE)
		return true;
	sp_warn("process_does_not_listen", SLOT_FIELDS(slot), SP_KV_TEXT("message", sp_ipc_type_name(message->type)));
	return false;
}

static void begin(struct sp_slot *slot, pid_t pid, int fd)
{
	slot->pid = pid;
	slot->is_ready = false;
	slot->prepared = slot->left = 0;
	slot->born_ms = sp_now_ms();
	slot->born_wall_ms = sp_wall_ms();
	memset(&slot->level, 0, sizeof(slot->level));
	slot->channel.on_message = on_message;
	slot->channel.on_end = on_channel_end;
	sp_channel_open(&slot->channel, slot->master->loop, fd, SP_IPC_MASTER, slot->role);
	sp_tell_process(slot);
}

static bool bear_worker(struct sp_slot *slot, struct sp_err *err)
{
	struct sp_master *m = slot->master;
	struct sp_ipc_message message;
	struct sp_links links;
	int fd = -1;
	pid_t pid;

	if (!sp_binds_open_own(&m->binds, slot->worker, err))
		return false;
	sp_links_of_worker(m, slot->worker, &links);
	pid = sp_spawn(slot, &links, &fd, err);
	sp_links_close(&links);
	if (pid < 0)
		return false;
	begin(slot, pid, fd);
	for (size_t i = 0; sp_webroots_next(&m->webroots, &i, &message);)
		(void)sp_slot_tell(slot, &message);
	if (m->red_since_ms != 0)
		(void)sp_slot_tell(slot, &(struct sp_ipc_message){ .type = SP_IPC_HEALTH, .fd = -1, .body.health.is_red = 1 });
	return true;
}

static bool bear_role(struct sp_slot *slot, struct sp_err *err)
{
	int fd = -1;
	pid_t pid = sp_spawn(slot, NULL, &fd, err);

	if (pid < 0)
		return false;
	begin(slot, pid, fd);
	if (slot->role == SP_IPC_LOGGER)
		sp_logs_use_pipe(&slot->master->logs);
	else if (slot->role != SP_IPC_MONITOR && !slot->is_spare) /* one that is to follow is linked when it is ready */
		(void)sp_links_of_role(slot);
	return true;
}

static bool try_birth(struct sp_slot *slot, struct sp_err *err)
{
	return slot->worker > 0 ? bear_worker(slot, err) : bear_role(slot, err);
}

static void birth(struct sp_slot *slot)
{
	struct sp_err err = { .text = "" };

	if (try_birth(slot, &err))
		return;
	uint64_t wait = sp_backoff_next(&slot->backoff, 0);

	sp_error("process_not_started", SLOT_FIELDS(slot), SP_KV_TEXT("why", err.text), SP_KV_U64("again_ms", wait));
	rest(slot, wait > 0 ? wait : 1);
}

struct sp_slot *sp_slot_new(struct sp_master *m, enum sp_ipc_role role, unsigned worker,
			    const struct sp_edition *edition)
{
	struct sp_slot *slot = calloc(1, sizeof(*slot));

	if (slot == NULL)
		return NULL;
	slot->master = m;
	slot->role = role;
	slot->worker = worker;
	slot->edition = edition;
	slot->channel.fd = -1;
	slot->gauge = SP_NO_GAUGE;
	sp_deadline_init(&slot->timer);
	return slot;
}

void sp_slot_free(struct sp_slot *slot)
{
	if (slot == NULL)
		return;
	sp_deadline_clear(&slot->timer);
	sp_channel_close(&slot->channel);
	sp_measure_forget(slot);
	free(slot);
}

bool sp_slot_bear(struct sp_slot *slot, struct sp_err *err)
{
	return try_birth(slot, err);
}

void sp_slot_end(struct sp_slot *slot)
{
	const struct sp_ipc_message stop = { .type = SP_IPC_STOP, .fd = -1 };

	if (slot->pid == 0)
		return;
	(void)sp_slot_tell(slot, &stop);
	sp_deadline_set(&slot->timer, sp_loop_deadlines(slot->master->loop, EXIT_MS), on_overdue);
}

bool sp_slots_start(struct sp_master *m, struct sp_err *err)
{
	static const enum sp_ipc_role roles[SP_ROLES] = { SP_IPC_LOGGER, SP_IPC_KEEPER, SP_IPC_DIALER,
							 SP_IPC_MONITOR };

	m->slots = calloc(SP_ROLES + m->workers, sizeof(struct sp_slot *));
	if (m->slots == NULL)
		return sp_err_set(err, "no memory for the processes");
	for (unsigned i = 0; i < SP_ROLES + m->workers; i++) {
		m->slots[i] = sp_slot_new(m, i < SP_ROLES ? roles[i] : SP_IPC_WORKER, i < SP_ROLES ? 0 : i - SP_ROLES + 1,
					  m->edition);
		if (m->slots[i] == NULL)
			return sp_err_set(err, "no memory for the processes");
	}
	for (unsigned i = 0; i < SP_ROLES + m->workers; i++)
		if (!try_birth(m->slots[i], err))
			return false;
	return true;
}

static void log_death(const struct sp_slot *slot, int status, uint64_t lived, uint64_t wait)
{
	bool was_killed = WIFSIGNALED(status);

	sp_error(slot->worker > 0 ? "worker_died" : "role_died", SLOT_FIELDS(slot),
		 SP_KV_TEXT("how", was_killed ? "signal" : "exit"),
		 SP_KV_I64("code", was_killed ? WTERMSIG(status) : WEXITSTATUS(status)), SP_KV_U64("lived_ms", lived),
		 SP_KV_U64("again_ms", wait));
}

/* Workers that drain still need the others. */
static bool is_needed(const struct sp_slot *slot)
{
	return !slot->is_spare && slot->master->state < (slot->worker > 0 ? SP_MASTER_DRAINING : SP_MASTER_STOPPING);
}

static void bury(struct sp_slot *slot, int status)
{
	struct sp_master *m = slot->master;
	uint64_t lived = sp_now_ms() - slot->born_ms, wait;

	sp_channel_close(&slot->channel);
	sp_deadline_clear(&slot->timer);
	if (slot->worker > 0)
		sp_board_worker_died(m->board, slot->worker - 1);
	slot->is_ready = false;
	sp_measure_forget(slot);
	if (!is_needed(slot)) {
		sp_info(slot->worker > 0 ? "worker_ended" : "role_ended", SLOT_FIELDS(slot),
			SP_KV_TEXT("how", WIFSIGNALED(status) ? "signal" : "exit"),
			SP_KV_I64("code", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)));
		slot->pid = 0;
		if (slot->is_spare)
			sp_reload_on_end(m, slot);
		return;
	}
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		sp_error("sandbox_violation", SLOT_FIELDS(slot));
	wait = sp_backoff_next(&slot->backoff, lived);
	log_death(slot, status, lived, wait);
	slot->pid = 0;
	slot->restarts++;
	if (slot->role == SP_IPC_LOGGER)
		memcpy(m->dropped_before, m->dropped, sizeof(m->dropped_before));
	sp_tell_process(slot);
	sp_master_on_death(m, slot, status);
	sp_reload_on_death(m, slot);
	if (!is_needed(slot))
		return;
	if (wait == 0)
		birth(slot);
	else
		rest(slot, wait);
}

static struct sp_slot *find_slot(struct sp_master *m, pid_t pid)
{
	for (unsigned i = 0; i < SP_ROLES + m->workers; i++)
		if (m->slots[i]->pid == pid)
			return m->slots[i];
	return sp_reload_find_spare(m, pid);
}

void sp_slots_reap(struct sp_master *m)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0 || (pid < 0 && errno == EINTR)) {
		struct sp_slot *slot = pid > 0 ? find_slot(m, pid) : NULL;

		if (slot != NULL)
			bury(slot, status);
		else if (pid > 0 && !sp_elders_on_exit(m, pid, status) && !sp_upgrade_on_exit(m, pid, status))
			sp_reload_on_exit(m, pid, status);
	}
}

void sp_slots_send(struct sp_master *m, const struct sp_ipc_message *message)
{
	for (unsigned i = SP_ROLES; i < SP_ROLES + m->workers; i++)
		if (m->slots[i]->pid > 0)
			(void)sp_slot_tell(m->slots[i], message);
}

void sp_slots_set_health(struct sp_master *m, bool is_red)
{
	if (!is_red || m->red_since_ms == 0)
		m->red_since_ms = is_red ? sp_now_ms() : 0;
	sp_slots_send(m, &(struct sp_ipc_message){ .type = SP_IPC_HEALTH, .fd = -1, .body.health.is_red = is_red });
}

void sp_slots_give_up(struct sp_master *m)
{
	for (unsigned i = SP_ROLES; i < SP_ROLES + m->workers; i++)
		if (m->slots[i]->pid == 0)
			sp_deadline_clear(&m->slots[i]->timer);
}

void sp_slots_kill(struct sp_master *m)
{
	for (unsigned i = SP_ROLES; m->slots != NULL && i < SP_ROLES + m->workers; i++)
		if (m->slots[i] != NULL && m->slots[i]->pid > 0)
			(void)kill(m->slots[i]->pid, SIGKILL);
}

unsigned sp_slots_alive(const struct sp_master *m)
{
	unsigned n = 0;

	for (unsigned i = SP_ROLES; i < SP_ROLES + m->workers; i++)
		n += m->slots[i]->pid > 0 ? 1U : 0U;
	return n;
}

bool sp_slots_are_ready(const struct sp_master *m)
{
	for (unsigned i = 0; i < SP_ROLES + m->workers; i++)
		if (!m->slots[i]->is_ready)
			return false;
	return true;
}

static void end_role(struct sp_slot *slot)
{
	const struct timespec while_waiting = { 0, END_LOOK_MS * 1000000L };
	int status;

	(void)sp_slot_tell(slot, &(struct sp_ipc_message){ .type = SP_IPC_STOP, .fd = -1 });
	for (unsigned waited = 0; waitpid(slot->pid, &status, WNOHANG) == 0; waited += END_LOOK_MS) {
		if (waited >= EXIT_MS)
			(void)kill(slot->pid, SIGKILL);
		(void)nanosleep(&while_waiting, NULL);
	}
	slot->pid = 0;
}

struct sp_slot *sp_slot_of_role(struct sp_master *m, enum sp_ipc_role role)
{
	unsigned i = 0;

	while (m->slots[i]->role != role)
		i++;
	return m->slots[i];
}

void sp_slots_end_role(struct sp_master *m, enum sp_ipc_role role)
{
	for (unsigned i = 0; m->slots != NULL && i < SP_ROLES; i++)
		if (m->slots[i] != NULL && m->slots[i]->role == role && m->slots[i]->pid > 0)
			end_role(m->slots[i]);
}

void sp_slots_free(struct sp_master *m)
{
	for (unsigned i = 0; m->slots != NULL && i < SP_ROLES + m->workers; i++)
		sp_slot_free(m->slots[i]);
	free(m->slots);
	m->slots = NULL;
}
