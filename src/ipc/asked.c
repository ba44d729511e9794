#include "sp/ipc/asked.h"

#include <stdlib.h>

#include "sp/base/clock.h"
#include "sp/base/log.h"

#define QUIET_MS 10000U /* between two lines about one worker */

/* Milli-questions, so that a small rate does not round to nothing. */
static bool take_token(struct sp_asked_peer *peer)
{
	const struct sp_asked *asked = peer->of;
	uint64_t now = sp_now_ms(), most = asked->burst * 1000;

	peer->tokens += (now - peer->filled_ms) * asked->rate;
	peer->filled_ms = now;
	if (peer->tokens > most)
		peer->tokens = most;
	if (peer->tokens < 1000)
		return false;
	peer->tokens -= 1000;
	return true;
}

static void on_question(struct sp_channel *ch, struct sp_ipc_message *message)
{
	struct sp_asked_peer *peer = SP_HOLDER(ch, struct sp_asked_peer, channel);

	peer->of->on_ask(peer, message, !take_token(peer));
}

static enum sp_ipc_role role_of(const struct sp_asked_peer *peer)
{
	return peer->worker == 0 ? SP_IPC_MONITOR : SP_IPC_WORKER;
}

static void on_peer_gone(struct sp_channel *ch, enum sp_ipc_rc why)
{
	const struct sp_asked_peer *peer = SP_HOLDER(ch, struct sp_asked_peer, channel);

	if (why == SP_IPC_BAD)
		sp_error("asker_bad_message", SP_KV_TEXT("asker", sp_ipc_role_name(role_of(peer))),
			 SP_KV_U64("worker", peer->worker));
}

static void take_peer(struct sp_asked *asked, struct sp_ipc_message *message)
{
	unsigned worker = message->body.peer.role == SP_IPC_MONITOR ? 0 : message->body.peer.worker;
	bool is_one = message->body.peer.role == SP_IPC_MONITOR || worker > 0;
	struct sp_asked_peer *peer;

	if (!is_one || worker > asked->workers)
		return;
	peer = &asked->peers[worker];
	sp_channel_close(&peer->channel);
	*peer = (struct sp_asked_peer){ .of = asked,
					.worker = worker,
					.tokens = asked->burst * 1000,
					.filled_ms = sp_now_ms(),
					.channel = { .on_message = on_question, .on_end = on_peer_gone } };
	sp_channel_open(&peer->channel, asked->loop, message->fd, asked->self, role_of(peer));
	message->fd = -1;
}

static void on_order(struct sp_channel *ch, struct sp_ipc_message *message)
{
	struct sp_asked *asked = SP_HOLDER(ch, struct sp_asked, master);

	if (message->type == SP_IPC_PEER)
		take_peer(asked, message);
	else if (message->type == SP_IPC_STOP)
		sp_loop_stop(asked->loop);
}

static void on_master_gone(struct sp_channel *ch, enum sp_ipc_rc why)
{
	struct sp_asked *asked = SP_HOLDER(ch, struct sp_asked, master);

	(void)why;
	asked->is_orphan = true;
	sp_loop_stop(asked->loop);
}

static bool start(struct sp_asked *asked, int master_fd, struct sp_err *err)
{
	const struct sp_ipc_message ready = { .type = SP_IPC_READY, .fd = -1 };

	asked->loop = sp_loop_new(err);
	asked->peers = calloc(asked->workers + 1, sizeof(*asked->peers));
	if (asked->loop == NULL || asked->peers == NULL)
		return sp_err_set(err, "no memory for the channels");
	asked->master.on_message = on_order;
	asked->master.on_end = on_master_gone;
	sp_channel_open(&asked->master, asked->loop, master_fd, asked->self, SP_IPC_MASTER);
	if (!sp_sandbox_finish(asked->sandbox, err))
		return false;
	return sp_channel_send(&asked->master, &ready) == SP_IPC_DONE || sp_err_set(err, "the master is gone");
}

bool sp_asked_run(struct sp_asked *asked, int master_fd, struct sp_err *err)
{
	bool is_fine;

	asked->is_orphan = false;
	sp_clock_tick();
	is_fine = start(asked, master_fd, err);
	if (is_fine) {
		sp_loop_run(asked->loop);
		is_fine = !asked->is_orphan || sp_err_set(err, "the master is gone");
	}
	for (unsigned i = 0; asked->peers != NULL && i <= asked->workers; i++)
		sp_channel_close(&asked->peers[i].channel);
	sp_channel_close(&asked->master);
	free(asked->peers);
	sp_loop_free(asked->loop);
	return is_fine;
}

void sp_asked_answer(struct sp_asked_peer *peer, const struct sp_ipc_message *answer)
{
	enum sp_ipc_rc rc = sp_channel_send(&peer->channel, answer);

	if (rc == SP_IPC_AGAIN)
		sp_asked_note_refused(peer, "does_not_read");
}

void sp_asked_note_refused(struct sp_asked_peer *peer, const char *why)
{
	peer->refused++;
	if (peer->told_ms != 0 && sp_now_ms() - peer->told_ms < QUIET_MS)
		return;
	peer->told_ms = sp_now_ms();
	sp_warn("ask_refused", SP_KV_TEXT("asker", sp_ipc_role_name(role_of(peer))), SP_KV_U64("worker", peer->worker), SP_KV_TEXT("why", why),
		SP_KV_U64("refused", peer->refused));
}
