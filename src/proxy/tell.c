#include "tell.h"

#include <stdarg.h>
#include <stdio.h>

#include "sp/conf/units.h"

#include "proxy_int.h"

#define TEXT_MAX 512

static void tell_at(const struct sp_exchange *x, const char *key, struct sp_conf_at at, enum sp_met_how how,
		    const char *text)
{
	const struct sp_met met = { .rule = key, .at = at, .how = how, .text = text };

	x->ask.witness->met(x->ask.witness, &met);
}

void sp_tell(const struct sp_exchange *x, const char *key, const struct sp_conf_section *section, enum sp_met_how how,
	     const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	tell_at(x, key, sp_conf_at(section, key), how, sp_met_text(&x->ask, "%s", text));
}

/* ---- who asks */

void sp_tell_client(const struct sp_exchange *x)
{
	const struct sp_conf_section *gateway = &x->serve->conf->gateway.section;
	char peer[SP_ADDR_TEXT], client[SP_ADDR_TEXT];

	sp_addr_ip_text(&x->from->client, peer);
	if (!x->from->is_trusted) {
		if (sp_head_find(&x->request, SP_F_X_FORWARDED_FOR) != NULL)
			sp_tell(x, "trusted", gateway, SP_MET_PASSED,
				"%s is not among these: its forwarding fields are removed", peer);
		return;
	}
	if (x->ask.is_balancer)
		sp_tell(x, "trusted", gateway, SP_MET_PASSED, "%s is among these, and names no client", peer);
	else
		sp_tell(x, "trusted", gateway, SP_MET_PASSED, "%s is among these: the client is %s, by X-Forwarded-For", peer,
			sp_addr_ip_text(&x->client, client));
}

static void tell_unasked(const struct sp_exchange *x)
{
	const struct sp_conf_gateway *gateway = &x->serve->conf->gateway;

	if (x->proxy->bans == NULL && !x->ask.is_balancer)
		tell_at(x, "ban", (struct sp_conf_at){ NULL, 0 }, SP_MET_UNASKED,
			"who is banned, the running gateway knows: sallyport bans");
	if (gateway->memory_max > 0 && x->proxy->budget.most == 0)
		sp_tell(x, "memory_max", &gateway->section, SP_MET_UNASKED, "the running gateway counts");
}

static void tell_site(const struct sp_exchange *x, bool is_fine)
{
	const struct sp_tls_listener *tls = x->from->listening->serve->tls;
	const struct sp_conf_tls *site = x->from->site;

	if (tls == NULL || site == NULL || !sp_tls_listener_has_client_verify(tls))
		return;
	sp_tell(x, "client_verify", &site->section, is_fine ? SP_MET_PASSED : SP_MET_ANSWERED,
		"%.*s is %s of [tls:%.*s], which the handshake chose", SP_STR_ARG(x->request.host),
		is_fine ? "a name" : "no name", SP_STR_ARG(site->section.name));
}

void sp_tell_before_rules(const struct sp_exchange *x, bool is_host_of_site)
{
	tell_unasked(x);
	tell_site(x, is_host_of_site);
}

/* ---- the route */

static bool takes_host(const struct sp_conf_host_rule *rule, struct sp_str host)
{
	if (rule->name.n == 0)
		return true;
	if (!rule->is_wildcard)
		return sp_str_eq(rule->name, host);
	return host.n > rule->name.n + 1 && host.p[host.n - rule->name.n - 1] == '.' && sp_str_ends(host, rule->name);
}

static bool takes_path(const struct sp_conf_path_rule *rule, struct sp_str path)
{
	return rule->is_prefix ? sp_str_starts(path, rule->path) : sp_str_eq(path, rule->path);
}

