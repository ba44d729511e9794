#include "sp/proxy/proxy.h"

#include <stdlib.h>
#include <unistd.h>

#include "sp/base/check.h"

#include "client.h"
#include "proxy_int.h"
#include "up_h1.h"

/* ---- building */

/* Two pipes of 64 KiB, a head each way, what waits behind: an exchange's worst case in chunks. */
static size_t chunk_limit(const struct sp_proxy_env *env)
{
	const struct sp_conf *conf = env->serve->conf;
	size_t most = (size_t)conf->gateway.max_connections * 12;

	return env->memory_max == 0 ? most : env->memory_max / sizeof(struct sp_chunk) + 1;
}

static bool make_memory(struct sp_proxy *proxy, const struct sp_proxy_env *env)
{
	proxy->chunks = sp_chunk_pool_new(chunk_limit(env));
	proxy->clients = sp_slab_new("client", sizeof(struct sp_client), 0);
	proxy->exchanges = sp_slab_new("exchange", sizeof(struct sp_exchange), 0);
	proxy->conns = sp_slab_new("backend connection", sizeof(struct sp_up_h1), 0);
	return proxy->chunks != NULL && proxy->clients != NULL && proxy->exchanges != NULL && proxy->conns != NULL;
}

static void on_sweep(struct sp_flush *flush)
{
	sp_proxy_sweep(SP_HOLDER(flush, struct sp_proxy, sweep));
}

static void take_board(struct sp_proxy *proxy, struct sp_board *board, unsigned worker)
{
	proxy->board = board;
	if (board == NULL)
		return;
	proxy->limits = sp_board_write(board, SP_BLOCK_LIMITS, 0);
	proxy->bans = sp_board_read(board, SP_BLOCK_BANS, 0);
	proxy->ban_asks = sp_board_write(board, SP_BLOCK_BAN_ASKS, worker - 1);
	proxy->metrics = sp_board_write(board, SP_BLOCK_METRICS, worker - 1);
	proxy->recent = sp_board_write(board, SP_BLOCK_RECENT, worker - 1);
}

struct sp_proxy *sp_proxy_new(const struct sp_proxy_env *env, struct sp_err *err)
{
	struct sp_proxy *proxy = calloc(1, sizeof(*proxy));
	struct sp_proxy_next *first = NULL;

	if (proxy == NULL) {
		sp_err_set(err, "no memory for a worker");
		return NULL;
	}
	proxy->loop = env->loop;
	take_board(proxy, env->board, env->worker);
	proxy->worker = env->worker;
	proxy->worker_count = env->worker_count == 0 ? 1 : env->worker_count;
	sp_list_init(&proxy->all);
	sp_list_init(&proxy->idle);
	sp_list_init(&proxy->past_listenings);
	sp_list_init(&proxy->past_pools);
	sp_admission_init(&proxy->admission, env, &proxy->notices);
	proxy->sweep.run = on_sweep;
	sp_loop_on_flush(env->loop, &proxy->sweep);
	proxy->access = sp_access_new(env->loop, &env->serve->conf->log, env->access_fd);
	if (!sp_request_ids_init(&proxy->ids, err) || proxy->access == NULL || !make_memory(proxy, env) ||
	    !sp_notices_init(&proxy->notices, env->loop) ||
	    !sp_budget_init(&proxy->budget, env->loop, env->memory_max))
		sp_err_set(err, "no memory for a worker");
	else
		first = sp_proxy_prepare(proxy, env->serve, err);
	if (first == NULL) {
		sp_proxy_free(proxy);
		return NULL;
	}
	sp_proxy_take(proxy, first);
	return proxy;
}

void sp_proxy_free(struct sp_proxy *proxy)
{
	if (proxy == NULL)
		return;
	proxy->on_drained = NULL;
	while (!sp_list_is_empty(&proxy->all))
		sp_client_cut(sp_client_of_link(proxy->all.next));
	sp_loop_turn(proxy->loop, false);
	sp_notices_fini(&proxy->notices);
	sp_budget_fini(&proxy->budget);
	sp_loop_off_flush(&proxy->sweep);
	sp_proxy_free_sets(proxy);
	sp_access_free(proxy->access);
	sp_slab_free(proxy->clients);
	sp_slab_free(proxy->exchanges);
	sp_slab_free(proxy->conns);
	sp_chunk_pool_free(proxy->chunks);
	if (proxy->serve != NULL)
		sp_serve_release(proxy->serve);
	free(proxy);
}

/* ---- its life */

void sp_proxy_accept(struct sp_proxy *proxy, size_t index, uint16_t port, int fd, const struct sp_addr *peer)
{
	SP_ASSERT(index < proxy->serve->conf->listener_count);
	sp_client_accept(proxy, proxy->listenings[index], port, fd, peer);
}

void sp_proxy_client_came(struct sp_proxy *proxy, struct sp_listening *listening, struct sp_list *link)
{
	sp_list_push(&proxy->all, link);
	proxy->client_count++;
	listening->client_count++;
	sp_budget_watch(proxy);
}

void sp_proxy_client_gone(struct sp_proxy *proxy, struct sp_list *link)
{
	void (*on_drained)(void *arg) = proxy->on_drained;

	sp_list_unlink(link);
	proxy->client_count--;
	sp_client_of_link(link)->from.listening->client_count--;
	if (proxy->client_count > 0 || !proxy->is_draining || on_drained == NULL)
		return;
	proxy->on_drained = NULL;
	on_drained(proxy->drained_arg);
}

void sp_proxy_shed_idle(struct sp_proxy *proxy, size_t n)
{
	while (n-- > 0 && !sp_list_is_empty(&proxy->idle)) {
		struct sp_client *c = sp_client_of_idle(proxy->idle.next);

		sp_notice(&proxy->notices, SP_NOTICE_SHED, &c->from.client);
		sp_client_end(c, false);
	}
}

void sp_proxy_set_health(struct sp_proxy *proxy, bool is_red)
{
	proxy->is_health_red = is_red;
}

/*
 * A client that is idle may have sent its next request just now: it gets a
 * short grace instead of a close, and its answer says Connection: close.
 */
void sp_proxy_drain(struct sp_proxy *proxy, void (*on_done)(void *arg), void *arg)
{
	struct sp_list *at, *next;

	proxy->is_draining = true;
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

void sp_proxy_set_challenges(struct sp_proxy *proxy, size_t index, struct sp_challenges *set)
{
	SP_ASSERT(index < proxy->serve->conf->listener_count);
	sp_challenges_free(proxy->listenings[index]->challenges);
	proxy->listenings[index]->challenges = set;
}

size_t sp_proxy_listener_count(const struct sp_proxy *proxy, size_t index)
{
	const struct sp_listening *now = proxy->listenings[index];
	size_t count = now->client_count;

	for (struct sp_list *at = proxy->past_listenings.next; at != &proxy->past_listenings; at = at->next) {
		struct sp_listening *past = SP_HOLDER(at, struct sp_listening, link);

		if (sp_str_eq(past->serve->conf->section.name, now->serve->conf->section.name))
			count += past->client_count;
	}
	return count;
}

size_t sp_proxy_client_count(const struct sp_proxy *proxy)
{
	return proxy->client_count;
}
