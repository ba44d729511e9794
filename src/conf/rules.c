#include "rules.h"

#include "sp/conf/units.h"
#include "value.h"

#define RULE_ERROR(r, at, ...) sp_conf_report_add((r)->doc->report, SP_CONF_ERROR, (at), __VA_ARGS__)
#define RULE_WARNING(r, at, ...) sp_conf_report_add((r)->doc->report, SP_CONF_WARNING, (at), __VA_ARGS__)

struct rules {
	struct sp_doc *doc;
	const struct sp_fill *fill;
	const struct sp_conf *conf;
};

/* When the balancer gives up an idle connection, and what to set on our side. */
static const struct {
	uint64_t closes, client_idle, drain_delay;
} balancers[] = {
	[SP_BEHIND_NONE] = { 0, 0, 0 },
	[SP_BEHIND_ALB] = { 60 * SP_SECOND, 75 * SP_SECOND, 20 * SP_SECOND },
	[SP_BEHIND_NLB] = { 350 * SP_SECOND, 300 * SP_SECOND, 20 * SP_SECOND },
	[SP_BEHIND_CLOUDFRONT] = { 60 * SP_SECOND, 75 * SP_SECOND, 20 * SP_SECOND },
};

static const char *behind_name(enum sp_conf_behind behind)
{
	static const char *const names[] = { "none", "alb", "nlb", "cloudfront" };

	return names[behind];
}

static bool is_set(const struct sp_conf_section *section, const char *key)
{
	return sp_conf_at(section, key).file != NULL;
}

void sp_rules_preset(const struct sp_fill *fill)
{
	struct sp_doc_part *part = sp_map_get(fill->doc->by_title, SP_STR("gateway"));
	struct sp_part_gateway *gateway = part == NULL ? NULL : part->made;

	if (gateway == NULL || gateway->pub.behind == SP_BEHIND_NONE)
		return;
	if (!is_set(&gateway->pub.section, "drain_delay"))
		gateway->pub.drain_delay = balancers[gateway->pub.behind].drain_delay;
	for (part = fill->doc->first; part != NULL; part = part->next) {
		struct sp_part_listener *listener = part->made;

		if (part->spec == &sp_conf_type_listener && listener != NULL &&
		    !is_set(&listener->pub.section, "client_idle"))
			listener->pub.client_idle = balancers[gateway->pub.behind].client_idle;
	}
}

/* ---- [gateway] ---- */

static void check_gateway(const struct rules *r)
{
	const struct sp_conf_gateway *g = &r->conf->gateway;

	if (sp_str_eq(g->health_path, g->ready_path))
		RULE_ERROR(r, sp_conf_at(&g->section, is_set(&g->section, "ready_path") ? "ready_path" : "health_path"),
			   "health_path and ready_path are both %.*s: a request could mean either",
			   SP_STR_ARG(g->ready_path));
	if ((g->behind == SP_BEHIND_ALB || g->behind == SP_BEHIND_CLOUDFRONT) && !is_set(&g->section, "trusted"))
		RULE_WARNING(r, sp_conf_at(&g->section, "behind"),
			     "behind = %s, but trusted is not set: every client will look like the balancer "
			     "[trusted-missing]",
			     behind_name(g->behind));
	if (g->behind != SP_BEHIND_NONE && g->drain_delay == 0)
		RULE_WARNING(r, sp_conf_at(&g->section, "drain_delay"),
			     "drain_delay = 0s, but behind = %s goes on sending until it has seen red health: clients "
			     "will see "
			     "502; use 20s or more [drain-delay]",
			     behind_name(g->behind));
	for (size_t i = 0; i < g->trusted.count; i++) {
		if (g->trusted.items[i].bits == 0)
			RULE_WARNING(r, g->trusted.ats[i],
				     "trusted holds every address: any client can claim to be any other [trusted-all]");
	}
}

/* ---- [egress] ---- */

