#include "export.h"

#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "sp/conf/read.h"

static const struct {
	const char *name;
	void (*write)(const struct sp_export *e, FILE *to);
} forms[] = {
	{ "nftables", sp_export_nftables },
	{ "security-group", sp_export_security_group },
	{ "systemd", sp_export_systemd },
};

const char *const sp_export_floor[] = {
	"169.254.0.0/16", "0.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "fe80::/10",
	"fd00:ec2::/32",  "ff00::/8",  "::/128",      NULL,
};

bool sp_export_is_loopback(const struct sp_cidr *cidr)
{
	static const uint8_t v6[16] = { [15] = 1 };

	return cidr->addr.family == SP_ADDR_V4 ? cidr->bits >= 8 && cidr->addr.ip[0] == 127
					       : cidr->bits == 128 && memcmp(cidr->addr.ip, v6, sizeof(v6)) == 0;
}

static bool is_on_loopback(const struct sp_addr *addr)
{
	struct sp_cidr host = { .addr = *addr, .bits = addr->family == SP_ADDR_V4 ? 32 : 128 };

	return sp_export_is_loopback(&host);
}

void sp_export_note(const struct sp_export_out *out, FILE *to)
{
	if (out->at.line > 0)
		(void)fprintf(to, "%s:%d", out->at.file, out->at.line);
	else
		(void)fputs(out->at.file, to);
}

/* ---- what comes in */

/* For the network: which of this host's interfaces it is does not count. */
static bool is_same_place(const struct sp_conf_bind *a, const struct sp_conf_bind *b)
{
	if (a->kind != b->kind)
		return false;
	return a->kind == SP_BIND_FD ? sp_str_eq(a->fd_name, b->fd_name)
				     : a->addr.family == b->addr.family && a->addr.port == b->addr.port &&
					       is_on_loopback(&a->addr) == is_on_loopback(&b->addr);
}

static void add_in(struct sp_export *e, const struct sp_conf_listener *listener, const struct sp_conf_bind *bind)
{
	if (bind->kind == SP_BIND_UNIX)
		return;
	for (size_t i = 0; i < e->in_count; i++)
		if (is_same_place(e->in[i].bind, bind))
			return;
	e->in[e->in_count++] = (struct sp_export_in){
		.listener = listener,
		.bind = bind,
		.is_on_loopback = bind->kind == SP_BIND_ADDR && is_on_loopback(&bind->addr),
		.is_for_trusted = listener->proxy_protocol == SP_PROXY_REQUIRED,
	};
}

static bool gather_in(struct sp_export *e)
{
	const struct sp_conf *conf = e->conf;
	size_t count = 0;

	for (size_t i = 0; i < conf->listener_count; i++)
		count += conf->listeners[i].bind_count;
	e->in = calloc(count + 1, sizeof(*e->in));
	for (size_t i = 0; e->in != NULL && i < conf->listener_count; i++)
		for (size_t k = 0; k < conf->listeners[i].bind_count; k++)
			add_in(e, &conf->listeners[i], &conf->listeners[i].binds[k]);
	return e->in != NULL;
}

/* ---- where to */

static bool is_same(const struct sp_export_out *a, const struct sp_export_out *b)
{
	return sp_addr_same_ip(&a->to.addr, &b->to.addr) && a->to.bits == b->to.bits && a->port_from == b->port_from &&
	       a->port_to == b->port_to && a->is_resolver == b->is_resolver;
}

static void add_out(struct sp_export *e, const struct sp_export_out *out)
{
	for (size_t i = 0; i < e->out_count; i++)
		if (is_same(&e->out[i], out))
			return;
	e->out[e->out_count++] = *out;
}

static void add_backend(struct sp_export *e, const struct sp_conf_backend *backend)
{
	struct sp_export_out out = { .to.addr = backend->addr,
				     .to.bits = backend->addr.family == SP_ADDR_V4 ? 32 : 128,
				     .port_from = backend->addr.port,
				     .port_to = backend->addr.port,
				     .at = backend->at };

	out.to.addr.port = 0;
	add_out(e, &out);
}

/* They stand first: whoever writes the floor as rules puts them before it. */
static void add_resolvers(struct sp_export *e)
{
	const struct sp_conf_egress *egress = &e->conf->egress;

	for (size_t i = 0; i < egress->resolver_count; i++) {
		struct sp_export_out out = { .to.addr = egress->resolvers[i],
					     .to.bits = egress->resolvers[i].family == SP_ADDR_V4 ? 32 : 128,
					     .port_from = egress->resolvers[i].port,
					     .port_to = egress->resolvers[i].port,
					     .is_resolver = true,
					     .at = { .file = "/etc/resolv.conf" } };

		if (i < egress->resolver.count)
			out.at = egress->resolver.items[i].at;
		out.to.addr.port = 0;
		add_out(e, &out);
	}
}

/* As base/egress.c: `allow` where there is one, otherwise exactly the declared backends. */
static bool gather_out(struct sp_export *e)
{
	const struct sp_conf *conf = e->conf;
	const struct sp_conf_egress *egress = &conf->egress;

	e->out = calloc(egress->resolver_count + egress->allow_count + conf->backend_count + 1, sizeof(*e->out));
	if (e->out == NULL)
		return false;
	add_resolvers(e);
	for (size_t i = 0; i < egress->allow_count; i++) {
		const struct sp_egress_rule *rule = &egress->allow[i];

		add_out(e, &(struct sp_export_out){ .to = rule->cidr,
						    .port_from = rule->port_from,
						    .port_to = rule->port_to,
						    .at = egress->allow_ats[i] });
	}
	for (size_t i = 0; !egress->has_allow && i < conf->pool_count; i++)
		for (size_t k = 0; k < conf->pools[i].backend_count; k++)
			add_backend(e, &conf->pools[i].backends[k]);
	return true;
}

/* ---- the command */

static int write_as(size_t form, const struct sp_conf *conf)
{
	struct sp_export e = { .conf = conf };
	int code = SP_EXIT_FAILED;

	if (gather_in(&e) && gather_out(&e)) {
		forms[form].write(&e, stdout);
		code = fflush(stdout) == 0 ? SP_EXIT_OK : SP_EXIT_FAILED;
	} else {
		(void)fputs("sallyport export: no memory\n", stderr);
	}
	free(e.in);
	free(e.out);
	return code;
}

int sp_command_export(const struct sp_args *args)
{
	struct sp_conf_report report;
	struct sp_conf *conf;
	size_t form = 0;
	int code = SP_EXIT_FAILED;

	while (form < SP_COUNT(forms) && (args->what == NULL || strcmp(forms[form].name, args->what) != 0))
		form++;
	if (form == SP_COUNT(forms)) {
		(void)fputs("sallyport export: as what? nftables, security-group or systemd\n", stderr);
		return SP_EXIT_USAGE;
	}
	sp_conf_report_init(&report);
	conf = sp_conf_read(args->config, &report);
	sp_conf_report_print(&report, args->config, stderr);
	sp_conf_report_fini(&report);
	if (conf != NULL)
		code = write_as(form, conf);
	sp_conf_free(conf);
	return code;
}
