/*
 * names - which slot a name of the configuration has, by kind.
 *
 * A slot is the index into the arrays of other blocks. The master counts the uses (one a generation and name) in its
 * own memory; sweep frees the slots without one. Whoever writes about a slot clears what an earlier name left there.
 */
#ifndef SP_BOARD_NAMES_H
#define SP_BOARD_NAMES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "sp/base/check.h"
#include "sp/base/str.h"

enum sp_name_kind { SP_NAME_LISTENER, SP_NAME_ROUTE, SP_NAME_POOL, SP_NAME_BACKEND, SP_NAME_LIMIT, SP_NAME_GEO, SP_NAME_KINDS };

enum {
	SP_LISTENERS_MAX = 256,
	SP_ROUTES_MAX = 4096,
	SP_POOLS_MAX = 1024,
	SP_BACKENDS_MAX = 4096,
	SP_LIMITS_MAX = 256,
	SP_GEOS_MAX = 256,
	SP_NAMES_MAX = SP_LISTENERS_MAX + SP_ROUTES_MAX + SP_POOLS_MAX + SP_BACKENDS_MAX + SP_LIMITS_MAX +
		       SP_GEOS_MAX,
};

struct sp_names {
	_Atomic uint64_t keys[SP_NAMES_MAX];    /* kind after kind; 0 is free */
};

struct sp_name_uses {
	uint32_t of[SP_NAMES_MAX];              /* the master's own memory */
};

/* of: the pool's name for a backend, otherwise empty. */
uint64_t sp_name_key(enum sp_name_kind kind, struct sp_str of, struct sp_str name);

/* False: no such name. *slot is below the kind's maximum whatever the memory holds. */
SP_MUST_USE bool sp_names_slot(const struct sp_names *names, enum sp_name_kind kind, uint64_t key, uint32_t *slot);

/* The master's. add finds or takes a slot and counts a use; false: the kind is full. drop takes a use back. */
SP_MUST_USE bool sp_names_add(struct sp_names *names, struct sp_name_uses *uses, enum sp_name_kind kind, uint64_t key,
                              uint32_t *slot);
void sp_names_drop(struct sp_name_uses *uses, enum sp_name_kind kind, uint32_t slot);
void sp_names_sweep(struct sp_names *names, const struct sp_name_uses *uses);

#endif
