/*
 * handout - a configuration that was vetted comes to all processes: those that
 * follow, then the workers, then all take it. Before that everything can be put back.
 */
#include "reload_int.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "sp/base/clock.h"
#include "sp/base/log.h"
#include "tell.h"
#include "watch.h"

enum {
	/* Generous: a machine may be busy, and what is served goes on meanwhile. */
	ROLES_MS = 30000,
	WORKERS_MS = 60000,
	MOVING_MS = 10000, /* questions are given up sooner */
	DOORS_AT_ONCE = 20, /* places that are bound anew */
};

/* ---- putting it back */

static void end_spares(struct sp_reload *r)
{
	for (unsigned i = 0; i < SP_ROLES; i++) {
		struct sp_slot *spare = r->spares[i];

		if (spare == NULL)
			continue;
		spare->edition = NULL;
		if (spare->pid > 0) {
			sp_slot_end(spare);
			continue;
		}
		sp_slot_free(spare);
		r->spares[i] = NULL;
	}
}

bool sp_handout_is_over(const struct sp_reload *r)
{
	for (unsigned i = 0; i < SP_ROLES; i++)
		if (r->spares[i] != NULL)
			return false;
	return true;
}

void sp_handout_undo(struct sp_reload *r)
{
	struct sp_ipc_message rollback = { .type = SP_IPC_ROLLBACK, .fd = -1 };

	if (r->phase == SP_RELOAD_WORKERS) {
		rollback.body.rollback.generation = r->next->number;
		sp_slots_send(r->m, &rollback);
	}
	end_spares(r);
	sp_binds_close(&r->binds);
	sp_admin_close(&r->admin);
	sp_page_close(&r->page);
	sp_logs_abandon(&r->logs);
}

/* ---- the end of the old ones */

static void end_last(struct sp_reload *r)
{
	r->phase = SP_RELOAD_ENDING;
	end_spares(r);
	if (!r->keeps_confirmed)
		sp_edition_free(r->last);
	r->last = NULL;
	if (sp_handout_is_over(r))
		sp_reload_finish(r, true);
}

static bool have_all_left(const struct sp_reload *r)
{
	const struct sp_master *m = r->m;

	for (unsigned i = SP_ROLES; i < SP_ROLES + m->workers; i++)
		if (m->slots[i]->pid > 0 && m->slots[i]->prepared == m->edition->number &&
		    m->slots[i]->left != r->last->number)
			return false;
	return true;
}

static void on_moving_late(struct sp_deadline *deadline)
{
	struct sp_reload *r = SP_HOLDER(deadline, struct sp_reload, patience);

	sp_warn("reload_questions_left");
	end_last(r);
}

/* ---- taking it */

static void take_logs(struct sp_reload *r)
{
	struct sp_master *m = r->m;

	for (unsigned which = 0; which < SP_IPC_LOG_COUNT; which++) {
		struct sp_ipc_message message = { .type = SP_IPC_LOG, .body.log.which = which };
		struct sp_slot *logger = sp_slot_of_role(m, SP_IPC_LOGGER);

		if (!r->logs.is_new[which])
			continue;
		sp_logs_take(&m->logs, &r->logs, which);
		message.fd = m->logs.fds[which];
		if (logger->pid > 0)
			(void)sp_slot_tell(logger, &message);
	}
	memset(&r->logs, 0, sizeof(r->logs));
	sp_log_level(m->conf->log.level);
}

static void take_webroots(struct sp_master *m)
{
	void (*on_change)(struct sp_webroots *, const struct sp_ipc_message *) = m->webroots.on_change;
	struct sp_ipc_message message;
	struct sp_err err = { .text = "" };

	sp_webroots_close(&m->webroots);
	m->webroots.on_change = NULL;
	if (!sp_webroots_open(&m->webroots, m->conf, m->loop, &err))
		sp_error("acme_webroot_not_watched", SP_KV_TEXT("why", err.text));
	m->webroots.on_change = on_change;
	for (size_t i = 0; sp_webroots_next(&m->webroots, &i, &message);)
		sp_slots_send(m, &message);
}

/* The ones that are ready take the places of those that were there, which answer until they are left. */
static void swap_roles(struct sp_reload *r)
{
	for (unsigned i = 0; i < SP_ROLES; i++) {
		struct sp_slot *spare = r->spares[i], *old = r->m->slots[i];

		old->edition = r->m->edition;
		if (spare == NULL)
			continue;
		spare->is_spare = false;
		spare->restarts = old->restarts;
		old->is_spare = true;
		old->edition = NULL;
		sp_deadline_clear(&old->timer);
		if (old->role == SP_IPC_MONITOR)
			sp_slot_end(old); /* nobody asks it, and the states on the board have one writer */
		r->m->slots[i] = spare;
		r->spares[i] = old;
	}
}

