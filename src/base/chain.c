/*
 * chain - bytes in a list of chunks.
 *
 *     first                fill          last
 *     [..bytes] [bytes] [bytes....] [......]        . = room
 *
 * `fill` is the last chunk with bytes (or the first, when none has any): the
 * next byte goes there. Behind it are only chunks that were reserved and are
 * still empty.
 */
#include "sp/base/chain.h"

#define SMALL 1024U /* an adopted chunk with fewer bytes is copied where they fit: 16 KiB for 10 bytes are dear */

void sp_chain_init(struct sp_chain *chain, struct sp_chunk_pool *pool)
{
	*chain = (struct sp_chain){ .pool = pool };
}

static size_t room_in(const struct sp_chunk *chunk)
{
	return SP_CHUNK_SIZE - chunk->to;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void give_back_from(struct sp_chain *chain, struct sp_chunk *chunk)
{
	while (chunk != NULL) {
		struct sp_chunk *next = chunk->next;

		sp_chunk_give_back(chain->pool, chunk);
		chunk = next;
	}
}

void sp_chain_clear(struct sp_chain *chain)
{
	give_back_from(chain, chain->first);
	sp_chain_init(chain, chain->pool);
}

static void append(struct sp_chain *chain, struct sp_chunk *chunk)
{
	chunk->next = NULL;
	if (chain->last != NULL)
		chain->last->next = chunk;
	else
		chain->first = chain->fill = chunk;
	chain->last = chunk;
}

/* The chunk behind `chunk` (NULL: the first), lent when there is none. */
static struct sp_chunk *next_chunk(struct sp_chain *chain, struct sp_chunk *chunk)
{
	struct sp_chunk *next = chunk != NULL ? chunk->next : chain->first;

	if (next != NULL)
		return next;
	next = sp_chunk_lend(chain->pool);
	if (next != NULL)
		append(chain, next);
	return next;
}

int sp_chain_reserve(struct sp_chain *chain, size_t want, struct iovec *v, int max)
{
	struct sp_chunk *chunk = chain->fill;
	int n = 0;

	if (chunk == NULL && want > 0)
		chunk = next_chunk(chain, NULL);
	while (want > 0 && n < max && chunk != NULL) {
		size_t room = least(room_in(chunk), want);

		if (room > 0)
			v[n++] = (struct iovec){ chunk->bytes + chunk->to, room };
		want -= room;
		if (want > 0 && n < max)
			chunk = next_chunk(chain, chunk);
	}
	return n;
}

void sp_chain_commit(struct sp_chain *chain, size_t n)
{
	struct sp_chunk *chunk = chain->fill;

	chain->bytes += n;
	while (n > 0) {
		size_t room;

		SP_ASSERT(chunk != NULL); /* more than was reserved */
		room = least(room_in(chunk), n);
		chunk->to += (uint32_t)room;
		n -= room;
		chain->fill = chunk;
		chunk = chunk->next;
	}
}

void sp_chain_trim(struct sp_chain *chain)
{
	if (chain->bytes == 0) {
		sp_chain_clear(chain);
		return;
	}
	SP_ASSERT(chain->fill != NULL);
	give_back_from(chain, chain->fill->next);
	chain->fill->next = NULL;
	chain->last = chain->fill;
}

/* Room for n bytes behind the last, lent where it lacks. */
static bool make_room(struct sp_chain *chain, size_t n)
{
	struct sp_chunk *chunk = chain->fill;
	size_t room = chunk != NULL ? room_in(chunk) : 0;

	while (room < n) {
		chunk = next_chunk(chain, chunk);
		if (chunk == NULL)
			return false;
		room += room_in(chunk);
	}
	return true;
}

bool sp_chain_put(struct sp_chain *chain, struct sp_str s)
{
	struct sp_chunk *chunk;

	if (s.n == 0)
		return true;
	if (!make_room(chain, s.n)) {
		sp_chain_trim(chain);
		return false;
	}
	chain->bytes += s.n;
	for (chunk = chain->fill; s.n > 0; chunk = chunk->next) {
		size_t n;

		SP_ASSERT(chunk != NULL); /* make_room has seen to it */
		n = least(room_in(chunk), s.n);
		memcpy(chunk->bytes + chunk->to, s.p, n);
		chunk->to += (uint32_t)n;
		s = sp_str_of(s.p + n, s.n - n);
		chain->fill = chunk;
	}
	return true;
}

void sp_chain_adopt(struct sp_chain *chain, struct sp_chunk *chunk)
{
	size_t n;

	SP_ASSERT(chunk->from <= chunk->to && chunk->to <= SP_CHUNK_SIZE);
	n = chunk->to - chunk->from;
	if (n == 0) {
		sp_chunk_give_back(chain->pool, chunk);
		return;
	}
	if (n <= SMALL && chain->fill != NULL && room_in(chain->fill) >= n) {
		memcpy(chain->fill->bytes + chain->fill->to, chunk->bytes + chunk->from, n);
		chain->fill->to += (uint32_t)n;
		sp_chunk_give_back(chain->pool, chunk);
	} else {
		sp_chain_trim(chain);
		append(chain, chunk);
		chain->fill = chunk;
	}
	chain->bytes += n;
}

int sp_chain_peek(const struct sp_chain *chain, size_t most, struct iovec *v, int max)
{
	int n = 0;

	most = least(most, chain->bytes);
	for (struct sp_chunk *chunk = chain->first; most > 0 && n < max; chunk = chunk->next) {
		size_t have = least(chunk->to - chunk->from, most);

		v[n++] = (struct iovec){ chunk->bytes + chunk->from, have };
		most -= have;
	}
	return n;
}

void sp_chain_consume(struct sp_chain *chain, size_t n)
{
	SP_ASSERT(n <= chain->bytes);
	chain->bytes -= n;
	if (chain->bytes == 0) {
		sp_chain_clear(chain);
		return;
	}
	while (n > 0) {
		struct sp_chunk *chunk = chain->first;
		size_t have = least(chunk->to - chunk->from, n);

		chunk->from += (uint32_t)have;
		n -= have;
		if (chunk->from < chunk->to)
			return;
		chain->first = chunk->next;
		sp_chunk_give_back(chain->pool, chunk);
	}
}

struct sp_chunk *sp_chain_shift(struct sp_chain *chain)
{
	struct sp_chunk *chunk = chain->first;

	if (chunk == NULL)
		return NULL;
	chain->first = chunk->next;
	if (chain->fill == chunk)
		chain->fill = chain->first;
	if (chain->last == chunk)
		chain->last = NULL;
	chain->bytes -= chunk->to - chunk->from;
	chunk->next = NULL;
	return chunk;
}
