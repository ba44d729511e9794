/*
 * policy - a step that looks at a request and gives a verdict.
 *
 * A listener and a route have a chain of steps each. They run in order; the
 * first verdict that is not PASS wins. A step that has to ask somebody answers
 * WAIT, after it has taken the wait; when that is woken, the chain resumes at
 * the same step. A new policy is one new file and one line where chains are built.
 */
#ifndef SP_POLICY_POLICY_H
#define SP_POLICY_POLICY_H

#include <stddef.h>
#include <stdint.h>

#include "sp/base/addr.h"
#include "sp/base/arena.h"
#include "sp/base/wait.h"
#include "sp/board/metrics.h"
#include "sp/conf/conf.h"
#include "sp/http/head.h"
#include "sp/policy/witness.h"

struct sp_limits;                       /* board/limits.h */
struct sp_rate_note;                    /* policy/rate.c */

enum sp_verdict { SP_PASS, SP_ANSWER, SP_WAIT, SP_DROP };

struct sp_ask {                         /* a member of the exchange: all that a policy may see */
	const struct sp_addr *client;   /* borrowed */
	struct sp_head *request;        /* borrowed */
	struct sp_head *response;       /* borrowed; NULL before there is one */
	struct sp_arena *arena;         /* borrowed: of the exchange */
	struct sp_limits *limits;       /* borrowed; NULL: nothing is counted */
	const struct sp_conf_limit *limit_first;        /* borrowed: the configuration's [limit], … */
	sp_cell *const *limit_rows;     /* … and where the decisions of each are counted; NULL: nowhere */
	const struct sp_conf_geo *geo_first;    /* borrowed: the same for [geo] */
	sp_cell *const *geo_rows;
	bool is_balancer;               /* the client is a trusted peer that has not named its own client */
	struct sp_witness *witness;     /* borrowed: told of each step; NULL in the live gateway */
	/* the verdict's reasons, set by the step that does not pass */
	unsigned status;                /* for SP_ANSWER */
	const char *cause;              /* spec 5: "denied_ip"; a literal */
	struct sp_str allow;            /* with 405: the Allow field (RFC 9110 15.5.6) */
	struct sp_conf_at rule;         /* file and line of the rule that said it */
	uint64_t retry_after_s;         /* with 429: the Retry-After field (RFC 9110 10.2.3) */
	/* what steps leave for the answer */
	struct sp_rate_note *rates;
	uint16_t country;               /* of the client, where a [geo] asked (base/geo.h); 0: not known */
	const struct sp_conf_limit *ban;        /* a limit that has the client banned; NULL */
	const struct sp_conf_limit *observed;   /* a limit in mode observe that it went over; NULL */
	/* private to the chain */
	size_t at;                      /* the step to run next */
};

struct sp_policy {
	const char *name;
	enum sp_verdict (*request)(const void *conf, struct sp_ask *ask, struct sp_wait *w);
	void (*free)(const void *conf); /* what conf owns beside the arena; NULL: nothing */
	/* Behind request(), for a witness: in words what it is and has said. *met has the policy's name, how it ended, and
	 * ask->rule where it did not pass; all may be bettered. NULL: that is enough. */
	void (*tell)(const void *conf, const struct sp_ask *ask, struct sp_met *met);
};

struct sp_step {
	const struct sp_policy *policy;
	const void *conf;               /* borrowed: what the policy was given for this place */
};

struct sp_chain_of_steps {
	const struct sp_step *steps;    /* in the arena of who built it */
	size_t count;
};

/* ask->at = 0 before the first call. After WAIT call again when w was woken. */
SP_MUST_USE enum sp_verdict sp_steps_run(const struct sp_chain_of_steps *chain, struct sp_ask *ask, struct sp_wait *w);

/* The answer is there: what its limits count of it, and the fields that they add to ask->response. backend_status: 0 of an
 * answer of our own. false: no memory. */
SP_MUST_USE bool sp_rate_respond(struct sp_ask *ask, unsigned backend_status);

/* What its steps own beside the arena; a chain that is all zero is fine. */
void sp_steps_free(struct sp_chain_of_steps *chain);

/* The steps that a listener and a route ask for, in the order of spec 4.5. false: no memory; sp_steps_free all the same. */
SP_MUST_USE bool sp_steps_of_listener(const struct sp_conf_listener *conf, struct sp_arena *arena,
                                      struct sp_chain_of_steps *out);
SP_MUST_USE bool sp_steps_of_route(const struct sp_conf_route *conf, struct sp_arena *arena,
                                   struct sp_chain_of_steps *out);

#endif
