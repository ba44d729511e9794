/*
 * slots - the places of the workers: born, dead, born again.
 */
#include "master_int.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "sp/base/clock.h"
#include "sp/base/log.h"

#define EXIT_MS 2000 /* from the end of its channel to the end of a process */

static void birth(struct sp_slot *slot);

/* Not before `wait` ms. The others get this worker's share of new clients meanwhile. */
static void rest(struct sp_slot *slot, uint64_t wait);

static void on_message(struct sp_channel *ch, struct sp_ipc_message *message)
{
	struct sp_slot *slot = SP_HOLDER(ch, struct sp_slot, channel);

	(void)message; /* ready: the only one that the table lets a worker send */
	if (slot->is_ready)
		return;
	slot->is_ready = true;
	sp_info("worker_ready", SP_KV_U64("worker", slot->worker), SP_KV_I64("pid", slot->pid));
	sp_master_on_ready(slot->master);
}

static void on_overdue(struct sp_deadline *deadline)
{
	struct sp_slot *slot = SP_HOLDER(deadline, struct sp_slot, timer);

	if (slot->pid > 0)
		(void)kill(slot->pid, SIGKILL);
}

/* Whoever speaks nonsense is no worker of ours any more; who closed its channel is about to exit, or is none either. */
static void on_channel_end(struct sp_channel *ch, enum sp_ipc_rc why)
{
	struct sp_slot *slot = SP_HOLDER(ch, struct sp_slot, channel);

	if (why == SP_IPC_BAD) {
		sp_error("worker_bad_message", SP_KV_U64("worker", slot->worker), SP_KV_I64("pid", slot->pid));
		on_overdue(&slot->timer);
	} else {
		sp_deadline_set(&slot->timer, sp_loop_deadlines(slot->master->loop, EXIT_MS), on_overdue);
	}
}

static void on_retry(struct sp_deadline *deadline)
{
	birth(SP_HOLDER(deadline, struct sp_slot, timer));
}

static void rest(struct sp_slot *slot, uint64_t wait)
{
	sp_binds_close_own(&slot->master->binds, slot->worker);
	sp_deadline_set(&slot->timer, sp_loop_deadlines(slot->master->loop, wait), on_retry);
}

static void tell(struct sp_slot *slot, const struct sp_ipc_message *message)
{
	if (sp_channel_send(&slot->channel, message) != SP_IPC_DONE)
		sp_warn("worker_does_not_listen", SP_KV_U64("worker", slot->worker), SP_KV_I64("pid", slot->pid),
			SP_KV_TEXT("message", sp_ipc_type_name(message->type)));
}

static bool try_birth(struct sp_slot *slot, struct sp_err *err)
{
	struct sp_master *m = slot->master;
	struct sp_ipc_message message;
	int fd = -1;
	pid_t pid;

	if (!sp_binds_open_own(&m->binds, slot->worker, err))
		return false;
	pid = sp_spawn_worker(m, slot->worker, &fd, err);
	if (pid < 0)
		return false;
	slot->pid = pid;
	slot->is_ready = false;
	slot->born_ms = sp_now_ms();
	slot->channel.on_message = on_message;
	slot->channel.on_end = on_channel_end;
	sp_channel_open(&slot->channel, m->loop, fd, SP_IPC_MASTER, SP_IPC_WORKER);
	for (size_t i = 0; sp_webroots_next(&m->webroots, &i, &message);)
		tell(slot, &message);
	if (m->state == SP_MASTER_RED)
		tell(slot, &(struct sp_ipc_message){ .type = SP_IPC_HEALTH_RED, .fd = -1 });
	return true;
}

static void birth(struct sp_slot *slot)
{
	struct sp_err err = { .text = "" };

	if (try_birth(slot, &err))
		return;
	uint64_t wait = sp_backoff_next(&slot->backoff, 0);

	sp_error("worker_not_started", SP_KV_U64("worker", slot->worker), SP_KV_TEXT("why", err.text),
		 SP_KV_U64("again_ms", wait));
	rest(slot, wait > 0 ? wait : 1);
}

bool sp_slots_start(struct sp_master *m, struct sp_err *err)
{
	m->slots = calloc(m->workers, sizeof(*m->slots));
	if (m->slots == NULL)
		return sp_err_set(err, "no memory for the workers");
	for (unsigned i = 0; i < m->workers; i++) {
		m->slots[i].master = m;
		m->slots[i].worker = i + 1;
		m->slots[i].channel.fd = -1;
		sp_deadline_init(&m->slots[i].timer);
	}
	for (unsigned i = 0; i < m->workers; i++)
		if (!try_birth(&m->slots[i], err))
			return false;
	return true;
}

static void bury(struct sp_slot *slot, int status)
{
	struct sp_master *m = slot->master;
	uint64_t lived = sp_now_ms() - slot->born_ms, wait;
	bool was_killed = WIFSIGNALED(status);

	sp_channel_close(&slot->channel);
	sp_deadline_clear(&slot->timer);
	sp_tally_clear(m->tally, slot->worker - 1);
	slot->pid = 0;
	slot->is_ready = false;
	if (m->state >= SP_MASTER_DRAINING) {
		sp_info("worker_ended", SP_KV_U64("worker", slot->worker),
			SP_KV_TEXT("how", was_killed ? "signal" : "exit"),
			SP_KV_I64("code", was_killed ? WTERMSIG(status) : WEXITSTATUS(status)));
		return;
	}
	wait = sp_backoff_next(&slot->backoff, lived);
	sp_error("worker_died", SP_KV_U64("worker", slot->worker), SP_KV_TEXT("how", was_killed ? "signal" : "exit"),
		 SP_KV_I64("code", was_killed ? WTERMSIG(status) : WEXITSTATUS(status)), SP_KV_U64("lived_ms", lived),
		 SP_KV_U64("again_ms", wait));
	sp_master_on_death(m, slot, status);
	if (m->state >= SP_MASTER_DRAINING)
		return;
	if (wait == 0)
		birth(slot);
	else
		rest(slot, wait);
}

void sp_slots_reap(struct sp_master *m)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0 || (pid < 0 && errno == EINTR)) {
		for (unsigned i = 0; pid > 0 && i < m->workers; i++) {
			if (m->slots[i].pid == pid) {
				bury(&m->slots[i], status);
				break;
			}
		}
	}
}

void sp_slots_send(struct sp_master *m, const struct sp_ipc_message *message)
{
	for (unsigned i = 0; i < m->workers; i++)
		if (m->slots[i].pid > 0)
			tell(&m->slots[i], message);
}

void sp_slots_give_up(struct sp_master *m)
{
	for (unsigned i = 0; i < m->workers; i++)
		if (m->slots[i].pid == 0)
			sp_deadline_clear(&m->slots[i].timer);
}

void sp_slots_kill(struct sp_master *m)
{
	for (unsigned i = 0; i < m->workers; i++)
		if (m->slots[i].pid > 0)
			(void)kill(m->slots[i].pid, SIGKILL);
}

unsigned sp_slots_alive(const struct sp_master *m)
{
	unsigned n = 0;

	for (unsigned i = 0; i < m->workers; i++)
		n += m->slots[i].pid > 0 ? 1U : 0U;
	return n;
}

void sp_slots_free(struct sp_master *m)
{
	for (unsigned i = 0; m->slots != NULL && i < m->workers; i++) {
		sp_deadline_clear(&m->slots[i].timer);
		sp_channel_close(&m->slots[i].channel);
	}
	free(m->slots);
	m->slots = NULL;
}
