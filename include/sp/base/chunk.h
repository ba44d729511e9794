/*
 * chunk - 16 KiB pieces of memory, lent when bytes arrive and given back when
 * they have gone. One pool a worker, with a hard limit: full means refuse.
 *
 * In sanitizer builds every chunk is a malloc of its own, so that a use after
 * give_back is seen.
 */
#ifndef SP_BASE_CHUNK_H
#define SP_BASE_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sp/base/check.h"

#define SP_CHUNK_SIZE 16384U

struct sp_chunk_pool;

struct sp_chunk {
	struct sp_chunk *next;          /* free for the borrower's own list */
	uint32_t from, to;              /* read mark, write mark: bytes [from, to) wait */
	uint8_t bytes[SP_CHUNK_SIZE];
};

/* limit: chunks lent at once at most (> 0). The free list keeps what was used. */
SP_MUST_USE struct sp_chunk_pool *sp_chunk_pool_new(size_t limit);
void sp_chunk_pool_free(struct sp_chunk_pool *pool);            /* asserts that all came back; NULL is fine */

SP_MUST_USE struct sp_chunk *sp_chunk_lend(struct sp_chunk_pool *pool);         /* from = to = 0; NULL: full or no memory */
void sp_chunk_give_back(struct sp_chunk_pool *pool, struct sp_chunk *chunk);    /* NULL is fine */
void sp_chunk_trim(struct sp_chunk_pool *pool);                 /* frees what is at hand beyond as many as are lent */
size_t sp_chunk_used(const struct sp_chunk_pool *pool);         /* lent or at hand: what the pool takes */
size_t sp_chunk_lent(const struct sp_chunk_pool *pool);
size_t sp_chunk_made(const struct sp_chunk_pool *pool);         /* mallocs ever: flat in the steady state */

#endif
