/*
 * online - are the backends of a configuration there? What the monitor of a gateway would find, asked once and told as
 * file and line: names are looked up, every address is held to the egress rules and connected to; a pool's TLS and its
 * health check are tried whole.
 *
 * An error is what the gateway could not work with: a name that leads nowhere, an address that may never be used, TLS
 * that does not come about, a pool in which no backend answers. A backend that does not answer beside others of its pool
 * that do is a warning.
 */
#ifndef SP_ROLE_ONLINE_H
#define SP_ROLE_ONLINE_H

#include <stdio.h>

#include "sp/base/err.h"
#include "sp/conf/conf.h"
#include "sp/conf/read.h"

#define SP_ONLINE_MOST_MS 30000U        /* for all of it: what is not known then counts as silent */

struct sp_online;

/* Reads the keys that pools show, connects to nobody. conf is borrowed. NULL with *err. */
SP_MUST_USE struct sp_online *sp_online_new(const struct sp_conf *conf, struct sp_err *err);
void sp_online_free(struct sp_online *online);          /* NULL is fine */

/* Once. What is wrong is added to the report; a line for each address that is fine is written to `to`. */
void sp_online_run(struct sp_online *online, struct sp_conf_report *report, FILE *to);

#endif
