#include "sp/ipc/asker.h"

#include "sp/base/log.h"

#define SENT_MOST 2U

void sp_ask_cancel(struct sp_ask *ask)
{
	if (ask->asker == NULL)
		return;
	sp_list_unlink(&ask->link);
	sp_deadline_clear(&ask->deadline);
	ask->asker->count--;
	ask->asker = NULL;
}

static void answer(struct sp_ask *ask, struct sp_ipc_message *message)
{
	sp_ask_cancel(ask);
	ask->on_answer(ask, message);
}

static void on_late(struct sp_deadline *deadline)
{
	answer(SP_HOLDER(deadline, struct sp_ask, deadline), NULL);
}

/* Whoever does not read (or is gone) lets the deadline come. */
static void put(struct sp_asker *asker, struct sp_ask *ask)
{
	struct sp_ipc_message message = { .fd = -1 };

	if (asker->channel.fd < 0)
		return;
	ask->fill(ask, &message);
	message.body.any.id = ask->id;
	if (sp_channel_send(&asker->channel, &message) == SP_IPC_DONE)
		ask->sent++;
}

/* Answers come in the order of the questions, so the first is nearly always the one. */
static void on_message(struct sp_channel *ch, struct sp_ipc_message *message)
{
	struct sp_asker *asker = SP_HOLDER(ch, struct sp_asker, channel);

	for (struct sp_list *at = asker->asks.next; at != &asker->asks; at = at->next) {
		struct sp_ask *ask = SP_HOLDER(at, struct sp_ask, link);

		if (ask->id == message->body.any.id) {
			answer(ask, message);
			return;
		}
	}
}

static void on_end(struct sp_channel *ch, enum sp_ipc_rc why)
{
	struct sp_asker *asker = SP_HOLDER(ch, struct sp_asker, channel);
	struct sp_list asked;

	sp_warn("peer_gone", SP_KV_TEXT("peer", sp_ipc_role_name(asker->peer)),
		SP_KV_TEXT("why", why == SP_IPC_BAD ? "bad_message" : "channel_closed"),
		SP_KV_U64("asked", asker->count));
	sp_list_move_all(&asker->asks, &asked);
	while (!sp_list_is_empty(&asked)) {
		struct sp_ask *ask = SP_HOLDER(asked.next, struct sp_ask, link);

		sp_list_unlink(&ask->link);
		sp_list_push(&asker->asks, &ask->link);
		if (ask->sent >= SENT_MOST)
			answer(ask, NULL);
	}
}

bool sp_asker_init(struct sp_asker *asker, struct sp_loop *loop, enum sp_ipc_role self, enum sp_ipc_role peer,
		   unsigned most, uint64_t patience_ms)
{
	*asker = (struct sp_asker){ .loop = loop,
				    .self = self,
				    .peer = peer,
				    .most = most,
				    .patience = sp_loop_deadlines(loop, patience_ms),
				    .channel = { .fd = -1, .on_message = on_message, .on_end = on_end } };
	sp_list_init(&asker->asks);
	return asker->patience != NULL;
}

void sp_asker_fini(struct sp_asker *asker)
{
	SP_ASSERT(sp_list_is_empty(&asker->asks));
	sp_channel_close(&asker->channel);
}

void sp_asker_set_channel(struct sp_asker *asker, int fd)
{
	sp_channel_close(&asker->channel);
	sp_channel_open(&asker->channel, asker->loop, fd, asker->self, asker->peer);
	for (struct sp_list *at = asker->asks.next; at != &asker->asks; at = at->next)
		put(asker, SP_HOLDER(at, struct sp_ask, link));
}

bool sp_asker_ask(struct sp_asker *asker, struct sp_ask *ask)
{
	if (asker->count >= asker->most)
		return false;
	asker->count++;
	ask->asker = asker;
	ask->sent = 0;
	ask->id = ++asker->last_id;
	sp_list_push(&asker->asks, &ask->link);
	sp_deadline_init(&ask->deadline);
	sp_deadline_set(&ask->deadline, asker->patience, on_late);
	put(asker, ask);
	return true;
}