/* Of the route that was found: which of its hosts it was, the most specific one. NULL: it names none. */
static const struct sp_conf_host_rule *host_of(const struct sp_exchange *x)
{
	const struct sp_conf_host_rule *best = NULL;

	for (size_t i = 0; i < x->route->host_count; i++) {
		const struct sp_conf_host_rule *rule = &x->route->hosts[i];

		if (takes_host(rule, x->request.host) &&
		    (best == NULL || !rule->is_wildcard || (best->is_wildcard && rule->name.n > best->name.n)))
			best = rule;
	}
	return best;
}

static const struct sp_conf_path_rule *path_of(const struct sp_exchange *x)
{
	const struct sp_conf_path_rule *best = NULL;

	for (size_t i = 0; i < x->route->path_count; i++) {
		const struct sp_conf_path_rule *rule = &x->route->paths[i];

		if (takes_path(rule, x->request.path) &&
		    (best == NULL || rule->path.n > best->path.n || (rule->path.n == best->path.n && !rule->is_prefix)))
			best = rule;
	}
	return best;
}

static void tell_found(const struct sp_exchange *x)
{
	const struct sp_conf_host_rule *host = host_of(x);
	const struct sp_conf_path_rule *path = path_of(x);

	tell_at(x, "route", x->route->section.at, SP_MET_PASSED,
		sp_met_text(&x->ask, "[route:%.*s] by host %s%.*s, path %.*s%s", SP_STR_ARG(x->route->section.name),
			    host != NULL && host->is_wildcard && host->name.n > 0 ? "*." : "",
			    SP_STR_ARG(host != NULL && host->name.n > 0 ? host->name : SP_STR("*")),
			    SP_STR_ARG(path != NULL ? path->path : SP_STR("/")), path == NULL || path->is_prefix ? "*" : ""));
}

void sp_tell_route(const struct sp_exchange *x, enum sp_route_rc rc)
{
	const struct sp_conf_listener *listener = x->from->listening->serve->conf;
	const struct sp_conf_at nowhere = { NULL, 0 };

	if (rc == SP_ROUTE_NO_HOST) {
		tell_at(x, "route", nowhere, SP_MET_ANSWERED,
			sp_met_text(&x->ask, "no route has the host %.*s", SP_STR_ARG(x->request.host)));
		return;
	}
	if (sp_str_eq(x->request.path, SP_STR("*"))) {
		sp_tell(x, "methods", &listener->section, SP_MET_ANSWERED, "OPTIONS * asks for what is served");
		return;
	}
	if (listener->is_redirect_https) {
		sp_tell(x, "redirect", &listener->section, SP_MET_ANSWERED, "to the same URL under https");
		return;
	}
	switch (rc) {
	case SP_ROUTE_NO_HOST:
	case SP_ROUTE_FOUND:
		tell_found(x);
		break;
	case SP_ROUTE_NO_PATH:
		tell_at(x, "route", nowhere, SP_MET_ANSWERED,
			sp_met_text(&x->ask, "routes have the host %.*s, none of them the path %.*s",
				    SP_STR_ARG(x->request.host), SP_STR_ARG(x->request.path)));
		break;
	case SP_ROUTE_NO_METHOD:
		sp_tell(x, "method", &x->route->section, SP_MET_ANSWERED,
			"routes have host and path, as [route:%.*s], none of them the method %.*s",
			SP_STR_ARG(x->route->section.name), SP_STR_ARG(x->request.method_text));
		break;
	}
}

void sp_tell_path(const struct sp_exchange *x, bool is_allowed)
{
	const struct sp_head *head = &x->request;
	const char *what = head->has_encoded_slash ? "an encoded slash" :
			   head->has_odd_path	   ? "a spelling that readers differ on (//, ;, ..;, double encoding)" :
						     "a path parameter (;)";

	if (!head->has_encoded_slash && !head->has_odd_path && !head->has_path_parameter)
		return;
	sp_tell(x, "encoded_slash", &x->route->section, is_allowed ? SP_MET_PASSED : SP_MET_ANSWERED,
		is_allowed ? "the path has %s, which may go on here" : "the path has %s, and rules go by paths", what);
}

