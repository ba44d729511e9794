#include "sp/role/monitor.h"

#include <stdlib.h>
#include <unistd.h>

#include "admin.h"
#include "checks.h"
#include "answer.h"
#include "facts.h"
#include "figures.h"
#include "names.h"
#include "page.h"
#include "sp/base/clock.h"
#include "sp/base/log.h"
#include "sp/ipc/dial_remote.h"
#include "watched.h"
#include "web.h"

enum { TLS_CHUNKS = 1024 }; /* of health checks: 16 for each that is under way */

struct monitor {
	struct sp_loop *loop; /* owned */
	struct sp_chunk_pool *chunks; /* owned, as the next two */
	struct sp_signer *signer;
	struct sp_dial *dial;
	struct sp_watch_list watched;
	struct sp_checks checks;
	struct sp_name_list names;
	struct sp_channel master;
	struct sp_admin *admin; /* owned */
	struct sp_facts facts;
	struct sp_figures figures;
	struct sp_ban_keeper bans;
	struct sp_web *web; /* owned */
	struct sp_page page;
	struct sp_ipc_message order; /* of the request that is being passed on */
	int caller_fd; /* owned: whose outcome comes next; -1: nobody's */
	uint32_t caller_id;
	bool is_orphan;
};

/* ---- requests */

static bool on_request(void *arg, uid_t uid, const struct sp_json *request, struct sp_buf *out)
{
	struct monitor *m = arg;
	struct sp_asking asking = { .uid = uid, .facts = &m->facts, .bans = &m->bans, .request = request, .out = out };
	bool is_masters = sp_answer_request(&asking);

	m->order = asking.order;
	return is_masters;
}

static void on_pass(void *arg, int fd)
{
	struct monitor *m = arg;

	m->order.fd = fd;
	if (sp_channel_send(&m->master, &m->order) != SP_IPC_DONE)
		sp_warn("master_does_not_listen", SP_KV_TEXT("message", sp_ipc_type_name(m->order.type)));
	(void)close(fd);
}

static void on_web_request(void *arg, const struct sp_head *head, struct sp_str body, struct sp_web_answer *answer)
{
	sp_page_answer(&((struct monitor *)arg)->page, head, body, answer);
}

/* ---- outcomes */

static void forget_caller(struct monitor *m)
{
	if (m->caller_fd >= 0)
		(void)close(m->caller_fd);
	m->caller_fd = -1;
}

static void take_caller(struct monitor *m, struct sp_ipc_message *message)
{
	forget_caller(m);
	m->caller_fd = message->fd;
	m->caller_id = message->body.caller.id;
	message->fd = -1;
}

/* What the master wrote into memory. */
static void read_text(int fd, struct sp_buf *text)
{
	char piece[4096];
	ssize_t n;

	while (text->n < SP_IPC_OUTCOME_TEXT && (n = read(fd, piece, sizeof(piece))) > 0)
		sp_buf_put(text, sp_str_of(piece, (size_t)n));
}

static void take_outcome(struct monitor *m, const struct sp_ipc_message *message)
{
	struct sp_buf text, out;
	int fd = m->caller_fd;

	if (fd < 0 || message->body.outcome.id != m->caller_id)
		return;
	m->caller_fd = -1;
	sp_buf_init(&text);
	sp_buf_init(&out);
	read_text(message->fd, &text);
	sp_answer_put_outcome(&out, message, sp_buf_str(&text));
	sp_buf_fini(&text);
	sp_admin_answer(m->admin, fd, &out);
}

/* ---- backends */

static void on_addresses(void *arg)
{
	sp_checks_look(&((struct monitor *)arg)->checks);
}

static void take_peer(struct monitor *m, struct sp_ipc_message *message)
{
	if (message->body.peer.role == SP_IPC_KEEPER)
		sp_signer_set_keeper(m->signer, message->fd);
	else if (message->body.peer.role == SP_IPC_DIALER)
		sp_dial_set_dialer(m->dial, message->fd);
	else
		return;
	message->fd = -1;
	if (message->body.peer.role != SP_IPC_DIALER)
		return;
	sp_watch_list_begin(&m->watched);
	sp_name_list_begin(&m->names);
	sp_checks_begin(&m->checks);
}

static void leave_backends(struct monitor *m)
{
	sp_checks_stop(&m->checks);
	sp_name_list_stop(&m->names);
}

static bool watch_backends(struct monitor *m, const struct sp_monitor_env *env, struct sp_err *err)
{
	struct sp_probe_env probes = { .loop = m->loop };
	struct sp_lookup_env lookups = { .loop = m->loop };

	m->chunks = sp_chunk_pool_new(TLS_CHUNKS);
	m->signer = sp_signer_new_remote(m->loop, SP_IPC_MONITOR, err);
	m->dial = sp_dial_new_remote(m->loop, SP_IPC_MONITOR, err);
	if (m->chunks == NULL || m->signer == NULL || m->dial == NULL ||
	    !sp_watch_list_init(&m->watched, env->conf, env->board))
		return sp_err_set(err, "no memory for the backends");
	probes.dial = lookups.dial = m->dial;
	probes.chunks = m->chunks;
	if (!sp_checks_init(&m->checks, env->conf, &m->watched, m->signer, &probes, err) ||
	    !sp_name_list_init(&m->names, env->conf, &m->watched, &lookups, err))
		return false;
	m->names.on_change = on_addresses;
	m->names.arg = m;
	m->facts.watched = &m->watched;
	return true;
}

