#include "pool.h"

#include <stdlib.h>

#include "balance.h"
#include "proxy_int.h"
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
	pool->backends = calloc(conf->backend_count + 1, sizeof(*pool->backends));
	if (pool->backends == NULL || !make_lists(pool)) {
		sp_pool_free(pool);
		return NULL;
	}
	for (size_t i = 0; i < conf->backend_count; i++) {
		pool->backends[i] = (struct sp_backend){ .conf = &conf->backends[i], .pool = pool };
		sp_list_init(&pool->backends[i].idle);
	}
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

static struct sp_up_h1 *newest_idle(const struct sp_backend *backend)
{
	if (sp_list_is_empty(&backend->idle))
		return NULL;
	return SP_HOLDER(backend->idle.next, struct sp_up_h1, idle_link);
}

enum sp_pool_rc sp_pool_lend(struct sp_pool *pool, struct sp_pool_want *want, struct sp_lease **out)
{
	bool is_full;
	struct sp_backend *backend = sp_balance_next(pool, want->tried, &is_full);
	struct sp_up_h1 *up;

	want->chosen = backend;
	if (backend == NULL)
		return is_full ? SP_POOL_FULL : SP_POOL_DOWN;
	up = want->is_fresh ? NULL : newest_idle(backend);
	if (up != NULL)
		sp_up_h1_lend(up);
	else if (sp_up_h1_new(pool, backend, &up) == SP_DIAL_FAILED)
		return SP_POOL_REFUSED;
	up->lease.is_out = true;
	backend->inflight++;
	*out = &up->lease;
	return SP_POOL_LENT;
}

void sp_lease_give_back(struct sp_lease *lease, enum sp_lease_end how)
{
	struct sp_up_h1 *up = sp_up_h1_of_lease(lease);
	struct sp_pool *pool = up->pool;

	SP_ASSERT(lease->is_out && lease->end->x == NULL);
	lease->is_out = false;
	lease->backend->inflight--;
	if (how != SP_LEASE_REUSE || !lease->is_clean || up->is_dead || pool->is_past || pool->conf->keepalive == 0 || pool->idle == NULL) {
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
		if (!pool->backends[i].conf->is_down)
			return true;
	return false;
}

size_t sp_backend_index(const struct sp_backend *backend)
{
	return (size_t)(backend - backend->pool->backends);
}
