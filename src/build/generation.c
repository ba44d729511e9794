#include "sp/build/generation.h"

#include <stdlib.h>

static void free_serve(struct sp_serve *serve)
{
	for (size_t i = 0; serve->listeners != NULL && i < serve->conf->listener_count; i++) {
		sp_tls_listener_free(serve->listeners[i].tls);
		sp_steps_free(&serve->listeners[i].steps);
	}
	for (size_t i = 0; serve->route_steps != NULL && i < serve->conf->route_count; i++)
		sp_steps_free(&serve->route_steps[i]);
	for (size_t i = 0; serve->pool_tls != NULL && i < serve->conf->pool_count; i++)
		sp_tls_client_free(serve->pool_tls[i]);
	sp_router_free(serve->router);
	sp_dial_free(serve->dial);
	sp_signer_free(serve->signer);
	sp_arena_fini(&serve->arena);
	sp_conf_free(serve->owned);
	free(serve);
}

/* Zeroed; there may be none of them (a gateway that only redirects has no backend). */
static void *new_array(struct sp_serve *serve, size_t count, size_t size)
{
	return sp_arena_zalloc(&serve->arena, (count > 0 ? count : 1) * size);
}

static enum sp_underscore underscore_of(enum sp_conf_underscore conf)
{
	switch (conf) {
	case SP_UNDERSCORE_REJECT: return SP_NAME_UNDERSCORE_REJECT;
	case SP_UNDERSCORE_PASS: return SP_NAME_UNDERSCORE_PASS;
	case SP_UNDERSCORE_DROP: break;
	}
	return SP_NAME_UNDERSCORE_DROP;
}

static bool build_listener(struct sp_serve *serve, const struct sp_conf_listener *conf, struct sp_serve_listener *l,
                           struct sp_err *err)
{
	l->conf = conf;
	l->limits = (struct sp_h1_limits){
		.head_max = (uint32_t)conf->header_max,
		.field_max = (uint32_t)conf->header_count_max,
		.target_max = (uint32_t)conf->uri_max,
		.underscore = underscore_of(conf->underscore_headers),
	};
	if (!sp_steps_of_listener(conf, &serve->arena, &l->steps))
		return sp_err_set(err, "no memory for the rules of a listener");
	if (conf->tls_count == 0)
		return true;
	l->tls = sp_tls_listener_new(conf, serve->signer, err);
	return l->tls != NULL;
}

static bool build_listeners(struct sp_serve *serve, struct sp_err *err)
{
	const struct sp_conf *conf = serve->conf;

	serve->listeners = new_array(serve, conf->listener_count, sizeof(*serve->listeners));
	if (serve->listeners == NULL)
		return sp_err_set(err, "no memory for the listeners");
	for (size_t i = 0; i < conf->listener_count; i++)
		if (!build_listener(serve, &conf->listeners[i], &serve->listeners[i], err))
			return false;
	return true;
}

static bool build_routes(struct sp_serve *serve, struct sp_err *err)
{
	const struct sp_conf *conf = serve->conf;

	serve->route_steps = new_array(serve, conf->route_count, sizeof(*serve->route_steps));
	serve->router = sp_router_new(conf);
	if (serve->route_steps == NULL || serve->router == NULL)
		return sp_err_set(err, "no memory for the routes");
	for (size_t i = 0; i < conf->route_count; i++) {
		const struct sp_conf_route *route = &conf->routes[i];

		SP_ASSERT(route->index < conf->route_count);
		if (!sp_steps_of_route(route, &serve->arena, &serve->route_steps[route->index]))
			return sp_err_set(err, "no memory for the rules of a route");
	}
	return true;
}

static bool build_pools(struct sp_serve *serve, struct sp_err *err)
{
	const struct sp_conf *conf = serve->conf;

	serve->pool_tls = new_array(serve, conf->pool_count, sizeof(struct sp_tls_client *));
	if (serve->pool_tls == NULL)
		return sp_err_set(err, "no memory for the pools");
	for (size_t i = 0; i < conf->pool_count; i++) {
		if (!conf->pools[i].has_tls)
			continue;
		serve->pool_tls[i] = sp_tls_client_new(&conf->pools[i], serve->signer, err);
		if (serve->pool_tls[i] == NULL)
			return false;
	}
	return true;
}

