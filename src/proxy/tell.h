/*
 * tell - what the judge did, in words, for a witness (policy/witness.h). Called as it does it, and only where there is one.
 */
#ifndef SP_PROXY_TELL_H
#define SP_PROXY_TELL_H

#include "sp/proxy/route.h"

#include "exchange.h"

/* SP_TELL(x, key, section, how, fmt, …): what follows x is looked at only where a witness is. */
#define SP_TELL(x, ...) ((x)->ask.witness == NULL ? (void)0 : sp_tell((x), __VA_ARGS__))

void sp_tell(const struct sp_exchange *x, const char *key, const struct sp_conf_section *section, enum sp_met_how how,
	     const char *fmt, ...) SP_PRINTF(5, 6);

void sp_tell_client(const struct sp_exchange *x); /* who it is taken to be, and by whose word */
/* Bans and the memory budget, where nobody knows of them; whether the Host belongs to the handshake's [tls]. */
void sp_tell_before_rules(const struct sp_exchange *x, bool is_host_of_site);
void sp_tell_route(const struct sp_exchange *x, enum sp_route_rc rc);
void sp_tell_path(const struct sp_exchange *x, bool is_allowed);
void sp_tell_body(const struct sp_exchange *x, bool is_over);
void sp_tell_destination(const struct sp_exchange *x); /* redirect, respond or a pool */
void sp_tell_head(const struct sp_exchange *x); /* what was done to the head that the backend gets */

#endif