/* Does the rule reach beyond private addresses, loopback and the floor? A prefix with ends of two kinds does. */
static bool is_rule_public(const struct sp_egress_rule *rule)
{
	struct sp_egress_rule any = { .cidr = rule->cidr };
	struct sp_egress egress = { .allow = &any, .allow_count = 1, .has_allow = true };
	struct sp_addr first, last;
	enum sp_egress_verdict low, high;

	sp_value_cidr_ends(&rule->cidr, &first, &last);
	low = sp_egress_check(&egress, &first);
	high = sp_egress_check(&egress, &last);
	return low == SP_EGRESS_PUBLIC || high == SP_EGRESS_PUBLIC || low != high;
}

static void check_allow(const struct rules *r)
{
	const struct sp_conf_egress *e = &r->conf->egress;
	char text[SP_ADDR_TEXT];

	for (size_t i = 0; i < e->allow_count && !e->is_public; i++) {
		if (is_rule_public(&e->allow[i]))
			RULE_ERROR(r, e->allow_ats[i],
				   "allow = %s: holds public addresses; if that is meant, set public = yes",
				   sp_cidr_text(&e->allow[i].cidr, text));
	}
	for (size_t i = 0; i < e->resolver_count && i < e->resolver.count; i++) {
		struct sp_egress egress = sp_conf_egress_rules(r->conf);
		enum sp_egress_verdict verdict = sp_egress_check_resolver(&egress, &e->resolvers[i]);

		if (verdict != SP_EGRESS_OK)
			RULE_ERROR(r, e->resolver.items[i].at, "resolver = %s: %s",
				   sp_addr_text(&e->resolvers[i], text), sp_egress_text(verdict));
	}
	if (e->is_public && !e->has_allow)
		RULE_ERROR(r, sp_conf_at(&e->section, "public"),
			   "public = yes is for the addresses of allow, which is not set");
}

static bool has_set_at(const struct sp_conf_section *section, const char *key, struct sp_conf_at at)
{
	for (size_t i = 0; i < section->set_count; i++) {
		if (strcmp(section->sets[i].key, key) == 0 && section->sets[i].at.line == at.line &&
		    section->sets[i].at.file == at.file)
			return true;
	}
	return false;
}

static void check_backend(const struct rules *r, const struct sp_egress *egress, const struct sp_conf_pool *pool,
			  const struct sp_conf_backend *backend)
{
	enum sp_egress_verdict verdict = sp_egress_check(egress, &backend->addr);
	bool is_short = has_set_at(&pool->section, "backend", backend->at);
	const char *key = is_short ? "backend" : "address";
	char text[SP_ADDR_TEXT];

	if (sp_str_starts(pool->section.name, SP_STR("route:")))
		key = "to";
	if (sp_conf_backend_is_named(backend) && !r->conf->egress.has_allow)
		RULE_ERROR(r, backend->at,
			   "%s = %.*s: a name may lead anywhere: [egress] allow has to say where its addresses may be",
			   key, SP_STR_ARG(backend->name));
	if (backend->addr.family == SP_ADDR_NONE)
		return; /* a name; or its address was wrong, and that was said */
	if (verdict != SP_EGRESS_OK)
		RULE_ERROR(r, backend->at, "%s = %s: %s", key, sp_addr_text(&backend->addr, text),
			   sp_egress_text(verdict));
	for (const struct sp_conf_backend *other = pool->backends; other != backend; other++) {
		if (sp_addr_eq(&other->addr, &backend->addr))
			RULE_WARNING(r, backend->at,
				     "%s = %s is in [pool:%.*s] already, at %s:%d; for a larger share use weight=N "
				     "[backend-twice]",
				     key, sp_addr_text(&backend->addr, text), SP_STR_ARG(pool->section.name),
				     other->at.file, other->at.line);
	}
}

