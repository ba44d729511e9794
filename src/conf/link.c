#include "link.h"

#include "near.h"
#include "value.h"

#define LINK_ERROR(l, at, ...) sp_conf_report_add((l)->doc->report, SP_CONF_ERROR, (at), __VA_ARGS__)

#define NS_PER_S 1000000000ULL
#define SYSTEM_CA "/etc/ssl/certs/ca-certificates.crt"
#define RESOLV_CONF "/etc/resolv.conf"

enum { DNS_PORT = 53, RESOLVERS_MAX = 8 };

struct linker {
	const struct sp_fill *fill;
	struct sp_doc *doc;
	struct sp_conf *conf;
};

/* The filled sections of a type, one after the other: start with NULL. */
static struct sp_doc_part *next_part(const struct linker *l, const struct sp_doc_part *after,
				     const struct sp_conf_type *type)
{
	struct sp_doc_part *part = after == NULL ? l->doc->first : after->next;

	while (part != NULL && (part->spec != type || part->made == NULL))
		part = part->next;
	return part;
}

static size_t count_parts(const struct linker *l, const struct sp_conf_type *type)
{
	size_t count = 0;

	for (const struct sp_doc_part *part = next_part(l, NULL, type); part != NULL; part = next_part(l, part, type))
		count++;
	return count;
}

/* The section that `key = name` of `from` refers to; NULL, reported, when there is none. */
static struct sp_doc_part *find_ref(const struct linker *l, const struct sp_doc_part *from, const char *key,
				    const char *type, const struct sp_conf_text *name)
{
	struct sp_doc_part *part = sp_doc_find(l->doc, type, name->text);
	struct sp_near near = sp_near_to(name->text);
	char hint[SP_NEAR_TEXT];

	if (part != NULL) {
		part->is_used = true;
		return part->made != NULL ? part : NULL; /* it has its own errors */
	}
	for (const struct sp_doc_part *p = l->doc->first; p != NULL; p = p->next) {
		if (sp_str_eq(p->type, sp_str(type)))
			sp_near_offer(&near, p->name, p->at);
	}
	LINK_ERROR(l, name->at, "[%.*s] %s = \"%.*s\": no such %s%s", SP_STR_ARG(from->title), key,
		   SP_STR_ARG(name->text), type, sp_near_text(&near, hint));
	return NULL;
}

/* ---- certificates ---- */

static struct sp_str read_chain(const struct linker *l, const struct sp_conf_text *name, struct sp_str *path)
{
	struct sp_err err = { .text = "" };
	struct sp_str pem = SP_STR_NONE;

	*path = sp_str(sp_value_absolute(l->doc, l->fill->folder, name->text));
	if (!sp_source_read(&l->doc->source, path->p, SP_FILE_PUBLIC, &pem, &err))
		LINK_ERROR(l, name->at, "cert = %.*s: %s", SP_STR_ARG(name->text), err.text);
	else if (pem.n == 0)
		LINK_ERROR(l, name->at, "cert = %.*s: is empty", SP_STR_ARG(name->text));
	return pem;
}

/* Opened and judged, never read: whoever holds the configuration holds no key. */
static int open_key(const struct linker *l, const struct sp_conf_text *name, struct sp_str *path)
{
	struct sp_err err = { .text = "" };
	int fd;

	*path = sp_str(sp_value_absolute(l->doc, l->fill->folder, name->text));
	if (!sp_source_open_key(&l->doc->source, path->p, &fd, &err))
		LINK_ERROR(l, name->at, "key_file = %.*s: %s", SP_STR_ARG(name->text), err.text);
	return fd;
}

static struct sp_conf_cert read_cert(const struct linker *l, struct sp_str section_name,
				     const struct sp_conf_text *cert, const struct sp_conf_text *key)
{
	struct sp_conf_cert pair = { .section_name = section_name, .at = cert->at };

	pair.chain_pem = read_chain(l, cert, &pair.chain_path);
	pair.key_fd = open_key(l, key, &pair.key_path);
	pair.index = (uint32_t)l->conf->cert_count++;
	return pair;
}

