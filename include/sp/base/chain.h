/*
 * chain - bytes in a list of chunks: put at one end, taken at the other.
 * The storage of pipes, heads on their way out and read-ahead. An empty chain
 * has given its chunks back.
 */
#ifndef SP_BASE_CHAIN_H
#define SP_BASE_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "sp/base/chunk.h"
#include "sp/base/str.h"

struct sp_chain {
	struct sp_chunk_pool *pool;     /* borrowed */
	struct sp_chunk *first, *last;  /* owned */
	struct sp_chunk *fill;          /* borrowed: the one of them that takes the next byte */
	size_t bytes;                   /* that wait */
};

void sp_chain_init(struct sp_chain *chain, struct sp_chunk_pool *pool);
void sp_chain_clear(struct sp_chain *chain);            /* gives every chunk back */

/* Room for up to `want` bytes as at most `max` iovecs, lending chunks as needed; returns their number, 0 when no
 * chunk is to be had. What is not committed stays as spare room; _trim gives an unused chunk back. */
SP_MUST_USE int sp_chain_reserve(struct sp_chain *chain, size_t want, struct iovec *v, int max);
void sp_chain_commit(struct sp_chain *chain, size_t n);         /* the first n bytes of the reserved room are filled */
void sp_chain_trim(struct sp_chain *chain);             /* drops reserved chunks without bytes */

SP_MUST_USE bool sp_chain_put(struct sp_chain *chain, struct sp_str s);         /* copies; false: no chunk, nothing put */
/* Takes ownership of a lent chunk of the same pool whose [from, to) are the bytes; an empty one is given back. */
void sp_chain_adopt(struct sp_chain *chain, struct sp_chunk *chunk);

/* The first chunk with its bytes, out of the chain; the caller gives it back, or lets a chain adopt it. NULL: empty. */
SP_MUST_USE struct sp_chunk *sp_chain_shift(struct sp_chain *chain);

int sp_chain_peek(const struct sp_chain *chain, size_t most, struct iovec *v, int max);        /* up to `most` of the waiting bytes */
void sp_chain_consume(struct sp_chain *chain, size_t n);

#endif
