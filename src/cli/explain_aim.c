/*
 * Which listener would get the request. A URL says TLS or not, a port and a host; more than one listener may be meant,
 * and then the operator says which.
 */
#include "explain.h"

#include <string.h>

/* RFC 5737: an address that is nobody's, so no rule for somebody is met by accident. */
#define SOMEBODY "203.0.113.1"

struct aim {
	const struct sp_conf *conf; /* borrowed, as the next */
	const struct sp_explain_request *request;
	uint16_t port; /* the URL's, else the scheme's */
};

static struct sp_str scheme_text(bool is_tls)
{
	return is_tls ? SP_STR("https://") : SP_STR("http://");
}

static bool speaks(const struct aim *aim, const struct sp_conf_listener *l)
{
	return (l->tls_count > 0) == aim->request->is_tls;
}

static bool is_any(const struct sp_addr *addr)
{
	static const uint8_t none[16] = { 0 };

	return memcmp(addr->ip, none, sizeof(none)) == 0;
}

/* ---- how well a listener fits; the best fits are the ones that are meant */

enum fit { FIT_NOT, FIT_SCHEME, FIT_PASSED, FIT_PORT, FIT_ADDRESS };

static enum fit fit_of_bind(const struct aim *aim, const struct sp_conf_bind *bind)
{
	const struct sp_addr *ip = &aim->request->ip;

	if (bind->kind == SP_BIND_FD)
		return FIT_PASSED; /* whoever passes it knows its port */
	if (bind->kind == SP_BIND_ADDR && bind->addr.port == aim->port)
		return ip->family != SP_ADDR_NONE && (is_any(&bind->addr) || sp_addr_same_ip(&bind->addr, ip)) ?
			       FIT_ADDRESS :
			       FIT_PORT;
	return aim->request->port == 0 ? FIT_SCHEME : FIT_NOT;
}

static enum fit fit_of(const struct aim *aim, const struct sp_conf_listener *l)
{
	enum fit best = FIT_NOT;

	for (size_t i = 0; speaks(aim, l) && i < l->bind_count; i++) {
		enum fit fit = fit_of_bind(aim, &l->binds[i]);

		best = fit > best ? fit : best;
	}
	return best;
}

static void list(const struct aim *aim, enum fit least, struct sp_buf *to)
{
	for (size_t i = 0; i < aim->conf->listener_count; i++) {
		const struct sp_conf_listener *l = &aim->conf->listeners[i];

		if (speaks(aim, l) && fit_of(aim, l) >= least)
			sp_buf_printf(to, "%s%.*s (%s:%d)", to->n > 0 ? ", " : "", SP_STR_ARG(l->section.name),
				      l->section.at.file, l->section.at.line);
	}
	sp_buf_put(to, SP_STR("")); /* so that there is a text */
}

static bool choose(const struct aim *aim, size_t *index, struct sp_err *err)
{
	enum fit best = FIT_NOT;
	size_t count = 0;
	struct sp_buf names;

	for (size_t i = 0; i < aim->conf->listener_count; i++) {
		enum fit fit = fit_of(aim, &aim->conf->listeners[i]);

		if (fit > best)
			count = 0;
		if (fit >= best && fit != FIT_NOT) {
			best = fit;
			*index = i;
			count++;
		}
	}
	if (count == 1)
		return true;
	sp_buf_init(&names);
	list(aim, best, &names);
	if (count > 1)
		sp_err_set(err, "more than one listener may be meant: %s; say which with --listener", names.p);
	else if (names.n == 0)
		sp_err_set(err, "no listener speaks %s%s", aim->request->is_tls ? "TLS" : "plain HTTP",
			   aim->request->is_tls ? "; behind a balancer that does, write http:// and what it adds: "
						  "-H 'X-Forwarded-Proto: https'" :
						  "; write https://");
	else
		sp_err_set(err, "no listener for %.*s is at port %u; there are %s", SP_STR_ARG(scheme_text(aim->request->is_tls)),
			   aim->port, names.p);
	sp_buf_fini(&names);
	return false;
}

