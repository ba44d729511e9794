#include "judge.h"

#include "sp/base/clock.h"
#include "sp/http/hop.h"
#include "sp/policy/edit.h"

#include "sp/board/bans.h"

#include "peer.h"
#include "proxy_int.h"
#include "sticky.h"
#include "tell.h"

#define HEALTH_EACH_US 10000            /* 100 health answers a second and worker, … */
#define HEALTH_BURST_US 1000000         /* … and 100 at once: ELB nodes ask a few times a second */

static enum sp_exchange_state answer(struct sp_exchange *x, enum sp_why why, unsigned status)
{
	x->why = why;
	x->at = why == SP_WHY_OK ? SP_AT_NONE : SP_AT_HEADER;
	x->answer_status = status;
	return SP_EX_ANSWER;
}

/* ---- health paths: first of all, whatever the Host (spec 4.3) */

static bool is_health_path(const struct sp_exchange *x, struct sp_str path)
{
	return path.n > 0 && sp_str_eq(x->request.path, path);
}

static bool is_ready(const struct sp_proxy *proxy)
{
	const struct sp_conf *conf = proxy->serve->conf;

	for (size_t i = 0; i < conf->gateway.ready_pools.count; i++)
		for (size_t k = 0; k < proxy->pool_count; k++)
			if (sp_str_eq(conf->pools[k].section.name, conf->gateway.ready_pools.items[i].text) &&
			    !sp_pool_is_usable(proxy->pools[k]))
				return false;
	return true;
}

static bool take_health_token(struct sp_proxy *proxy)
{
	uint64_t now = sp_now_us();

	if (proxy->health_tokens_us + HEALTH_BURST_US < now)
		proxy->health_tokens_us = now - HEALTH_BURST_US;
	if (proxy->health_tokens_us + HEALTH_EACH_US > now)
		return false;
	proxy->health_tokens_us += HEALTH_EACH_US;
	return true;
}

static enum sp_exchange_state answer_health(struct sp_exchange *x, bool needs_pools)
{
	SP_TELL(x, needs_pools ? "ready_path" : "health_path", &x->serve->conf->gateway.section, SP_MET_ANSWERED,
	        "answered before all rules, whatever the Host; 503 while draining%s",
	        needs_pools ? ", and without a usable backend in each of ready_pools (here as after a start)" : "");
	x->is_quiet = true;
	if (x->request.method != SP_M_GET && x->request.method != SP_M_HEAD) {
		x->ask.allow = SP_STR("GET, HEAD");
		return answer(x, SP_WHY_OK, 405);
	}
	if (!take_health_token(x->proxy))
		return answer(x, SP_WHY_OK, 429);
	if (x->proxy->is_health_red)
		return answer(x, SP_WHY_DRAINING, 503);
	if (needs_pools && !is_ready(x->proxy))
		return answer(x, SP_WHY_NO_BACKEND, 503);
	return answer(x, SP_WHY_OK, 200);
}

/* ---- ACME challenges: before rules, redirect and routes, so that none of them stops a renewal */

static bool is_challenge(const struct sp_exchange *x)
{
	return x->from->listening->serve->conf->acme_webroot.n > 0 &&
	       sp_str_starts(x->request.path, SP_STR(SP_CHALLENGE_PATH));
}

static enum sp_exchange_state answer_challenge(struct sp_exchange *x)
{
	const struct sp_conf_section *listener = &x->from->listening->serve->conf->section;
	size_t prefix = sizeof(SP_CHALLENGE_PATH) - 1;
	struct sp_str text;

	if (x->request.method != SP_M_GET && x->request.method != SP_M_HEAD) {
		x->ask.allow = SP_STR("GET, HEAD");
		x->ask.cause = "bad_request";
		SP_TELL(x, "acme_webroot", listener, SP_MET_ANSWERED, "asked for by GET and HEAD alone");
		return answer(x, SP_WHY_RULE, 405);
	}
	text = sp_challenges_find(x->from->listening->challenges,
	                          sp_str_of(x->request.path.p + prefix, x->request.path.n - prefix));
	SP_TELL(x, "acme_webroot", listener, SP_MET_ANSWERED,
	        "%s file of that name is in its " SP_CHALLENGE_PATH, text.p == NULL ? "no" : "a");
	if (text.p == NULL)
		return answer(x, SP_WHY_NO_ROUTE, 404);
	x->challenge = text;
	return answer(x, SP_WHY_OK, 200);
}

/* ---- rules */

/* Who was let in before he was banned, and whom a balancer names. */
static bool is_banned(const struct sp_exchange *x)
{
	return x->proxy->bans != NULL && !x->ask.is_balancer && sp_bans_has(x->proxy->bans, &x->client, sp_now_ms());
}

