#include "pool.h"

#include <stdlib.h>

#include "sp/base/clock.h"
#include "sp/base/siphash.h"

#include "balance.h"
#include "crowd.h"
#include "named.h"
#include "proxy_int.h"
#include "sticky.h"
#include "tally.h"
#include "up_h1.h"

static struct sp_deadline_list *list_of(struct sp_proxy *proxy, uint64_t ms)
{
	return ms == 0 ? NULL : sp_loop_deadlines(proxy->loop, ms);
}

static bool make_lists(struct sp_pool *pool)
{
	const struct sp_conf_pool *conf = pool->conf;

	pool->connect = list_of(pool->proxy, conf->connect_timeout);
	pool->answer = list_of(pool->proxy, conf->answer_timeout);
	pool->read = list_of(pool->proxy, conf->read_timeout);
	pool->idle = list_of(pool->proxy, conf->backend_idle);
	return (conf->connect_timeout == 0 || pool->connect != NULL) && (conf->answer_timeout == 0 || pool->answer != NULL) &&
	       (conf->read_timeout == 0 || pool->read != NULL) && (conf->backend_idle == 0 || pool->idle != NULL);
}

/* A backend of the same name twice is two backends. */
static uint64_t identity_of(const struct sp_conf_pool *conf, size_t i)
{
	uint64_t identity = sp_balance_hash(conf->backends[i].name);

	for (size_t k = 0; k < i; k++)
		identity += sp_str_eq(conf->backends[k].name, conf->backends[i].name) ? 1 : 0;
	return identity;
}

static void init_backend(struct sp_pool *pool, size_t i)
{
	struct sp_backend *b = &pool->backends[i];

	*b = (struct sp_backend){
		.conf = &pool->conf->backends[i],
		.pool = pool,
		.identity = identity_of(pool->conf, i),
		.state = { .weight = -1 },      /* looked at before it is asked for anything */
	};
	sp_list_init(&b->idle);
	sp_crowd_join(b);
	if (pool->conf->balance == SP_BALANCE_COOKIE)
		sp_sticky_name(b);
}

struct sp_pool *sp_pool_new(struct sp_proxy *proxy, struct sp_serve *of, const struct sp_conf_pool *conf)
{
	struct sp_pool *pool = calloc(1, sizeof(*pool));

	if (pool == NULL)
		return NULL;
	pool->conf = conf;
	pool->of = sp_serve_hold(of);
	pool->proxy = proxy;
	sp_list_init(&pool->past);
	sp_list_init(&pool->all);
	sp_list_init(&pool->idle_order);
	pool->random = sp_siphash_process_key()->k1 + proxy->worker;
	pool->backends = calloc(conf->backend_count + 1, sizeof(*pool->backends));
	pool->among = calloc(conf->backend_count + 1, sizeof(struct sp_backend *));
	if (!sp_queue_init(&pool->queue, pool, proxy->worker_count) || pool->backends == NULL || pool->among == NULL ||
	    !make_lists(pool)) {
		sp_pool_free(pool);
		return NULL;
	}
	for (size_t i = 0; i < conf->backend_count; i++)
		init_backend(pool, i);
	sp_tally_pool(pool);
	return pool;
}

void sp_pool_free(struct sp_pool *pool)
{
	if (pool == NULL)
		return;
	if (!sp_list_is_empty(&pool->all)) {
		while (!sp_list_is_empty(&pool->all))
			sp_up_h1_close(SP_HOLDER(pool->all.next, struct sp_up_h1, link));
		sp_loop_turn(pool->proxy->loop, false); /* what was closed is freed */
	}
	sp_list_unlink(&pool->past);
	sp_queue_fini(&pool->queue);
	free(pool->among);
	for (size_t i = 0; pool->backends != NULL && i < pool->conf->backend_count; i++)
		sp_tls_server_forget(&pool->backends[i].tls);
	free(pool->backends);
	sp_serve_release(pool->of);
	free(pool);
}

void sp_pool_adopt(struct sp_pool *pool, struct sp_serve *of, const struct sp_conf_pool *conf)
{
	struct sp_serve *before = pool->of;

	SP_ASSERT(conf->backend_count == pool->conf->backend_count);
	pool->of = sp_serve_hold(of);
	pool->conf = conf;
	for (size_t i = 0; i < conf->backend_count; i++)
		pool->backends[i].conf = &conf->backends[i];
	sp_serve_release(before);
}

