/*
 * chunk - 16 KiB pieces of memory, lent and given back; one pool a worker.
 */
#include "sp/base/chunk.h"

#include <stdlib.h>

#ifdef SP_SAN
#define KEEPS_FREE 0 /* each loan is a malloc of its own: ASan sees a use after it */
#else
#define KEEPS_FREE 1
#endif

#define FREE_MARK UINT32_MAX /* `from` of a chunk in the free list: given back twice is seen */

struct sp_chunk_pool {
	struct sp_chunk *free; /* owned; newest first, still in the cache */
	size_t limit, lent, made;
	size_t resting; /* in the free list */
};

struct sp_chunk_pool *sp_chunk_pool_new(size_t limit)
{
	struct sp_chunk_pool *pool;

	SP_ASSERT(limit > 0);
	pool = calloc(1, sizeof(*pool));
	if (pool != NULL)
		pool->limit = limit;
	return pool;
}

void sp_chunk_pool_free(struct sp_chunk_pool *pool)
{
	if (pool == NULL)
		return;
	SP_ASSERT(pool->lent == 0);
	while (pool->free != NULL) {
		struct sp_chunk *chunk = pool->free;

		pool->free = chunk->next;
		free(chunk);
	}
	free(pool);
}

struct sp_chunk *sp_chunk_lend(struct sp_chunk_pool *pool)
{
	struct sp_chunk *chunk = pool->free;

	if (pool->lent >= pool->limit)
		return NULL;
	if (chunk != NULL) {
		SP_ASSERT(chunk->from == FREE_MARK);
		pool->free = chunk->next;
		pool->resting--;
	} else {
		chunk = malloc(sizeof(*chunk));
		if (chunk == NULL)
			return NULL;
		pool->made++;
	}
	pool->lent++;
	chunk->next = NULL;
	chunk->from = chunk->to = 0;
	return chunk;
}

void sp_chunk_give_back(struct sp_chunk_pool *pool, struct sp_chunk *chunk)
{
	if (chunk == NULL)
		return;
	SP_ASSERT(chunk->from != FREE_MARK && pool->lent > 0);
	pool->lent--;
	if (!KEEPS_FREE) {
		free(chunk);
		return;
	}
	chunk->from = chunk->to = FREE_MARK;
	chunk->next = pool->free;
	pool->free = chunk;
	pool->resting++;
}

void sp_chunk_trim(struct sp_chunk_pool *pool)
{
	while (pool->resting > pool->lent) {
		struct sp_chunk *chunk = pool->free;

		pool->free = chunk->next;
		pool->resting--;
		free(chunk);
	}
}

size_t sp_chunk_used(const struct sp_chunk_pool *pool)
{
	return pool->lent + pool->resting;
}

size_t sp_chunk_lent(const struct sp_chunk_pool *pool)
{
	return pool->lent;
}

size_t sp_chunk_made(const struct sp_chunk_pool *pool)
{
	return pool->made;
}
