#include "sp/role/dialer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sp/base/check.h"
#include "sp/base/log.h"
#include "sp/board/backends.h"
#include "sp/ipc/asked.h"
#include "sp/net/dial.h"

/* Connections are kept for reuse: a worker that needs more than this has lost them all at once, or is not itself. */
enum { CONNECTS_A_SECOND = 20000, CONNECTS_AT_ONCE = 4000 };

struct place {
	const struct sp_conf_pool *pool; /* borrowed, as the backend; NULL: no such index */
	const struct sp_conf_backend *backend;
};

struct dialer {
	struct sp_asked asked;
	struct sp_egress egress; /* borrows from the configuration */
	const struct sp_conf *conf; /* borrowed */
	const struct sp_board *board; /* borrowed; NULL: none, then names lead nowhere */
	struct place *to; /* owned: by index */
	size_t count;
};

static void refuse(struct sp_asked_peer *peer, uint32_t id, int error, enum sp_egress_verdict refused)
{
	struct sp_ipc_message answer = { .type = SP_IPC_NOT_DIALED, .fd = -1 };

	answer.body.not_dialed.id = id;
	answer.body.not_dialed.error = error;
	answer.body.not_dialed.refused = (uint32_t)refused;
	sp_asked_answer(peer, &answer);
}

/* A name's addresses are what the monitor wrote on the board; whatever stands there goes through the rules. */
static struct sp_addr address_of(const struct dialer *dialer, const struct place *place, uint32_t nth)
{
	const struct sp_conf_backend *backend = place->backend;
	const struct sp_str pool = place->pool->section.name;
	struct sp_addr addr = { .family = SP_ADDR_NONE, .port = backend->addr.port };
	struct sp_backend_state state;
	uint32_t slot;

	if (!sp_conf_backend_is_named(backend))
		return backend->addr;
	if (dialer->board == NULL || !sp_board_slot(dialer->board, SP_NAME_BACKEND, pool, backend->name, &slot) ||
	    !sp_backend_get(sp_board_read(dialer->board, SP_BLOCK_BACKENDS, 0), slot,
			    sp_name_key(SP_NAME_BACKEND, pool, backend->name), &state) ||
	    nth >= state.addr_count)
		return addr;
	addr.family = state.addrs[nth].is_v6 ? SP_ADDR_V6 : SP_ADDR_V4;
	memcpy(addr.ip, state.addrs[nth].ip, addr.family == SP_ADDR_V6 ? 16 : 4);
	return addr;
}

static const char *dial(struct dialer *dialer, const struct sp_ipc_message *question, struct sp_dial_ask *ask)
{
	const uint32_t what = question->body.dial.what, index = question->body.dial.index;
	struct sp_addr addr;

	ask->fd = -1;
	ask->rc = SP_DIAL_FAILED;
	ask->error = EINVAL;
	switch (what) {
	case SP_IPC_DIAL_BACKEND:
		if (index >= dialer->count)
			return "no_such_backend";
		addr = address_of(dialer, &dialer->to[index], question->body.dial.nth);
		(void)!sp_dial_connect(&dialer->egress, &addr, ask);
		return NULL;
	case SP_IPC_DIAL_RESOLVER_UDP:
	case SP_IPC_DIAL_RESOLVER_TCP:
		if (index >= dialer->conf->egress.resolver_count)
			return "no_such_resolver";
		(void)!sp_dial_resolver(&dialer->egress, &dialer->conf->egress.resolvers[index],
					what == SP_IPC_DIAL_RESOLVER_UDP, ask);
		return NULL;
	default: return "no_such_kind";
	}
}

static void on_ask(struct sp_asked_peer *peer, struct sp_ipc_message *question, bool is_over)
{
	struct dialer *dialer = SP_HOLDER(peer->of, struct dialer, asked);
	struct sp_ipc_message answer = { .type = SP_IPC_DIALED, .fd = -1 };
	struct sp_dial_ask ask = { .fd = -1 };
	uint32_t id = question->body.dial.id;
	const char *why = "not_a_workers";

	if (is_over) {
		sp_asked_note_refused(peer, "too_many");
		refuse(peer, id, EAGAIN, SP_EGRESS_OK);
		return;
	}
	if (question->body.dial.what == SP_IPC_DIAL_BACKEND || peer->worker == 0)
		why = dial(dialer, question, &ask);
	if (why != NULL) {
		sp_asked_note_refused(peer, why);
		refuse(peer, id, EINVAL, SP_EGRESS_OK);
	} else if (ask.rc != SP_DIAL_DONE) {
		refuse(peer, id, ask.error, ask.refused);
	} else {
		memset(&answer.body, 0, sizeof(answer.body)); /* nothing of our stack goes along */
		answer.body.dialed.id = id;
		answer.body.dialed.is_v6 = ask.addr.family == SP_ADDR_V6;
		memcpy(answer.body.dialed.ip, ask.addr.ip, sizeof(answer.body.dialed.ip));
		answer.fd = ask.fd;
		sp_asked_answer(peer, &answer);
		(void)close(ask.fd);
	}
}

static bool take_conf(struct dialer *dialer, const struct sp_conf *conf)
{
	dialer->conf = conf;
	dialer->egress = sp_conf_egress_rules(conf);
	dialer->count = conf->backend_count;
	dialer->to = calloc(conf->backend_count + 1, sizeof(*dialer->to));
	if (dialer->to == NULL)
		return false;
	for (size_t i = 0; i < conf->pool_count; i++) {
		for (size_t k = 0; k < conf->pools[i].backend_count; k++) {
			const struct sp_conf_backend *backend = &conf->pools[i].backends[k];

			SP_ASSERT(backend->index < conf->backend_count);
			dialer->to[backend->index] = (struct place){ &conf->pools[i], backend };
		}
	}
	return true;
}

enum sp_role_exit sp_dialer_run(const struct sp_role_env *env)
{
	struct dialer dialer = { .asked = { .self = SP_IPC_DIALER,
					    .workers = env->workers,
					    .sandbox = env->sandbox,
					    .rate = CONNECTS_A_SECOND,
					    .burst = CONNECTS_AT_ONCE,
					    .on_ask = on_ask } };
	struct sp_err err = { .text = "" };
	bool is_fine;

	sp_log_as("dialer");
	dialer.board = env->board;
	if (!take_conf(&dialer, env->conf)) {
		sp_error("dialer_cannot_start", SP_KV_TEXT("why", "no memory"));
		return SP_ROLE_CANNOT_START;
	}
	is_fine = sp_asked_run(&dialer.asked, env->channel_fd, &err);
	free(dialer.to);
	if (!is_fine)
		sp_error("dialer_ends", SP_KV_TEXT("why", err.text));
	return is_fine ? SP_ROLE_DONE : SP_ROLE_ORPHAN;
}