static enum sp_exchange_state answer_banned(struct sp_exchange *x)
{
	x->must_close = !x->from->is_trusted;
	x->ask.cause = "banned";
	return answer(x, SP_WHY_RULE, 403);
}

static void ask_for_ban(struct sp_exchange *x)
{
	const struct sp_conf_limit *limit = x->ask.ban;
	const struct sp_ban_ask ask = { .addr = x->client, .limit = sp_bans_hash_name(limit->section.name) };

	if (x->proxy->ban_asks != NULL && !is_banned(x))
		sp_bans_ask(x->proxy->ban_asks, &ask);
}

static enum sp_exchange_state answer_ask(struct sp_exchange *x)
{
	if (x->ask.ban != NULL)
		ask_for_ban(x);
	return answer(x, SP_WHY_RULE, x->ask.status);
}

static enum sp_exchange_state drop(struct sp_exchange *x)
{
	x->why = SP_WHY_RULE;
	x->at = SP_AT_HEADER;
	x->has_drop = x->is_aborted = true;
	return SP_EX_DONE;
}

static void tell_observed(struct sp_exchange *x)
{
	if (x->ask.observed == NULL)
		return;
	sp_notice(&x->proxy->notices, SP_NOTICE_OBSERVED, &x->client);
	x->ask.observed = NULL;
}

/* SP_PASS, or the state that follows in *next. */
static bool passes(struct sp_exchange *x, const struct sp_chain_of_steps *steps, enum sp_exchange_state *next)
{
	if (steps->count == 0)
		return true;
	sp_exchange_expect_wake(x);
	switch (sp_steps_run(steps, &x->ask, &x->wait)) {
	case SP_PASS:
		x->wait.wake = NULL;
		tell_observed(x);
		return true;
	case SP_WAIT:
		*next = SP_EX_POLICY;
		return false;
	case SP_ANSWER:
		x->wait.wake = NULL;
		*next = answer_ask(x);
		return false;
	case SP_DROP:
		break;
	}
	x->wait.wake = NULL;
	*next = drop(x);
	return false;
}

/* The Host must belong to the [tls] of the handshake where client certificates guard any (spec [tls]). */
static bool is_host_of_site(const struct sp_exchange *x)
{
	const struct sp_tls_listener *tls = x->from->listening->serve->tls;

	return tls == NULL || !sp_tls_listener_has_client_verify(tls) || sp_tls_site_has_name(tls, x->from->site, x->request.host);
}

static enum sp_exchange_state answer_https(struct sp_exchange *x)
{
	/* 308 keeps method and body; old clients know 301 for GET. */
	return answer(x, SP_WHY_OK, x->request.method == SP_M_GET || x->request.method == SP_M_HEAD ? 301 : 308);
}

/*
 * OPTIONS * asks for what this server can do (RFC 9110 9.3.7), not for any path of it: we are asked, and we answer.
 * Which backend would be another's guess.
 */
static enum sp_exchange_state answer_options(struct sp_exchange *x)
{
	const struct sp_conf_listener *listener = x->from->listening->serve->conf;
	const char *text = "";

	for (size_t i = 0; text != NULL && i < listener->method_count; i++)
		text = sp_arena_printf(&x->arena, "%s%s%.*s", text, i > 0 ? ", " : "", SP_STR_ARG(listener->methods[i]));
	if (text == NULL)
		return answer(x, SP_WHY_NO_MEMORY, 0);
	x->ask.allow = sp_str(text);
	return answer(x, SP_WHY_OK, 204);
}

/* POLICY while x->route is found and nothing speaks against it so far. */
static enum sp_exchange_state find_route(struct sp_exchange *x)
{
	const struct sp_conf_listener *listener = x->from->listening->serve->conf;
	enum sp_route_rc rc = sp_router_find(x->serve->router, x->request.host, x->request.path, x->request.method_text, &x->route);

	if (x->ask.witness != NULL)
		sp_tell_route(x, rc);
	if (rc == SP_ROUTE_NO_HOST)
		return answer(x, SP_WHY_NO_HOST, 421);
	if (sp_str_eq(x->request.path, SP_STR("*")))
		return answer_options(x);
	if (listener->is_redirect_https)
		return answer_https(x);
	if (rc == SP_ROUTE_NO_PATH)
		return answer(x, SP_WHY_NO_ROUTE, 404);
	if (rc == SP_ROUTE_NO_METHOD) {
		x->ask.allow = sp_router_allow(x->serve->router, x->request.host, x->request.path, &x->arena);
		x->ask.cause = "bad_request";
		x->ask.rule = sp_conf_at(&x->route->section, "method");
		return answer(x, SP_WHY_RULE, 405);
	}
	return SP_EX_POLICY;
}

static bool is_path_allowed(const struct sp_exchange *x)
{
	if (x->route->is_encoded_slash_kept)
		return true;
	return !x->request.has_encoded_slash && !(x->request.has_odd_path && x->proxy->has_path_rules) &&
	       !(x->request.has_path_parameter && x->proxy->has_exact_rules);
}

