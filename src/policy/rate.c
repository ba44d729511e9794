/*
 * rate - [limit:NAME]: so many a second of one client, route, header value or of all; over it 429 with the time to wait.
 *
 * Counting `requests` is done before the request goes on; counting statuses of backends when the answer is there, so the
 * request that makes the limit full still has its answer, and the next one is refused.
 */
#include "steps.h"

#include "sp/base/clock.h"
#include "sp/base/siphash.h"
#include "sp/board/limits.h"
#include "sp/conf/units.h"

#define NS_PER_S 1000000000ULL

struct sp_rate_note { /* of a request: by what it was counted, for its answer */
	const struct sp_conf_limit *limit; /* borrowed */
	uint64_t key;
	struct sp_rate_note *next;
};

struct rate {
	const struct sp_conf_limit *limit; /* borrowed */
	struct sp_str route; /* borrowed; empty: of a listener */
	uint64_t name; /* a hash of the limit's: keys of two limits never meet */
};

static uint64_t now_ns(void)
{
	return sp_now_us() * 1000;
}

static uint64_t hash(const void *bytes, size_t n)
{
	return sp_siphash(sp_siphash_process_key(), bytes, n);
}

/* Of whom or what is counted: what kind it is, and its address or a hash. */
struct who {
	uint64_t limit, kind, what;
};

/* An IPv4 address, an IPv6 /64: who has one of these has all of it. */
static void set_client(struct who *who, const struct sp_addr *client)
{
	who->kind |= (uint64_t)client->family << 32;
	memcpy(&who->what, client->ip, client->family == SP_ADDR_V4 ? 4 : 8);
}

/* Who does not send the field is counted by address: leaving it out is no way around a limit. */
static void set_header(struct who *who, const struct sp_ask *ask, struct sp_str name)
{
	const struct sp_field *f = sp_head_find_name(ask->request, name);

	if (f != NULL)
		who->what = hash(f->value.p, f->value.n);
	else
		set_client(who, ask->client);
}

static uint64_t key_of(const struct rate *rate, const struct sp_ask *ask)
{
	struct who who = { rate->name, (uint64_t)rate->limit->key, 0 };
	uint64_t key;

	switch (rate->limit->key) {
	case SP_LIMIT_BY_CLIENT: set_client(&who, ask->client); break;
	case SP_LIMIT_BY_ROUTE: who.what = hash(rate->route.p, rate->route.n); break;
	case SP_LIMIT_BY_HEADER: set_header(&who, ask, rate->limit->header); break;
	case SP_LIMIT_GLOBAL: break;
	}
	key = hash(&who, sizeof(who));
	return key != 0 ? key : 1;
}

static struct sp_limit_rate rate_of(const struct sp_conf_limit *limit)
{
	return (struct sp_limit_rate){ limit->interval_ns, limit->burst };
}

/* false: no memory. */
static bool note(struct sp_ask *ask, const struct sp_conf_limit *limit, uint64_t key)
{
	struct sp_rate_note *made;

	if (limit->status_count == 0 && !limit->has_headers)
		return true;
	made = sp_arena_alloc(ask->arena, sizeof(*made));
	if (made == NULL)
		return false;
	*made = (struct sp_rate_note){ limit, key, ask->rates };
	ask->rates = made;
	return true;
}

static void count(const struct sp_ask *ask, const struct sp_conf_limit *limit, bool is_over)
{
	const unsigned passed = limit->is_observed ? SP_LIMIT_OBSERVED_PASSED : SP_LIMIT_PASSED;

	if (ask->limit_rows != NULL)
		sp_metrics_add(ask->limit_rows[limit - ask->limit_first], passed + (is_over ? 1U : 0U), 1);
}

static enum sp_verdict on_request(const void *conf, struct sp_ask *ask, struct sp_wait *w)
{
	const struct rate *rate = conf;
	const struct sp_conf_limit *limit = rate->limit;
	const struct sp_limit_rate how = rate_of(limit);
	struct sp_limit_state state;
	uint64_t key;

	(void)w;
	/* A balancer that has not named its client would be everybody at once. */
	if (ask->limits == NULL || (ask->is_balancer && limit->key == SP_LIMIT_BY_CLIENT))
		return SP_PASS;
	key = key_of(rate, ask);
	state = limit->status_count == 0 ? sp_limits_take(ask->limits, key, &how, now_ns())
					 : sp_limits_look(ask->limits, key, &how, now_ns());
	if (!note(ask, limit, key))
		return SP_DROP;
	count(ask, limit, state.is_over);
	if (!state.is_over)
		return SP_PASS;
	if (limit->is_observed) {
		ask->observed = limit;
		return SP_PASS;
	}
	if (limit->ban > 0 && !ask->is_balancer)
		ask->ban = limit;
	ask->status = 429;
	ask->cause = "limited";
	ask->rule = sp_conf_at(&limit->section, "rate");
	ask->retry_after_s = (state.wait_ns + NS_PER_S - 1) / NS_PER_S;
	return SP_ANSWER;
}