/* Whoever writes one of these means TLS: that it is off must not go unseen. */
static void check_pool_tls(const struct rules *r, const struct sp_conf_pool *pool)
{
	static const char *const keys[] = { "tls_name", "tls_ca", "tls_cert", "tls_key_file" };
	const struct sp_conf_section *s = &pool->section;

	for (size_t i = 0; i < SP_COUNT(keys) && !pool->has_tls; i++) {
		if (is_set(s, keys[i]))
			RULE_ERROR(r, sp_conf_at(s, keys[i]),
				   "%s without tls = yes: everything would go to the backends in plain text", keys[i]);
	}
	if (is_set(s, "tls_cert") != is_set(s, "tls_key_file"))
		RULE_ERROR(r, sp_conf_at(s, is_set(s, "tls_cert") ? "tls_cert" : "tls_key_file"),
			   "tls_cert and tls_key_file go together: %s is missing",
			   is_set(s, "tls_cert") ? "tls_key_file" : "tls_cert");
	for (size_t i = 0; pool->has_tls && !is_set(s, "tls_name") && i < pool->backend_count; i++) {
		if (pool->backends[i].addr.family == SP_ADDR_UNIX)
			RULE_ERROR(r, pool->backends[i].at,
				   "tls = yes and a Unix socket, which has no name to verify: set tls_name");
	}
}

static bool is_host_text(struct sp_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = sp_lower(s.p[i]);

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || strchr("-._:[]", c) != NULL))
			return false;
	}
	return true;
}

/* Its default, written out, is nothing that anybody waits for: dump writes every default. */
static bool is_more_than_default(const struct rules *r, const struct sp_conf_pool *pool, const char *key)
{
	const struct sp_doc_part *part = sp_doc_find(r->doc, "pool", pool->section.name);

	for (const struct sp_doc_item *item = part == NULL ? NULL : part->first; item != NULL; item = item->next)
		if (sp_str_eq(item->key, sp_str(key)) && item->row != NULL)
			return item->row->def == NULL || !sp_str_eq(item->value, sp_str(item->row->def));
	return false;
}

/* What would be read, and do nothing. */
static void check_pool_check(const struct rules *r, const struct sp_conf_pool *pool)
{
	static const char *const always[] = { "check_interval", "check_timeout", "rise", "fall", "start" };
	static const char *const http[] = { "check_host", "check_status", "check_body" };
	const struct sp_conf_section *s = &pool->section;

	for (size_t i = 0; i < SP_COUNT(always) && pool->check.kind == SP_CHECK_NONE && !is_set(s, "check"); i++) {
		if (is_more_than_default(r, pool, always[i]))
			RULE_ERROR(r, sp_conf_at(s, always[i]), "%s without check: nothing would be checked",
				   always[i]);
	}
	for (size_t i = 0; i < SP_COUNT(http) && pool->check.kind != SP_CHECK_HTTP; i++) {
		if (is_more_than_default(r, pool, http[i]))
			RULE_ERROR(r, sp_conf_at(s, http[i]), "%s needs check = GET /path", http[i]);
	}
	if (!is_host_text(pool->check.host))
		RULE_ERROR(r, sp_conf_at(s, "check_host"),
			   "check_host = %.*s: not a host, as example.com or example.com:8080",
			   SP_STR_ARG(pool->check.host));
}

static void check_pool_names(const struct rules *r, const struct sp_conf_pool *pool)
{
	const struct sp_conf_section *s = &pool->section;

	if (pool->resolve_min > pool->resolve_max)
		RULE_ERROR(r, sp_conf_at(s, is_set(s, "resolve_min") ? "resolve_min" : "resolve_max"),
			   "resolve_min is more than resolve_max");
}

static void check_pools(const struct rules *r)
{
	struct sp_egress egress = sp_conf_egress_rules(r->conf);

	for (size_t i = 0; i < r->conf->pool_count; i++) {
		const struct sp_conf_pool *pool = &r->conf->pools[i];

		if (pool->backend_count == 0 && !is_set(&pool->section, "backend") &&
		    !sp_doc_is_torn(r->doc, sp_doc_find(r->doc, "pool", pool->section.name)))
			RULE_ERROR(r, pool->section.at, "[pool:%.*s] has no backend", SP_STR_ARG(pool->section.name));
		check_pool_tls(r, pool);
		check_pool_check(r, pool);
		check_pool_names(r, pool);
		for (size_t k = 0; k < pool->backend_count; k++)
			check_backend(r, &egress, pool, &pool->backends[k]);
	}
}

/* ---- [listener], [tls] ---- */

