/*
 * rules - what must hold between keys, and what is legal but most likely a mistake.
 *
 * Warnings end with their name in brackets: [idle-order]. Values that depend on
 * others (client_idle behind a balancer) are filled in here, before the checks.
 */
#ifndef SP_CONF_RULES_H
#define SP_CONF_RULES_H

#include "fill.h"

/* What goes with [gateway] behind, where it was not set. */
void sp_rules_preset(const struct sp_fill *fill);
void sp_rules_check(const struct sp_fill *fill, const struct sp_conf *conf);

#endif