static void read_certs(const struct linker *l, const struct sp_doc_part *part, const struct sp_conf_texts *certs,
		       const struct sp_conf_texts *keys, struct sp_conf_tls *tls)
{
	struct sp_conf_cert *all;

	if (certs->count != keys->count) {
		LINK_ERROR(l, certs->count > keys->count ? certs->items[keys->count].at : keys->items[certs->count].at,
			   "[%.*s] has %zu cert and %zu key_file: the i-th of one goes with the i-th of the other",
			   SP_STR_ARG(part->title), certs->count, keys->count);
		return;
	}
	all = sp_doc_take(l->doc, certs->count * sizeof(*all));
	if (all == NULL)
		return;
	for (size_t i = 0; i < certs->count; i++)
		all[i] = read_cert(l, tls->section.name, &certs->items[i], &keys->items[i]);
	tls->certs = all;
	tls->cert_count = certs->count;
}

/* An unnamed [tls]: what cert and key_file of a listener stand for. */
static bool make_own_tls(const struct linker *l, const struct sp_doc_part *part, struct sp_conf_tls *to)
{
	const struct sp_part_listener *made = part->made;
	const struct sp_part_tls *defaults = sp_fill_defaults(l->fill, &sp_conf_type_tls);

	if (defaults == NULL)
		return false;
	*to = defaults->pub;
	to->section.name = part->title; /* "listener:NAME" */
	to->section.at = made->certs.count > 0 ? made->certs.items[0].at : made->key_files.items[0].at;
	read_certs(l, part, &made->certs, &made->key_files, to);
	return true;
}

static bool has_own_tls(const struct sp_part_listener *made)
{
	return made->certs.count + made->key_files.count > 0;
}

static void link_tls(const struct linker *l)
{
	size_t count = count_parts(l, &sp_conf_type_tls), n = 0;
	struct sp_conf_tls *all;

	for (const struct sp_doc_part *p = next_part(l, NULL, &sp_conf_type_listener); p != NULL;
	     p = next_part(l, p, &sp_conf_type_listener))
		count += has_own_tls(p->made) ? 1 : 0;
	all = sp_doc_take(l->doc, count * sizeof(*all));
	if (all == NULL)
		return;
	for (const struct sp_doc_part *p = next_part(l, NULL, &sp_conf_type_tls); p != NULL;
	     p = next_part(l, p, &sp_conf_type_tls)) {
		struct sp_part_tls *made = p->made;

		all[n] = made->pub;
		read_certs(l, p, &made->certs, &made->key_files, &all[n]);
		made->final = &all[n++];
	}
	for (const struct sp_doc_part *p = next_part(l, NULL, &sp_conf_type_listener); p != NULL;
	     p = next_part(l, p, &sp_conf_type_listener)) {
		struct sp_part_listener *made = p->made;

		if (has_own_tls(made) && make_own_tls(l, p, &all[n]))
			made->own_tls = &all[n++];
	}
	l->conf->tls = all;
	l->conf->tls_count = n;
}

/* ---- limits ---- */

static void link_limits(const struct linker *l)
{
	struct sp_conf_limit *all = sp_doc_take(l->doc, count_parts(l, &sp_conf_type_limit) * sizeof(*all));
	size_t n = 0;

	if (all == NULL)
		return;
	for (const struct sp_doc_part *p = next_part(l, NULL, &sp_conf_type_limit); p != NULL;
	     p = next_part(l, p, &sp_conf_type_limit)) {
		struct sp_part_limit *made = p->made;

		all[n] = made->pub;
		if (all[n].burst == 0 && all[n].interval_ns > 0)
			all[n].burst = all[n].interval_ns < NS_PER_S ? NS_PER_S / all[n].interval_ns : 1;
		made->final = &all[n++];
	}
	l->conf->limits = all;
	l->conf->limit_count = n;
}

/* Those that `limit =` of a listener or a route names. */
static const struct sp_conf_limit *const *find_limits(const struct linker *l, const struct sp_doc_part *part,
						      const struct sp_conf_texts *names, size_t *count)
{
	const struct sp_conf_limit **found = sp_doc_take(l->doc, (names->count + 1) * sizeof(const struct sp_conf_limit *));

	for (size_t i = 0; found != NULL && i < names->count; i++) {
		struct sp_doc_part *ref = find_ref(l, part, "limit", "limit", &names->items[i]);

		if (ref != NULL)
			found[(*count)++] = ((const struct sp_part_limit *)ref->made)->final;
	}
	return found;
}

/* ---- countries and network operators ---- */

