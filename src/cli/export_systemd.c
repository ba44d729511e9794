/*
 * export_systemd - a drop-in for the unit. systemd's address lists hold for both directions of the sockets that the
 * service makes: where it makes listening sockets itself, only the floor can be denied without shutting clients out.
 */
#include "export.h"

static bool makes_listeners(const struct sp_export *e)
{
	for (size_t i = 0; i < e->in_count; i++)
		if (e->in[i].bind->kind == SP_BIND_ADDR)
			return true;
	return false;
}

/* Who may come to the status page; without a list that is this machine. */
static void write_admin_allow(const struct sp_conf_admin *admin, FILE *to)
{
	char text[SP_ADDR_TEXT];

	if (admin->bind.family == SP_ADDR_NONE)
		return;
	(void)fputs("# [admin]\n", to);
	for (size_t i = 0; i < admin->allow.count; i++)
		(void)fprintf(to, "IPAddressAllow=%s\n", sp_cidr_text(&admin->allow.items[i], text));
	if (admin->allow.count == 0)
		(void)fputs("IPAddressAllow=localhost\n", to);
}

static void write_allow(const struct sp_export *e, FILE *to)
{
	char text[SP_ADDR_TEXT];

	(void)fputs("IPAddressAllow=\nIPAddressDeny=\nIPAddressDeny=any\n", to);
	for (size_t i = 0; i < e->out_count; i++) {
		(void)fputs("# ", to);
		sp_export_note(&e->out[i], to);
		(void)fprintf(to, "\nIPAddressAllow=%s\n", sp_cidr_text(&e->out[i].to, text));
	}
	write_admin_allow(&e->conf->admin, to);
}

static void write_deny(const struct sp_export *e, FILE *to)
{
	char text[SP_ADDR_TEXT];

	(void)fputs("# It binds its listeners itself, and clients come from anywhere: only what is never allowed is "
		    "denied.\n"
		    "IPAddressAllow=\nIPAddressDeny=\n",
		    to);
	for (size_t i = 0; sp_export_floor[i] != NULL; i++)
		(void)fprintf(to, "IPAddressDeny=%s\n", sp_export_floor[i]);
	for (size_t i = 0; i < e->out_count; i++)
		if (e->out[i].is_resolver)
			(void)fprintf(to, "# A name server: what is allowed goes before what is denied.\nIPAddressAllow=%s\n",
				      sp_cidr_text(&e->out[i].to, text));
}

static void write_binds(const struct sp_export *e, FILE *to)
{
	(void)fputs("SocketBindAllow=\nSocketBindDeny=\nSocketBindDeny=any\n", to);
	for (size_t i = 0; i < e->in_count; i++)
		if (e->in[i].bind->kind == SP_BIND_ADDR)
			(void)fprintf(to, "# %s:%d\nSocketBindAllow=%s:tcp:%u\n", e->in[i].bind->at.file,
				      e->in[i].bind->at.line,
				      e->in[i].bind->addr.family == SP_ADDR_V4 ? "ipv4" : "ipv6",
				      e->in[i].bind->addr.port);
	if (e->conf->admin.bind.family != SP_ADDR_NONE)
		(void)fprintf(to, "# [admin]\nSocketBindAllow=%s:tcp:%u\n",
			      e->conf->admin.bind.family == SP_ADDR_V4 ? "ipv4" : "ipv6", e->conf->admin.bind.port);
}

void sp_export_systemd(const struct sp_export *e, FILE *to)
{
	(void)fprintf(
		to,
		"# sallyport export systemd, of %s. To use it: /etc/systemd/system/sallyport.service.d/network.conf,\n"
		"# then systemctl daemon-reload and restart. Ports of backends are the gateway's own matter: systemd "
		"knows none.\n"
		"[Service]\n",
		e->conf->main_file);
	if (makes_listeners(e))
		write_deny(e, to);
	else
		write_allow(e, to);
	write_binds(e, to);
}