static void check_per_addr(const struct rules *r, const struct sp_conf_listener *l)
{
	static const char *const keys[] = { "max_connections_per_ip", "max_handshakes_per_ip" };
	enum sp_conf_behind behind = r->conf->gateway.behind;

	if (behind != SP_BEHIND_ALB && behind != SP_BEHIND_CLOUDFRONT)
		return;
	for (size_t i = 0; i < SP_COUNT(keys); i++)
		if (is_set(&l->section, keys[i]))
			RULE_WARNING(r, sp_conf_at(&l->section, keys[i]),
				     "%s has no effect with behind = %s: a connection is the balancer's, its clients "
				     "are known from the head only [per-ip-behind]",
				     keys[i], behind_name(behind));
}

static void check_idle(const struct rules *r, const struct sp_conf_listener *l)
{
	enum sp_conf_behind behind = r->conf->gateway.behind;
	uint64_t closes = balancers[behind].closes;
	char idle[SP_UNITS_TEXT], limit[SP_UNITS_TEXT], better[SP_UNITS_TEXT];
	struct sp_conf_at at = sp_conf_at(&l->section, "client_idle");

	if (behind == SP_BEHIND_NONE || at.file == NULL)
		return;
	(void)sp_units_duration_text(l->client_idle, idle);
	(void)sp_units_duration_text(closes, limit);
	(void)sp_units_duration_text(balancers[behind].client_idle, better);
	if (behind == SP_BEHIND_NLB && l->client_idle >= closes)
		RULE_WARNING(
			r, at,
			"client_idle = %s, but behind = nlb forgets at %s: clients will see resets; use %s or less "
			"[idle-order]",
			idle, limit, better);
	else if (behind != SP_BEHIND_NLB && l->client_idle <= closes)
		RULE_WARNING(r, at,
			     "client_idle = %s, but behind = %s closes at %s: clients will see 502; use %s or more "
			     "[idle-order]",
			     idle, behind_name(behind), limit, better);
}

static void check_proxy_protocol(const struct rules *r, const struct sp_conf_listener *l)
{
	if (l->proxy_protocol != SP_PROXY_OFF && !is_set(&r->conf->gateway.section, "trusted"))
		RULE_ERROR(r, sp_conf_at(&l->section, "proxy_protocol"),
			   "proxy_protocol needs trusted in [gateway]: whose header is believed");
	for (size_t i = 0; l->proxy_protocol == SP_PROXY_REQUIRED && i < l->bind_count; i++) {
		if (l->binds[i].kind == SP_BIND_UNIX)
			RULE_ERROR(r, l->binds[i].at,
				   "proxy_protocol = required on a Unix socket: its peers have no address that "
				   "trusted could hold");
	}
}

static bool is_loopback(const struct sp_addr *addr)
{
	static const uint8_t one[16] = { [15] = 1 };

	return addr->family == SP_ADDR_V4 ? addr->ip[0] == 127 : memcmp(addr->ip, one, sizeof(one)) == 0;
}

static void check_plain(const struct rules *r, const struct sp_conf_listener *l)
{
	if (l->is_redirect_https || is_set(&l->section, "tls") || is_set(&l->section, "cert") ||
	    r->conf->gateway.behind != SP_BEHIND_NONE)
		return;
	for (size_t i = 0; i < l->bind_count; i++) {
		if (l->binds[i].kind == SP_BIND_ADDR && !is_loopback(&l->binds[i].addr)) {
			RULE_WARNING(r, l->binds[i].at,
				     "[listener:%.*s] has neither a certificate nor redirect = https: everything "
				     "can be read on its way [plain-text]",
				     SP_STR_ARG(l->section.name));
			return;
		}
	}
}

static bool is_same_bind(const struct sp_conf_bind *a, const struct sp_conf_bind *b)
{
	if (a->kind != b->kind)
		return false;
	return a->kind == SP_BIND_FD ? sp_str_eq(a->fd_name, b->fd_name)
				     : sp_addr_eq(&a->addr, &b->addr) && strcmp(a->addr.path, b->addr.path) == 0;
}

