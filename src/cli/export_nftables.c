/*
 * export_nftables - a table of its own for nft: it holds the gateway's users to their backends, and leaves all others
 * and all other tables alone. Loading it again replaces it.
 */
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "export.h"

static bool is_family(const struct sp_cidr *cidr, enum sp_addr_family family)
{
	return cidr->addr.family == family;
}

/* A number where the machine knows the user: a name that it does not know cannot be loaded. */
static void write_user(const char *name, const char *before, FILE *to)
{
	const struct passwd *pw = getpwnam(name);

	if (pw != NULL)
		(void)fprintf(to, "%s%u", before, (unsigned)pw->pw_uid);
}

static void write_users(const struct sp_export *e, FILE *to)
{
	static const char *const roles[] = { "keeper", "dialer", "monitor", "logger" };
	char *user = strndup(e->conf->gateway.user.p, e->conf->gateway.user.n), *role = NULL;

	if (user == NULL)
		return;
	if (getpwnam(user) == NULL)
		(void)fprintf(to, "\"%s\"", user);
	write_user(user, "", to);
	for (size_t i = 0; i < SP_COUNT(roles); i++) {
		if (asprintf(&role, "%s-%s", user, roles[i]) < 0)
			break;
		write_user(role, ", ", to);
		free(role);
	}
	free(user);
}

static void write_ports(const struct sp_export_out *out, FILE *to)
{
	if (out->port_from == 0)
		(void)fputs("0-65535", to);
	else if (out->port_from == out->port_to)
		(void)fprintf(to, "%u", out->port_from);
	else
		(void)fprintf(to, "%u-%u", out->port_from, out->port_to);
}

/* One rule each, not a set of intervals: prefixes of `allow` may overlap. */
static void write_outs(const struct sp_export *e, bool of_resolvers, FILE *to)
{
	char text[SP_ADDR_TEXT];

	for (size_t i = 0; i < e->out_count; i++) {
		const struct sp_export_out *out = &e->out[i];

		if (out->is_resolver != of_resolvers)
			continue;
		(void)fprintf(to, "\t\t%s daddr %s %s dport ", is_family(&out->to, SP_ADDR_V4) ? "ip" : "ip6",
			      sp_cidr_text(&out->to, text), of_resolvers ? "meta l4proto { tcp, udp } th" : "tcp");
		write_ports(out, to);
		(void)fputs(" accept  # ", to);
		sp_export_note(out, to);
		(void)fputc('\n', to);
	}
}

static void write_floor(FILE *to)
{
	for (size_t i = 0; sp_export_floor[i] != NULL; i++)
		(void)fprintf(to, "\t\t%s daddr %s counter reject with %s type admin-prohibited\n",
			      strchr(sp_export_floor[i], ':') == NULL ? "ip" : "ip6", sp_export_floor[i],
			      strchr(sp_export_floor[i], ':') == NULL ? "icmp" : "icmpv6");
}

static size_t count_trusted(const struct sp_export *e, enum sp_addr_family family)
{
	size_t n = 0;

	for (size_t i = 0; i < e->conf->gateway.trusted.count; i++)
		n += is_family(&e->conf->gateway.trusted.items[i], family) ? 1U : 0U;
	return n;
}

/* Drops what comes to a port from others than the balancers; where none is of a family, all of it. */
static void write_strangers(const struct sp_export *e, const struct sp_export_in *in, FILE *to)
{
	const enum sp_addr_family family = in->bind->addr.family;
	const char *between = "";
	char text[SP_ADDR_TEXT];

	(void)fprintf(to, "\t\tmeta nfproto %s ", family == SP_ADDR_V4 ? "ipv4" : "ipv6");
	if (count_trusted(e, family) > 0) {
		(void)fprintf(to, "%s saddr != { ", family == SP_ADDR_V4 ? "ip" : "ip6");
		for (size_t i = 0; i < e->conf->gateway.trusted.count; i++) {
			const struct sp_cidr *cidr = &e->conf->gateway.trusted.items[i];

			if (!is_family(cidr, family))
				continue;
			(void)fprintf(to, "%s%s", between, sp_cidr_text(cidr, text));
			between = ", ";
		}
		(void)fputs(" } ", to);
	}
	(void)fprintf(to, "tcp dport %u counter drop  # %s:%d\n", in->bind->addr.port, in->bind->at.file,
		      in->bind->at.line);
}

static void write_input(const struct sp_export *e, FILE *to)
{
	bool is_any = false;

	for (size_t i = 0; i < e->in_count; i++) {
		const struct sp_export_in *in = &e->in[i];

		if (!in->is_for_trusted || in->bind->kind != SP_BIND_ADDR || in->is_on_loopback)
			continue;
		if (!is_any)
			(void)fputs("\n\t# proxy_protocol = required: only `trusted` is served there.\n"
				    "\tchain input {\n\t\ttype filter hook input priority filter; policy accept;\n"
				    "\t\tiifname \"lo\" accept\n",
				    to);
		is_any = true;
		write_strangers(e, in, to);
	}
	if (is_any)
		(void)fputs("\t}\n", to);
}

void sp_export_nftables(const struct sp_export *e, FILE *to)
{
	(void)fprintf(
		to,
		"#!/usr/sbin/nft -f\n"
		"# sallyport export nftables, of %s. To try: nft -c -f FILE; to load, or to replace it: nft -f FILE.\n"
		"table inet sallyport\ndelete table inet sallyport\n\ntable inet sallyport {\n"
		"\t# What has no socket, as answers of the kernel, has no user: it does not come here.\n"
		"\tchain output {\n\t\ttype filter hook output priority filter; policy accept;\n\t\tmeta skuid { ",
		e->conf->main_file);
	write_users(e, to);
	(void)fputs(" } jump gateway\n\t}\n\n\t# Answers to clients, name servers, and the backends.\n"
		    "\tchain gateway {\n\t\tct state established,related accept\n",
		    to);
	write_outs(e, true, to);
	write_floor(to);
	write_outs(e, false, to);
	(void)fputs("\t\tcounter reject with icmpx type admin-prohibited\n\t}\n", to);
	write_input(e, to);
	(void)fputs("}\n", to);
}