static bool refuse_name(const struct aim *aim, struct sp_str name, struct sp_err *err)
{
	struct sp_str near = SP_STR_NONE;
	unsigned least = 3;

	for (size_t i = 0; i < aim->conf->listener_count; i++) {
		struct sp_str is = aim->conf->listeners[i].section.name;
		unsigned d = sp_str_distance(name, is, least);

		if (d < least) {
			least = d;
			near = is;
		}
	}
	if (near.n == 0)
		return sp_err_set(err, "--listener %.60s: no such listener", name.p);
	return sp_err_set(err, "--listener %.60s: no such listener; did you mean \"%.*s\"?", name.p, SP_STR_ARG(near));
}

static bool find(const struct aim *aim, struct sp_str name, size_t *index, struct sp_err *err)
{
	for (size_t i = 0; i < aim->conf->listener_count; i++) {
		const struct sp_conf_listener *l = &aim->conf->listeners[i];

		if (!sp_str_eq(l->section.name, name))
			continue;
		*index = i;
		if (speaks(aim, l))
			return true;
		return sp_err_set(err, "[listener:%.*s] (%s:%d) speaks %s: write %.*s", SP_STR_ARG(name), l->section.at.file,
				  l->section.at.line, l->tls_count > 0 ? "TLS" : "plain HTTP",
				  SP_STR_ARG(scheme_text(l->tls_count > 0)));
	}
	return refuse_name(aim, name, err);
}

/* ---- what a client would find there */

/* Of its places the one that the URL means, else the first. */
static const struct sp_conf_bind *bind_of(const struct aim *aim, const struct sp_conf_listener *l)
{
	const struct sp_conf_bind *best = &l->binds[0];

	for (size_t i = 1; i < l->bind_count; i++)
		if (fit_of_bind(aim, &l->binds[i]) > fit_of_bind(aim, best))
			best = &l->binds[i];
	return best;
}

static uint16_t port_at(const struct aim *aim, const struct sp_conf_listener *l, const struct sp_conf_bind *bind)
{
	if (l->proxy_protocol == SP_PROXY_REQUIRED || bind->kind == SP_BIND_FD)
		return aim->port; /* the header names what the client connected to */
	return bind->kind == SP_BIND_ADDR ? bind->addr.port : 0;
}

static bool read_from(const char *from, const struct sp_conf_bind *bind, struct sp_addr *out, struct sp_err *err)
{
	if (bind->kind == SP_BIND_UNIX) {
		*out = (struct sp_addr){ .family = SP_ADDR_UNIX };
		return from == NULL || sp_err_set(err, "--from: who comes to a Unix socket (%s:%d) has no address", bind->at.file,
						  bind->at.line);
	}
	if (!sp_addr_parse_ip(sp_str(from != NULL ? from : SOMEBODY), out))
		return sp_err_set(err, "--from %.60s: not an IP address", from);
	*out = sp_addr_fold(out);
	return true;
}

bool sp_explain_aim(const struct sp_conf *conf, const struct sp_args *args, const struct sp_explain_request *request,
		    struct sp_explain_ask *ask, struct sp_err *err)
{
	struct aim aim = { conf, request, request->port };
	const struct sp_conf_listener *l;
	const struct sp_conf_bind *bind;

	if (aim.port == 0)
		aim.port = request->is_tls ? 443 : 80;
	*ask = (struct sp_explain_ask){ .server_name = sp_str(request->server_name), .head = sp_buf_str(&request->head) };
	if (args->listener != NULL ? !find(&aim, sp_str(args->listener), &ask->listener, err) :
				     !choose(&aim, &ask->listener, err))
		return false;
	l = &conf->listeners[ask->listener];
	bind = bind_of(&aim, l);
	ask->port = port_at(&aim, l, bind);
	return read_from(args->from, bind, &ask->client, err);
}
