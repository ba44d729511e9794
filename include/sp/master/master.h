/*
 * master - opens sockets and files, starts the workers, restarts the dead,
 * answers signals. Parses no byte from the network.
 */
#ifndef SP_MASTER_MASTER_H
#define SP_MASTER_MASTER_H

#include "sp/base/err.h"
#include "sp/conf/conf.h"
#include "sp/conf/read.h"

struct sp_challenges;                   /* proxy/challenge.h */

/* Whatever the parent left us: descriptors but the passed listeners closed, signals and umask set, stdin empty, the
 * variables that steer libraries removed. First thing of `run`, before any library is used. */
SP_MUST_USE bool sp_master_clean_start(struct sp_err *err);
/* The same for a program that a running gateway only tries: whether this one could be executed in its place. */
SP_MUST_USE bool sp_master_rehearse(struct sp_err *err);

/* Opens what `run` would open beside that which is handed over, and closes it again. conf is owned. */
SP_MUST_USE bool sp_master_rehearse_run(struct sp_conf *conf, struct sp_err *err);
/* What it says then, as the end of its last line. */
extern const char sp_master_rehearsed[];

/* What `run` looks at before it serves, by a child of its own, since it reads the private keys; prints what it and the
 * report found to descriptor `to`, which it shares. false: refused. */
SP_MUST_USE bool sp_master_vet_apart(const struct sp_conf *conf, struct sp_conf_report *report, int to);

/* What the files alone do not show but `run` needs: user and group, folders. Adds to the report; binds nothing. */
void sp_master_vet(const struct sp_conf *conf, struct sp_conf_report *report);

/* What the acme_webroot of a listener has now, as the master would hand it to workers. NULL: nothing, or no memory. */
SP_MUST_USE struct sp_challenges *sp_master_challenges(const struct sp_conf_listener *listener);

/* Before a command meets bytes of the network: no rights from here on, and root becomes the gateway's user. What is open
 * stays open. false with *err. */
SP_MUST_USE bool sp_master_step_down(const struct sp_conf *conf, struct sp_err *err);

/* Serves until it is told to stop. conf is owned, whatever comes. true: ended as asked; false with *err: could not start.
 * file: what `run -c FILE` has read, borrowed, for a program that is executed in place; NULL: none can be. */
SP_MUST_USE bool sp_master_run(struct sp_conf *conf, const char *file, struct sp_err *err);

#endif
