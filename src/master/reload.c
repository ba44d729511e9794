#include "reload_int.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sp/base/clock.h"
#include "sp/base/log.h"
#include "sp/conf/diff.h"
#include "say.h"
#include "tell.h"
#include "sp/conf/read.h"
#include "upgrade.h"
#include "vet.h"

enum {
	VETTING_MS = 60000, /* generous: a machine may be busy, and what is served goes on meanwhile */
};

/* ---- what is said of it */

static bool open_text(struct sp_reload *r)
{
	free(r->text);
	r->text = NULL;
	r->to = open_memstream(&r->text, &r->text_n);
	return r->to != NULL;
}

static void tell_supervisor(const struct sp_master *m, const char *what)
{
	sp_notify_send(&m->notify, "READY=1\nSTATUS=%s, serving with %u workers, generation %u", what, m->workers,
		       m->edition->number);
}

static const char *cause_word(enum sp_reload_cause cause)
{
	switch (cause) {
	case SP_RELOAD_BY_RENEWAL: return "certificate";
	case SP_RELOAD_BY_RETURN: return "not_confirmed";
	case SP_RELOAD_BY_ORDER: break;
	}
	return "order";
}

void sp_reload_finish(struct sp_reload *r, bool is_done)
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
	sp_say(is_done ? SP_LOG_INFO : SP_LOG_ERROR, "reload_says", sp_str_of(r->text, r->text_n));
	tell_supervisor(r->m, is_done ? "reloaded" : "reload refused");
	r->phase = SP_RELOAD_IDLE;
	r->done = NULL;
	outcome.text = r->text == NULL ? "" : r->text;
	if (done != NULL)
		done(r->arg, &outcome);
	sp_reload_begin_remembered(r->m);
	sp_upgrade_begin_remembered(r->m);
}

/* ---- putting it back */

static void end_vetter(struct sp_reload *r)
{
	if (r->vetter > 0)
		(void)kill(r->vetter, SIGKILL); /* reaped as a child that nobody knows */
	r->vetter = 0;
	if (r->said_fd >= 0)
		close(r->said_fd);
	r->said_fd = -1;
}

/* Nothing has changed. Those that were to follow still end; another reload waits for that. */
void sp_reload_refuse(struct sp_reload *r, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vfprintf(r->to, fmt, args);
	va_end(args);
	(void)fprintf(r->to, "%snothing was changed, generation %u keeps running\n", n > 0 ? "\n" : "",
		      r->m->edition->number);
	r->is_at_fault = r->phase == SP_RELOAD_VETTING;
	r->m->is_last_reload_refused = true;
	sp_deadline_clear(&r->patience);
	end_vetter(r);
	sp_handout_undo(r);
	sp_edition_free(r->next);
	r->next = NULL;
	r->phase = SP_RELOAD_ENDING;
	sp_tell_gateway(r->m);
	if (sp_handout_is_over(r))
		sp_reload_finish(r, false);
}

/* ---- vetting */

/* What the child wrote, into the text. */
static void take_said(struct sp_reload *r)
{
	size_t n;
	char *said = sp_said(r->said_fd, &n);

	if (said != NULL)
		(void)fwrite(said, 1, n, r->to);
	free(said);
	r->said_fd = -1;
}

static void on_vetted(struct sp_reload *r, int status)
{
	sp_deadline_clear(&r->patience);
	take_said(r);
	if (WIFSIGNALED(status))
		sp_reload_refuse(r, "vetting it ended by signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status) != 0)
		sp_reload_refuse(r, "%s", "");
	else
		sp_handout_begin(r);
}

static void on_vetting_late(struct sp_deadline *deadline)
{
	sp_reload_refuse(SP_HOLDER(deadline, struct sp_reload, patience), "vetting it takes too long");
}

static void vet(struct sp_reload *r, struct sp_conf_report *report)
{
	struct sp_err err = { .text = "" };

	r->phase = SP_RELOAD_VETTING;
	r->said_fd = memfd_create("vetting", MFD_CLOEXEC);
	if (r->said_fd < 0) {
		sp_reload_refuse(r, "cannot be vetted: %s", strerror(errno));
		return;
	}
	r->vetter = sp_vet_begin(r->next->conf, r->cause == SP_RELOAD_BY_RENEWAL ? r->m->conf : NULL, report, r->said_fd, &err);
	if (r->vetter < 0) {
		r->vetter = 0;
		sp_reload_refuse(r, "%s", err.text);
		return;
	}
	sp_deadline_set(&r->patience, sp_loop_deadlines(r->m->loop, VETTING_MS), on_vetting_late);
}

/* ---- its beginning */

bool sp_reload_is_idle(const struct sp_master *m)
{
	return m->reload->phase == SP_RELOAD_IDLE && m->state == SP_MASTER_SERVING;
}

bool sp_reload_confirmation_waits(const struct sp_master *m)
{
	return m->reload->confirmed != NULL;
}

static bool may_begin(const struct sp_reload *r)
{
	return sp_reload_is_idle(r->m) && !sp_upgrade_is_under_way(r->m);
}

static bool begin(struct sp_reload *r, enum sp_reload_cause cause, uint64_t confirm_ms, sp_reload_done *done, void *arg)
{
	if (!may_begin(r) || !open_text(r))
		return false;
	sp_notify_send(&r->m->notify, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)sp_now_us());
	r->is_committed = r->is_at_fault = false;
	r->cause = cause;
	r->confirm_ms = confirm_ms;
	r->done = done;
	r->arg = arg;
	r->phase = SP_RELOAD_VETTING;
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
		sp_reload_refuse(r, "%s", "");
	} else if (r->next == NULL) {
		sp_reload_refuse(r, "%s", err.text);
	} else {
		if (sp_conf_diff(r->m->conf, r->next->conf, r->to) == 0)
			(void)fputs("nothing differs\n", r->to);
		vet(r, report);
	}
}

