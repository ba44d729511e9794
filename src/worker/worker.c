#include "sp/worker/worker.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "intake.h"
#include "move.h"
#include "sp/base/clock.h"
#include "sp/base/log.h"
#include "sp/build/generation.h"
#include "sp/ipc/channel.h"
#include "sp/net/deadline.h"
#include "sp/net/loop.h"
#include "sp/proxy/challenge.h"
#include "sp/proxy/proxy.h"
#include "sp/proxy/serve.h"
#include "sp/tls/ticket.h"

_Static_assert(SP_IPC_SECRET == SP_TLS_TICKET_SECRET, "a ticket secret fits its message");

struct worker {
	const struct sp_worker_env *env; /* borrowed */
	struct sp_loop *loop; /* owned */
	struct sp_move move; /* the generation that is served, and the next */
	struct sp_proxy *proxy; /* owned */
	struct sp_intake *intake; /* owned */
	struct sp_channel master;
	struct sp_deadline cut; /* the end of drain_timeout */
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

/* The workers of another program serve beside us: health stays green, and there is no hurry. */
static void finish_work(struct worker *w)
{
	if (w->is_draining)
		return;
	w->is_draining = true;
	sp_info("worker_finishes", SP_KV_U64("clients", sp_proxy_client_count(w->proxy)));
	sp_intake_finish(w->intake);
	sp_proxy_drain(w->proxy, on_drained, w);
}

static void drain(struct worker *w, uint32_t timeout_ms)
{
	if (w->is_draining)
		return;
	w->is_draining = true;
	sp_info("worker_drains", SP_KV_U64("clients", sp_proxy_client_count(w->proxy)),
		SP_KV_U64("timeout_ms", timeout_ms));
	sp_proxy_set_health(w->proxy, true);
	sp_intake_finish(w->intake);
	if (timeout_ms == 0) {
		end(w, SP_WORKER_DONE);
		return;
	}
	sp_deadline_set(&w->cut, sp_loop_deadlines(w->loop, timeout_ms), on_cut);
	sp_proxy_drain(w->proxy, on_drained, w);
}

/* ---- the next generation */

static void tell(struct worker *w, const struct sp_ipc_message *m)
{
	if (sp_channel_send(&w->master, m) != SP_IPC_DONE)
		sp_warn("master_does_not_listen", SP_KV_TEXT("message", sp_ipc_type_name(m->type)));
}

static void build_next(struct worker *w, const struct sp_ipc_message *m)
{
	struct sp_ipc_message answer = { .type = SP_IPC_PREPARED, .fd = -1 };
	struct sp_err err = { .text = "" };

	memset(&answer.body, 0, sizeof(answer.body)); /* nothing of our stack goes along */
	answer.body.prepared.generation = m->body.bundle.generation;
	if (!sp_move_build(&w->move, m, &err)) {
		answer.type = SP_IPC_REFUSED;
		answer.body.refused.generation = m->body.bundle.generation;
		(void)snprintf(answer.body.refused.why, sizeof(answer.body.refused.why), "%.*s", SP_IPC_WHY - 1, err.text);
	}
	tell(w, &answer);
}

static void commit(struct worker *w, uint32_t generation)
{
	if (!sp_move_commit(&w->move, generation)) {
		/* All others serve it: who cannot makes room for one that can. */
		sp_error("generation_lost", SP_KV_U64("generation", generation));
		end(w, SP_WORKER_ORPHAN);
	}
}

static void on_left(struct sp_move *move, uint32_t generation)
{
	struct sp_ipc_message moved = { .type = SP_IPC_MOVED, .fd = -1 };

	moved.body.moved.generation = generation;
	tell(SP_HOLDER(move, struct worker, move), &moved);
}

/* ---- ACME challenges */

/* What the master packed, from sealed memory: it cannot change or shrink under us. Mapped, since that is what the sandbox
 * lets us do with a descriptor of that kind. */
static struct sp_challenges *unpack(int fd, off_t size)
{
	struct sp_challenges *set;
	void *pack;

