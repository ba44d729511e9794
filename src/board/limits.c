#include "sp/board/limits.h"

#include <stddef.h>

#define TRIES 1000U /* at one word that others write too: each that fails is an event of theirs */

static uint64_t load(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static bool swap(_Atomic uint64_t *word, uint64_t before, uint64_t after)
{
	return atomic_compare_exchange_strong_explicit(word, &before, after, memory_order_relaxed, memory_order_relaxed);
}

static size_t bucket_of(uint64_t key)
{
	return (key >> 32) % SP_LIMITS_BUCKETS;
}

/* SP_LIMITS_BUCKET: it has no place. */
static size_t find(const struct sp_limits *limits, uint64_t key)
{
	const _Atomic uint64_t *keys = limits->buckets[bucket_of(key)].keys;
	size_t i = 0;

	while (i < SP_LIMITS_BUCKET && load(&keys[i]) != key)
		i++;
	return i;
}

/* What was earned first has the least to tell; a free place has earned all long ago. */
static size_t least_useful(const struct sp_limits *limits, size_t bucket)
{
	size_t least = 0;

	for (size_t i = 0; i < SP_LIMITS_BUCKET; i++) {
		if (load(&limits->buckets[bucket].keys[i]) == 0)
			return i;
		if (load(&limits->buckets[bucket].earned_ns[i]) < load(&limits->buckets[bucket].earned_ns[least]))
			least = i;
	}
	return least;
}

/* The word of that key, its own or one that becomes its own. NULL: others take every place just now. */
static _Atomic uint64_t *place_of(struct sp_limits *limits, uint64_t key)
{
	const size_t bucket = bucket_of(key);

	for (unsigned tries = 0; tries < SP_LIMITS_BUCKET; tries++) {
		size_t i = find(limits, key);
		uint64_t before, earned;

		if (i < SP_LIMITS_BUCKET)
			return &limits->buckets[bucket].earned_ns[i];
		i = least_useful(limits, bucket);
		before = load(&limits->buckets[bucket].keys[i]);
		earned = load(&limits->buckets[bucket].earned_ns[i]);
		/* Another worker may have made it this key's meanwhile: what was taken there is not to be forgotten. */
		if (before == key || !swap(&limits->buckets[bucket].keys[i], before, key))
			continue;
		/* Unless somebody has counted there meanwhile. */
		(void)swap(&limits->buckets[bucket].earned_ns[i], earned, 0);
		return &limits->buckets[bucket].earned_ns[i];
	}
	return NULL;
}

/* What stands there, between "all is earned" and "all is used". */
static uint64_t within(uint64_t earned, const struct sp_limit_rate *rate, uint64_t now)
{
	const uint64_t most = now + rate->interval_ns * rate->burst;

	if (earned < now)
		return now;
	return earned < most ? earned : most;
}

static struct sp_limit_state state_at(uint64_t earned, const struct sp_limit_rate *rate, uint64_t now)
{
	const uint64_t used = earned - now, all = rate->interval_ns * rate->burst;
	struct sp_limit_state state = { .full_ns = used, .left = (all - used) / rate->interval_ns };

	state.is_over = state.left == 0;
	if (state.is_over)
		state.wait_ns = used + rate->interval_ns - all;
	return state;
}

struct sp_limit_state sp_limits_take(struct sp_limits *limits, uint64_t key, const struct sp_limit_rate *rate,
				     uint64_t now_ns)
{
	_Atomic uint64_t *word = place_of(limits, key);
	struct sp_limit_state state = { .left = rate->burst };

	for (unsigned tries = 0; word != NULL && tries < TRIES; tries++) {
		const uint64_t before = load(word), earned = within(before, rate, now_ns);

		state = state_at(earned, rate, now_ns);
		if (state.is_over)
			return state;
		if (!swap(word, before, earned + rate->interval_ns))
			continue;
		state.left--;
		state.full_ns += rate->interval_ns;
		return state;
	}
	/* Without a place nothing is counted; where others never let go, what cannot be counted does not pass. */
	state.is_over = word != NULL;
	state.wait_ns = word != NULL ? rate->interval_ns : 0;
	return state;
}

void sp_limits_charge(struct sp_limits *limits, uint64_t key, const struct sp_limit_rate *rate, uint64_t now_ns)
{
	_Atomic uint64_t *word = place_of(limits, key);

	for (unsigned tries = 0; word != NULL && tries < TRIES; tries++) {
		const uint64_t before = load(word), earned = within(before, rate, now_ns);

		if (swap(word, before, within(earned + rate->interval_ns, rate, now_ns)))
			return;
	}
}

struct sp_limit_state sp_limits_look(const struct sp_limits *limits, uint64_t key, const struct sp_limit_rate *rate,
				     uint64_t now_ns)
{
	const size_t i = find(limits, key);
	const uint64_t earned = i < SP_LIMITS_BUCKET ? load(&limits->buckets[bucket_of(key)].earned_ns[i]) : 0;

	return state_at(within(earned, rate, now_ns), rate, now_ns);
}