/* ---- the head as the backend gets it */

/* Whole segments only: "/app" is no prefix of "/apple". */
static struct sp_str strip(struct sp_str path, struct sp_str prefix)
{
	if (prefix.n == 0 || !sp_str_starts(path, prefix))
		return path;
	if (prefix.p[prefix.n - 1] != '/' && path.n > prefix.n && path.p[prefix.n] != '/')
		return path;
	return sp_str_of(path.p + prefix.n, path.n - prefix.n);
}

static bool move_prefix(struct sp_exchange *x)
{
	struct sp_str path = strip(x->request.path, x->route->strip_prefix), prefix = x->route->add_prefix;
	char *text;

	if (path.n == x->request.path.n && prefix.n == 0)
		return true;
	/* One slash between the two, and one at the beginning. */
	if (prefix.n > 0 && prefix.p[prefix.n - 1] == '/')
		prefix.n--;
	text = sp_arena_printf(&x->arena, "%.*s%s%.*s", SP_STR_ARG(prefix), path.n > 0 && path.p[0] == '/' ? "" : "/",
	                       SP_STR_ARG(path));
	if (text == NULL)
		return false;
	x->request.path = sp_str(text);
	return true;
}

bool sp_judge_host(struct sp_exchange *x)
{
	const struct sp_conf_backend *backend = x->backend;
	char *text;

	switch (x->pool->conf->host) {
	case SP_HOST_NAME:
		x->host_out = x->pool->conf->host_name;
		return true;
	case SP_HOST_BACKEND:
		if (backend->addr.port == 80) {
			x->host_out = backend->host;
			return true;
		}
		text = sp_arena_printf(&x->arena, "%.*s:%u", SP_STR_ARG(backend->host), backend->addr.port);
		x->host_out = text == NULL ? SP_STR_NONE : sp_str(text);
		return text != NULL;
	default:
		x->host_out = x->request.host_text;
		return true;
	}
}

/* What the backend is told of a verified client certificate. Where any [tls] tells it, a client's own word for it never
 * goes through. */
static bool add_client_cert(struct sp_exchange *x)
{
	static const struct sp_str names[] = { SP_STR("X-Client-Cert-Subject"), SP_STR("X-Client-Cert-Serial"),
		                               SP_STR("X-Client-Cert-Fingerprint") };
	const struct sp_tls_client_cert *cert;

	if (!x->proxy->has_client_cert_headers)
		return true;
	for (size_t i = 0; i < SP_COUNT(names); i++)
		sp_head_drop_name(&x->request, names[i]);
	if (x->from->site == NULL || !x->from->site->has_client_cert_headers)
		return true;
	cert = x->from->tls == NULL ? NULL : sp_tls_stream_client_cert(x->from->tls);
	if (cert == NULL)
		return true;
	return sp_head_add(&x->request, &x->arena, names[0], cert->subject) &&
	       sp_head_add(&x->request, &x->arena, names[1], cert->serial) &&
	       sp_head_add(&x->request, &x->arena, names[2], cert->fingerprint);
}

static bool prepare_head(struct sp_exchange *x)
{
	struct sp_hop hop = {
		.client_ip = sp_str(x->from->client_ip),
		.is_peer_trusted = x->from->is_trusted,
		.is_tls = x->from->is_tls,
		.port = x->from->port,
		.request_id = x->request_id,
		.is_upgrade_kept = x->is_upgrade,
	};

	if (!move_prefix(x))
		return false;
	if (!sp_hop_request(&x->request, &x->arena, &hop) || !add_client_cert(x))
		return false;
	if (!sp_trace_apply(&x->request, &x->arena, x->route->trace, &x->proxy->ids))
		return false;
	return sp_edit_apply(&x->request, &x->arena, x->route->request_edits, x->route->request_edit_count);
}

static bool wants_websocket(const struct sp_exchange *x)
{
	return x->route->is_websocket && x->request.has_upgrade && x->request.method == SP_M_GET && x->is_request_ended &&
	       sp_str_eq_nocase(x->request.upgrade, SP_STR("websocket"));
}

/* RFC 9110 7.6.2: an OPTIONS that may go no further is for us; any other has one hop less before it. */
static bool take_hop(struct sp_exchange *x, bool *is_last)
{
	struct sp_field *f = x->request.method != SP_M_OPTIONS ? NULL : sp_head_find_name(&x->request, SP_STR("Max-Forwards"));
	uint64_t hops;
	char *text;

	*is_last = false;
	if (f == NULL || !sp_str_u64(f->value, UINT64_MAX, &hops))
		return true;
	*is_last = hops == 0;
	if (hops == 0)
		return true;
	text = sp_arena_printf(&x->arena, "%llu", (unsigned long long)hops - 1);
	if (text != NULL)
		f->value = sp_str(text);
	return text != NULL;
}

