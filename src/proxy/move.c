/*
 * move - a worker's proxy takes its next generation.
 *
 * Listenings are made anew for each generation, and clients go over to them
 * between two of their requests. A pool that is declared as before goes on as it
 * is, connections and all. What is past is freed when nobody uses it: a listening
 * with its last client, a pool with its last exchange and connection.
 */
#include <stdlib.h>

#include "sp/conf/diff.h"

#include "client.h"
#include "proxy_int.h"
#include "tally.h"

#define SLIM_MS 1000
#define LINGER_MS 1000

struct sp_proxy_next {
	struct sp_proxy *proxy; /* borrowed */
	struct sp_serve *serve; /* one hold */
	struct sp_listening **listenings; /* owned */
	struct sp_pool **pools; /* owned; NULL: the one that is there is taken over */
	size_t pool_count;
};

/* ---- building */

/* Connections that came together do not go together: ages are spread evenly over 90 to 110 %. */
static uint64_t age_of(uint64_t age, unsigned i)
{
	return age * 9 / 10 + age * i / (5 * (SP_AGES - 1));
}

static struct sp_listening *new_listening(struct sp_proxy *proxy, struct sp_serve *of,
					  const struct sp_serve_listener *serve)
{
	const struct sp_conf_listener *conf = serve->conf;
	struct sp_listening *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	sp_list_init(&l->link);
	l->of = sp_serve_hold(of);
	l->serve = serve;
	l->handshake = sp_loop_deadlines(proxy->loop, conf->tls_timeout);
	l->header = sp_loop_deadlines(proxy->loop, conf->header_timeout);
	l->idle = conf->client_idle == 0 ? NULL : sp_loop_deadlines(proxy->loop, conf->client_idle);
	l->pace = conf->min_rate == 0 ? NULL : sp_loop_deadlines(proxy->loop, SP_PACE_MS);
	l->linger = sp_loop_deadlines(proxy->loop, LINGER_MS);
	l->slim = sp_loop_deadlines(proxy->loop, SLIM_MS);
	for (unsigned i = 0; conf->connection_max_age != 0 && i < SP_AGES; i++)
		l->ages[i] = sp_loop_deadlines(proxy->loop, age_of(conf->connection_max_age, i));
	return l;
}

static bool is_whole(const struct sp_listening *l)
{
	const struct sp_conf_listener *conf = l->serve->conf;

	for (unsigned i = 0; conf->connection_max_age != 0 && i < SP_AGES; i++)
		if (l->ages[i] == NULL)
			return false;
	return l->handshake != NULL && l->header != NULL && l->linger != NULL && l->slim != NULL &&
	       (l->idle != NULL || conf->client_idle == 0) && (l->pace != NULL || conf->min_rate == 0);
}

static void free_listening(struct sp_listening *l)
{
	if (l == NULL)
		return;
	sp_list_unlink(&l->link);
	sp_challenges_free(l->challenges);
	sp_serve_release(l->of);
	free(l);
}

static bool make_listenings(struct sp_proxy_next *next)
{
	const struct sp_conf *conf = next->serve->conf;

	next->listenings = calloc(conf->listener_count + 1, sizeof(struct sp_listening *));
	for (size_t i = 0; next->listenings != NULL && i < conf->listener_count; i++) {
		next->listenings[i] = new_listening(next->proxy, next->serve, &next->serve->listeners[i]);
		if (next->listenings[i] == NULL || !is_whole(next->listenings[i]))
			return false;
	}
	return next->listenings != NULL;
}

/* The pool that is served now and goes on as `conf`. */
static struct sp_pool *same_pool(const struct sp_proxy *proxy, const struct sp_serve *serve,
				 const struct sp_conf_pool *conf)
{
	for (size_t i = 0; i < proxy->pool_count; i++)
		if (sp_conf_pool_is_same(proxy->serve->conf, proxy->pools[i]->conf, serve->conf, conf))
			return proxy->pools[i];
	return NULL;
}

static bool make_pools(struct sp_proxy_next *next)
{
	const struct sp_conf *conf = next->serve->conf;

	next->pools = calloc(conf->pool_count + 1, sizeof(struct sp_pool *));
	if (next->pools == NULL)
		return false;
	next->pool_count = conf->pool_count;
	for (size_t i = 0; i < conf->pool_count; i++) {
		if (same_pool(next->proxy, next->serve, &conf->pools[i]) != NULL)
			continue;
		next->pools[i] = sp_pool_new(next->proxy, next->serve, &conf->pools[i]);
		if (next->pools[i] == NULL)
			return false;
	}
	return true;
}