static void link_geos(const struct linker *l)
{
	struct sp_conf_geo *all = sp_doc_take(l->doc, count_parts(l, &sp_conf_type_geo) * sizeof(*all));
	size_t n = 0;

	if (all == NULL)
		return;
	for (const struct sp_doc_part *p = next_part(l, NULL, &sp_conf_type_geo); p != NULL;
	     p = next_part(l, p, &sp_conf_type_geo)) {
		struct sp_part_geo *made = p->made;

		all[n] = made->pub;
		made->final = &all[n++];
	}
	l->conf->geos = all;
	l->conf->geo_count = n;
}

/* Those that `geo =` of a listener or a route names. */
static const struct sp_conf_geo *const *find_geos(const struct linker *l, const struct sp_doc_part *part,
						  const struct sp_conf_texts *names, size_t *count)
{
	const struct sp_conf_geo **found = sp_doc_take(l->doc, (names->count + 1) * sizeof(const struct sp_conf_geo *));

	for (size_t i = 0; found != NULL && i < names->count; i++) {
		struct sp_doc_part *ref = find_ref(l, part, "geo", "geo", &names->items[i]);

		if (ref != NULL)
			found[(*count)++] = ((const struct sp_part_geo *)ref->made)->final;
	}
	return found;
}

/* ---- listeners ---- */

static void link_listener(const struct linker *l, const struct sp_doc_part *part, struct sp_conf_listener *to)
{
	const struct sp_part_listener *made = part->made;
	const struct sp_conf_tls **tls = sp_doc_take(l->doc,
						     (made->tls_names.count + 1) * sizeof(const struct sp_conf_tls *));

	*to = made->pub;
	to->geos = find_geos(l, part, &made->geo_names, &to->geo_count);
	to->limits = find_limits(l, part, &made->limit_names, &to->limit_count);
	if (tls == NULL)
		return;
	if (made->own_tls != NULL)
		tls[to->tls_count++] = made->own_tls;
	for (size_t i = 0; i < made->tls_names.count; i++) {
		struct sp_doc_part *ref = find_ref(l, part, "tls", "tls", &made->tls_names.items[i]);

		if (ref != NULL)
			tls[to->tls_count++] = ((const struct sp_part_tls *)ref->made)->final;
	}
	to->tls = tls;
}

static void link_listeners(const struct linker *l)
{
	struct sp_conf_listener *all;
	const struct sp_doc_part *admin;
	struct sp_addr *own;
	size_t binds = 0;

	all = sp_doc_take(l->doc, count_parts(l, &sp_conf_type_listener) * sizeof(*all));
	if (all == NULL)
		return;
	l->conf->listeners = all;
	for (const struct sp_doc_part *p = next_part(l, NULL, &sp_conf_type_listener); p != NULL;
	     p = next_part(l, p, &sp_conf_type_listener)) {
		link_listener(l, p, &all[l->conf->listener_count]);
		binds += all[l->conf->listener_count++].bind_count;
	}
	own = sp_doc_take(l->doc, (binds + 1) * sizeof(*own));
	if (own == NULL)
		return;
	l->conf->own = own;
	for (size_t i = 0; i < l->conf->listener_count; i++) {
		for (size_t k = 0; k < all[i].bind_count; k++) {
			if (all[i].binds[k].kind == SP_BIND_ADDR)
				own[l->conf->own_count++] = all[i].binds[k].addr;
		}
	}
	admin = next_part(l, NULL, &sp_conf_type_admin);
	if (admin != NULL && ((const struct sp_part_admin *)admin->made)->pub.bind.family != SP_ADDR_NONE)
		own[l->conf->own_count++] =
			((const struct sp_part_admin *)admin->made)->pub.bind; /* no route leads to the status page */
}

/* ---- pools ---- */

static bool is_member(const struct sp_doc_part *backend, const struct sp_conf_pool *pool)
{
	return sp_str_eq(((const struct sp_part_backend *)backend->made)->pool_name.text, pool->section.name);
}

static struct sp_conf_backend long_form(const struct sp_doc_part *part)
{
	const struct sp_part_backend *made = part->made;
	struct sp_conf_backend backend = made->pub;

	backend.name = part->name;
	return backend;
}