static void forget_backends(struct monitor *m)
{
	sp_checks_fini(&m->checks);
	sp_name_list_fini(&m->names);
	if (m->loop != NULL)
		sp_loop_turn(m->loop, false); /* what was closed is freed */
	sp_dial_free(m->dial);
	sp_signer_free(m->signer);
	sp_watch_list_fini(&m->watched);
	sp_chunk_pool_free(m->chunks);
}

/* ---- the master */

static void on_message(struct sp_channel *ch, struct sp_ipc_message *message)
{
	struct monitor *m = SP_HOLDER(ch, struct monitor, master);

	switch (message->type) {
	case SP_IPC_ADMIN:
		sp_watch_list_begin(&m->watched);
		sp_admin_listen(m->admin, message->fd);
		message->fd = -1;
		break;
	case SP_IPC_PAGE:
		sp_web_listen(m->web, message->fd);
		message->fd = -1;
		break;
	case SP_IPC_CALLER: take_caller(m, message); break;
	case SP_IPC_OUTCOME: take_outcome(m, message); break;
	case SP_IPC_PEER: take_peer(m, message); break;
	case SP_IPC_STOP:
		leave_backends(m);
		sp_admin_finish(m->admin);
		break;
	default: (void)sp_facts_take(&m->facts, message); break;
	}
}

static void on_master_gone(struct sp_channel *ch, enum sp_ipc_rc why)
{
	struct monitor *m = SP_HOLDER(ch, struct monitor, master);

	(void)why;
	m->is_orphan = true;
	sp_loop_stop(m->loop);
}

static void on_idle(void *arg)
{
	sp_loop_stop(((struct monitor *)arg)->loop);
}

/* ---- its life */

static bool start_web(struct monitor *m, const struct sp_conf *conf, struct sp_err *err)
{
	const struct sp_web_env env = { .loop = m->loop, .conf = &conf->admin, .on_request = on_web_request, .arg = m };

	m->web = sp_web_new(&env, err);
	if (m->web == NULL)
		return false;
	if (!sp_figures_init(&m->figures, conf, m->facts.board))
		return sp_err_set(err, "no memory for metrics");
	m->facts.figures = m->facts.board == NULL ? NULL : &m->figures;
	return sp_page_init(&m->page, &m->facts, &m->bans, err);
}

static bool start(struct monitor *m, const struct sp_monitor_env *env, struct sp_err *err)
{
	const struct sp_ipc_message ready = { .type = SP_IPC_READY, .fd = -1 };
	struct sp_admin_env admin = {
		.user = env->user, .on_request = on_request, .on_pass = on_pass, .on_idle = on_idle, .arg = m
	};

	m->facts.conf = env->conf;
	m->facts.board = env->board;
	m->caller_fd = -1;
	m->loop = sp_loop_new(err);
	if (m->loop == NULL)
		return false;
	admin.loop = m->loop;
	m->admin = sp_admin_new(&admin, err);
	if (m->admin == NULL || !start_web(m, env->conf, err))
		return false;
	m->master.on_message = on_message;
	m->master.on_end = on_master_gone;
	sp_channel_open(&m->master, m->loop, env->channel_fd, SP_IPC_MONITOR, SP_IPC_MASTER);
	if (!sp_ban_keeper_start(&m->bans, m->loop, env->conf, env->board, env->old_bans, SP_COUNT(env->old_bans),
				 env->bans_fd))
		return sp_err_set(err, "no memory for bans");
	if (!watch_backends(m, env, err))
		return false;
	if (!sp_sandbox_finish(env->sandbox, err))
		return false;
	return sp_channel_send(&m->master, &ready) == SP_IPC_DONE || sp_err_set(err, "the master is gone");
}

enum sp_role_exit sp_monitor_run(const struct sp_monitor_env *env)
{
	static struct monitor m; /* a row for each process, which the stack need not hold */
	struct sp_err err = { .text = "" };
	bool is_up;

	sp_log_as("monitor");
	sp_clock_tick();
	is_up = start(&m, env, &err);
	if (is_up)
		sp_loop_run(m.loop);
	else
		sp_error("monitor_cannot_start", SP_KV_TEXT("why", err.text));
	forget_caller(&m);
	forget_backends(&m);
	sp_ban_keeper_stop(&m.bans);
	sp_admin_free(m.admin);
	sp_web_free(m.web);
	sp_figures_fini(&m.figures);
	sp_channel_close(&m.master);
	sp_loop_free(m.loop);
	if (!is_up)
		return SP_ROLE_CANNOT_START;
	return m.is_orphan ? SP_ROLE_ORPHAN : SP_ROLE_DONE;
}
