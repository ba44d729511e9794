#include "sp/board/names.h"

#include "sp/base/siphash.h"

static const struct {
	uint32_t first, max;
} kinds[SP_NAME_KINDS] = {
	[SP_NAME_LISTENER] = { 0, SP_LISTENERS_MAX },
	[SP_NAME_ROUTE] = { SP_LISTENERS_MAX, SP_ROUTES_MAX },
	[SP_NAME_POOL] = { SP_LISTENERS_MAX + SP_ROUTES_MAX, SP_POOLS_MAX },
	[SP_NAME_BACKEND] = { SP_LISTENERS_MAX + SP_ROUTES_MAX + SP_POOLS_MAX, SP_BACKENDS_MAX },
	[SP_NAME_LIMIT] = { SP_NAMES_MAX - SP_GEOS_MAX - SP_LIMITS_MAX, SP_LIMITS_MAX },
	[SP_NAME_GEO] = { SP_NAMES_MAX - SP_GEOS_MAX, SP_GEOS_MAX },
};

/* The same in every process and program: names are the operator's, nobody gains by a collision. */
static const struct sp_siphash_key fixed_key;

uint64_t sp_name_key(enum sp_name_kind kind, struct sp_str of, struct sp_str name)
{
	const uint64_t parts[3] = { (uint64_t)kind, sp_siphash(&fixed_key, of.p, of.n),
				    sp_siphash(&fixed_key, name.p, name.n) };
	const uint64_t key = sp_siphash(&fixed_key, parts, sizeof(parts));

	return key != 0 ? key : 1;
}

/* Looks at every slot, from the key's own on: a freed slot in between hides nobody. */
static bool find(const struct sp_names *names, enum sp_name_kind kind, uint64_t home, uint64_t key, uint32_t *slot)
{
	for (uint32_t i = 0; i < kinds[kind].max; i++) {
		const uint32_t at = (uint32_t)((home + i) % kinds[kind].max);

		if (atomic_load_explicit(&names->keys[kinds[kind].first + at], memory_order_relaxed) == key) {
			*slot = at;
			return true;
		}
	}
	return false;
}

bool sp_names_slot(const struct sp_names *names, enum sp_name_kind kind, uint64_t key, uint32_t *slot)
{
	return find(names, kind, key % kinds[kind].max, key, slot);
}

bool sp_names_add(struct sp_names *names, struct sp_name_uses *uses, enum sp_name_kind kind, uint64_t key,
		  uint32_t *slot)
{
	const uint64_t home = key % kinds[kind].max;

	if (!find(names, kind, home, key, slot) && !find(names, kind, home, 0, slot))
		return false;
	atomic_store_explicit(&names->keys[kinds[kind].first + *slot], key, memory_order_relaxed);
	uses->of[kinds[kind].first + *slot]++;
	return true;
}

void sp_names_drop(struct sp_name_uses *uses, enum sp_name_kind kind, uint32_t slot)
{
	SP_ASSERT(slot < kinds[kind].max && uses->of[kinds[kind].first + slot] > 0);
	uses->of[kinds[kind].first + slot]--;
}

void sp_names_sweep(struct sp_names *names, const struct sp_name_uses *uses)
{
	for (uint32_t i = 0; i < SP_NAMES_MAX; i++)
		if (uses->of[i] == 0)
			atomic_store_explicit(&names->keys[i], 0, memory_order_relaxed);
}