/* Both forms, in this order: the lines of the pool, then the sections that name it. */
static void link_backends(const struct linker *l, struct sp_conf_pool *pool)
{
	size_t count = pool->backend_count, n = 0;
	struct sp_conf_backend *all;

	for (const struct sp_doc_part *p = next_part(l, NULL, &sp_conf_type_backend); p != NULL;
	     p = next_part(l, p, &sp_conf_type_backend))
		count += is_member(p, pool) ? 1 : 0;
	all = sp_doc_take(l->doc, count * sizeof(*all));
	if (all == NULL)
		return;
	for (; n < pool->backend_count; n++) {
		all[n] = pool->backends[n];
		all[n].max_inflight = pool->max_inflight;
	}
	for (const struct sp_doc_part *p = next_part(l, NULL, &sp_conf_type_backend); p != NULL;
	     p = next_part(l, p, &sp_conf_type_backend)) {
		if (!is_member(p, pool))
			continue;
		all[n] = long_form(p);
		if (sp_conf_at(p->made, "max_inflight").file == NULL)
			all[n].max_inflight = pool->max_inflight;
		n++;
	}
	for (size_t i = 0; i < count; i++)
		all[i].index = (uint32_t)l->conf->backend_count++;
	pool->backends = all;
	pool->backend_count = count;
}

/* Workers open no file, so the system's store is read here as any other file is: it is part of the bundle. */
static void read_system_ca(const struct linker *l, struct sp_conf_pool *pool)
{
	struct sp_err err = { .text = "" };

	if (!sp_source_read(&l->doc->source, SYSTEM_CA, SP_FILE_SYSTEM, &pool->tls_ca_pem, &err))
		LINK_ERROR(l, sp_conf_at(&pool->section, "tls"),
			   "tls = yes without tls_ca: the system's store, %s, %s; name your own with tls_ca", SYSTEM_CA,
			   err.text);
}

static void link_pool_tls(const struct linker *l, const struct sp_part_pool *made, struct sp_conf_pool *pool)
{
	struct sp_conf_cert *cert;

	if (pool->has_tls && sp_conf_at(&pool->section, "tls_ca").file == NULL)
		read_system_ca(l, pool);
	if (made->tls_cert.at.file == NULL || made->tls_key_file.at.file == NULL)
		return; /* one alone is an error of the rules */
	cert = sp_doc_take(l->doc, sizeof(*cert));
	if (cert == NULL)
		return;
	*cert = read_cert(l, pool->section.name, &made->tls_cert, &made->tls_key_file);
	cert->is_client = true;
	pool->tls_cert = cert;
}

/* `to = ADDRESS` of a route: a pool of one, with every default. */
static bool make_own_pool(const struct linker *l, const struct sp_doc_part *part, struct sp_conf_pool *to)
{
	const struct sp_part_route *made = part->made;
	const struct sp_part_pool *defaults = sp_fill_defaults(l->fill, &sp_conf_type_pool);

	if (defaults == NULL)
		return false;
	*to = defaults->pub;
	to->section.name = part->title; /* "route:NAME" */
	to->section.at = made->to.at;
	to->backends = &made->to;
	to->backend_count = 1;
	link_backends(l, to);
	return true;
}

static void link_pools(const struct linker *l)
{
	size_t n = 0;
	struct sp_conf_pool *all = sp_doc_take(
		l->doc, (count_parts(l, &sp_conf_type_pool) + count_parts(l, &sp_conf_type_route)) * sizeof(*all));

	if (all == NULL)
		return;
	for (const struct sp_doc_part *p = next_part(l, NULL, &sp_conf_type_backend); p != NULL;
	     p = next_part(l, p, &sp_conf_type_backend)) {
		const struct sp_part_backend *made = p->made;

		if (made->pool_name.text.n > 0)
			(void)find_ref(l, p, "pool", "pool", &made->pool_name);
	}
	for (const struct sp_doc_part *p = next_part(l, NULL, &sp_conf_type_pool); p != NULL;
	     p = next_part(l, p, &sp_conf_type_pool)) {
		struct sp_part_pool *made = p->made;

		all[n] = made->pub;
		link_backends(l, &all[n]);
		link_pool_tls(l, made, &all[n]);
		made->final = &all[n++];
	}
	for (const struct sp_doc_part *p = next_part(l, NULL, &sp_conf_type_route); p != NULL;
	     p = next_part(l, p, &sp_conf_type_route)) {
		struct sp_part_route *made = p->made;

		if (made->to.at.file != NULL && make_own_pool(l, p, &all[n]))
			made->pub.pool = &all[n++];
	}
	l->conf->pools = all;
	l->conf->pool_count = n;
}