void sp_tell_body(const struct sp_exchange *x, bool is_over)
{
	const struct sp_conf_section *from = x->route->body_max == UINT64_MAX ?
						     &x->from->listening->serve->conf->section :
						     &x->route->section;
	char most[SP_UNITS_TEXT];

	if (x->body_max == UINT64_MAX || !sp_head_has_body(&x->request))
		return;
	sp_units_size_text(x->body_max, most);
	if (x->request.framing == SP_BODY_LENGTH)
		sp_tell(x, "body_max", from, is_over ? SP_MET_ANSWERED : SP_MET_PASSED, "%llu bytes are %s %s",
			(unsigned long long)x->request.length, is_over ? "over" : "within", most);
	else
		sp_tell(x, "body_max", from, SP_MET_PASSED, "%s; counted while the body is read", most);
}

void sp_tell_destination(const struct sp_exchange *x)
{
	const struct sp_conf_route *route = x->route;
	const struct sp_conf_section *section = &route->section;

	if (route->redirect_status != 0)
		sp_tell(x, "redirect", section, SP_MET_ANSWERED, "%u to %.*s", (unsigned)route->redirect_status,
			SP_STR_ARG(route->redirect_url));
	else if (route->respond_status != 0)
		sp_tell(x, "respond", section, SP_MET_ANSWERED, "%u", (unsigned)route->respond_status);
	else if (route->pool != NULL)
		sp_tell(x, sp_conf_at(section, "to").file != NULL ? "to" : "pool", section, SP_MET_PASSED, "[pool:%.*s]",
			SP_STR_ARG(route->pool->section.name));
}

/* ---- the head as the backend gets it */

static void tell_path_out(const struct sp_exchange *x)
{
	const struct sp_conf_section *route = &x->route->section;
	struct sp_str was = x->log_path, is = x->request.path;

	if (sp_str_eq(was, is))
		return;
	if (x->route->strip_prefix.n > 0)
		sp_tell(x, "strip_prefix", route, SP_MET_PASSED, "%.*s", SP_STR_ARG(x->route->strip_prefix));
	if (x->route->add_prefix.n > 0)
		sp_tell(x, "add_prefix", route, SP_MET_PASSED, "%.*s", SP_STR_ARG(x->route->add_prefix));
}

static void tell_client_cert(const struct sp_exchange *x)
{
	const struct sp_conf_tls *site = x->from->site;

	if (site != NULL && site->has_client_cert_headers && x->from->tls == NULL)
		sp_tell(x, "client_cert_headers", &site->section, SP_MET_UNASKED,
			"X-Client-Cert-Subject, -Serial and -Fingerprint of a client certificate would be added");
}

static void tell_edits(const struct sp_exchange *x)
{
	static const char *const verbs[] = { [SP_EDIT_SET] = "set", [SP_EDIT_ADD] = "add", [SP_EDIT_REMOVE] = "remove" };

	for (size_t i = 0; i < x->route->request_edit_count; i++) {
		const struct sp_conf_edit *edit = &x->route->request_edits[i];
		bool is_removal = edit->verb == SP_EDIT_REMOVE;

		tell_at(x, "request_header", edit->at, SP_MET_PASSED,
			sp_met_text(&x->ask, "%s %.*s%s%.*s", verbs[edit->verb], SP_STR_ARG(edit->name),
				    is_removal ? "" : ": ", SP_STR_ARG(is_removal ? SP_STR("") : edit->value)));
	}
}

void sp_tell_head(const struct sp_exchange *x)
{
	if (x->request.has_upgrade)
		sp_tell(x, "upgrade", &x->route->section, SP_MET_PASSED,
			x->is_upgrade ? "a WebSocket is asked for, and may be opened" :
					"what is asked for is not opened here: it goes on as any request");
	tell_path_out(x);
	tell_client_cert(x);
	if (x->route->trace == SP_TRACE_START)
		sp_tell(x, "trace", &x->route->section, SP_MET_PASSED, "traceparent: the client's own, or one that begins here");
	tell_edits(x);
}
