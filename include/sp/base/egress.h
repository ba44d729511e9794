/*
 * egress - may we connect there? First the floor, which has no switch, then the
 * allowlist. Pure: no socket, no clock. Asked when the configuration is checked
 * and again on the very address of every connect.
 */
#ifndef SP_BASE_EGRESS_H
#define SP_BASE_EGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sp/base/addr.h"
#include "sp/base/cidr.h"

enum sp_egress_verdict {
	SP_EGRESS_OK,
	SP_EGRESS_LINK_LOCAL,           /* 169.254.0.0/16, fe80::/10, fd00:ec2::/32: metadata services among them */
	SP_EGRESS_UNSPECIFIED,          /* 0.0.0.0/8, :: */
	SP_EGRESS_MULTICAST,            /* 224.0.0.0/4, ff00::/8 */
	SP_EGRESS_BROADCAST,            /* 255.255.255.255, 240.0.0.0/4 */
	SP_EGRESS_LOOPBACK,             /* 127.0.0.0/8, ::1, unless `allow` names it */
	SP_EGRESS_OWN_LISTENER,         /* an address this gateway listens on */
	SP_EGRESS_PUBLIC,               /* not private (RFC 1918, RFC 6598, fc00::/7), and not `public = yes` */
	SP_EGRESS_NOT_ALLOWED,          /* outside `allow` */
	SP_EGRESS_FAMILY,               /* not an IP address */
};

/* One line of [egress] allow. */
struct sp_egress_rule {
	struct sp_cidr cidr;
	uint16_t port_from, port_to;    /* both 0 = any port */
};

struct sp_egress {
	const struct sp_egress_rule *allow;     /* borrowed */
	size_t allow_count;             /* 0 with has_allow false: exactly the literal backends */
	bool has_allow;
	bool is_public_ok;              /* [egress] public */
	const struct sp_addr *literals; /* borrowed: backends declared by address */
	size_t literal_count;
	const struct sp_addr *own;      /* borrowed: the gateway's listeners; 0.0.0.0 and :: mean every local address */
	size_t own_count;
	const struct sp_addr *local;    /* borrowed: this host's interface addresses, for wildcards in own; loopback is always local */
	size_t local_count;
};

enum sp_egress_verdict sp_egress_check(const struct sp_egress *egress, const struct sp_addr *to);
/* The same for a name server: on port 53 whatever the floor does not refuse by its kind (link-local ones, as Amazon's
 * 169.254.169.253, loopback and public ones are as good as others); on another port as any address. */
enum sp_egress_verdict sp_egress_check_resolver(const struct sp_egress *egress, const struct sp_addr *to);
/* Of no place in the world: private, loopback, link-local, or no IP address at all. */
bool sp_egress_is_private(const struct sp_addr *addr);
/* "link-local and metadata addresses are never allowed", … */
const char *sp_egress_text(enum sp_egress_verdict verdict);
/* One word for logs and metric labels: "link_local", … */
const char *sp_egress_word(enum sp_egress_verdict verdict);

#endif