	if (size == 0)
		return sp_challenges_new(SP_STR(""));
	pack = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (pack == MAP_FAILED)
		return NULL;
	set = sp_challenges_new(sp_str_of(pack, (size_t)size));
	(void)munmap(pack, (size_t)size);
	return set;
}

static void take_challenges(struct worker *w, uint32_t listener, int fd)
{
	struct sp_challenges *set;
	int seals = fcntl(fd, F_GET_SEALS);
	off_t size = lseek(fd, 0, SEEK_END);

	if (listener >= w->move.now.serve->conf->listener_count || seals < 0 || (seals & F_SEAL_SHRINK) == 0 || size < 0 ||
	    size > SP_CHALLENGE_PACK_MAX)
		return;
	set = unpack(fd, size);
	if (set == NULL)
		sp_error("challenges_not_taken", SP_KV_U64("bytes", (uint64_t)size));
	else
		sp_proxy_set_challenges(w->proxy, listener, set);
}

static void on_message(struct sp_channel *ch, struct sp_ipc_message *m)
{
	struct worker *w = SP_HOLDER(ch, struct worker, master);

	switch (m->type) {
	case SP_IPC_HEALTH: sp_proxy_set_health(w->proxy, m->body.health.is_red != 0); break;
	case SP_IPC_DRAIN: drain(w, m->body.drain.timeout_ms); break;
	case SP_IPC_FINISH: finish_work(w); break;
	case SP_IPC_STOP: end(w, SP_WORKER_DONE); break;
	case SP_IPC_TICKETS:
		sp_tls_tickets_rotate(m->body.tickets.fresh);
		explicit_bzero(&m->body.tickets, sizeof(m->body.tickets));
		break;
	case SP_IPC_PEER: sp_move_peer(&w->move, m); break;
	case SP_IPC_DOOR: sp_move_door(&w->move, m); break;
	case SP_IPC_BUNDLE: build_next(w, m); break;
	case SP_IPC_COMMIT: commit(w, m->body.commit.generation); break;
	case SP_IPC_ROLLBACK: sp_move_rollback(&w->move); break;
	case SP_IPC_CHALLENGES: take_challenges(w, m->body.challenges.listener, m->fd); break;
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
	if (w->loop == NULL ||
	    !sp_move_begin(&w->move, w->loop, env->conf, env->generation, env->keeper_fd, env->dialer_fd, err))
		return false;

	/* A memory budget is the whole gateway's; each worker gets its even share. */
	struct sp_proxy_env proxy_env = { .loop = w->loop,
					  .serve = w->move.now.serve,
					  .access_fd = env->access_fd,
					  .worker = env->worker,
					  .board = env->board,
					  .worker_count = env->worker_count,
					  .memory_max = env->conf->gateway.memory_max / env->worker_count };

	w->proxy = sp_proxy_new(&proxy_env, err);
	if (w->proxy == NULL)
		return false;
	w->intake = sp_intake_new(w->loop, env, w->proxy, err);
	if (w->intake == NULL)
		return false;
	w->move.proxy = w->proxy;
	w->move.intake = w->intake;
	w->move.on_left = on_left;
	w->master.on_message = on_message;
	w->master.on_end = on_master_gone;
	sp_channel_open(&w->master, w->loop, env->channel_fd, SP_IPC_WORKER, SP_IPC_MASTER);
	return true;
}

static void finish(struct worker *w)
{
	sp_deadline_clear(&w->cut);
	sp_move_rollback(&w->move);
	sp_intake_free(w->intake);
	sp_proxy_free(w->proxy);
	sp_channel_close(&w->master);
	sp_move_end(&w->move);
	sp_loop_free(w->loop);
}

enum sp_worker_exit sp_worker_run(const struct sp_worker_env *env)
{
	static char name[24]; /* the log borrows it */
	struct sp_err err = { .text = "" };
	struct worker w = { .env = env, .move = { .keeper_fd = -1, .dialer_fd = -1 } };
	const struct sp_ipc_message ready = { .type = SP_IPC_READY,
					      .body.ready.generation = env->generation,
					      .fd = -1 };

	snprintf(name, sizeof(name), "worker %u", env->worker);
	sp_log_as(name);
	sp_clock_tick();
	sp_deadline_init(&w.cut);
	if (!start(&w, &err) || !sp_sandbox_finish(env->sandbox, &err)) {
		sp_error("worker_cannot_start", SP_KV_TEXT("why", err.text));
		w.exit = SP_WORKER_CANNOT_START;
	} else if (sp_channel_send(&w.master, &ready) != SP_IPC_DONE) {
		w.exit = SP_WORKER_ORPHAN;
	} else {
#ifdef SP_TEST_HOOKS
		sp_test_hook_worker(env);
#endif
		sp_loop_run(w.loop);
	}
	finish(&w);
	return w.exit;
}
