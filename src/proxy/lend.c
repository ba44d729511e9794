#include "lend.h"

#include "sp/base/clock.h"

#include "balance.h"
#include "proxy_int.h"

void sp_lend_drop(struct sp_exchange *x, enum sp_lease_end how)
{
	struct sp_lease *lease = x->lease;

	if (lease == NULL)
		return;
	x->lease = NULL;
	x->down_pipe.from = NULL;
	if (how == SP_LEASE_REUSE)
		lease->end->ops->done(lease->end);
	else
		lease->end->ops->abort(lease->end, x->why);
	x->up = NULL;
	sp_lease_give_back(lease, how);
}

static void take_lease(struct sp_exchange *x, struct sp_lease *lease)
{
	x->lease = lease;
	x->up = lease->end;
	x->up->x = x;
	x->down_pipe.from = x->up;
	x->is_reused = lease->is_reused;
	x->times.lent = sp_now_us();
	if (x->times.queued == 0)
		x->times.queued = x->times.lent;
}

enum sp_exchange_state sp_lend_none(struct sp_exchange *x, enum sp_why why)
{
	if (x->why == SP_WHY_OK) {              /* else: what the last backend did says more */
		x->why = why;
		x->at = SP_AT_QUEUE;
	}
	return SP_EX_ANSWER;
}

void sp_lend_tried(struct sp_exchange *x, const struct sp_backend *backend)
{
	size_t index = sp_backend_index(backend);

	if (index < 64)
		x->tried |= (uint64_t)1 << index;
	x->failed |= x->tried;
}

/* The pool may have gone on to a generation that this exchange does not hold. */
static void note_backend(struct sp_exchange *x, const struct sp_backend *backend)
{
	struct sp_serve *before = x->lent_of, *of = backend->pool->of;

	x->lent_of = of == x->serve ? NULL : sp_serve_hold(of);
	if (x->tries > 1)               /* the one before has not answered; a stale connection is no try */
		sp_metrics_add(x->backend_row, SP_BACKEND_CODES + sp_metrics_code(0), 1);
	x->backend = backend->conf;
	x->backend_row = backend->row;
	if (before != NULL)
		sp_serve_release(before);
}

/* What the pool's balance goes by, beside load. */
static void tell_key(const struct sp_exchange *x, struct sp_pool_want *want)
{
	const struct sp_conf_pool *conf = x->pool->conf;
	const struct sp_field *f;

	want->sticky = x->sticky;
	if (conf->balance == SP_BALANCE_HASH_CLIENT) {
		want->has_hash = true;
		want->hash = sp_balance_hash(sp_str_of((const char *)x->client.ip, sizeof(x->client.ip)));
	} else if (conf->balance == SP_BALANCE_HASH_HEADER &&
	           (f = sp_head_find_name(&x->request, conf->balance_name)) != NULL) {
		want->has_hash = true;
		want->hash = sp_balance_hash(f->value);
	}
}

/* CONNECT: it waits in the queue. */
static enum sp_exchange_state wait_for_one(struct sp_exchange *x, void (*on_called)(struct sp_wait *w))
{
	return sp_queue_enter(&x->pool->queue, &x->place, on_called, x->tried) ? SP_EX_CONNECT : sp_lend_none(x, SP_WHY_QUEUE_FULL);
}

bool sp_lend_may_retry(struct sp_exchange *x)
{
	return x->tries <= x->pool->conf->retries && sp_retry_budget_take(&x->pool->budget, x->pool->conf->retry_budget);
}

enum sp_exchange_state sp_lend(struct sp_exchange *x, void (*on_called)(struct sp_wait *w))
{
	struct sp_pool_want want = { .tried = x->tried, .is_fresh = x->is_stale_replayed, .x = x };
	struct sp_lease *lease;

	tell_key(x, &want);
	if (x->tries == 0 && !x->is_called)
		sp_retry_budget_pay(&x->pool->budget, x->pool->conf->retry_budget);
	if (!x->is_called && !sp_queue_is_empty(&x->pool->queue))
		return wait_for_one(x, on_called);
	x->is_called = false;
	for (;;) {
		enum sp_pool_rc rc = sp_pool_lend(x->pool, &want, &lease);

		if (rc == SP_POOL_DOWN && want.tried != 0) {    /* no other is left: once more on one that was tried */
			want.tried = x->tried = 0;
			continue;
		}
		if (rc == SP_POOL_DOWN)
			return sp_lend_none(x, SP_WHY_NO_BACKEND);
		if (rc == SP_POOL_FULL)
			return wait_for_one(x, on_called);
		if (rc == SP_POOL_MEMORY)
			return sp_lend_none(x, SP_WHY_NO_MEMORY);
		x->tries++;
		note_backend(x, want.chosen);
		if (rc == SP_POOL_LENT) {
			take_lease(x, lease);
			return SP_EX_CONNECT;
		}
		x->why = SP_WHY_BACKEND_REFUSED;
		x->at = SP_AT_CONNECT;
		sp_lend_tried(x, want.chosen);
		want.tried = x->tried;
		sp_eject_failed(&x->pool->backends[sp_backend_index(want.chosen)], SP_WHY_BACKEND_REFUSED);
		if (!sp_lend_may_retry(x))
			return SP_EX_ANSWER;
	}
}
