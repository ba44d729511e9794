#include "sp/master/master.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "elders.h"
#include "limits.h"
#include "measure.h"
#include "master_int.h"
#include "orders.h"
#include "reload.h"
#include "tell.h"
#include "watch.h"
#include "sp/base/clock.h"
#include "sp/base/log.h"
#include "sp/base/siphash.h"
#include "takeover.h"
#include "upgrade.h"

#define STOP_MS 1000 /* to stop at once may take so long; to end after drain_timeout as much more */

static unsigned workers_alive(const struct sp_master *m)
{
	return sp_slots_alive(m) + sp_elders_alive(m);
}

static void finish_if_alone(struct sp_master *m)
{
	if (m->state >= SP_MASTER_DRAINING && workers_alive(m) == 0)
		sp_loop_stop(m->loop);
}

static void on_patience_over(struct sp_deadline *deadline)
{
	struct sp_master *m = SP_HOLDER(deadline, struct sp_master, patience);

	sp_warn("workers_killed", SP_KV_U64("workers", workers_alive(m)));
	sp_slots_kill(m);
	sp_elders_kill(m);
}

static void be_patient(struct sp_master *m, uint64_t ms, void (*then)(struct sp_deadline *deadline))
{
	sp_deadline_set(&m->patience, sp_loop_deadlines(m->loop, ms), then);
}

static void stop_now(struct sp_master *m, const char *why)
{
	const struct sp_ipc_message stop = { .type = SP_IPC_STOP, .fd = -1 };

	if (m->state == SP_MASTER_STOPPING)
		return;
	sp_upgrade_cancel(m);
	sp_reload_cancel(m);
	sp_info("stopping", SP_KV_TEXT("why", why));
	sp_notify_send(&m->notify, "STOPPING=1\nSTATUS=stopping now");
	m->state = SP_MASTER_STOPPING;
	sp_slots_give_up(m);
	sp_slots_send(m, &stop);
	sp_elders_stop(m);
	be_patient(m, STOP_MS, on_patience_over);
	finish_if_alone(m);
}

static void drain(struct sp_master *m)
{
	uint64_t timeout = m->conf->gateway.drain_timeout;
	const struct sp_ipc_message message = { .type = SP_IPC_DRAIN,
						.fd = -1,
						.body.drain.timeout_ms = (uint32_t)timeout };

	sp_info("draining", SP_KV_U64("timeout_ms", timeout));
	m->state = SP_MASTER_DRAINING;
	sp_tell_gateway(m);
	sp_slots_give_up(m);
	/* Our copies first: with the workers' own the sockets are gone, and nobody waits in a queue that nobody reads. */
	sp_binds_close(&m->binds);
	sp_slots_send(m, &message);
	sp_elders_finish(m); /* those that were not told yet */
	be_patient(m, timeout + STOP_MS, on_patience_over);
	finish_if_alone(m);
}

static void on_delay_over(struct sp_deadline *deadline)
{
	drain(SP_HOLDER(deadline, struct sp_master, patience));
}

static void start_drain(struct sp_master *m)
{
	const uint64_t red_ms = m->red_since_ms == 0 ? 0 : sp_now_ms() - m->red_since_ms;
	uint64_t delay = m->conf->gateway.drain_delay;

	sp_upgrade_cancel(m);
	sp_reload_cancel(m);
	sp_notify_send(&m->notify, "STOPPING=1\nSTATUS=draining");
	delay -= red_ms < delay ? red_ms : delay; /* drained before: the balancer has seen it that long */
	if (delay == 0) {
		drain(m);
		return;
	}
	sp_info("health_red", SP_KV_U64("delay_ms", delay));
	m->state = SP_MASTER_RED;
	sp_tell_gateway(m);
	sp_slots_set_health(m, true);
	be_patient(m, delay, on_delay_over);
}