struct sp_proxy_next *sp_proxy_prepare(struct sp_proxy *proxy, struct sp_serve *serve, struct sp_err *err)
{
	struct sp_proxy_next *next = calloc(1, sizeof(*next));

	if (next != NULL) {
		next->proxy = proxy;
		next->serve = sp_serve_hold(serve);
		if (sp_tally_prepare(proxy, serve) && make_listenings(next) && make_pools(next))
			return next;
		sp_proxy_abandon(next);
	}
	sp_err_set(err, "no memory for the listeners and pools of a worker");
	return NULL;
}

void sp_proxy_abandon(struct sp_proxy_next *next)
{
	if (next == NULL)
		return;
	for (size_t i = 0; next->listenings != NULL && i < next->serve->conf->listener_count; i++)
		free_listening(next->listenings[i]);
	for (size_t i = 0; i < next->pool_count; i++)
		sp_pool_free(next->pools[i]);
	free(next->listenings);
	free(next->pools);
	sp_serve_release(next->serve);
	free(next);
}

/* ---- taking it */

/* Rules that look at paths, so that two spellings of one path could be judged differently. */
static void note_path_rules(struct sp_proxy *proxy, const struct sp_conf_route *route)
{
	for (size_t k = 0; k < route->path_count; k++) {
		if (!route->paths[k].is_prefix)
			proxy->has_exact_rules = proxy->has_path_rules = true;
		else if (!sp_str_eq(route->paths[k].path, SP_STR("/")))
			proxy->has_path_rules = true;
	}
}

static void note_rules(struct sp_proxy *proxy, const struct sp_conf *conf)
{
	proxy->has_client_cert_headers = proxy->has_path_rules = proxy->has_exact_rules = false;
	for (size_t i = 0; i < conf->tls_count; i++)
		proxy->has_client_cert_headers |= conf->tls[i].has_client_cert_headers;
	for (size_t i = 0; i < conf->route_count; i++)
		note_path_rules(proxy, &conf->routes[i]);
}

struct sp_listening *sp_proxy_successor(const struct sp_proxy *proxy, const struct sp_listening *listening)
{
	const struct sp_conf *conf = proxy->serve->conf;

	for (size_t i = 0; i < conf->listener_count; i++)
		if (sp_str_eq(conf->listeners[i].section.name, listening->serve->conf->section.name))
			return proxy->listenings[i];
	return NULL;
}

/* What an ACME client waits for is served on; the master tells what has changed. */
static void pass_on_challenges(struct sp_proxy *proxy, struct sp_listening *before)
{
	struct sp_listening *now = sp_proxy_successor(proxy, before);

	if (now == NULL)
		return;
	now->challenges = before->challenges;
	before->challenges = NULL;
}

static void adopt_pools(const struct sp_proxy *proxy, struct sp_proxy_next *next)
{
	const struct sp_conf *conf = next->serve->conf;

	for (size_t i = 0; i < next->pool_count; i++) {
		if (next->pools[i] != NULL)
			continue;
		next->pools[i] = same_pool(proxy, next->serve, &conf->pools[i]);
		SP_ASSERT(next->pools[i] != NULL); /* as it was prepared: no other generation was taken since */
	}
}

static bool has_pool(const struct sp_proxy_next *next, const struct sp_pool *pool)
{
	for (size_t i = 0; i < next->pool_count; i++)
		if (next->pools[i] == pool)
			return true;
	return false;
}

static void retire_pools(struct sp_proxy *proxy, const struct sp_proxy_next *next)
{
	for (size_t i = 0; i < proxy->pool_count; i++) {
		if (has_pool(next, proxy->pools[i]))
			continue;
		sp_pool_retire(proxy->pools[i]);
		sp_list_push(&proxy->past_pools, &proxy->pools[i]->past);
	}
	free(proxy->pools);
}

static void retire_listenings(struct sp_proxy *proxy, struct sp_listening **before, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		before[i]->is_past = true;
		sp_list_push(&proxy->past_listenings, &before[i]->link);
		pass_on_challenges(proxy, before[i]);
	}
	free(before);
}

