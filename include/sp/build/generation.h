/*
 * generation - one configuration and all that is built from it: TLS sites,
 * routes, pools. What workers serve, and what check and explain ask.
 */
#ifndef SP_BUILD_GENERATION_H
#define SP_BUILD_GENERATION_H

#include "sp/base/err.h"
#include "sp/conf/conf.h"
#include "sp/conf/read.h"
#include "sp/proxy/serve.h"

/* Whom it asks; they belong to the generation from here on, also when it fails. */
struct sp_generation_asks {
	struct sp_signer *signer;       /* NULL: there was no memory for one */
	struct sp_dial *dial;           /* NULL: nothing is dialed, it is only vetted */
};

/* conf is borrowed until the generation is freed. The caller holds it once (sp_serve_release). NULL with *err. */
SP_MUST_USE struct sp_serve *sp_generation_new(const struct sp_conf *conf, uint32_t number,
                                               const struct sp_generation_asks *asks, struct sp_err *err);

/* What only building shows (certificates that do not match their key, routes that can never match): adds to the
 * report. Reads the private keys, so only for a process that ends then: `check`, and a child of `run`. */
void sp_generation_vet(const struct sp_conf *conf, struct sp_conf_report *report);

#endif
