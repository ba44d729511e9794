#include "tally.h"

#include <stdio.h>
#include <string.h>

#include "sp/base/clock.h"
#include "sp/board/recent.h"

#include "proxy_int.h"

static uint64_t key_of(enum sp_name_kind kind, struct sp_str name)
{
	return sp_name_key(kind, SP_STR(""), name);
}

/* ---- rows */

static void find_limits(struct sp_proxy *proxy, struct sp_serve *serve)
{
	for (size_t i = 0; i < serve->conf->limit_count; i++)
		serve->limit_rows[i] = sp_metrics_row(proxy->metrics, SP_METRICS_LIMIT,
						      key_of(SP_NAME_LIMIT, serve->conf->limits[i].section.name), 0);
}

static void find_geos(struct sp_proxy *proxy, struct sp_serve *serve)
{
	for (size_t i = 0; i < serve->conf->geo_count; i++)
		serve->geo_rows[i] = sp_metrics_row(proxy->metrics, SP_METRICS_GEO,
						    key_of(SP_NAME_GEO, serve->conf->geos[i].section.name), 0);
}

bool sp_tally_prepare(struct sp_proxy *proxy, struct sp_serve *serve)
{
	const struct sp_conf *conf = serve->conf;

	if (proxy->metrics == NULL)
		return true;
	serve->route_rows = sp_arena_zalloc(&serve->arena, conf->listener_count * (conf->route_count + 1) *
								   sizeof(*serve->route_rows));
	serve->limit_rows = sp_arena_zalloc(&serve->arena, (conf->limit_count + 1) * sizeof(*serve->limit_rows));
	serve->geo_rows = sp_arena_zalloc(&serve->arena, (conf->geo_count + 1) * sizeof(*serve->geo_rows));
	serve->route_keys = sp_arena_zalloc(&serve->arena, (conf->route_count + 1) * sizeof(*serve->route_keys));
	if (serve->route_rows == NULL || serve->limit_rows == NULL || serve->geo_rows == NULL ||
	    serve->route_keys == NULL)
		return false;
	for (size_t i = 0; i < conf->listener_count; i++) {
		serve->listeners[i].key = key_of(SP_NAME_LISTENER, conf->listeners[i].section.name);
		serve->listeners[i].row = sp_metrics_row(proxy->metrics, SP_METRICS_LISTENER, serve->listeners[i].key,
							 0);
	}
	for (size_t i = 0; i < conf->route_count; i++)
		serve->route_keys[conf->routes[i].index] = key_of(SP_NAME_ROUTE, conf->routes[i].section.name);
	find_limits(proxy, serve);
	find_geos(proxy, serve);
	return true;
}

void sp_tally_pool(struct sp_pool *pool)
{
	struct sp_metrics *own = pool->proxy->metrics;

	pool->row = sp_metrics_row(own, SP_METRICS_POOL, key_of(SP_NAME_POOL, pool->conf->section.name), 0);
	for (size_t i = 0; i < pool->conf->backend_count; i++)
		pool->backends[i].row = sp_metrics_row(own, SP_METRICS_BACKEND, pool->backends[i].key, 0);
}

static uint64_t route_key(const struct sp_exchange *x)
{
	return x->route == NULL ? 0 : x->serve->route_keys[x->route->index];
}

static sp_cell *route_row(const struct sp_exchange *x)
{
	const struct sp_serve *serve = x->serve;
	const struct sp_serve_listener *listener = x->from->listening->serve;
	/* A client that is stranded belongs to a listening of a generation before. */
	const bool is_of_serve = x->from->listening->of == serve;
	const size_t routes = serve->conf->route_count;
	sp_cell *found = NULL, **row = &found;

	if (is_of_serve)
		row = &serve->route_rows[(size_t)(listener - serve->listeners) * (routes + 1) +
					 (x->route == NULL ? routes : x->route->index)];
	if (*row == NULL)
		*row = sp_metrics_row(x->proxy->metrics, SP_METRICS_ROUTE, listener->key, route_key(x));
	return *row;
}

/* ---- counting */

