#include "sp/role/keeper.h"

#include <string.h>

#include "keys.h"
#include "sp/base/log.h"
#include "sp/ipc/asked.h"

/* Four times what a worker can need on today's cores, so that only one that is not itself any more comes there. */
enum { SIGNATURES_A_SECOND = 10000, SIGNATURES_AT_ONCE = 2000 };

struct keeper {
	struct sp_asked asked;
	struct sp_keys *keys; /* owned */
};

static void on_ask(struct sp_asked_peer *peer, struct sp_ipc_message *question, bool is_over)
{
	struct keeper *keeper = SP_HOLDER(peer->of, struct keeper, asked);
	struct sp_ipc_message answer = { .type = SP_IPC_SIGNED, .fd = -1 };
	size_t n = sizeof(answer.body.is_signed.signature);
	const char *why = "too_many";

	memset(&answer.body, 0, sizeof(answer.body)); /* nothing of our stack goes along */
	if (!is_over)
		why = question->body.sign.n > SP_IPC_TEXT
			      ? "too_long"
			      : sp_keys_sign(keeper->keys, question->body.sign.key, question->body.sign.scheme,
					     question->body.sign.text, question->body.sign.n,
					     answer.body.is_signed.signature, &n);
	answer.body.is_signed.id = question->body.sign.id;
	answer.body.is_signed.n = why == NULL ? (uint32_t)n : 0;
	if (why != NULL)
		sp_asked_note_refused(peer, why);
	sp_asked_answer(peer, &answer);
}

enum sp_role_exit sp_keeper_run(const struct sp_role_env *env)
{
	struct keeper keeper = { .asked = { .self = SP_IPC_KEEPER,
					    .workers = env->workers,
					    .sandbox = env->sandbox,
					    .rate = SIGNATURES_A_SECOND,
					    .burst = SIGNATURES_AT_ONCE,
					    .on_ask = on_ask } };
	struct sp_err err = { .text = "" };
	bool is_fine;

	sp_log_as("keeper");
	keeper.keys = sp_keys_read(env->conf, &err);
	if (keeper.keys == NULL) {
		sp_error("keeper_cannot_start", SP_KV_TEXT("why", err.text));
		return SP_ROLE_CANNOT_START;
	}
	is_fine = sp_asked_run(&keeper.asked, env->channel_fd, &err);
	sp_keys_free(keeper.keys);
	if (!is_fine)
		sp_error("keeper_ends", SP_KV_TEXT("why", err.text));
	return is_fine ? SP_ROLE_DONE : SP_ROLE_ORPHAN;
}
