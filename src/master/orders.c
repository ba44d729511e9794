#include "orders.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "reload.h"
#include "sp/base/clock.h"
#include "sp/base/log.h"
#include "tell.h"

enum {
	ORDERS_A_SECOND = 10, /* and as many at once: people type them */
	CONFIRM_MOST_S = 24 * 3600,
};

/* Milli-orders, so that a small rate does not round to nothing. */
static bool take_token(struct sp_orders *orders)
{
	uint64_t now = sp_now_ms(), most = ORDERS_A_SECOND * 1000;

	orders->tokens += (now - orders->filled_ms) * ORDERS_A_SECOND;
	orders->filled_ms = now;
	if (orders->tokens > most)
		orders->tokens = most;
	if (orders->tokens < 1000)
		return false;
	orders->tokens -= 1000;
	return true;
}

static void forget(struct sp_order *order)
{
	if (order->caller_fd >= 0)
		(void)close(order->caller_fd);
	free(order->text);
	*order = (struct sp_order){ .caller_fd = -1 };
}

/* ---- the outcome */

/* In memory that the receiver reads from its start. -1: none. */
static int text_fd(const char *text)
{
	size_t n = strlen(text);
	int fd = memfd_create("outcome", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (n > SP_IPC_OUTCOME_TEXT)
		n = SP_IPC_OUTCOME_TEXT;
	if (fd >= 0 && pwrite(fd, text, n, 0) == (ssize_t)n)
		return fd;
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

static void send_outcome(struct sp_master *m, struct sp_slot *monitor, const struct sp_order *order)
{
	struct sp_ipc_message caller = { .type = SP_IPC_CALLER, .fd = order->caller_fd };
	struct sp_ipc_message outcome = { .type = SP_IPC_OUTCOME,
					  .fd = text_fd(order->text == NULL ? "" : order->text) };
	uint64_t confirm_ms = 0, now = sp_now_ms();

	if (outcome.fd < 0)
		return;
	(void)sp_reload_returns(m, &confirm_ms);
	caller.body.caller.id = outcome.body.outcome.id = order->id;
	outcome.body.outcome.order = order->order;
	outcome.body.outcome.result = order->is_done ? SP_IPC_RESULT_DONE : SP_IPC_RESULT_REFUSED;
	outcome.body.outcome.generation = m->edition->number;
	outcome.body.outcome.confirm_s = confirm_ms > now ? (uint32_t)((confirm_ms - now + 999) / 1000) : 0;
	if (sp_slot_tell(monitor, &caller))
		(void)sp_slot_tell(monitor, &outcome);
	(void)close(outcome.fd);
}

void sp_orders_deliver(struct sp_master *m)
{
	struct sp_slot *monitor = sp_slot_of_role(m, SP_IPC_MONITOR);

	for (size_t i = 0; i < SP_ORDERS; i++) {
		struct sp_order *order = &m->orders.items[i];

		if (!order->is_decided || monitor->pid == 0 || !monitor->is_ready)
			continue;
		send_outcome(m, monitor, order);
		forget(order);
	}
}

static void decide(struct sp_order *order, bool is_done, const char *text)
{
	order->is_decided = true;
	order->is_done = is_done;
	order->text = strdup(text); /* no memory: an outcome without its reasons */
	sp_orders_deliver(order->master);
}

/* ---- carrying out */

static void on_reloaded(void *arg, const struct sp_reload_outcome *outcome)
{
	decide(arg, outcome->is_done, outcome->text);
}

static void reload(struct sp_order *order, uint32_t confirm_s)
{
	if (confirm_s > CONFIRM_MOST_S)
		confirm_s = CONFIRM_MOST_S;
	if (sp_reload_begin(order->master, confirm_s * UINT64_C(1000), on_reloaded, order))
		return;
	decide(order, false,
	       order->master->state == SP_MASTER_SERVING ? "another reload is under way: try again behind it\n"
							 : "the gateway is starting or ending\n");
}

static void confirm(struct sp_order *order)
{
	bool is_done = sp_reload_confirm(order->master);

	if (is_done)
		sp_tell_gateway(order->master);
	decide(order, is_done, is_done ? "" : "no reload waits to be confirmed\n");
}

static void drain(struct sp_order *order, bool is_drained)
{
	struct sp_master *m = order->master;

	if (m->state != SP_MASTER_SERVING) {
		decide(order, false, "the gateway is starting or ending\n");
		return;
	}
	if (m->is_drained != is_drained)
		sp_info(is_drained ? "gateway_drained" : "gateway_undrained");
	m->is_drained = is_drained;
	sp_slots_set_health(m, is_drained);
	sp_tell_gateway(m);
	decide(order, true, "");
}

static struct sp_order *find_free(struct sp_orders *orders)
{
	for (size_t i = 0; i < SP_ORDERS; i++)
		if (!orders->items[i].is_used)
			return &orders->items[i];
	return NULL;
}

/* Whoever comes in too large numbers is closed; the monitor has told him that it is passed on. */
void sp_orders_take(struct sp_master *m, struct sp_ipc_message *message)
{
	struct sp_order *order = take_token(&m->orders) ? find_free(&m->orders) : NULL;

	if (order == NULL || message->body.command.order >= SP_IPC_ORDER_COUNT) {
		sp_warn("order_dropped", SP_KV_TEXT("why", order == NULL ? "too_many" : "unknown"));
		return;
	}
	*order = (struct sp_order){ .is_used = true,
				    .master = m,
				    .id = ++m->orders.last_id,
				    .order = message->body.command.order,
				    .caller_fd = message->fd };
	message->fd = -1;
	switch (order->order) {
	case SP_IPC_ORDER_RELOAD: reload(order, message->body.command.confirm_s); break;
	case SP_IPC_ORDER_CONFIRM: confirm(order); break;
	default: drain(order, order->order == SP_IPC_ORDER_DRAIN); break;
	}
}

void sp_orders_close(struct sp_master *m)
{
	for (size_t i = 0; i < SP_ORDERS; i++)
		if (m->orders.items[i].is_used)
			forget(&m->orders.items[i]);
}
