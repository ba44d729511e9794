/*
 * export - what a configuration implies for the network around the gateway, to be written in the words of others.
 *
 * Made from the configuration alone: what may come in, and where the gateway may connect to.
 */
#ifndef SP_CLI_EXPORT_H
#define SP_CLI_EXPORT_H

#include <stdio.h>

#include "sp/conf/conf.h"

struct sp_export_in { /* a port, or passed sockets, that clients connect to */
	const struct sp_conf_listener *listener;
	const struct sp_conf_bind *bind;
	bool is_on_loopback;
	bool is_for_trusted; /* only `trusted` can have anything of it */
};

struct sp_export_out { /* where to */
	struct sp_cidr to;
	uint16_t port_from, port_to; /* both 0: any */
	bool is_resolver; /* a name server: UDP and TCP, and link-local ones too; otherwise a backend: TCP */
	struct sp_conf_at at; /* why */
};

struct sp_export {
	const struct sp_conf *conf; /* borrowed */
	struct sp_export_in *in; /* owned; each once; Unix sockets are none of the network's */
	size_t in_count;
	struct sp_export_out *out; /* owned; each once */
	size_t out_count;
};

void sp_export_nftables(const struct sp_export *e, FILE *to);
void sp_export_security_group(const struct sp_export *e, FILE *to);
void sp_export_systemd(const struct sp_export *e, FILE *to);

/* What no switch of ours allows, in CIDRs of both families, until NULL: base/egress.c. */
extern const char *const sp_export_floor[];

bool sp_export_is_loopback(const struct sp_cidr *cidr);
/* Where it stands. */
void sp_export_note(const struct sp_export_out *out, FILE *to);

#endif
