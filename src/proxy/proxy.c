#include "sp/proxy/proxy.h"

#include <stdlib.h>
#include <unistd.h>

#include "sp/base/check.h"

#include "client.h"
#include "proxy_int.h"
#include "up_h1.h"

#define SLIM_MS 1000
#define LINGER_MS 1000

/* ---- building */

static bool make_listening(struct sp_proxy *proxy, struct sp_listening *l, const struct sp_serve_listener *serve)
{
	const struct sp_conf_listener *conf = serve->conf;

	l->serve = serve;
	l->handshake = sp_loop_deadlines(proxy->loop, conf->tls_timeout);
	l->header = sp_loop_deadlines(proxy->loop, conf->header_timeout);
	l->idle = conf->client_idle == 0 ? NULL : sp_loop_deadlines(proxy->loop, conf->client_idle);
	l->pace = conf->min_rate == 0 ? NULL : sp_loop_deadlines(proxy->loop, SP_PACE_MS);
	l->linger = sp_loop_deadlines(proxy->loop, LINGER_MS);
	l->slim = sp_loop_deadlines(proxy->loop, SLIM_MS);
	return l->handshake != NULL && l->header != NULL && l->linger != NULL && l->slim != NULL &&
	       (l->idle != NULL || conf->client_idle == 0) && (l->pace != NULL || conf->min_rate == 0);
}

static bool make_listenings(struct sp_proxy *proxy)
{
	const struct sp_conf *conf = proxy->serve->conf;

	proxy->listenings = calloc(conf->listener_count + 1, sizeof(*proxy->listenings));
	if (proxy->listenings == NULL)
		return false;
	for (size_t i = 0; i < conf->listener_count; i++)
		if (!make_listening(proxy, &proxy->listenings[i], &proxy->serve->listeners[i]))
			return false;
	return true;
}

static bool make_pools(struct sp_proxy *proxy)
{
	const struct sp_conf *conf = proxy->serve->conf;

	proxy->pools = calloc(conf->pool_count + 1, sizeof(struct sp_pool *));
	if (proxy->pools == NULL)
		return false;
	for (; proxy->pool_count < conf->pool_count; proxy->pool_count++) {
		proxy->pools[proxy->pool_count] = sp_pool_new(proxy, &conf->pools[proxy->pool_count]);
		if (proxy->pools[proxy->pool_count] == NULL)
			return false;
	}
	return true;
}

/* Rules that look at paths, so that two spellings of one path could be judged differently. */
static bool has_path_rules(const struct sp_conf *conf)
{
	for (size_t i = 0; i < conf->route_count; i++)
		for (size_t k = 0; k < conf->routes[i].path_count; k++)
			if (!conf->routes[i].paths[k].is_prefix || !sp_str_eq(conf->routes[i].paths[k].path, SP_STR("/")))
				return true;
	return false;
}

/* Two pipes of 64 KiB, a head each way, what waits behind: an exchange's worst case in chunks. */
static size_t chunk_limit(const struct sp_proxy_env *env, const struct sp_conf *conf)
{
	size_t most = (size_t)conf->gateway.max_connections * 12;

	return env->memory_max == 0 ? most : env->memory_max / sizeof(struct sp_chunk) + 1;
}

static bool make_memory(struct sp_proxy *proxy, const struct sp_proxy_env *env)
{
	proxy->chunks = sp_chunk_pool_new(chunk_limit(env, proxy->serve->conf));
	proxy->clients = sp_slab_new("client", sizeof(struct sp_client), 0);
	proxy->exchanges = sp_slab_new("exchange", sizeof(struct sp_exchange), 0);
	proxy->conns = sp_slab_new("backend connection", sizeof(struct sp_up_h1), 0);
	return proxy->chunks != NULL && proxy->clients != NULL && proxy->exchanges != NULL && proxy->conns != NULL;
}

struct sp_proxy *sp_proxy_new(const struct sp_proxy_env *env, struct sp_err *err)
{
	struct sp_proxy *proxy = calloc(1, sizeof(*proxy));

