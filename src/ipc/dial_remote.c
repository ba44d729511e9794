#include "sp/ipc/dial_remote.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sp/base/check.h"
#include "sp/ipc/asker.h"

enum {
	ASKS_MOST = 256,
	PATIENCE_MS = 5000, /* the pool's connect_timeout runs besides, and is shorter by default */
};

struct slot {
	struct sp_ask ask;
	struct sp_dial_ask *of; /* borrowed: cut by cancel and answer; NULL: the slot is free */
};

struct remote {
	struct sp_dial dial; /* first */
	struct sp_asker asker;
	uint32_t free_count;
	uint32_t free[ASKS_MOST]; /* a stack of indexes */
	struct slot slots[ASKS_MOST];
};

static void fill(struct sp_ask *ask, struct sp_ipc_message *question)
{
	const struct sp_dial_ask *of = SP_HOLDER(ask, struct slot, ask)->of;

	question->type = SP_IPC_DIAL;
	question->body.dial.what = of->what;
	question->body.dial.index = of->index;
	question->body.dial.nth = of->nth;
}

static void release(struct remote *remote, struct slot *slot)
{
	slot->of = NULL;
	remote->free[remote->free_count++] = (uint32_t)(slot - remote->slots);
}

static void take(struct sp_dial_ask *of, struct sp_ipc_message *answer)
{
	of->rc = SP_DIAL_FAILED;
	of->error = ETIMEDOUT;
	if (answer == NULL)
		return;
	if (answer->type == SP_IPC_DIALED) {
		of->rc = SP_DIAL_DONE;
		of->error = 0;
		of->addr.family = answer->body.dialed.is_v6 != 0 ? SP_ADDR_V6 : SP_ADDR_V4;
		memcpy(of->addr.ip, answer->body.dialed.ip, of->addr.family == SP_ADDR_V6 ? 16 : 4);
		of->fd = answer->fd;
		answer->fd = -1;
	} else if (answer->type == SP_IPC_NOT_DIALED) {
		of->error = answer->body.not_dialed.error;
		if (answer->body.not_dialed.refused <= SP_EGRESS_FAMILY)
			of->refused = (enum sp_egress_verdict)answer->body.not_dialed.refused;
	}
}

static void on_answer(struct sp_ask *ask, struct sp_ipc_message *answer)
{
	struct slot *slot = SP_HOLDER(ask, struct slot, ask);
	struct sp_dial_ask *of = slot->of;

	take(of, answer);
	release((struct remote *)of->dial, slot);
	sp_wait_wake(&of->wait);
}

static void on_cancel(struct sp_wait *wait)
{
	struct remote *remote = (struct remote *)SP_HOLDER(wait, struct sp_dial_ask, wait)->dial;
	struct slot *slot = &remote->slots[wait->id];

	sp_ask_cancel(&slot->ask);
	release(remote, slot);
}

static enum sp_dial_rc remote_ask(struct sp_dial *dial, struct sp_dial_ask *ask)
{
	struct remote *remote = (struct remote *)dial;
	struct slot *slot;

	ask->fd = -1;
	ask->addr = (struct sp_addr){ .family = SP_ADDR_NONE };
	ask->error = EAGAIN;
	ask->refused = SP_EGRESS_OK;
	ask->rc = SP_DIAL_FAILED;
	if (remote->free_count == 0)
		return SP_DIAL_FAILED;
	slot = &remote->slots[remote->free[--remote->free_count]];
	*slot = (struct slot){ .ask = { .fill = fill, .on_answer = on_answer }, .of = ask };
	ask->wait.id = (uint32_t)(slot - remote->slots);
	ask->wait.cancel = on_cancel;
	SP_ASSERT(sp_asker_ask(&remote->asker, &slot->ask)); /* as many places there as slots here */
	return SP_DIAL_LATER;
}

static void remote_free(struct sp_dial *dial)
{
	struct remote *remote = (struct remote *)dial;

	sp_asker_fini(&remote->asker);
	free(remote);
}

struct sp_dial *sp_dial_new_remote(struct sp_loop *loop, enum sp_ipc_role self, struct sp_err *err)
{
	struct remote *remote = calloc(1, sizeof(*remote));

	if (remote == NULL || !sp_asker_init(&remote->asker, loop, self, SP_IPC_DIALER, ASKS_MOST, PATIENCE_MS)) {
		sp_err_set(err, "no memory for the dialer's channel");
		free(remote);
		return NULL;
	}
	remote->dial = (struct sp_dial){ .ask = remote_ask, .free = remote_free };
	for (uint32_t i = 0; i < ASKS_MOST; i++)
		remote->free[remote->free_count++] = i;
	return &remote->dial;
}

void sp_dial_set_dialer(struct sp_dial *dial, int fd)
{
	SP_ASSERT(dial->ask == remote_ask);
	sp_asker_set_channel(&((struct remote *)dial)->asker, fd);
}

unsigned sp_dial_asked(const struct sp_dial *dial)
{
	SP_ASSERT(dial->ask == remote_ask);
	return ((const struct remote *)dial)->asker.count;
}

void sp_dial_leave(struct sp_dial *dial)
{
	SP_ASSERT(dial->ask == remote_ask);
	sp_channel_close(&((struct remote *)dial)->asker.channel);
}