void sp_tally_came(const struct sp_listening *listening, enum sp_arrival how)
{
	sp_metrics_add(listening->serve->row, SP_LISTENER_CAME + how, 1);
}

void sp_tally_shook(const struct sp_from *from, unsigned result)
{
	const char *version = result == SP_SHOOK_OK ? sp_tls_stream_version(from->tls) : NULL;
	unsigned at = SP_SHOOK_NONE;

	if (version != NULL)
		at = strcmp(version, "TLSv1.3") == 0 ? SP_SHOOK_13 : SP_SHOOK_12;
	sp_metrics_add(from->listening->serve->row, SP_LISTENER_SHOOK + at * SP_SHOOK_RESULTS + result, 1);
}

void sp_tally_egress(const struct sp_proxy *proxy, enum sp_egress_verdict why)
{
	sp_metrics_add(sp_metrics_row(proxy->metrics, SP_METRICS_GATEWAY, 0, 0), SP_GATEWAY_EGRESS + why, 1);
}

static void count_backend(const struct sp_exchange *x)
{
	const struct sp_exchange_times *t = &x->times;

	if (x->backend_row == NULL)
		return;
	sp_metrics_add(x->backend_row, SP_BACKEND_CODES + sp_metrics_code(x->backend_status), 1);
	if (x->is_stale_replayed)
		sp_metrics_add(x->pool->row, SP_POOL_STALE, 1);
	if (!x->is_reused && t->connected > t->lent && t->lent != 0)
		sp_histogram_add(x->pool->row, SP_POOL_CONNECT, t->connected - t->lent);
	if (t->connected != 0 && t->first_byte >= t->connected)
		sp_histogram_add(x->pool->row, SP_POOL_FIRST_BYTE, t->first_byte - t->connected);
}

static void note_recent(const struct sp_exchange *x, unsigned status, unsigned cause)
{
	const struct sp_addr *client = x->client.family == SP_ADDR_NONE ? &x->from->client : &x->client;
	struct sp_recent_error e = {
		.wall_ms = sp_wall_ms(), .status = status, .cause = (uint8_t)cause, .at = (uint8_t)x->at
	};
	char ip[SP_ADDR_TEXT], rule[sizeof(e.rule)] = "";

	e.listener = x->from->listening->serve->key;
	e.route = route_key(x);
	if (x->ask.rule.file != NULL)
		(void)snprintf(rule, sizeof(rule), "%s:%d", x->ask.rule.file, x->ask.rule.line);
	sp_recent_text(e.id, sizeof(e.id), x->request_id);
	sp_recent_text(e.client, sizeof(e.client), sp_str(sp_addr_ip_text(client, ip)));
	sp_recent_text(e.method, sizeof(e.method), x->request.method_text);
	sp_recent_text(e.host, sizeof(e.host), x->log_host);
	sp_recent_text(e.path, sizeof(e.path), x->log_path.n > 0 ? x->log_path : SP_STR(""));
	sp_recent_text(e.rule, sizeof(e.rule), sp_str(rule));
	sp_recent_add(x->proxy->recent, &e);
}

_Static_assert(SP_M_OTHER == 0 && (int)SP_M_TRACE == (int)SP_METRICS_METHODS - 1, "a method is its own index");

void sp_tally_exchange(const struct sp_exchange *x, unsigned status, const char *cause, uint64_t now_us)
{
	sp_cell *row;
	unsigned why;

	if (x->proxy->metrics == NULL || x->is_quiet)
		return;
	row = route_row(x);
	why = x->why == SP_WHY_OK ? 0 : sp_metrics_cause(cause);
	sp_metrics_add(row,
		       SP_ROUTE_REQUESTS + (unsigned)x->request.method * SP_METRICS_CODES + sp_metrics_code(status), 1);
	sp_metrics_add(row, SP_ROUTE_ENDS + why * SP_METRICS_ATS + x->at, 1);
	sp_histogram_add(row, SP_ROUTE_TOOK, now_us - x->times.begun);
	count_backend(x);
	if (x->why != SP_WHY_OK || status >= 500)
		note_recent(x, status, why);
}
