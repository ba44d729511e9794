#include "reload.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sp/base/check.h"
#include "sp/base/clock.h"
#include "sp/base/log.h"
#include "sp/conf/diff.h"
#include "sp/conf/read.h"
#include "vet.h"
#include "watch.h"

enum {
	/* Generous: a machine may be busy, and what is served goes on meanwhile. */
	VETTING_MS = 60000,
	ROLES_MS = 30000,
	WORKERS_MS = 60000,
	MOVING_MS = 10000, /* questions are given up sooner */
	DOORS_AT_ONCE = 20, /* places that are bound anew */
	SAID_MOST = 65536, /* of what the vetting child says */
};

enum phase { IDLE, VETTING, ROLES, WORKERS, MOVING, ENDING };

enum cause { BY_ORDER, BY_RENEWAL, BY_RETURN };

struct sp_reload {
	struct sp_master *m;
	enum phase phase;
	enum cause cause;
	struct sp_edition *next; /* owned until it is committed */
	struct sp_edition *last; /* owned: what was served before, until its roles have ended */
	struct sp_edition *confirmed; /* owned: what returns when nobody confirms; NULL: nothing waits for that */
	uint32_t last_number;
	bool is_remembered; /* a signal came meanwhile */
	bool is_committed, is_at_fault; /* of the one that is under way: its outcome */
	bool keeps_confirmed; /* `last` is what returns */
	uint64_t confirm_ms;
	struct sp_binds binds; /* of next */
	struct sp_logs_next logs;
	struct sp_slot *spares[SP_ROLES]; /* owned: those that follow, then those that were followed; NULL: none */
	pid_t vetter; /* 0: none */
	int said_fd; /* owned: memory that it writes to; -1 */
	struct sp_deadline patience, confirm;
	char *text; /* owned: for the outcome */
	size_t text_n;
	FILE *to; /* writes text */
	sp_reload_done *done;
	void *arg;
};

/* ---- what is said of it */

static bool open_text(struct sp_reload *r)
{
	free(r->text);
	r->text = NULL;
	r->to = open_memstream(&r->text, &r->text_n);
	return r->to != NULL;
}

/* Every line of the text is an event of its own. */
static void log_text(const struct sp_reload *r, bool is_done)
{
	struct sp_str rest = sp_str_of(r->text, r->text_n), line;

	while (rest.n > 0 && sp_str_split(&rest, '\n', &line)) {
		if (line.n == 0)
			continue;
		if (is_done)
			sp_info("reload_says", SP_KV_STR("text", line));
		else
			sp_error("reload_says", SP_KV_STR("text", line));
	}
}

static void tell_supervisor(const struct sp_master *m, const char *what)
{
	sp_notify_send(&m->notify, "READY=1\nSTATUS=%s, serving with %u workers, generation %u", what, m->workers,
		       m->edition->number);
}

static const char *cause_word(enum cause cause)
{
	switch (cause) {
	case BY_RENEWAL: return "certificate";
	case BY_RETURN: return "not_confirmed";
	case BY_ORDER: break;
	}
	return "order";
}

/* The last act: whoever is told may begin another. */
static void finish(struct sp_reload *r, bool is_done)
{
	struct sp_reload_outcome outcome = { .is_done = is_done,
					     .is_at_fault = r->is_at_fault,
					     .generation = r->m->edition->number };
	sp_reload_done *done = r->done;

	if (fclose(r->to) != 0)
		r->text_n = 0;
	r->to = NULL;
	if (is_done)
		sp_info("reload_done", SP_KV_U64("generation", outcome.generation),
			SP_KV_TEXT("by", cause_word(r->cause)));
	else
		sp_error("reload_refused", SP_KV_TEXT("by", cause_word(r->cause)),
			 SP_KV_U64("generation", outcome.generation));
	log_text(r, is_done);
	tell_supervisor(r->m, is_done ? "reloaded" : "reload refused");
	r->phase = IDLE;
	r->done = NULL;
	outcome.text = r->text == NULL ? "" : r->text;
	if (done != NULL)
		done(r->arg, &outcome);
	sp_reload_begin_remembered(r->m);
}

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

static bool has_spare(const struct sp_reload *r)
{
	for (unsigned i = 0; i < SP_ROLES; i++)
		if (r->spares[i] != NULL)
			return true;
	return false;
}

