#include "sp/worker/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "intake.h"
#include "sp/base/clock.h"
#include "sp/base/log.h"
#include "sp/build/generation.h"
#include "sp/ipc/channel.h"
#include "sp/net/deadline.h"
#include "sp/net/loop.h"
#include "sp/proxy/proxy.h"
#include "sp/proxy/serve.h"
#include "sp/tls/ticket.h"

_Static_assert(SP_IPC_SECRET == SP_TLS_TICKET_SECRET, "a ticket secret fits its message");

struct worker {
	const struct sp_worker_env *env; /* borrowed */
	struct sp_loop *loop; /* owned */
	struct sp_serve *serve; /* owned: our hold on the generation */
	struct sp_proxy *proxy; /* owned */
	struct sp_intake *intake; /* owned */
	struct sp_channel master;
	struct sp_deadline cut; /* the end of drain_timeout */
	int access_fd, error_fd; /* owned above 2 */
	bool is_draining;
	enum sp_worker_exit exit;
};

static void end(struct worker *w, enum sp_worker_exit how)
{
	w->exit = how;
	sp_loop_stop(w->loop);
}

static void on_cut(struct sp_deadline *deadline)
{
	struct worker *w = SP_HOLDER(deadline, struct worker, cut);

	sp_warn("drain_timeout", SP_KV_U64("clients_cut", sp_proxy_client_count(w->proxy)));
	end(w, SP_WORKER_DONE);
}

static void on_drained(void *arg)
{
	struct worker *w = arg;

	sp_info("worker_drained");
	end(w, SP_WORKER_DONE);
}

static void drain(struct worker *w, uint32_t timeout_ms)
{
	if (w->is_draining)
		return;
	w->is_draining = true;
	sp_info("worker_drains", SP_KV_U64("clients", sp_proxy_client_count(w->proxy)),
		SP_KV_U64("timeout_ms", timeout_ms));
	sp_intake_finish(w->intake);
	if (timeout_ms == 0) {
		end(w, SP_WORKER_DONE);
		return;
	}
	sp_deadline_set(&w->cut, sp_loop_deadlines(w->loop, timeout_ms), on_cut);
	sp_proxy_drain(w->proxy, on_drained, w);
}

static void take_log(struct worker *w, uint32_t which, int fd)
{
	int *mine = which == SP_IPC_LOG_ACCESS ? &w->access_fd : &w->error_fd;

	if (which == SP_IPC_LOG_ACCESS)
		sp_proxy_set_access_fd(w->proxy, fd);
	else
		sp_log_to(fd);
	if (*mine > STDERR_FILENO)
		close(*mine);
	*mine = fd;
}

static void on_message(struct sp_channel *ch, struct sp_ipc_message *m)
{
	struct worker *w = SP_HOLDER(ch, struct worker, master);

	switch (m->type) {
	case SP_IPC_HEALTH_RED: sp_proxy_set_draining(w->proxy); break;
	case SP_IPC_DRAIN: drain(w, m->body.drain.timeout_ms); break;
	case SP_IPC_STOP: end(w, SP_WORKER_DONE); break;
	case SP_IPC_TICKETS:
		sp_tls_tickets_rotate(m->body.tickets.fresh);
		explicit_bzero(&m->body.tickets, sizeof(m->body.tickets));
		break;
	case SP_IPC_LOG:
		if (m->body.log.which >= SP_IPC_LOG_COUNT)
			break;
		take_log(w, m->body.log.which, m->fd);
		m->fd = -1;
		break;
	default: break; /* the channel lets nothing else through */
	}
}

static void on_master_gone(struct sp_channel *ch, enum sp_ipc_rc why)
{
	struct worker *w = SP_HOLDER(ch, struct worker, master);

	sp_error("master_gone", SP_KV_TEXT("why", why == SP_IPC_BAD ? "bad_message" : "channel_closed"));
	end(w, SP_WORKER_ORPHAN);
}

static bool start(struct worker *w, struct sp_err *err)
{
	const struct sp_worker_env *env = w->env;

	w->loop = sp_loop_new(err);
	if (w->loop == NULL)
		return false;
	w->serve = sp_generation_new(env->conf, env->generation, err);
	if (w->serve == NULL)
		return false;

	/* A memory budget is the whole gateway's; each worker gets its even share. */
	struct sp_proxy_env proxy_env = { .loop = w->loop,
					  .serve = w->serve,
					  .access_fd = w->access_fd,
					  .worker = env->worker,
					  .memory_max = env->conf->gateway.memory_max / env->worker_count };

	w->proxy = sp_proxy_new(&proxy_env, err);
	if (w->proxy == NULL)
		return false;
	w->intake = sp_intake_new(w->loop, env, w->proxy, err);
	if (w->intake == NULL)
		return false;
	w->master.on_message = on_message;
	w->master.on_end = on_master_gone;
	sp_channel_open(&w->master, w->loop, env->channel_fd, SP_IPC_WORKER, SP_IPC_MASTER);
	return true;
}

static void finish(struct worker *w)
{
	sp_deadline_clear(&w->cut);
	sp_intake_free(w->intake);
	sp_proxy_free(w->proxy);
	sp_channel_close(&w->master);
	if (w->serve != NULL)
		sp_serve_release(w->serve);
	sp_loop_free(w->loop);
}

enum sp_worker_exit sp_worker_run(const struct sp_worker_env *env)
{
	static char name[24]; /* the log borrows it */
	struct sp_err err = { .text = "" };
	struct worker w = { .env = env, .access_fd = env->access_fd, .error_fd = env->error_fd };
	const struct sp_ipc_message ready = { .type = SP_IPC_READY,
					      .body.ready.generation = env->generation,
					      .fd = -1 };

	snprintf(name, sizeof(name), "worker %u", env->worker);
	sp_log_as(name);
	sp_clock_tick();
	sp_deadline_init(&w.cut);
	if (!start(&w, &err)) {
		sp_error("worker_cannot_start", SP_KV_TEXT("why", err.text));
		w.exit = SP_WORKER_CANNOT_START;
	} else if (sp_channel_send(&w.master, &ready) != SP_IPC_DONE) {
		w.exit = SP_WORKER_ORPHAN;
	} else {
		sp_loop_run(w.loop);
	}
	finish(&w);
	return w.exit;
}