/* Those that rest, or have not said hello; the others when they come to rest. */
static void move_clients(struct sp_proxy *proxy)
{
	for (struct sp_list *at = proxy->all.next; at != &proxy->all; at = at->next) {
		struct sp_client *c = sp_client_of_link(at);

		if (c->down.end.x == NULL && c->state <= SP_CLIENT_OPEN)
			sp_client_follow(c);
	}
}

void sp_proxy_take(struct sp_proxy *proxy, struct sp_proxy_next *next)
{
	struct sp_serve *before = proxy->serve;
	struct sp_listening **listenings = proxy->listenings;

	adopt_pools(proxy, next);
	retire_pools(proxy, next);
	proxy->serve = next->serve;
	proxy->listenings = next->listenings;
	proxy->pools = next->pools;
	proxy->pool_count = next->pool_count;
	for (size_t i = 0; i < proxy->pool_count; i++)
		if (proxy->pools[i]->of != proxy->serve)
			sp_pool_adopt(proxy->pools[i], proxy->serve, &proxy->serve->conf->pools[i]);
	free(next);
	note_rules(proxy, proxy->serve->conf);
	sp_admission_follow(&proxy->admission, proxy->serve->conf);
	sp_access_set_conf(proxy->access, &proxy->serve->conf->log);
	if (before == NULL)
		return;
	retire_listenings(proxy, listenings, before->conf->listener_count);
	move_clients(proxy);
	sp_serve_release(before);
}

/* ---- what is past */

/* is_end: also what still is used, by nobody who is alive. */
static void sweep(struct sp_proxy *proxy, bool is_end)
{
	struct sp_list *at, *next;

	for (at = proxy->past_listenings.next; at != &proxy->past_listenings; at = next) {
		struct sp_listening *l = SP_HOLDER(at, struct sp_listening, link);

		next = at->next;
		if (is_end || l->client_count == 0)
			free_listening(l);
	}
	for (at = proxy->past_pools.next; at != &proxy->past_pools; at = next) {
		struct sp_pool *pool = SP_HOLDER(at, struct sp_pool, past);

		next = at->next;
		if (is_end || sp_pool_is_over(pool))
			sp_pool_free(pool);
	}
}

void sp_proxy_sweep(struct sp_proxy *proxy)
{
	sweep(proxy, false);
}

void sp_proxy_free_sets(struct sp_proxy *proxy)
{
	sweep(proxy, true);
	for (size_t i = 0; i < proxy->pool_count; i++)
		sp_pool_free(proxy->pools[i]);
	free(proxy->pools);
	for (size_t i = 0; proxy->listenings != NULL && i < proxy->serve->conf->listener_count; i++)
		free_listening(proxy->listenings[i]);
	free(proxy->listenings);
}

/* ---- from an earlier generation to what is served */

struct sp_pool *sp_proxy_use_pool(struct sp_proxy *proxy, const struct sp_serve *of, const struct sp_conf_pool *conf)
{
	if (of == proxy->serve)
		return sp_pool_use(proxy->pools[conf - of->conf->pools]);
	for (size_t i = 0; i < proxy->pool_count; i++)
		if (sp_str_eq(proxy->pools[i]->conf->section.name, conf->section.name))
			return sp_pool_use(proxy->pools[i]);
	return NULL;
}

static bool is_same_place(const struct sp_conf_backend *a, const struct sp_conf_backend *b)
{
	return sp_addr_eq(&a->addr, &b->addr) && (a->addr.family != SP_ADDR_NONE || sp_str_eq(a->host, b->host));
}

bool sp_proxy_dial_index(const struct sp_proxy *proxy, const struct sp_backend *backend, uint32_t *index)
{
	const struct sp_conf *conf = proxy->serve->conf;

	*index = backend->conf->index;
	if (!backend->pool->is_past)
		return true;
	for (size_t i = 0; i < conf->pool_count; i++) {
		for (size_t k = 0; k < conf->pools[i].backend_count; k++) {
			if (!is_same_place(&conf->pools[i].backends[k], backend->conf))
				continue;
			*index = conf->pools[i].backends[k].index;
			return true;
		}
	}
	return false;
}