/* Reports the first bind before (i, k) that is the same. */
static void check_bind(const struct rules *r, size_t i, size_t k)
{
	const struct sp_conf_bind *bind = &r->conf->listeners[i].binds[k];
	char text[SP_ADDR_TEXT];

	for (size_t j = 0; j <= i; j++) {
		const struct sp_conf_listener *other = &r->conf->listeners[j];

		for (size_t m = 0; m < (j == i ? k : other->bind_count); m++) {
			if (!is_same_bind(bind, &other->binds[m]))
				continue;
			if (bind->kind == SP_BIND_FD)
				RULE_ERROR(r, bind->at, "bind = fd:%.*s is taken by [listener:%.*s] at %s:%d",
					   SP_STR_ARG(bind->fd_name), SP_STR_ARG(other->section.name),
					   other->binds[m].at.file, other->binds[m].at.line);
			else
				RULE_ERROR(r, bind->at, "bind = %s is taken by [listener:%.*s] at %s:%d",
					   sp_addr_text(&bind->addr, text), SP_STR_ARG(other->section.name),
					   other->binds[m].at.file, other->binds[m].at.line);
			return;
		}
	}
}

/* The listener's rules come before a route is found. */
static void check_limits(const struct rules *r, const struct sp_conf_listener *l)
{
	for (size_t i = 0; i < l->limit_count; i++)
		if (l->limits[i]->key == SP_LIMIT_BY_ROUTE)
			RULE_ERROR(r, sp_conf_at(&l->section, "limit"),
				   "limit = %.*s: its key is route (%s:%d), and a listener has none yet; set it on "
				   "routes, "
				   "or use key = global",
				   SP_STR_ARG(l->limits[i]->section.name),
				   sp_conf_at(&l->limits[i]->section, "key").file,
				   sp_conf_at(&l->limits[i]->section, "key").line);
}

static void check_listeners(const struct rules *r)
{
	char uri[SP_UNITS_TEXT], head[SP_UNITS_TEXT];

	for (size_t i = 0; i < r->conf->listener_count; i++) {
		const struct sp_conf_listener *l = &r->conf->listeners[i];

		if (l->is_redirect_https && (is_set(&l->section, "tls") || is_set(&l->section, "cert")))
			RULE_ERROR(r, sp_conf_at(&l->section, "redirect"),
				   "redirect = https on a listener that speaks TLS: every client would be sent in a "
				   "circle");
		if (l->uri_max >= l->header_max)
			RULE_ERROR(r,
				   sp_conf_at(&l->section, is_set(&l->section, "uri_max") ? "uri_max" : "header_max"),
				   "uri_max = %s does not fit into header_max = %s",
				   sp_units_size_text(l->uri_max, uri), sp_units_size_text(l->header_max, head));
		for (size_t k = 0; k < l->bind_count; k++)
			check_bind(r, i, k);
		check_idle(r, l);
		check_per_addr(r, l);
		check_plain(r, l);
		check_proxy_protocol(r, l);
		check_limits(r, l);
	}
}

static void check_tls(const struct rules *r)
{
	for (size_t i = 0; i < r->conf->tls_count; i++) {
		const struct sp_conf_section *s = &r->conf->tls[i].section;

		if (r->conf->tls[i].client_verify != SP_VERIFY_OFF && !is_set(s, "client_ca"))
			RULE_ERROR(r, sp_conf_at(s, "client_verify"),
				   "client_verify needs client_ca: the certificates to chain to");
		if (r->conf->tls[i].client_verify == SP_VERIFY_OFF && is_set(s, "client_ca"))
			RULE_WARNING(r, sp_conf_at(s, "client_ca"),
				     "client_ca without client_verify: no client is asked for a certificate "
				     "[client-verify]");
		if (is_set(s, "crl") && !is_set(s, "client_ca"))
			RULE_ERROR(r, sp_conf_at(s, "crl"), "crl needs client_ca: it is for client certificates");
	}
}

/* ---- [route] ---- */

