/*
 * slab - objects of one size. Freed ones are kept for the next; in sanitizer
 * builds they are poisoned and rest in a quarantine first.
 */
#ifndef SP_BASE_SLAB_H
#define SP_BASE_SLAB_H

#include <stddef.h>

#include "sp/base/check.h"

struct sp_slab;

/* name is borrowed (a literal). limit: objects alive at once, 0 = no limit. */
SP_MUST_USE struct sp_slab *sp_slab_new(const char *name, size_t size, size_t limit);
void sp_slab_free(struct sp_slab *slab);                        /* asserts that none is alive; NULL is fine */

SP_MUST_USE void *sp_slab_take(struct sp_slab *slab);           /* content undefined; NULL: limit or no memory */
void sp_slab_put(struct sp_slab *slab, void *object);
void sp_slab_trim(struct sp_slab *slab);                        /* frees what rests beyond as many as are alive */
size_t sp_slab_alive(const struct sp_slab *slab);
size_t sp_slab_made(const struct sp_slab *slab);                /* mallocs ever: flat in the steady state */

#endif