/* ---- routes, and the rest ---- */

static void link_routes(const struct linker *l)
{
	struct sp_conf_route *all = sp_doc_take(l->doc, count_parts(l, &sp_conf_type_route) * sizeof(*all));
	struct sp_doc_part *ref;
	size_t n = 0;

	if (all == NULL)
		return;
	for (const struct sp_doc_part *p = next_part(l, NULL, &sp_conf_type_route); p != NULL;
	     p = next_part(l, p, &sp_conf_type_route)) {
		const struct sp_part_route *made = p->made;

		all[n] = made->pub;
		all[n].index = (uint32_t)n;
		all[n].geos = find_geos(l, p, &made->geo_names, &all[n].geo_count);
		all[n].limits = find_limits(l, p, &made->limit_names, &all[n].limit_count);
		if (made->pool_name.text.n > 0) {
			ref = find_ref(l, p, "pool", "pool", &made->pool_name);
			if (ref != NULL)
				all[n].pool = ((const struct sp_part_pool *)ref->made)->final;
		}
		n++;
	}
	l->conf->routes = all;
	l->conf->route_count = n;
}

static void link_singles(const struct linker *l)
{
	struct sp_doc_part *p = next_part(l, NULL, &sp_conf_type_gateway);

	if (p != NULL) {
		const struct sp_part_gateway *made = p->made;

		l->conf->gateway = made->pub;
		l->conf->gateway.ban_journal =
			sp_str(sp_doc_printf(l->doc, "%.*s/bans", SP_STR_ARG(made->pub.state_dir)));
		for (size_t i = 0; i < made->pub.ready_pools.count; i++)
			(void)find_ref(l, p, "ready_pools", "pool", &made->pub.ready_pools.items[i]);
	}
	p = next_part(l, NULL, &sp_conf_type_egress);
	if (p != NULL) {
		l->conf->egress = ((const struct sp_part_egress *)p->made)->pub;
		l->conf->egress.has_allow = sp_conf_at(p->made, "allow").file != NULL;
	}
	p = next_part(l, NULL, &sp_conf_type_admin);
	if (p != NULL)
		l->conf->admin = ((const struct sp_part_admin *)p->made)->pub;
	p = next_part(l, NULL, &sp_conf_type_log);
	if (p != NULL)
		l->conf->log = ((const struct sp_part_log *)p->made)->pub;
}

static void link_literals(const struct linker *l)
{
	struct sp_addr *all = sp_doc_take(l->doc, l->conf->backend_count * sizeof(*all));

	if (all == NULL)
		return;
	l->conf->literals = all;
	for (size_t i = 0; i < l->conf->pool_count; i++) {
		const struct sp_conf_pool *pool = &l->conf->pools[i];

		for (size_t k = 0; k < pool->backend_count; k++) {
			if (pool->backends[k].addr.family != SP_ADDR_NONE)
				all[l->conf->literal_count++] = pool->backends[k].addr;
		}
	}
}

/* ---- name servers ---- */

static const struct sp_conf_backend *first_named(const struct sp_conf *conf)
{
	for (size_t i = 0; i < conf->pool_count; i++)
		for (size_t k = 0; k < conf->pools[i].backend_count; k++)
			if (sp_conf_backend_is_named(&conf->pools[i].backends[k]))
				return &conf->pools[i].backends[k];
	return NULL;
}

static bool parse_resolver(struct sp_str text, struct sp_addr *addr)
{
	if (sp_addr_parse_ip(text, addr)) {
		addr->port = DNS_PORT;
		return true;
	}
	return sp_addr_parse(text, DNS_PORT, addr) && addr->family != SP_ADDR_UNIX;
}

