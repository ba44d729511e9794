/*
 * arena - bump allocation, freed as a whole.
 *
 * The first block is the caller's own memory (inside an exchange, say), so a
 * small user allocates nothing. Further blocks come from malloc, doubling. In
 * sanitizer builds every allocation is a malloc of its own, so that an overrun
 * and a use after fini are seen.
 */
#ifndef SP_BASE_ARENA_H
#define SP_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "sp/base/check.h"
#include "sp/base/str.h"

struct sp_arena_block;

struct sp_arena {
	char *at, *end;                 /* what is left of the current block */
	char *first, *first_end;        /* borrowed: the caller's block, may be NULL */
	struct sp_arena_block *blocks;  /* owned: malloc'd blocks, newest first */
	size_t used;                    /* bytes handed out */
	size_t limit;                   /* 0 = none: beyond it alloc returns NULL */
};

void sp_arena_init(struct sp_arena *arena, void *first, size_t n, size_t limit);
void sp_arena_fini(struct sp_arena *arena);     /* frees the blocks; the arena is as after init */

/* Aligned for any type, not zeroed. NULL: no memory, or over the limit. */
SP_MUST_USE void *sp_arena_alloc(struct sp_arena *arena, size_t n);
SP_MUST_USE void *sp_arena_zalloc(struct sp_arena *arena, size_t n);
/* A copy with a NUL behind it that does not count; p == NULL when there was no memory. */
SP_MUST_USE struct sp_str sp_arena_copy(struct sp_arena *arena, struct sp_str s);
SP_MUST_USE char *sp_arena_printf(struct sp_arena *arena, const char *fmt, ...) SP_PRINTF(2, 3);
size_t sp_arena_mallocs(void);                  /* blocks malloc'd by this process ever: for the count tests */

#endif