static void reopen_logs(struct sp_master *m)
{
	for (unsigned which = 0; which < SP_IPC_LOG_COUNT; which++) {
		struct sp_ipc_message message = { .type = SP_IPC_LOG, .body.log.which = which };
		struct sp_err err = { .text = "" };

		if (!sp_logs_is_file(m->conf, which) || m->logs.fds[which] < 0)
			continue;
		if (!sp_logs_reopen(&m->logs, m->conf, which, &err)) {
			sp_error("log_not_reopened", SP_KV_TEXT("why", err.text));
			continue;
		}
		message.fd = m->logs.fds[which];
		if (sp_slot_of_role(m, SP_IPC_LOGGER)->pid > 0)
			sp_slot_tell(sp_slot_of_role(m, SP_IPC_LOGGER), &message);
	}
	sp_info("reopening_logs");
}

static void handle(struct sp_master *m, unsigned signo)
{
	switch (signo) {
	case SIGCHLD:
		sp_slots_reap(m);
		finish_if_alone(m);
		break;
	case SIGTERM:
	case SIGQUIT:
		if (m->state < SP_MASTER_RED)
			start_drain(m);
		else
			stop_now(m, "second_signal");
		break;
	case SIGINT: stop_now(m, "interrupt"); break;
	case SIGUSR1: reopen_logs(m); break;
	case SIGHUP: sp_reload_by_signal(m); break;
	case SIGUSR2: sp_upgrade_by_signal(m); break;
	default: break;
	}
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
	struct sp_master *m = arg;
	struct signalfd_siginfo info;

	(void)what;
	sp_loop_woke(m->loop);
	while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		handle(m, info.ssi_signo);
}

static bool open_signals(struct sp_master *m, struct sp_err *err)
{
	static const int ours[] = { SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2 };

	sigemptyset(&m->signals);
	for (size_t i = 0; i < SP_COUNT(ours); i++)
		sigaddset(&m->signals, ours[i]);
	if (sigprocmask(SIG_SETMASK, &m->signals, NULL) != 0) /* others may be blocked by the program before */
		return sp_err_set(err, "cannot block signals: %s", strerror(errno));
	m->signal_fd = signalfd(-1, &m->signals, SFD_NONBLOCK | SFD_CLOEXEC);
	if (m->signal_fd < 0)
		return sp_err_set(err, "cannot read signals: %s", strerror(errno));
	if (event_assign(&m->signal_event, sp_loop_base(m->loop), m->signal_fd, EV_READ | EV_PERSIST, on_signal, m) !=
		    0 ||
	    event_add(&m->signal_event, NULL) != 0)
		return sp_err_set(err, "cannot wait for signals");
	return true;
}

static void on_watchdog(struct sp_deadline *deadline)
{
	struct sp_master *m = SP_HOLDER(deadline, struct sp_master, watchdog);

	sp_notify_send(&m->notify, "WATCHDOG=1");
	sp_deadline_set(&m->watchdog, sp_loop_deadlines(m->loop, m->watchdog_ms), on_watchdog);
}

void sp_master_on_ready(struct sp_master *m)
{
	if (m->state != SP_MASTER_STARTING)
		return;
	if (!sp_slots_are_ready(m))
		return;
	m->state = SP_MASTER_SERVING;
	m->is_stuck = false;
	sp_info("serving", SP_KV_TEXT("config", m->conf->main_file), SP_KV_U64("workers", m->workers),
		SP_KV_U64("listeners", m->conf->listener_count), SP_KV_I64("pid", getpid()));
	sp_notify_send(&m->notify, "READY=1\nSTATUS=serving with %u workers, generation %u", m->workers,
		       m->edition->number);
	sp_elders_finish(m);
	sp_reload_begin_remembered(m);
	sp_upgrade_begin_remembered(m);
}

/* Whoever serves goes on until others do; another program may still follow. */
static void get_stuck(struct sp_master *m)
{
	if (m->is_stuck)
		return;
	m->is_stuck = true;
	sp_error("takeover_stuck", SP_KV_U64("old_workers_that_serve", sp_elders_alive(m)));
	sp_notify_send(&m->notify, "READY=1\nSTATUS=the new program does not come up, %u old workers serve",
		       sp_elders_alive(m));
}