/* resolv.conf(5): the lines "nameserver ADDRESS"; what is not understood is left out, as the C library does. */
static size_t read_resolv_conf(struct sp_str text, struct sp_addr to[static RESOLVERS_MAX])
{
	struct sp_str line, word;
	size_t n = 0;

	while (text.n > 0 && n < RESOLVERS_MAX && sp_str_split(&text, '\n', &line)) {
		for (size_t i = 0; i < line.n; i++)
			if (line.p[i] == '#' || line.p[i] == ';' || line.p[i] == '\t')
				line.n = line.p[i] == '\t' ? line.n : i;
		if (sp_value_word(&line, &word) && sp_str_eq(word, SP_STR("nameserver")) && sp_value_word(&line, &word) &&
		    sp_addr_parse_ip(word, &to[n]))
			to[n++].port = DNS_PORT;
	}
	return n;
}

static size_t system_resolvers(const struct linker *l, const struct sp_conf_backend *named,
			       struct sp_addr to[static RESOLVERS_MAX])
{
	struct sp_err err = { .text = "" };
	struct sp_str text;
	size_t n = 0;

	if (!sp_source_read(&l->doc->source, RESOLV_CONF, SP_FILE_SYSTEM, &text, &err))
		LINK_ERROR(l, named->at, "%.*s is a name, and %s %s: set [egress] resolver", SP_STR_ARG(named->host),
			   RESOLV_CONF, err.text);
	else if ((n = read_resolv_conf(text, to)) == 0)
		LINK_ERROR(l, named->at, "%.*s is a name, and %s names no server: set [egress] resolver",
			   SP_STR_ARG(named->host), RESOLV_CONF);
	return n;
}

static void link_resolvers(const struct linker *l)
{
	const struct sp_conf_texts *own = &l->conf->egress.resolver;
	const struct sp_conf_backend *named = first_named(l->conf);
	struct sp_addr *all = sp_doc_take(l->doc, RESOLVERS_MAX * sizeof(*all));
	size_t n = 0;

	if (all == NULL)
		return;
	for (size_t i = 0; i < own->count; i++) {
		if (n == RESOLVERS_MAX)
			LINK_ERROR(l, own->items[i].at, "resolver: at most %d name servers", RESOLVERS_MAX);
		else if (!parse_resolver(own->items[i].text, &all[n]))
			LINK_ERROR(l, own->items[i].at, "resolver = %.*s: not an address, as 10.0.0.2 or 10.0.0.2:53",
				   SP_STR_ARG(own->items[i].text));
		else
			n++;
	}
	if (own->count == 0 && named != NULL)
		n = system_resolvers(l, named, all);
	l->conf->egress.resolvers = all;
	l->conf->egress.resolver_count = n;
}

/* By their index; it is complete even where an error was found, so that every open key is closed again. */
static void list_certs(const struct linker *l)
{
	const struct sp_conf_cert **all = sp_doc_take(l->doc, l->conf->cert_count * sizeof(const struct sp_conf_cert *));

	if (all == NULL) {
		l->conf->cert_count = 0; /* nobody may look for them; that there was no memory is told */
		return;
	}
	for (size_t i = 0; i < l->conf->tls_count; i++)
		for (size_t k = 0; k < l->conf->tls[i].cert_count; k++)
			all[l->conf->tls[i].certs[k].index] = &l->conf->tls[i].certs[k];
	for (size_t i = 0; i < l->conf->pool_count; i++)
		if (l->conf->pools[i].tls_cert != NULL)
			all[l->conf->pools[i].tls_cert->index] = l->conf->pools[i].tls_cert;
	l->conf->certs = all;
}

static void list_sections(const struct linker *l)
{
	const struct sp_conf_section **all;
	size_t count = 0;

	for (const struct sp_doc_part *p = l->doc->first; p != NULL; p = p->next)
		count++;
	all = sp_doc_take(l->doc, count * sizeof(const struct sp_conf_section *));
	if (all == NULL)
		return;
	for (const struct sp_doc_part *p = l->doc->first; p != NULL; p = p->next) {
		if (p->made != NULL)
			all[l->conf->section_count++] = p->made;
	}
	l->conf->sections = all;
}

void sp_link_all(const struct sp_fill *fill, struct sp_conf *conf)
{
	struct linker l = { .fill = fill, .doc = fill->doc, .conf = conf };

	link_tls(&l);
	link_geos(&l);
	link_limits(&l);
	link_listeners(&l);
	link_pools(&l);
	link_routes(&l);
	link_singles(&l);
	link_literals(&l);
	link_resolvers(&l);
	list_certs(&l);
	conf->local = sp_source_local(&l.doc->source, &conf->local_count);
	list_sections(&l);
}
