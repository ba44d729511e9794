/*
 * checks - when each backend is checked, and what follows from the outcomes:
 * rise and fall.
 */
#ifndef SP_ROLE_MONITOR_CHECKS_H
#define SP_ROLE_MONITOR_CHECKS_H

#include <event2/event.h>
#include <event2/event_struct.h>

#include "probe.h"
#include "watched.h"

#define SP_PROBES_MOST 64U /* at a time */

struct sp_checks {
	struct sp_probe_env env;
	const struct sp_conf *conf; /* borrowed */
	struct sp_watch_list *list; /* borrowed */
	struct sp_tls_client **tls; /* owned: by pool; NULL: plain text */
	struct sp_probe *probes[SP_PROBES_MOST]; /* owned: under way; NULL: a free place */
	struct event timer;
	uint64_t random;
	bool is_begun;
};

/* All is borrowed but what it makes. signer: for the certificates that pools show. false with *err. */
SP_MUST_USE bool sp_checks_init(struct sp_checks *checks, const struct sp_conf *conf, struct sp_watch_list *list,
				struct sp_signer *signer, const struct sp_probe_env *env, struct sp_err *err);
/* The first checks at once. */
void sp_checks_begin(struct sp_checks *checks);
/* Addresses have come, or an operator wants to know now. */
void sp_checks_look(struct sp_checks *checks);
void sp_checks_stop(struct sp_checks *checks); /* nothing is under way behind it; it may be begun anew */
void sp_checks_fini(struct sp_checks *checks);

#endif
