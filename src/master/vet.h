/*
 * vet - what only a child may look at: it reads the private keys, builds all that
 * a worker would build, prints what it found, and is gone. Whoever is born later
 * is born of a master that never held a key.
 */
#ifndef SP_MASTER_VET_H
#define SP_MASTER_VET_H

#include <stdio.h>
#include <sys/types.h>

#include "sp/base/err.h"
#include "sp/conf/conf.h"
#include "sp/conf/read.h"

/*
 * Starts it. It prints the report so far and its own findings to `to` and exits 0, or 1 when there is an error.
 * renewed: the running configuration, where the certificates alone are new: then a doubt counts as an error, that is,
 * whatever would be odd about a renewed pair and was not about the one before. NULL: an operator knows what he does.
 * -1 with *err.
 */
SP_MUST_USE pid_t sp_vet_begin(const struct sp_conf *conf, const struct sp_conf *renewed,
			       struct sp_conf_report *report, int to, struct sp_err *err);

#endif