static void end_vetter(struct sp_reload *r)
{
	if (r->vetter > 0)
		(void)kill(r->vetter, SIGKILL); /* reaped as a child that nobody knows */
	r->vetter = 0;
	if (r->said_fd >= 0)
		close(r->said_fd);
	r->said_fd = -1;
}

static void roll_back(struct sp_reload *r)
{
	struct sp_ipc_message rollback = { .type = SP_IPC_ROLLBACK, .fd = -1 };

	if (r->phase == WORKERS) {
		rollback.body.rollback.generation = r->next->number;
		sp_slots_send(r->m, &rollback);
	}
	sp_deadline_clear(&r->patience);
	end_vetter(r);
	end_spares(r);
	sp_binds_close(&r->binds);
	sp_logs_abandon(&r->logs);
	sp_places_keep(&r->m->places, r->m->conf);
	sp_edition_free(r->next);
	r->next = NULL;
}

/* Nothing has changed. Those that were to follow still end; another reload waits for that. */
static void SP_PRINTF(2, 3) refuse(struct sp_reload *r, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vfprintf(r->to, fmt, args);
	va_end(args);
	(void)fprintf(r->to, "%snothing was changed, generation %u keeps running\n", n > 0 ? "\n" : "",
		      r->m->edition->number);
	r->is_at_fault = r->phase == VETTING;
	roll_back(r);
	r->phase = ENDING;
	if (!has_spare(r))
		finish(r, false);
}

/* ---- the end of the old ones */

