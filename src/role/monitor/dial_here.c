#include "dial_here.h"

#include <errno.h>
#include <stdlib.h>

#include "sp/ipc/channel.h"

enum { ASKS_MOST = 128 };

struct here {
	struct sp_dial dial; /* first */
	struct sp_loop *loop; /* borrowed */
	const struct sp_conf *conf; /* borrowed */
	struct sp_egress egress; /* borrows from the configuration */
	sp_dial_find *find;
	void *arg;
	struct sp_soon soon;
	struct sp_dial_ask *asks[ASKS_MOST]; /* borrowed: to be answered; NULL: a free place */
};

static void answer(const struct here *here, struct sp_dial_ask *ask)
{
	const struct sp_conf_egress *names = &here->conf->egress;
	struct sp_addr addr = { .family = SP_ADDR_NONE };

	if (ask->what == SP_IPC_DIAL_BACKEND) {
		(void)!here->find(here->arg, ask->index, ask->nth, &addr);
		(void)!sp_dial_connect(&here->egress, &addr, ask);
		return;
	}
	if (ask->index < names->resolver_count)
		addr = names->resolvers[ask->index];
	(void)!sp_dial_resolver(&here->egress, &addr, ask->what == SP_IPC_DIAL_RESOLVER_UDP, ask);
}

static void on_soon(struct sp_soon *soon)
{
	struct here *here = SP_HOLDER(soon, struct here, soon);

	for (size_t i = 0; i < ASKS_MOST; i++) {
		struct sp_dial_ask *ask = here->asks[i];

		if (ask == NULL)
			continue;
		here->asks[i] = NULL;
		answer(here, ask);
		sp_wait_wake(&ask->wait); /* who may ask anew */
	}
}

static void on_cancel(struct sp_wait *wait)
{
	struct here *here = (struct here *)SP_HOLDER(wait, struct sp_dial_ask, wait)->dial;

	here->asks[wait->id] = NULL;
}

static enum sp_dial_rc here_ask(struct sp_dial *dial, struct sp_dial_ask *ask)
{
	struct here *here = (struct here *)dial;
	uint32_t i = 0;

	ask->fd = -1;
	ask->rc = SP_DIAL_FAILED;
	ask->error = EAGAIN;
	ask->refused = SP_EGRESS_OK;
	while (i < ASKS_MOST && here->asks[i] != NULL)
		i++;
	if (i == ASKS_MOST)
		return SP_DIAL_FAILED;
	here->asks[i] = ask;
	ask->wait.id = i;
	ask->wait.cancel = on_cancel;
	sp_soon_add(here->loop, &here->soon);
	return SP_DIAL_LATER;
}

static void here_free(struct sp_dial *dial)
{
	struct here *here = (struct here *)dial;

	sp_soon_cancel(&here->soon);
	free(here);
}

struct sp_dial *sp_dial_new_here(struct sp_loop *loop, const struct sp_conf *conf, sp_dial_find *find, void *arg)
{
	struct here *here = calloc(1, sizeof(*here));

	if (here == NULL)
		return NULL;
	here->dial = (struct sp_dial){ .ask = here_ask, .free = here_free };
	here->loop = loop;
	here->conf = conf;
	here->egress = sp_conf_egress_rules(conf);
	here->find = find;
	here->arg = arg;
	sp_soon_init(&here->soon, on_soon);
	return &here->dial;
}
