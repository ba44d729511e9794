#include "sp/role/dialer.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "sp/base/check.h"
#include "sp/base/log.h"
#include "sp/ipc/asked.h"
#include "sp/net/dial.h"

/* Connections are kept for reuse: a worker that needs more than this has lost them all at once, or is not itself. */
enum { CONNECTS_A_SECOND = 20000, CONNECTS_AT_ONCE = 4000 };

struct dialer {
	struct sp_asked asked;
	struct sp_egress egress; /* borrows from the configuration */
	struct sp_addr *to; /* owned: where each index leads; family SP_ADDR_NONE: not known */
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

static void dial(struct dialer *dialer, struct sp_asked_peer *peer, uint32_t id, uint32_t backend)
{
	struct sp_ipc_message answer = { .type = SP_IPC_DIALED };
	struct sp_dial_ask ask = { .backend = backend };

	if (sp_dial_connect(&dialer->egress, &dialer->to[backend], &ask) != SP_DIAL_DONE) {
		refuse(peer, id, ask.error, ask.refused);
		return;
	}
	answer.body.dialed.id = id;
	answer.fd = ask.fd;
	sp_asked_answer(peer, &answer);
	(void)close(ask.fd);
}

static void on_ask(struct sp_asked_peer *peer, struct sp_ipc_message *question, bool is_over)
{
	struct dialer *dialer = SP_HOLDER(peer->of, struct dialer, asked);
	uint32_t id = question->body.dial.id, backend = question->body.dial.backend;

	if (is_over) {
		sp_asked_note_refused(peer, "too_many");
		refuse(peer, id, EAGAIN, SP_EGRESS_OK);
	} else if (backend >= dialer->count) {
		sp_asked_note_refused(peer, "no_such_backend");
		refuse(peer, id, EINVAL, SP_EGRESS_OK);
	} else {
		dial(dialer, peer, id, backend);
	}
}

static bool take_conf(struct dialer *dialer, const struct sp_conf *conf)
{
	dialer->egress = sp_conf_egress_rules(conf);
	dialer->count = conf->backend_count;
	dialer->to = calloc(conf->backend_count + 1, sizeof(*dialer->to));
	if (dialer->to == NULL)
		return false;
	for (size_t i = 0; i < conf->pool_count; i++) {
		for (size_t k = 0; k < conf->pools[i].backend_count; k++) {
			const struct sp_conf_backend *backend = &conf->pools[i].backends[k];

			SP_ASSERT(backend->index < conf->backend_count);
			dialer->to[backend->index] = backend->addr;
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