static enum sp_exchange_state forward(struct sp_exchange *x)
{
	const struct sp_conf_listener *listener = x->from->listening->serve->conf;
	bool is_last, is_over;

	if (x->ask.witness != NULL)
		sp_tell_path(x, is_path_allowed(x));
	if (!is_path_allowed(x)) {
		x->must_close = true;
		return answer(x, SP_WHY_PATH, 400);
	}
	x->body_max = x->route->body_max == UINT64_MAX ? listener->body_max : x->route->body_max;
	if (x->body_max == 0)
		x->body_max = UINT64_MAX;
	is_over = x->request.framing == SP_BODY_LENGTH && x->request.length > x->body_max;
	if (x->ask.witness != NULL)
		sp_tell_body(x, is_over);
	if (is_over)
		return answer(x, SP_WHY_TOO_LARGE, 413);
	if (x->ask.witness != NULL)
		sp_tell_destination(x);
	if (x->route->redirect_status != 0)
		return answer(x, SP_WHY_OK, (unsigned)x->route->redirect_status);
	if (x->route->respond_status != 0)
		return answer(x, SP_WHY_OK, (unsigned)x->route->respond_status);
	if (!take_hop(x, &is_last))
		return answer(x, SP_WHY_NO_MEMORY, 0);
	if (is_last) {
		SP_TELL(x, "methods", &listener->section, SP_MET_ANSWERED, "Max-Forwards: 0 asks this hop, not one behind it");
		return answer_options(x);
	}
	x->pool = sp_proxy_use_pool(x->proxy, x->serve, x->route->pool);
	if (x->pool == NULL)
		return answer(x, SP_WHY_NO_BACKEND, 0);
	x->is_upgrade = wants_websocket(x);
	if (!sp_sticky_take(x) || !prepare_head(x))
		return answer(x, SP_WHY_NO_MEMORY, 0);
	if (x->ask.witness != NULL)
		sp_tell_head(x);
	if (x->route->timeout != 0)
		sp_exchange_arm(x, x->route->timeout);
	return SP_EX_CONNECT;
}

static bool note_request(struct sp_exchange *x)
{
	const struct sp_conf *conf = x->serve->conf;
	const struct sp_field *f;

	x->client = sp_peer_client(&conf->gateway.trusted, &x->from->client, &x->request);
	x->log_path = x->request.path;
	x->log_host = x->request.host_text;
	if ((f = sp_head_find(&x->request, SP_F_USER_AGENT)) != NULL)
		x->user_agent = f->value;
	if ((f = sp_head_find(&x->request, SP_F_REFERER)) != NULL)
		x->referer = f->value;
	x->ask = (struct sp_ask){
		.client = &x->client,
		.request = &x->request,
		.response = &x->response,
		.arena = &x->arena,
		.limits = x->proxy->limits,
		.limit_first = x->serve->conf->limits,
		.limit_rows = x->serve->limit_rows,
		.geo_first = x->serve->conf->geos,
		.geo_rows = x->serve->geo_rows,
		.is_balancer = x->from->is_trusted && sp_addr_same_ip(&x->client, &x->from->client),
		.witness = x->proxy->witness,
	};
	if (x->ask.witness != NULL)
		sp_tell_client(x);
	return sp_exchange_name(x);
}

enum sp_exchange_state sp_judge(struct sp_exchange *x)
{
	const struct sp_conf_gateway *gateway = &x->serve->conf->gateway;
	enum sp_exchange_state next;

	if (!x->is_noted_down) {
		if (!note_request(x))
			return answer(x, SP_WHY_NO_MEMORY, 0);
		x->is_noted_down = true;
		if (is_health_path(x, gateway->health_path))
			return answer_health(x, false);
		if (is_health_path(x, gateway->ready_path))
			return answer_health(x, true);
		if (x->from->is_health_only)
			return drop(x);
		if (is_challenge(x))
			return answer_challenge(x);
		if (is_banned(x))
			return answer_banned(x);
		if (x->ask.witness != NULL)
			sp_tell_before_rules(x, is_host_of_site(x));
		if (!is_host_of_site(x))
			return answer(x, SP_WHY_NO_HOST, 421);
		if (sp_budget_is_over(x->proxy, SP_BUDGET_REQUESTS)) {
			x->must_close = true;
			return answer(x, SP_WHY_NO_MEMORY, 0);
		}
	}
	if (x->route == NULL) {
		if (!passes(x, &x->from->listening->serve->steps, &next))
			return next;
		x->ask.at = 0;
		if ((next = find_route(x)) != SP_EX_POLICY)
			return next;
	}
	if (!passes(x, &x->serve->route_steps[x->route->index], &next))
		return next;
	return forward(x);
}