/* A worker that cannot hear it would serve another configuration than all others: it is made anew. */
static void tell_workers(struct sp_reload *r)
{
	struct sp_master *m = r->m;
	struct sp_ipc_message commit = { .type = SP_IPC_COMMIT, .fd = -1 };

	commit.body.commit.generation = m->edition->number;
	for (unsigned i = SP_ROLES; i < SP_ROLES + m->workers; i++) {
		struct sp_slot *worker = m->slots[i];

		worker->edition = m->edition;
		if (worker->pid > 0 && !sp_slot_tell(worker, &commit))
			(void)kill(worker->pid, SIGKILL);
	}
}

static void commit(struct sp_reload *r)
{
	struct sp_master *m = r->m;

	sp_deadline_clear(&r->patience);
	r->is_committed = true;
	r->last = m->edition;
	r->keeps_confirmed = false;
	m->edition = r->next;
	m->conf = r->next->conf;
	m->edition->loaded_wall_ms = sp_wall_ms();
	r->next = NULL;
	swap_roles(r);
	tell_workers(r);
	sp_binds_replace(&m->binds, &r->binds);
	sp_admin_replace(&m->admin, &r->admin);
	sp_page_replace(&m->page, &r->page);
	m->is_last_reload_refused = false;
	take_logs(r);
	take_webroots(m);
	sp_reload_set_return(r);
	sp_watch_follow(m);
	sp_tell_all(m);
	r->phase = SP_RELOAD_MOVING;
	if (have_all_left(r))
		end_last(r);
	else
		sp_deadline_set(&r->patience, sp_loop_deadlines(m->loop, MOVING_MS), on_moving_late);
}

/* ---- workers build it */

static bool are_all_prepared(const struct sp_reload *r)
{
	const struct sp_master *m = r->m;

	for (unsigned i = SP_ROLES; i < SP_ROLES + m->workers; i++)
		if (m->slots[i]->pid > 0 && m->slots[i]->prepared != r->next->number)
			return false;
	return true;
}

static bool send_doors(struct sp_reload *r, struct sp_slot *worker)
{
	struct sp_worker_socket *sockets = calloc(sp_binds_most(&r->binds) + 1, sizeof(*sockets));
	bool is_sent = sockets != NULL;
	size_t n = is_sent ? sp_binds_of(&r->binds, worker->worker, sockets) : 0;

	for (size_t i = 0; is_sent && i < n; i++) {
		const struct sp_ipc_message door = { .type = SP_IPC_DOOR,
						     .body.door = { .generation = r->next->number,
								    .listener = (uint32_t)sockets[i].listener,
								    .port = sockets[i].port,
								    .door = sockets[i].door },
						     .fd = sockets[i].fd };

		is_sent = sp_slot_tell(worker, &door);
	}
	free(sockets);
	return is_sent;
}

static bool send_bundle(struct sp_reload *r, struct sp_slot *worker)
{
	struct sp_ipc_message bundle = { .type = SP_IPC_BUNDLE, .fd = r->next->conf->bundle_fd };

	bundle.body.bundle.generation = r->next->number;
	return send_doors(r, worker) && sp_slot_tell(worker, &bundle);
}

static void on_workers_late(struct sp_deadline *deadline)
{
	sp_reload_refuse(SP_HOLDER(deadline, struct sp_reload, patience), "a worker did not build it in time");
}

static bool link_spares(struct sp_reload *r)
{
	bool is_fine = true;

	for (unsigned i = 0; i < SP_ROLES; i++)
		if (r->spares[i] != NULL && r->spares[i]->role != SP_IPC_MONITOR)
			is_fine = sp_links_of_role(r->spares[i]) && is_fine;
	return is_fine;
}

static void ask_workers(struct sp_reload *r)
{
	struct sp_master *m = r->m;
	bool is_fine;

	r->phase = SP_RELOAD_WORKERS;
	is_fine = link_spares(r);
	for (unsigned i = SP_ROLES; is_fine && i < SP_ROLES + m->workers; i++)
		if (m->slots[i]->pid > 0)
			is_fine = send_bundle(r, m->slots[i]);
	if (!is_fine)
		sp_reload_refuse(r, "a process does not listen");
	else if (are_all_prepared(r))
		commit(r);
	else
		sp_deadline_set(&r->patience, sp_loop_deadlines(m->loop, WORKERS_MS), on_workers_late);
}

/* ---- roles that follow */

static bool is_followed(enum sp_ipc_role role)
{
	return role != SP_IPC_LOGGER; /* it has nothing but descriptors, and is handed new ones */
}

static bool are_spares_ready(const struct sp_reload *r)
{
	for (unsigned i = 0; i < SP_ROLES; i++)
		if (r->spares[i] != NULL && !r->spares[i]->is_ready)
			return false;
	return true;
}

static bool bear_spares(struct sp_reload *r, struct sp_err *err)
{
	for (unsigned i = 0; i < SP_ROLES; i++) {
		enum sp_ipc_role role = r->m->slots[i]->role;

		if (!is_followed(role))
			continue;
		r->spares[i] = sp_slot_new(r->m, role, 0, r->next);
		if (r->spares[i] == NULL)
			return sp_err_set(err, "no memory for the processes");
		r->spares[i]->is_spare = true;
		if (!sp_slot_bear(r->spares[i], err))
			return false;
	}
	return true;
}