static const char *key_text(const struct rate *rate, const struct sp_ask *ask)
{
	switch (rate->limit->key) {
	case SP_LIMIT_BY_CLIENT: return "client";
	case SP_LIMIT_BY_ROUTE: return "route";
	case SP_LIMIT_BY_HEADER: return sp_met_text(ask, "header %.*s", SP_STR_ARG(rate->limit->header));
	case SP_LIMIT_GLOBAL: break;
	}
	return "all together";
}

static void tell(const void *conf, const struct sp_ask *ask, struct sp_met *met)
{
	const struct rate *rate = conf;
	const struct sp_conf_limit *limit = rate->limit;
	const bool is_counted = !(ask->is_balancer && limit->key == SP_LIMIT_BY_CLIENT);
	char pace[SP_UNITS_TEXT];

	met->rule = "limit";
	met->at = sp_conf_at(&limit->section, "rate");
	if (is_counted && ask->limits == NULL)
		met->how = SP_MET_UNASKED;
	met->text = sp_met_text(ask, "[limit:%.*s] %s of %s by %s, burst %llu%s: %s", SP_STR_ARG(limit->section.name),
				sp_units_pace_text(limit->interval_ns, pace),
				limit->status_count > 0 ? "certain answers" : "requests", key_text(rate, ask),
				(unsigned long long)limit->burst, limit->is_observed ? ", observed only" : "",
				!is_counted ? "a balancer's own are not counted" :
				ask->limits == NULL ? "the running gateway counts" :
				ask->observed == limit || met->how != SP_MET_PASSED ? "over it" : "within it");
}

static const struct sp_policy rate_policy = { .name = "rate", .request = on_request, .tell = tell };

bool sp_rate_make(const struct sp_conf_limit *limit, struct sp_str route, struct sp_arena *arena, struct sp_step *out)
{
	struct rate *rate = sp_arena_zalloc(arena, sizeof(*rate));

	if (rate == NULL)
		return false;
	rate->limit = limit;
	rate->route = route;
	rate->name = hash(limit->section.name.p, limit->section.name.n);
	*out = (struct sp_step){ &rate_policy, rate };
	return true;
}

/* ---- the answer */

static bool counts(const struct sp_conf_limit *limit, unsigned status)
{
	for (size_t i = 0; i < limit->status_count; i++)
		if (limit->statuses[i] == status)
			return true;
	return false;
}

/* draft-ietf-httpapi-ratelimit-headers-10, 2 and 3: the quota and its window; what is left, and until when. */
static bool add_fields(struct sp_ask *ask, const struct sp_rate_note *note)
{
	const struct sp_limit_rate how = rate_of(note->limit);
	const struct sp_limit_state state = sp_limits_look(ask->limits, note->key, &how, now_ns());
	const struct sp_str name = note->limit->section.name;
	const char *policy = sp_arena_printf(ask->arena, "\"%.*s\";q=%llu;w=%llu", SP_STR_ARG(name),
					     (unsigned long long)how.burst,
					     (unsigned long long)((how.burst * how.interval_ns + NS_PER_S - 1) / NS_PER_S));
	const char *now = sp_arena_printf(ask->arena, "\"%.*s\";r=%llu;t=%llu", SP_STR_ARG(name),
					  (unsigned long long)state.left,
					  (unsigned long long)((state.full_ns + NS_PER_S - 1) / NS_PER_S));

	return policy != NULL && now != NULL &&
	       sp_head_add(ask->response, ask->arena, SP_STR("RateLimit-Policy"), sp_str(policy)) &&
	       sp_head_add(ask->response, ask->arena, SP_STR("RateLimit"), sp_str(now));
}

bool sp_rate_respond(struct sp_ask *ask, unsigned backend_status)
{
	for (const struct sp_rate_note *note = ask->rates; note != NULL; note = note->next) {
		const struct sp_limit_rate how = rate_of(note->limit);

		if (counts(note->limit, backend_status))
			sp_limits_charge(ask->limits, note->key, &how, now_ns());
		if (note->limit->has_headers && !add_fields(ask, note))
			return false;
	}
	return true;
}