	if (proxy == NULL) {
		sp_err_set(err, "no memory for a worker");
		return NULL;
	}
	proxy->loop = env->loop;
	proxy->serve = sp_serve_hold(env->serve);
	sp_list_init(&proxy->all);
	proxy->has_path_rules = has_path_rules(proxy->serve->conf);
	proxy->access = sp_access_new(env->loop, &proxy->serve->conf->log, env->access_fd);
	if (!sp_request_ids_init(&proxy->ids, err) || proxy->access == NULL || !make_memory(proxy, env) ||
	    !make_listenings(proxy) || !make_pools(proxy)) {
		sp_err_set(err, "no memory for a worker");
		sp_proxy_free(proxy);
		return NULL;
	}
	return proxy;
}

void sp_proxy_free(struct sp_proxy *proxy)
{
	if (proxy == NULL)
		return;
	proxy->on_drained = NULL;
	while (!sp_list_is_empty(&proxy->all))
		sp_client_cut(sp_client_of_link(proxy->all.next));
	for (size_t i = 0; i < proxy->pool_count; i++)
		sp_pool_free(proxy->pools[i]);
	sp_loop_turn(proxy->loop, false);
	free(proxy->pools);
	free(proxy->listenings);
	sp_access_free(proxy->access);
	sp_slab_free(proxy->clients);
	sp_slab_free(proxy->exchanges);
	sp_slab_free(proxy->conns);
	sp_chunk_pool_free(proxy->chunks);
	sp_serve_release(proxy->serve);
	free(proxy);
}

/* ---- its life */

void sp_proxy_accept(struct sp_proxy *proxy, size_t index, uint16_t port, int fd, const struct sp_addr *peer)
{
	SP_ASSERT(index < proxy->serve->conf->listener_count);
	sp_client_accept(proxy, &proxy->listenings[index], port, fd, peer);
}

static size_t *count_of(struct sp_proxy *proxy, const struct sp_listening *listening)
{
	return &proxy->listenings[listening - proxy->listenings].client_count;
}

void sp_proxy_client_came(struct sp_proxy *proxy, const struct sp_listening *listening, struct sp_list *link)
{
	sp_list_push(&proxy->all, link);
	proxy->client_count++;
	++*count_of(proxy, listening);
}

void sp_proxy_client_gone(struct sp_proxy *proxy, struct sp_list *link)
{
	void (*on_drained)(void *arg) = proxy->on_drained;

	sp_list_unlink(link);
	proxy->client_count--;
	--*count_of(proxy, sp_client_of_link(link)->from.listening);
	if (proxy->client_count > 0 || !proxy->is_draining || on_drained == NULL)
		return;
	proxy->on_drained = NULL;
	on_drained(proxy->drained_arg);
}

void sp_proxy_set_draining(struct sp_proxy *proxy)
{
	proxy->is_health_red = true;
}

/*
 * A client that is idle may have sent its next request just now: it gets a
 * short grace instead of a close, and its answer says Connection: close.
 */
void sp_proxy_drain(struct sp_proxy *proxy, void (*on_done)(void *arg), void *arg)
{
	struct sp_list *at, *next;

	proxy->is_health_red = proxy->is_draining = true;
	proxy->on_drained = on_done;
	proxy->drained_arg = arg;
	for (at = proxy->all.next; at != &proxy->all; at = next) {
		next = at->next;
		sp_down_h1_drain(&sp_client_of_link(at)->down);
	}
	if (proxy->client_count > 0 || on_done == NULL)
		return;
	proxy->on_drained = NULL;
	on_done(arg);
}

void sp_proxy_set_access_fd(struct sp_proxy *proxy, int fd)
{
	sp_access_set_fd(proxy->access, fd);
}

size_t sp_proxy_listener_count(const struct sp_proxy *proxy, size_t index)
{
	return proxy->listenings[index].client_count;
}

size_t sp_proxy_client_count(const struct sp_proxy *proxy)
{
	return proxy->client_count;
}
