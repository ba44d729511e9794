#include "sp/policy/policy.h"

#include <stdarg.h>
#include <stdio.h>

#include "steps.h"

#define STEPS_MOST 2U /* beside geos and limits */
#define TEXT_MAX 1024 /* of what a witness is told; longer is cut */

const char *sp_met_text(const struct sp_ask *ask, const char *fmt, ...)
{
	char text[TEXT_MAX];
	struct sp_str copy;
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	copy = sp_arena_copy(ask->arena, sp_str(text));
	return copy.p != NULL ? copy.p : "";
}

static void tell(const struct sp_step *step, const struct sp_ask *ask, enum sp_verdict verdict)
{
	static const enum sp_met_how hows[] = { [SP_PASS] = SP_MET_PASSED,
						[SP_ANSWER] = SP_MET_ANSWERED,
						[SP_WAIT] = SP_MET_UNASKED,
						[SP_DROP] = SP_MET_DROPPED };
	struct sp_met met = { .rule = step->policy->name, .how = hows[verdict], .text = "" };

	if (verdict == SP_ANSWER || verdict == SP_DROP)
		met.at = ask->rule;
	if (step->policy->tell != NULL)
		step->policy->tell(step->conf, ask, &met);
	ask->witness->met(ask->witness, &met);
}

enum sp_verdict sp_steps_run(const struct sp_chain_of_steps *chain, struct sp_ask *ask, struct sp_wait *w)
{
	enum sp_verdict verdict = SP_PASS;

	while (verdict == SP_PASS && ask->at < chain->count) {
		const struct sp_step *step = &chain->steps[ask->at];

		verdict = step->policy->request(step->conf, ask, w);
		if (ask->witness != NULL)
			tell(step, ask, verdict);
		if (verdict == SP_PASS)
			ask->at++;
	}
	if (verdict == SP_WAIT)
		SP_ASSERT(sp_wait_is_on(w)); /* else nobody would ever call again */
	else
		ask->at = 0;
	return verdict;
}

void sp_steps_free(struct sp_chain_of_steps *chain)
{
	for (size_t i = 0; i < chain->count; i++)
		if (chain->steps[i].policy != NULL && chain->steps[i].policy->free != NULL)
			chain->steps[i].policy->free(chain->steps[i].conf);
	chain->count = 0;
}

/* Room for as many steps as a place may have; they are counted as they are made. */
static struct sp_step *begin(size_t rule_count, struct sp_arena *arena, struct sp_chain_of_steps *out)
{
	struct sp_step *steps = sp_arena_zalloc(arena, (STEPS_MOST + rule_count) * sizeof(*steps));

	*out = (struct sp_chain_of_steps){ steps, 0 };
	return steps;
}

static bool add_acl(const struct sp_conf_section *section, const struct sp_conf_cidrs *allow,
		    const struct sp_conf_cidrs *deny, struct sp_arena *arena, struct sp_step *steps,
		    struct sp_chain_of_steps *out)
{
	if (sp_conf_at(section, "allow").file == NULL && deny->count == 0)
		return true;
	return sp_acl_make(section, allow, deny, arena, &steps[out->count++]);
}

static bool add_geos(const struct sp_conf_geo *const *geos, size_t count, struct sp_arena *arena, struct sp_step *steps,
		     struct sp_chain_of_steps *out)
{
	for (size_t i = 0; i < count; i++)
		if (!sp_geo_make(geos[i], arena, &steps[out->count++]))
			return false;
	return true;
}

static bool add_limits(const struct sp_conf_limit *const *limits, size_t count, struct sp_str route,
		       struct sp_arena *arena, struct sp_step *steps, struct sp_chain_of_steps *out)
{
	for (size_t i = 0; i < count; i++)
		if (!sp_rate_make(limits[i], route, arena, &steps[out->count++]))
			return false;
	return true;
}

bool sp_steps_of_listener(const struct sp_conf_listener *conf, struct sp_arena *arena, struct sp_chain_of_steps *out)
{
	struct sp_step *steps = begin(conf->geo_count + conf->limit_count, arena, out);

	return steps != NULL && add_acl(&conf->section, &conf->allow, &conf->deny, arena, steps, out) &&
	       add_geos(conf->geos, conf->geo_count, arena, steps, out) &&
	       add_limits(conf->limits, conf->limit_count, SP_STR(""), arena, steps, out) &&
	       sp_shape_of_listener(conf, arena, &steps[out->count++]);
}

/* A route's methods are the router's: another method goes to the next route, and with none left is a 405. */
bool sp_steps_of_route(const struct sp_conf_route *conf, struct sp_arena *arena, struct sp_chain_of_steps *out)
{
	struct sp_step *steps = begin(conf->geo_count + conf->limit_count, arena, out);

	return steps != NULL && add_acl(&conf->section, &conf->allow, &conf->deny, arena, steps, out) &&
	       add_geos(conf->geos, conf->geo_count, arena, steps, out) &&
	       add_limits(conf->limits, conf->limit_count, conf->section.name, arena, steps, out);
}