static void end_last(struct sp_reload *r)
{
	r->phase = ENDING;
	end_spares(r);
	if (!r->keeps_confirmed)
		sp_edition_free(r->last);
	r->last = NULL;
	if (!has_spare(r))
		finish(r, true);
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
		old->is_spare = true;
		old->edition = NULL;
		sp_deadline_clear(&old->timer);
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

/* What is served before a reload that has to be confirmed returns, until somebody confirms; a certificate changes
 * nothing of that. An order without a condition is a confirmation. */
static void set_return(struct sp_reload *r)
{
	if (r->cause == BY_RENEWAL && r->confirmed != NULL)
		return;
	if (r->cause == BY_ORDER && r->confirm_ms > 0) {
		r->keeps_confirmed = r->confirmed == NULL;
		if (r->keeps_confirmed)
			r->confirmed = r->last;
		return;
	}
	sp_edition_free(r->confirmed);
	r->confirmed = NULL;
	sp_deadline_clear(&r->confirm);
}

static void on_not_confirmed(struct sp_deadline *deadline);

static void commit(struct sp_reload *r)
{
	struct sp_master *m = r->m;

	sp_deadline_clear(&r->patience);
	r->is_committed = true;
	r->last = m->edition;
	r->keeps_confirmed = false;
	m->edition = r->next;
	m->conf = r->next->conf;
	r->next = NULL;
	swap_roles(r);
	tell_workers(r);
	sp_binds_replace(&m->binds, &r->binds);
	sp_places_keep(&m->places, m->conf);
	take_logs(r);
	take_webroots(m);
	set_return(r);
	if (r->confirm_ms > 0)
		sp_deadline_set(&r->confirm, sp_loop_deadlines(m->loop, r->confirm_ms), on_not_confirmed);
	sp_watch_follow(m);
	r->phase = MOVING;
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

size_t sp_reload_sockets(const struct sp_master *m, const struct sp_binds *binds, const struct sp_slot *worker,
			 struct sp_worker_socket *out)
{
	size_t n = sp_binds_of(binds, worker->worker, out);

	for (size_t i = 0; i < n; i++)
		out[i].slot = sp_places_slot(&m->places, sp_binds_listener(binds, out[i].door));
	return n;
}

static bool send_doors(struct sp_reload *r, struct sp_slot *worker)
{
	struct sp_worker_socket *sockets = calloc(sp_binds_most(&r->binds) + 1, sizeof(*sockets));
	bool is_sent = sockets != NULL;
	size_t n = is_sent ? sp_reload_sockets(r->m, &r->binds, worker, sockets) : 0;

	for (size_t i = 0; is_sent && i < n; i++) {
		const struct sp_ipc_message door = { .type = SP_IPC_DOOR,
						     .body.door = { .generation = r->next->number,
								    .listener = (uint32_t)sockets[i].listener,
								    .port = sockets[i].port,
								    .slot = sockets[i].slot,
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
	refuse(SP_HOLDER(deadline, struct sp_reload, patience), "a worker did not build it in time");
}

static bool link_spares(struct sp_reload *r)
{
	bool is_fine = true;

	for (unsigned i = 0; i < SP_ROLES; i++)
		if (r->spares[i] != NULL)
			is_fine = sp_links_of_role(r->spares[i]) && is_fine;
	return is_fine;
}

static void ask_workers(struct sp_reload *r)
{
	struct sp_master *m = r->m;
	bool is_fine;

	r->phase = WORKERS;
	is_fine = link_spares(r);
	for (unsigned i = SP_ROLES; is_fine && i < SP_ROLES + m->workers; i++)
		if (m->slots[i]->pid > 0)
			is_fine = send_bundle(r, m->slots[i]);
	if (!is_fine)
		refuse(r, "a process does not listen");
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
	refuse(SP_HOLDER(deadline, struct sp_reload, patience), "keeper or dialer were not ready in time");
}

/* A worker was given descriptors for the clients that it may have, and some air: a socket takes two of that. */
static bool fits_air(const struct sp_binds *binds, struct sp_err *err)
{
	size_t fresh = sp_binds_fresh(binds);

	return fresh <= DOORS_AT_ONCE || sp_err_set(err, "it binds %zu more places: at most %d at once, in steps",
						    fresh, DOORS_AT_ONCE);
}

static void open_next(struct sp_reload *r)
{
	struct sp_master *m = r->m;
	const struct sp_passed nothing = { .count = 0 };
	struct sp_err err = { .text = "" };

	r->phase = ROLES;
	if (!sp_places_give(&m->places, r->next->conf, &err) ||
	    !sp_binds_open(&r->binds, r->next->conf, m->workers, &nothing, &m->binds, &err) ||
	    !fits_air(&r->binds, &err) ||
	    !sp_logs_prepare(&r->logs, m->conf, r->next->conf, &err) || !bear_spares(r, &err))
		refuse(r, "%s", err.text);
	else
		sp_deadline_set(&r->patience, sp_loop_deadlines(m->loop, ROLES_MS), on_roles_late);
}

/* ---- vetting */

/* What the child wrote, into the text. */
static void take_said(struct sp_reload *r)
{
	char *said = malloc(SAID_MOST);
	ssize_t n = said == NULL ? 0 : pread(r->said_fd, said, SAID_MOST, 0);

	if (n > 0)
		(void)fwrite(said, 1, (size_t)n, r->to);
	free(said);
	close(r->said_fd);
	r->said_fd = -1;
}

static void on_vetted(struct sp_reload *r, int status)
{
	sp_deadline_clear(&r->patience);
	take_said(r);
	if (WIFSIGNALED(status))
		refuse(r, "vetting it ended by signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status) != 0)
		refuse(r, "%s", "");
	else
		open_next(r);
}

static void on_vetting_late(struct sp_deadline *deadline)
{
	refuse(SP_HOLDER(deadline, struct sp_reload, patience), "vetting it takes too long");
}

static void vet(struct sp_reload *r, struct sp_conf_report *report)
{
	struct sp_err err = { .text = "" };

	r->phase = VETTING;
	r->said_fd = memfd_create("vetting", MFD_CLOEXEC);
	if (r->said_fd < 0) {
		refuse(r, "cannot be vetted: %s", strerror(errno));
		return;
	}
	r->vetter = sp_vet_begin(r->next->conf, r->cause == BY_RENEWAL ? r->m->conf : NULL, report, r->said_fd, &err);
	if (r->vetter < 0) {
		r->vetter = 0;
		refuse(r, "%s", err.text);
		return;
	}
	sp_deadline_set(&r->patience, sp_loop_deadlines(r->m->loop, VETTING_MS), on_vetting_late);
}

/* ---- its beginning */

static bool may_begin(const struct sp_reload *r)
{
	return r->phase == IDLE && r->m->state == SP_MASTER_SERVING;
}

static bool begin(struct sp_reload *r, enum cause cause, uint64_t confirm_ms, sp_reload_done *done, void *arg)
{
	if (!may_begin(r) || !open_text(r))
		return false;
	sp_notify_send(&r->m->notify, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)sp_now_us());
	r->is_committed = r->is_at_fault = false;
	r->cause = cause;
	r->confirm_ms = confirm_ms;
	r->done = done;
	r->arg = arg;
	r->phase = VETTING;
	return true;
}

/* conf is owned; NULL: the report says why. */
static void go_on(struct sp_reload *r, struct sp_conf *conf, struct sp_conf_report *report)
{
	struct sp_err err = { .text = "" };

	if (conf != NULL) {
		sp_conf_diff_refuse(r->m->conf, conf, report);
		r->next = sp_edition_new(conf, ++r->last_number, &err);
	}
	if (conf == NULL || report->errors > 0) {
		sp_conf_report_print(report, r->m->conf->main_file, r->to);
		refuse(r, "%s", "");
	} else if (r->next == NULL) {
		refuse(r, "%s", err.text);
	} else {
		if (sp_conf_diff(r->m->conf, r->next->conf, r->to) == 0)
			(void)fputs("nothing differs\n", r->to);
		vet(r, report);
	}
}

bool sp_reload_begin(struct sp_master *m, uint64_t confirm_ms, sp_reload_done *done, void *arg)
{
	struct sp_conf_report report;

	if (!begin(m->reload, BY_ORDER, confirm_ms, done, arg))
		return false;
	sp_conf_report_init(&report);
	go_on(m->reload, sp_conf_read_again(m->conf, &report), &report);
	sp_conf_report_fini(&report);
	return true;
}

/* The very files that are served: somebody only touched them. */
static bool is_nothing_new(const struct sp_conf *was, const struct sp_conf *is)
{
	FILE *nowhere = fopen("/dev/null", "we");
	bool is_same = nowhere != NULL && sp_conf_diff(was, is, nowhere) == 0;

	if (nowhere != NULL)
		(void)fclose(nowhere);
	for (size_t i = 0; is_same && i < is->tls_count; i++) {
		for (size_t k = 0; k < is->tls[i].cert_count; k++) {
			struct stat a, b;

			is_same = is_same && fstat(was->tls[i].certs[k].key_fd, &a) == 0 &&
				  fstat(is->tls[i].certs[k].key_fd, &b) == 0 && a.st_dev == b.st_dev &&
				  a.st_ino == b.st_ino && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
				  a.st_mtim.tv_nsec == b.st_mtim.tv_nsec &&
				  a.st_mtim.tv_sec * 1000 + a.st_mtim.tv_nsec / 1000000 < (int64_t)was->read_ms;
		}
	}
	return is_same;
}

bool sp_reload_renew(struct sp_master *m, const char *const *paths, size_t count, sp_reload_done *done, void *arg)
{
	struct sp_reload_outcome same = { .is_done = true, .generation = m->edition->number, .text = "" };
	struct sp_conf_report report;
	struct sp_conf *conf;
	bool is_begun;

	if (!may_begin(m->reload))
		return false;
	sp_conf_report_init(&report);
	conf = sp_conf_read_fresh(m->conf, paths, count, &report);
	if (conf != NULL && is_nothing_new(m->conf, conf)) {
		sp_conf_free(conf);
		sp_conf_report_fini(&report);
		done(arg, &same);
		return true;
	}
	is_begun = begin(m->reload, BY_RENEWAL, 0, done, arg);
	if (is_begun)
		go_on(m->reload, conf, &report);
	else
		sp_conf_free(conf);
	sp_conf_report_fini(&report);
	return is_begun;
}

void sp_reload_by_signal(struct sp_master *m)
{
	if (!sp_reload_begin(m, 0, NULL, NULL))
		m->reload->is_remembered = true;
}

void sp_reload_begin_remembered(struct sp_master *m)
{
	struct sp_reload *r = m->reload;

	if (!r->is_remembered || !may_begin(r))
		return;
	r->is_remembered = false;
	if (!sp_reload_begin(m, 0, NULL, NULL))
		r->is_remembered = true; /* there was no memory to begin */
}

/* ---- confirmation */

bool sp_reload_confirm(struct sp_master *m)
{
	struct sp_reload *r = m->reload;

	if (r->confirmed == NULL)
		return false;
	sp_deadline_clear(&r->confirm);
	if (r->confirmed == r->last)
		r->keeps_confirmed = false; /* it is freed when its processes have ended */
	else
		sp_edition_free(r->confirmed);
	r->confirmed = NULL;
	sp_info("reload_confirmed", SP_KV_U64("generation", m->edition->number));
	return true;
}

/* It was vetted and served: it needs neither to be read nor to be vetted again. */
static void on_not_confirmed(struct sp_deadline *deadline)
{
	struct sp_reload *r = SP_HOLDER(deadline, struct sp_reload, confirm);

	if (!begin(r, BY_RETURN, 0, NULL, NULL)) {
		if (r->m->state == SP_MASTER_SERVING) /* another one is under way: behind it */
			sp_deadline_set(&r->confirm, sp_loop_deadlines(r->m->loop, 100), on_not_confirmed);
		return;
	}
	sp_warn("reload_not_confirmed", SP_KV_U64("generation", r->m->edition->number),
		SP_KV_U64("returns", r->confirmed->number));
	(void)sp_conf_diff(r->m->conf, r->confirmed->conf, r->to);
	r->next = r->confirmed;
	r->confirmed = NULL;
	r->next->number = ++r->last_number;
	open_next(r);
}

/* ---- what slots tell */

bool sp_reload_is_asking(const struct sp_master *m)
{
	return m->reload->phase == WORKERS;
}

void sp_reload_on_ready(struct sp_master *m)
{
	struct sp_reload *r = m->reload;

	if (r->phase != ROLES || !are_spares_ready(r))
		return;
	sp_deadline_clear(&r->patience);
	ask_workers(r);
}

static void on_prepared(struct sp_reload *r, struct sp_slot *worker, uint32_t generation)
{
	if (r->phase != WORKERS || generation != r->next->number)
		return;
	worker->prepared = generation;
	if (are_all_prepared(r))
		commit(r);
}

static void on_refused(struct sp_reload *r, const struct sp_slot *worker, const struct sp_ipc_message *message)
{
	if (r->phase == WORKERS && message->body.refused.generation == r->next->number)
		refuse(r, "worker %u cannot build it: %.*s", worker->worker, SP_IPC_WHY, message->body.refused.why);
}

static void on_left(struct sp_reload *r, struct sp_slot *worker, uint32_t generation)
{
	worker->left = generation;
	if (r->phase != MOVING || !have_all_left(r))
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
	if (r->phase == WORKERS)
		refuse(r, "%s died meanwhile", name);
	else if (r->phase == MOVING && have_all_left(r))
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
	if (r->phase == ROLES || r->phase == WORKERS)
		refuse(r, "its %s ended at once; its reason is in the log", name);
	else if (r->phase == ENDING && !has_spare(r))
		finish(r, r->is_committed);
}

void sp_reload_on_exit(struct sp_master *m, pid_t pid, int status)
{
	struct sp_reload *r = m->reload;

	if (r->phase != VETTING || pid != r->vetter)
		return;
	r->vetter = 0;
	on_vetted(r, status);
}

struct sp_slot *sp_reload_find_spare(struct sp_master *m, pid_t pid)
{
	for (unsigned i = 0; i < SP_ROLES; i++)
		if (m->reload->spares[i] != NULL && m->reload->spares[i]->pid == pid)
			return m->reload->spares[i];
	return NULL;
}

/* ---- its life */

void sp_reload_cancel(struct sp_master *m)
{
	struct sp_reload *r = m->reload;

	r->is_remembered = false;
	sp_deadline_clear(&r->confirm);
	if (r->phase == VETTING || r->phase == ROLES || r->phase == WORKERS)
		refuse(r, "the gateway ends");
}

bool sp_reload_open(struct sp_master *m, struct sp_err *err)
{
	struct sp_reload *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return sp_err_set(err, "no memory for reloads");
	r->m = m;
	r->last_number = m->edition->number;
	r->said_fd = -1;
	sp_deadline_init(&r->patience);
	sp_deadline_init(&r->confirm);
	m->reload = r;
	return true;
}

void sp_reload_close(struct sp_master *m)
{
	struct sp_reload *r = m->reload;

	if (r == NULL)
		return;
	end_vetter(r);
	sp_deadline_clear(&r->patience);
	sp_deadline_clear(&r->confirm);
	for (unsigned i = 0; i < SP_ROLES; i++) {
		if (r->spares[i] != NULL && r->spares[i]->pid > 0) {
			(void)kill(r->spares[i]->pid, SIGKILL);
			(void)waitpid(r->spares[i]->pid, NULL, 0);
		}
		sp_slot_free(r->spares[i]);
	}
	sp_binds_close(&r->binds);
	sp_logs_abandon(&r->logs);
	if (r->confirmed != r->last)
		sp_edition_free(r->confirmed);
	sp_edition_free(r->last);
	sp_edition_free(r->next);
	if (r->to != NULL)
		(void)fclose(r->to);
	free(r->text);
	free(r);
	m->reload = NULL;
}