void sp_pool_retire(struct sp_pool *pool)
{
	pool->is_past = true;
	while (!sp_list_is_empty(&pool->idle_order))
		sp_up_h1_close(SP_HOLDER(pool->idle_order.next, struct sp_up_h1, order_link));
}

bool sp_pool_is_over(const struct sp_pool *pool)
{
	return pool->is_past && pool->users == 0 && sp_list_is_empty(&pool->all);
}

/* ---- a backend, as all workers see it */

#define FULL 100U                       /* the weight's unit */
#define SLOWEST 10U                     /* slow_start begins with a tenth: enough to see how it does */

static void look(struct sp_backend *backend)
{
	if (backend->state_ms == sp_now_ms())
		return;
	backend->state_ms = sp_now_ms();
	backend->state = sp_crowd_look(backend);
	if (sp_conf_backend_is_named(backend->conf))
		sp_named_prune(backend);
}

static uint64_t base_weight(const struct sp_backend *backend)
{
	return backend->state.weight < 0 ? backend->conf->weight : (uint64_t)backend->state.weight;
}

bool sp_backend_is_usable(struct sp_backend *backend)
{
	if (backend->conf->is_down)
		return false;
	look(backend);
	return backend->state.is_usable && base_weight(backend) > 0 && !sp_eject_is_out(backend);
}

uint64_t sp_backend_weight(const struct sp_backend *backend)
{
	uint64_t lasts = backend->pool->conf->slow_start, share = FULL, now = sp_now_ms();
	uint64_t since = backend->eject.back_ms > backend->state.since_ms ? backend->eject.back_ms : backend->state.since_ms;

	if (lasts != 0 && since != 0 && since <= now && now - since < lasts)
		share = FULL * (now - since) / lasts;
	return base_weight(backend) * (share < SLOWEST ? SLOWEST : share);
}

/* ---- leases */

static struct sp_up_h1 *newest_idle(const struct sp_backend *backend)
{
	if (sp_list_is_empty(&backend->idle))
		return NULL;
	return SP_HOLDER(backend->idle.next, struct sp_up_h1, idle_link);
}

enum sp_pool_rc sp_pool_lend(struct sp_pool *pool, struct sp_pool_want *want, struct sp_lease **out)
{
	bool is_full;
	struct sp_backend *backend = sp_balance_next(pool, want, &is_full);
	struct sp_up_h1 *up;

	want->chosen = backend;
	if (backend == NULL)
		return is_full ? SP_POOL_FULL : SP_POOL_DOWN;
	up = want->is_fresh ? NULL : newest_idle(backend); /* with a PROXY header there is none */
	if (up != NULL)
		sp_up_h1_lend(up);
	else if (sp_up_h1_new(pool, backend, want, &up) == SP_DIAL_FAILED)
		return SP_POOL_REFUSED;
	up->lease.is_out = true;
	sp_crowd_count(backend, 1);
	*out = &up->lease;
	return SP_POOL_LENT;
}

/* A connection that began with a client's address is that client's. */
static bool may_keep(const struct sp_pool *pool)
{
	return !pool->is_past && pool->conf->keepalive != 0 && pool->idle != NULL && !pool->conf->has_proxy_header;
}

void sp_lease_give_back(struct sp_lease *lease, enum sp_lease_end how)
{
	struct sp_up_h1 *up = sp_up_h1_of_lease(lease);
	struct sp_pool *pool = up->pool;

	SP_ASSERT(lease->is_out && lease->end->x == NULL);
	lease->is_out = false;
	sp_crowd_count(lease->backend, -1);
	sp_queue_look(&pool->queue);
	if (how != SP_LEASE_REUSE || !lease->is_clean || up->is_dead || !may_keep(pool) ||
	    !sp_named_has(lease->backend, &up->dial.addr)) {
		sp_up_h1_close(up);
		return;
	}
	if (pool->idle_count >= pool->conf->keepalive)
		sp_up_h1_close(SP_HOLDER(pool->idle_order.next, struct sp_up_h1, order_link));
	sp_up_h1_park(up);
}

bool sp_pool_is_usable(const struct sp_pool *pool)
{
	for (size_t i = 0; i < pool->conf->backend_count; i++)
		if (sp_backend_is_usable(&pool->backends[i]))
			return true;
	return false;
}

size_t sp_backend_index(const struct sp_backend *backend)
{
	return (size_t)(backend - backend->pool->backends);
}
