#include "sp/policy/policy.h"

#include "steps.h"

enum sp_verdict sp_steps_run(const struct sp_chain_of_steps *chain, struct sp_ask *ask, struct sp_wait *w)
{
	enum sp_verdict verdict = SP_PASS;

	while (verdict == SP_PASS && ask->at < chain->count) {
		const struct sp_step *step = &chain->steps[ask->at];

		verdict = step->policy->request(step->conf, ask, w);
		if (verdict == SP_PASS)
			ask->at++;
	}
	if (verdict == SP_WAIT)
		SP_ASSERT(sp_wait_is_on(w)); /* else nobody would ever call again */
	else
		ask->at = 0;
	return verdict;
}

bool sp_steps_of_listener(const struct sp_conf_listener *conf, struct sp_arena *arena, struct sp_chain_of_steps *out)
{
	struct sp_step *steps = sp_arena_zalloc(arena, sizeof(*steps));

	if (steps == NULL || !sp_shape_of_listener(conf, arena, &steps[0]))
		return false;
	*out = (struct sp_chain_of_steps){ steps, 1 };
	return true;
}

/* A route's methods are the router's: another method goes to the next route, and with none left is a 405. */
bool sp_steps_of_route(const struct sp_conf_route *conf, struct sp_arena *arena, struct sp_chain_of_steps *out)
{
	(void)conf;
	(void)arena;
	*out = (struct sp_chain_of_steps){ NULL, 0 };
	return true;
}