void sp_master_on_death(struct sp_master *m, const struct sp_slot *slot, int status)
{
	if (sp_elders_serve(m)) {
		get_stuck(m);
		return;
	}
	/* Later a worker may fail for want of memory, and come back. At the start it is the configuration. */
	if (m->state == SP_MASTER_STARTING && WIFEXITED(status) && WEXITSTATUS(status) == SP_WORKER_CANNOT_START) {
		char name[32];

		sp_slot_name(slot, name);
		sp_err_set(&m->failed, "%s could not start; its reason is in the log", name);
		stop_now(m, "cannot_start");
	}
}

static unsigned count_workers(const struct sp_conf *conf)
{
	cpu_set_t cpus;
	int n = 1;

	if (conf->gateway.workers > 0)
		return (unsigned)conf->gateway.workers;
	if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
		n = CPU_COUNT(&cpus);
	return n > 0 ? (unsigned)n : 1;
}

static bool take_ids(struct sp_master *m, struct sp_err *err)
{
	const char *key;

	if (!sp_ids_find(&m->conf->gateway, geteuid(), &m->ids, &key, err))
		return false;
	if (m->ids.is_fallback)
		sp_warn("default_user_missing", SP_KV_STR("user", m->conf->gateway.user),
			SP_KV_TEXT("workers_run_as", "nobody"));
	return true;
}

static void on_challenges(struct sp_webroots *roots, const struct sp_ipc_message *message)
{
	sp_slots_send(SP_HOLDER(roots, struct sp_master, webroots), message);
}

/* What the supervisor passed, and what the program before has handed over. */
static bool open_binds(struct sp_master *m, struct sp_err *err)
{
	static struct sp_passed passed; /* 4 KiB that the stack need not hold; the names are the environment's */
	struct sp_binds before = { .items = NULL };
	bool ok;

	if (!sp_passed_parse(getenv("LISTEN_PID"), getenv("LISTEN_FDS"), getenv("LISTEN_FDNAMES"), getpid(), &passed,
			     err))
		return false;
	if (!sp_takeover_is())
		return sp_binds_open(&m->binds, m->conf, m->workers, &passed, NULL, err);
	ok = sp_binds_adopt(&before, m->workers, err) &&
	     sp_binds_open(&m->binds, m->conf, m->workers, &passed, &before, err);
	if (ok)
		sp_binds_replace(&before, &m->binds);
	else
		sp_binds_close(&before);
	m->binds = before;
	return ok;
}

/* NULL with *err. */
static struct sp_board *open_board(struct sp_master *m, struct sp_err *err)
{
	struct sp_board *board = sp_takeover_board(m->workers);

	m->has_old_board = board != NULL;
	return board != NULL ? board : sp_board_new(m->workers, err);
}

/* Before the first fork: the workers share them. */
static bool open_secrets(struct sp_master *m, struct sp_err *err)
{
	(void)sp_siphash_process_key();
	return sp_tickets_begin(m, sp_takeover_has_secrets(), err);
}