static void on_roles_late(struct sp_deadline *deadline)
{
	sp_reload_refuse(SP_HOLDER(deadline, struct sp_reload, patience), "keeper, dialer or monitor were not ready in time");
}

/* A worker was given descriptors for the clients that it may have, and some air: a socket takes two of that. */
static bool fits_air(const struct sp_binds *binds, struct sp_err *err)
{
	size_t fresh = sp_binds_fresh(binds);

	return fresh <= DOORS_AT_ONCE || sp_err_set(err, "it binds %zu more places: at most %d at once, in steps",
						    fresh, DOORS_AT_ONCE);
}

void sp_handout_begin(struct sp_reload *r)
{
	struct sp_master *m = r->m;
	const struct sp_passed nothing = { .count = 0 };
	struct sp_err err = { .text = "" };

	r->phase = SP_RELOAD_ROLES;
	if (!sp_edition_name(r->next, m->board, &err) ||
	    !sp_binds_open(&r->binds, r->next->conf, m->workers, &nothing, &m->binds, &err) ||
	    !fits_air(&r->binds, &err) || !sp_admin_open(&r->admin, r->next->conf, &m->ids, &m->admin, &err) ||
	    !sp_page_open(&r->page, r->next->conf, &m->page, &err) ||
	    !sp_logs_prepare(&r->logs, m->conf, r->next->conf, &err) || !bear_spares(r, &err))
		sp_reload_refuse(r, "%s", err.text);
	else
		sp_deadline_set(&r->patience, sp_loop_deadlines(m->loop, ROLES_MS), on_roles_late);
}

/* ---- what slots tell */

bool sp_reload_is_asking(const struct sp_master *m)
{
	return m->reload->phase == SP_RELOAD_WORKERS;
}

void sp_reload_on_ready(struct sp_master *m)
{
	struct sp_reload *r = m->reload;

	if (r->phase != SP_RELOAD_ROLES || !are_spares_ready(r))
		return;
	sp_deadline_clear(&r->patience);
	ask_workers(r);
}

static void on_prepared(struct sp_reload *r, struct sp_slot *worker, uint32_t generation)
{
	if (r->phase != SP_RELOAD_WORKERS || generation != r->next->number)
		return;
	worker->prepared = generation;
	if (are_all_prepared(r))
		commit(r);
}

static void on_refused(struct sp_reload *r, const struct sp_slot *worker, const struct sp_ipc_message *message)
{
	if (r->phase == SP_RELOAD_WORKERS && message->body.refused.generation == r->next->number)
		sp_reload_refuse(r, "worker %u cannot build it: %.*s", worker->worker, SP_IPC_WHY, message->body.refused.why);
}

static void on_left(struct sp_reload *r, struct sp_slot *worker, uint32_t generation)
{
	worker->left = generation;
	if (r->phase != SP_RELOAD_MOVING || !have_all_left(r))
		return;
	sp_deadline_clear(&r->patience);
	end_last(r);
}

void sp_reload_on_answer(struct sp_master *m, struct sp_slot *worker, const struct sp_ipc_message *message)
{
	switch (message->type) {
	case SP_IPC_PREPARED: on_prepared(m->reload, worker, message->body.prepared.generation); break;
	case SP_IPC_REFUSED: on_refused(m->reload, worker, message); break;
	case SP_IPC_MOVED: on_left(m->reload, worker, message->body.moved.generation); break;
	default: break; /* the channel lets nothing else through */
	}
}

void sp_reload_on_death(struct sp_master *m, const struct sp_slot *slot)
{
	struct sp_reload *r = m->reload;
	char name[32];

	if (slot->worker == 0)
		return; /* the old ones go on, or are followed */
	sp_slot_name(slot, name);
	if (r->phase == SP_RELOAD_WORKERS)
		sp_reload_refuse(r, "%s died meanwhile", name);
	else if (r->phase == SP_RELOAD_MOVING && have_all_left(r))
		end_last(r);
}

void sp_reload_on_end(struct sp_master *m, struct sp_slot *spare)
{
	struct sp_reload *r = m->reload;
	char name[32];

	sp_slot_name(spare, name);
	for (unsigned i = 0; i < SP_ROLES; i++)
		if (r->spares[i] == spare)
			r->spares[i] = NULL;
	sp_slot_free(spare);
	if (r->phase == SP_RELOAD_ROLES || r->phase == SP_RELOAD_WORKERS)
		sp_reload_refuse(r, "its %s ended at once; its reason is in the log", name);
	else if (r->phase == SP_RELOAD_ENDING && sp_handout_is_over(r))
		sp_reload_finish(r, r->is_committed);
}

struct sp_slot *sp_reload_find_spare(struct sp_master *m, pid_t pid)
{
	for (unsigned i = 0; i < SP_ROLES; i++)
		if (m->reload->spares[i] != NULL && m->reload->spares[i]->pid == pid)
			return m->reload->spares[i];
	return NULL;
}