struct sp_serve *sp_generation_new(const struct sp_conf *conf, uint32_t number,
                                   const struct sp_generation_asks *asks, struct sp_err *err)
{
	struct sp_serve *serve = asks->signer == NULL ? NULL : calloc(1, sizeof(*serve));

	if (serve == NULL) {
		sp_signer_free(asks->signer);
		sp_dial_free(asks->dial);
		sp_err_set(err, "no memory for a generation");
		return NULL;
	}
	serve->holds = 1;
	serve->number = number;
	serve->conf = conf;
	serve->free = free_serve;
	sp_arena_init(&serve->arena, NULL, 0, 0);
	serve->signer = asks->signer;
	serve->dial = asks->dial;
	if (build_listeners(serve, err) && build_routes(serve, err) && build_pools(serve, err))
		return serve;
	free_serve(serve);
	return NULL;
}

static void vet_cert(const struct sp_conf_cert *cert, struct sp_conf_report *report)
{
	struct sp_err err = { .text = "" }, warning = { .text = "" };
	const char *key = cert->is_client ? "tls_cert" : "cert";

	if (!sp_tls_vet(cert, &err, &warning))
		sp_conf_report_add(report, SP_CONF_ERROR, cert->at, "%s = %.*s: %s", key, SP_STR_ARG(cert->chain_path),
		                   err.text);
	else if (warning.text[0] != '\0')
		sp_conf_report_add(report, SP_CONF_WARNING, cert->at, "%s = %.*s: %s", key, SP_STR_ARG(cert->chain_path),
		                   warning.text);
}

/* Its own certificate was vetted before: what is left are the authorities. */
static void vet_pool(const struct sp_conf_pool *pool, struct sp_conf_report *report)
{
	struct sp_err err = { .text = "" };
	bool is_own = sp_conf_at(&pool->section, "tls_ca").file != NULL;

	if (report->errors == 0 && !sp_tls_vet_client(pool, &err))
		sp_conf_report_add(report, SP_CONF_ERROR, sp_conf_at(&pool->section, is_own ? "tls_ca" : "tls"), "%s",
		                   err.text);
}

static void vet_clients(const struct sp_conf_tls *tls, struct sp_conf_report *report)
{
	struct sp_err ca = { .text = "" }, crl = { .text = "" };

	sp_tls_vet_clients(tls, &ca, &crl);
	if (ca.text[0] != '\0')
		sp_conf_report_add(report, SP_CONF_WARNING, sp_conf_at(&tls->section, "client_ca"), "client_ca: %s",
		                   ca.text);
	if (crl.text[0] != '\0')
		sp_conf_report_add(report, SP_CONF_WARNING, sp_conf_at(&tls->section, "crl"), "crl: %s", crl.text);
}

void sp_generation_vet(const struct sp_conf *conf, struct sp_conf_report *report)
{
	struct sp_generation_asks asks = { .signer = NULL };
	struct sp_err err = { .text = "" };
	struct sp_serve *serve;

	for (size_t i = 0; i < conf->cert_count; i++)
		vet_cert(conf->certs[i], report);
	for (size_t i = 0; i < conf->tls_count; i++)
		vet_clients(&conf->tls[i], report);
	for (size_t i = 0; i < conf->pool_count; i++)
		if (conf->pools[i].has_tls)
			vet_pool(&conf->pools[i], report);
	sp_router_vet(conf, report);
	if (report->errors > 0)
		return;

	/* The workers will do exactly this: whatever it refuses (a client CA, a revocation list) is known now. */
	asks.signer = sp_signer_new_local();
	serve = sp_generation_new(conf, 0, &asks, &err);
	if (serve == NULL)
		sp_conf_report_add(report, SP_CONF_ERROR, (struct sp_conf_at){ conf->main_file, 0 }, "%s", err.text);
	else
		sp_serve_release(serve);
}
