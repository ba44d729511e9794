/*
 * arena - bump allocation, freed as a whole.
 */
#include "sp/base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define ALIGN alignof(max_align_t)
#define BLOCK_FIRST ((size_t)4096)
#define BLOCK_MOST ((size_t)1 << 20) /* doubling ends here: what a block wastes stays small */
#define ALLOC_MOST (SIZE_MAX / 4)

#ifdef SP_SAN
#define EACH_ALONE 1 /* every allocation its own malloc: ASan sees each overrun */
#else
#define EACH_ALONE 0
#endif

struct sp_arena_block {
	struct sp_arena_block *next; /* owned */
	size_t n; /* bytes behind this head */
	alignas(max_align_t) char bytes[];
};

static size_t mallocs;

void sp_arena_init(struct sp_arena *arena, void *first, size_t n, size_t limit)
{
	*arena = (struct sp_arena){ .limit = limit };
	if (first == NULL)
		return;
	arena->first = first;
	arena->first_end = arena->first + n;
	arena->at = arena->first;
	arena->end = arena->first_end;
}

void sp_arena_fini(struct sp_arena *arena)
{
	struct sp_arena_block *block = arena->blocks;

	while (block != NULL) {
		struct sp_arena_block *next = block->next;

		free(block);
		block = next;
	}
	arena->blocks = NULL;
	arena->at = arena->first;
	arena->end = arena->first_end;
	arena->used = 0;
}

static size_t next_block_size(const struct sp_arena *arena, size_t need)
{
	size_t n = BLOCK_FIRST;

	if (EACH_ALONE)
		return need;
	if (arena->blocks != NULL)
		n = arena->blocks->n < BLOCK_MOST / 2 ? arena->blocks->n * 2 : BLOCK_MOST;
	return n < need ? need : n;
}

static bool add_block(struct sp_arena *arena, size_t need)
{
	size_t n = next_block_size(arena, need);
	struct sp_arena_block *block = malloc(sizeof(*block) + n);

	if (block == NULL)
		return false;
	mallocs++;
	block->n = n;
	block->next = arena->blocks;
	arena->blocks = block;
	arena->at = block->bytes;
	arena->end = block->bytes + n;
	return true;
}

/* align is a power of two, at most ALIGN. n > 0. */
static void *take(struct sp_arena *arena, size_t n, size_t align)
{
	size_t cost, pad;
	char *p;

	if (n > ALLOC_MOST)
		return NULL;
	cost = (n + align - 1) & ~(align - 1);
	if (arena->limit != 0 && cost > arena->limit - arena->used)
		return NULL;
	pad = -(uintptr_t)arena->at & (align - 1);
	if (EACH_ALONE || arena->at == NULL || (size_t)(arena->end - arena->at) < pad + n) {
		if (!add_block(arena, n))
			return NULL;
		pad = 0;
	}
	p = arena->at + pad;
	arena->at = p + n;
	arena->used += cost;
	return p;
}

void *sp_arena_alloc(struct sp_arena *arena, size_t n)
{
	return take(arena, n > 0 ? n : 1, ALIGN);
}

void *sp_arena_zalloc(struct sp_arena *arena, size_t n)
{
	void *p = sp_arena_alloc(arena, n);

	if (p != NULL)
		memset(p, 0, n);
	return p;
}

struct sp_str sp_arena_copy(struct sp_arena *arena, struct sp_str s)
{
	char *p = s.n <= ALLOC_MOST ? take(arena, s.n + 1, 1) : NULL;

	if (p == NULL)
		return SP_STR_NONE;
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return sp_str_of(p, s.n);
}

char *sp_arena_printf(struct sp_arena *arena, const char *fmt, ...)
{
	va_list args, again;
	char *p = NULL;
	int n;

	va_start(args, fmt);
	va_copy(again, args);
	n = vsnprintf(NULL, 0, fmt, args);
	if (n >= 0)
		p = take(arena, (size_t)n + 1, 1);
	if (p != NULL)
		vsnprintf(p, (size_t)n + 1, fmt, again);
	va_end(again);
	va_end(args);
	return p;
}

size_t sp_arena_mallocs(void)
{
	return mallocs;
}