static bool open_all(struct sp_master *m, const char *file, struct sp_err *err)
{
	m->loop = sp_loop_new(err);
	if (m->loop == NULL || !sp_logs_open(&m->logs, m->conf, err))
		return false;
	sp_notify_open(&m->notify, getenv("NOTIFY_SOCKET"));
	m->watchdog_ms = sp_notify_watchdog_ms(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"), getpid());
	if (!take_ids(m, err))
		return false;
	sp_confine_open(m);
	sp_limits_raise(m->conf);
	m->board = open_board(m, err);
	return m->board != NULL && sp_edition_name(m->edition, m->board, err) && sp_reload_open(m, err) &&
	       sp_upgrade_open(m, file, err) && open_secrets(m, err) &&
	       sp_webroots_open(&m->webroots, m->conf, m->loop, err) && open_binds(m, err) &&
	       open_signals(m, err) && sp_watch_open(m, err) && sp_elders_begin(m, err) &&
	       sp_admin_open(&m->admin, m->conf, &m->ids, NULL, err) && /* behind the elders: one listened there */
	       sp_page_open(&m->page, m->conf, NULL, err);
}

static void close_all(struct sp_master *m)
{
	sp_deadline_clear(&m->watchdog);
	sp_deadline_clear(&m->patience);
	sp_deadline_clear(&m->tickets);
	sp_measure_end(m);
	sp_webroots_close(&m->webroots);
	sp_watch_close(m);
	sp_upgrade_close(m);
	sp_reload_close(m);
	sp_slots_free(m);
	sp_elders_close(m);
	sp_takeover_end();
	sp_binds_close(&m->binds);
	sp_orders_close(m);
	sp_admin_close(&m->admin);
	sp_page_close(&m->page);
	if (m->signal_fd >= 0) {
		(void)event_del(&m->signal_event);
		close(m->signal_fd);
	}
	sp_confine_close(m);
	sp_notify_close(&m->notify);
	sp_loop_free(m->loop);
	sp_logs_close(&m->logs);
	sp_edition_free(m->edition);
	sp_board_free(m->board);
}

/* The next numbers of the program before, as far as there was one. */
static void count_on(struct sp_master *m)
{
	const struct sp_handed_row *before = sp_takeover_master();

	m->set = 1;
	if (before == NULL)
		return;
	m->set = before->is.master.set + 1;
	m->edition->number = before->is.master.generation + 1;
	m->is_sealed = before->is.master.is_sealed != 0;
	m->is_drained = before->is.master.is_drained != 0;
	m->red_since_ms = m->is_drained ? sp_now_ms() : 0;
}

bool sp_master_run(struct sp_conf *conf, const char *file, struct sp_err *err)
{
	struct sp_master m = { .edition = sp_edition_new(conf, 1, err),
			       .signal_fd = -1,
			       .empty_root = -1,
			       .admin.fd = -1,
			       .page.fd = -1,
			       .gauge = SP_NO_GAUGE,
			       .notify.fd = -1,
			       .logs = { .old_bans = { -1, -1 },
					 .fds = { -1, -1, -1 },
					 .from = { -1, -1, -1 },
					 .to = { -1, -1, -1 } } };
	bool ok = false;

	if (m.edition == NULL)
		return false;
	count_on(&m);
	m.conf = m.edition->conf;
	m.workers = count_workers(m.conf);
	sp_log_as("master");
	sp_clock_tick();
	m.born_ms = sp_now_ms();
	m.started_wall_ms = m.edition->loaded_wall_ms = sp_wall_ms();
	sp_deadline_init(&m.watchdog);
	sp_deadline_init(&m.patience);
	sp_deadline_init(&m.tickets);
	sp_deadline_init(&m.measure);
	if (!open_all(&m, file, err) || !sp_confine_self(&m, err))
		goto out;
	sp_takeover_end();
	if (!sp_slots_start(&m, err)) {
		sp_slots_kill(&m);
		goto out;
	}
	m.webroots.on_change = on_challenges; /* what was there already they got at birth */
	if (m.watchdog_ms > 0)
		on_watchdog(&m.watchdog);
	sp_measure_begin(&m);
	sp_slots_reap(&m); /* who died while one program followed the other */
	sp_loop_run(m.loop);
	ok = m.failed.text[0] == '\0' || sp_err_set(err, "%s", m.failed.text);
out:
	sp_slots_end_role(&m, SP_IPC_MONITOR);
	sp_slots_end_role(&m, SP_IPC_DIALER);
	sp_slots_end_role(&m, SP_IPC_KEEPER);
	if (ok)
		sp_info("stopped");
	sp_slots_end_role(&m, SP_IPC_LOGGER); /* it writes what the others said */
	sp_logs_write_rest(&m.logs); /* if it had died, or could not start */
	sp_logs_use_file(&m.logs);
	close_all(&m);
	return ok;
}