static void check_outcome(const struct rules *r, const struct sp_conf_route *route)
{
	static const char *const outcomes[] = { "pool", "to", "redirect", "respond" };
	const char *first = NULL;

	for (size_t i = 0; i < SP_COUNT(outcomes); i++) {
		struct sp_conf_at at = sp_conf_at(&route->section, outcomes[i]);

		if (at.file == NULL)
			continue;
		if (first != NULL)
			RULE_ERROR(r, at, "[route:%.*s] has both %s (%s:%d) and %s: one of pool, to, redirect, respond",
				   SP_STR_ARG(route->section.name), first, sp_conf_at(&route->section, first).file,
				   sp_conf_at(&route->section, first).line, outcomes[i]);
		else
			first = outcomes[i];
	}
	if (first == NULL && !sp_doc_is_torn(r->doc, sp_doc_find(r->doc, "route", route->section.name)))
		RULE_ERROR(r, route->section.at, "[route:%.*s] has none of pool, to, redirect, respond",
			   SP_STR_ARG(route->section.name));
}

/* In the normal form of a rule as of a request the digits are capitals. */
static bool has_encoded_slash(struct sp_str path)
{
	for (size_t i = 0; i + 3 <= path.n; i++) {
		if (memcmp(path.p + i, "%2F", 3) == 0 || memcmp(path.p + i, "%5C", 3) == 0)
			return true;
	}
	return false;
}

static void check_paths(const struct rules *r, const struct sp_conf_route *route)
{
	for (size_t i = 0; i < route->path_count; i++) {
		const struct sp_conf_path_rule *rule = &route->paths[i];

		if (!route->is_encoded_slash_kept && has_encoded_slash(rule->path))
			RULE_WARNING(
				r, rule->at,
				"path = %.*s%s can never match: encoded_slash = refuse answers such requests with 400 "
				"[encoded-slash]",
				(int)(rule->path.n < 120 ? rule->path.n : 120), rule->path.p,
				rule->is_prefix ? "*" : "");
	}
}

/* ---- what is there and not there ---- */

static bool is_any_listener_routed(const struct rules *r)
{
	for (size_t i = 0; i < r->conf->listener_count; i++) {
		if (!r->conf->listeners[i].is_redirect_https)
			return true;
	}
	return false;
}

static void check_presence(const struct rules *r)
{
	struct sp_conf_at whole = { .file = r->fill->main_file };
	bool has_listener = false, has_route = false, has_unknown = r->doc->is_torn;

	for (const struct sp_doc_part *p = r->doc->first; p != NULL; p = p->next) {
		has_listener = has_listener || sp_str_eq(p->type, SP_STR("listener"));
		has_route = has_route || sp_str_eq(p->type, SP_STR("route"));
		has_unknown = has_unknown || sp_conf_type_find(p->type) == NULL;
		if (p->spec == &sp_conf_type_addresses && p->first == NULL)
			RULE_ERROR(r, p->at, "[%.*s] has neither cidr nor file", SP_STR_ARG(p->title));
		if (p->made == NULL || p->is_used)
			continue;
		if (p->spec == &sp_conf_type_pool || p->spec == &sp_conf_type_tls ||
		    p->spec == &sp_conf_type_addresses || p->spec == &sp_conf_type_limit ||
		    p->spec == &sp_conf_type_geo)
			RULE_WARNING(r, p->at, "[%.*s] is used by nothing [unused-%s]", SP_STR_ARG(p->title),
				     p->spec->name);
	}
	if (!has_listener && !has_unknown) /* an unknown section may be the misspelled one */
		RULE_ERROR(r, whole, "no [listener:NAME]: there is nothing to listen on");
	if (!has_route && !has_unknown && is_any_listener_routed(r))
		RULE_WARNING(r, whole, "no [route:NAME]: every request will be answered 421 [no-route]");
}

static void check_ban(const struct rules *r, const struct sp_conf_limit *limit)
{
	char ban[SP_UNITS_TEXT], most[SP_UNITS_TEXT];

	if (limit->ban == 0 && limit->ban_max != 0)
		RULE_WARNING(r, sp_conf_at(&limit->section, "ban_max"),
			     "ban_max without ban: nobody is banned [ban-max]");
	if (limit->ban != 0 && limit->ban_max != 0 && limit->ban_max < limit->ban)
		RULE_ERROR(r, sp_conf_at(&limit->section, "ban_max"), "ban_max = %s is less than ban = %s",
			   sp_units_duration_text(limit->ban_max, most), sp_units_duration_text(limit->ban, ban));
	if (limit->ban > 0 && limit->key != SP_LIMIT_BY_CLIENT)
		RULE_ERROR(r, sp_conf_at(&limit->section, "ban"),
			   "ban: only with key = client; who went over any other key is not who made it full");
}

