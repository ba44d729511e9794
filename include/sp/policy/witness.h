/*
 * witness - who is told of each rule that a request meets, while it is judged: `explain`.
 *
 * The live gateway has none, and that is all it costs: a look at a pointer for each rule. What a witness is told comes
 * from the code that judges, as it judges; nothing is decided a second time.
 */
#ifndef SP_POLICY_WITNESS_H
#define SP_POLICY_WITNESS_H

#include "sp/conf/conf.h"

struct sp_ask;

enum sp_met_how {
	SP_MET_PASSED,                  /* nothing against the request, or its own part in it done */
	SP_MET_ANSWERED,
	SP_MET_DROPPED,
	SP_MET_UNASKED,                 /* the running gateway alone knows what it goes by; taken as passed */
};

struct sp_met {
	const char *rule;               /* the key of the configuration, else a policy's name */
	struct sp_conf_at at;           /* where it stands; file == NULL: a default, or nobody's line */
	enum sp_met_how how;
	const char *text;               /* what it is and what it said of this request; lives as long as the ask's arena */
};

struct sp_witness {
	void (*met)(struct sp_witness *witness, const struct sp_met *met);      /* met is borrowed for the call */
};

/* In the arena of the ask; "" where there is no memory for it. */
const char *sp_met_text(const struct sp_ask *ask, const char *fmt, ...) SP_PRINTF(2, 3);

#endif