bool sp_reload_begin(struct sp_master *m, uint64_t confirm_ms, sp_reload_done *done, void *arg)
{
	struct sp_conf_report report;

	if (!begin(m->reload, SP_RELOAD_BY_ORDER, confirm_ms, done, arg))
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
	for (size_t i = 0; is_same && i < is->cert_count; i++) {
		struct stat a, b;

		is_same = fstat(was->certs[i]->key_fd, &a) == 0 && fstat(is->certs[i]->key_fd, &b) == 0 &&
			  a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
			  a.st_mtim.tv_nsec == b.st_mtim.tv_nsec &&
			  a.st_mtim.tv_sec * 1000 + a.st_mtim.tv_nsec / 1000000 < (int64_t)was->read_ms;
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
	is_begun = begin(m->reload, SP_RELOAD_BY_RENEWAL, 0, done, arg);
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

uint32_t sp_reload_returns(const struct sp_master *m, uint64_t *at_ms)
{
	const struct sp_reload *r = m->reload;

	if (r->confirmed == NULL)
		return 0;
	*at_ms = r->confirm.due_ms;
	return r->confirmed->number;
}

/* It was vetted and served: it needs neither to be read nor to be vetted again. */
static void on_not_confirmed(struct sp_deadline *deadline)
{
	struct sp_reload *r = SP_HOLDER(deadline, struct sp_reload, confirm);

	if (!begin(r, SP_RELOAD_BY_RETURN, 0, NULL, NULL)) {
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
	sp_handout_begin(r);
}

/* What is served before a reload that has to be confirmed returns, until somebody confirms; a certificate changes
 * nothing of that. An order without a condition is a confirmation. */
void sp_reload_set_return(struct sp_reload *r)
{
	if (r->cause == SP_RELOAD_BY_RENEWAL && r->confirmed != NULL)
		return;
	if (r->cause == SP_RELOAD_BY_ORDER && r->confirm_ms > 0) {
		r->keeps_confirmed = r->confirmed == NULL;
		if (r->keeps_confirmed)
			r->confirmed = r->last;
		sp_deadline_set(&r->confirm, sp_loop_deadlines(r->m->loop, r->confirm_ms), on_not_confirmed);
		return;
	}
	sp_edition_free(r->confirmed);
	r->confirmed = NULL;
	sp_deadline_clear(&r->confirm);
}

/* ---- its life */

void sp_reload_on_exit(struct sp_master *m, pid_t pid, int status)
{
	struct sp_reload *r = m->reload;

	if (r->phase != SP_RELOAD_VETTING || pid != r->vetter)
		return;
	r->vetter = 0;
	on_vetted(r, status);
}

void sp_reload_cancel(struct sp_master *m)
{
	struct sp_reload *r = m->reload;

	r->is_remembered = false;
	sp_deadline_clear(&r->confirm);
	if (r->phase == SP_RELOAD_VETTING || r->phase == SP_RELOAD_ROLES || r->phase == SP_RELOAD_WORKERS)
		sp_reload_refuse(r, "the gateway ends");
}

bool sp_reload_open(struct sp_master *m, struct sp_err *err)
{
	struct sp_reload *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return sp_err_set(err, "no memory for reloads");
	r->m = m;
	r->last_number = m->edition->number;
	r->said_fd = -1;
	r->admin.fd = -1;
	r->page.fd = -1;
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
	sp_admin_close(&r->admin);
	sp_page_close(&r->page);
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