static void check_count(const struct rules *r, const struct sp_conf_limit *limit)
{
	for (size_t i = 0; limit->status_count > 0 && i < limit->section.set_count; i++) {
		const struct sp_conf_set *set = &limit->section.sets[i];

		if (strcmp(set->key, "count") == 0 && memmem(set->text.p, set->text.n, "requests", 8) != NULL)
			RULE_ERROR(r, set->at, "count = %.*s: either requests or status codes", SP_STR_ARG(set->text));
	}
}

/* ---- [geo] ---- */

/* What is asked of a database that has nothing of that kind would match nobody. */
static void check_places(const struct rules *r, const struct sp_geo *geo, const char *key, const struct sp_conf_places *list)
{
	char text[3];

	for (size_t i = 0; i < list->count; i++) {
		const struct sp_geo_place *place = &list->items[i].place;

		if (place->country != 0 && !geo->has_countries)
			RULE_ERROR(r, list->items[i].at, "%s = %s: a country, and the database knows only AS numbers", key,
				   sp_geo_country_text(place->country, text));
		if (place->as != 0 && !geo->has_as)
			RULE_ERROR(r, list->items[i].at, "%s = AS%u: an AS number, and the database knows only countries", key,
				   place->as);
	}
}

static void check_geo(const struct rules *r, const struct sp_conf_geo *g)
{
	struct sp_geo geo;

	if (g->table.n == 0 || !sp_geo_view(g->table, &geo))
		return; /* said when it was read */
	check_places(r, &geo, "allow", &g->allow);
	check_places(r, &geo, "deny", &g->deny);
	if (!is_set(&g->section, "allow") && !is_set(&g->section, "deny") && !g->is_unknown_denied)
		RULE_WARNING(r, g->section.at, "[geo:%.*s] allows everybody: it has neither allow nor deny [geo-empty]",
			     SP_STR_ARG(g->section.name));
}

/* ---- [admin] ---- */

static void check_admin(const struct rules *r)
{
	const struct sp_conf_admin *a = &r->conf->admin;
	struct sp_conf_at at = sp_conf_at(&a->section, "bind");
	char text[SP_ADDR_TEXT];

	if (a->bind.family == SP_ADDR_NONE)
		return;
	if (!is_loopback(&a->bind) && a->allow.count == 0)
		RULE_ERROR(r, at, "bind = %s: others can reach that; say who may with allow",
			   sp_addr_text(&a->bind, text));
	for (size_t i = 0; i < r->conf->listener_count; i++) {
		const struct sp_conf_listener *l = &r->conf->listeners[i];

		for (size_t k = 0; k < l->bind_count; k++)
			if (l->binds[k].kind == SP_BIND_ADDR && sp_addr_eq(&l->binds[k].addr, &a->bind))
				RULE_ERROR(r, l->binds[k].at, "bind = %s is taken by [admin]",
					   sp_addr_text(&a->bind, text));
	}
}

void sp_rules_check(const struct sp_fill *fill, const struct sp_conf *conf)
{
	struct rules r = { .doc = fill->doc, .fill = fill, .conf = conf };

	check_gateway(&r);
	check_allow(&r);
	check_pools(&r);
	check_listeners(&r);
	check_tls(&r);
	check_admin(&r);
	for (size_t i = 0; i < conf->geo_count; i++)
		check_geo(&r, &conf->geos[i]);
	for (size_t i = 0; i < conf->limit_count; i++) {
		check_count(&r, &conf->limits[i]);
		check_ban(&r, &conf->limits[i]);
	}
	for (size_t i = 0; i < conf->route_count; i++) {
		check_outcome(&r, &conf->routes[i]);
		check_paths(&r, &conf->routes[i]);
	}
	check_presence(&r);
}
