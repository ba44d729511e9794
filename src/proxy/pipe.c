#include "pipe.h"

#include "end.h"

void sp_pipe_init(struct sp_pipe *pipe, struct sp_chunk_pool *chunks)
{
	sp_chain_init(&pipe->chain, chunks);
	pipe->from = NULL;
	pipe->state = SP_PIPE_OPEN;
	pipe->is_full_told = false;
	pipe->taken_untold = 0;
	pipe->put = pipe->taken = 0;
}

void sp_pipe_fini(struct sp_pipe *pipe)
{
	sp_chain_clear(&pipe->chain);
	pipe->from = NULL;
}

size_t sp_pipe_room(struct sp_pipe *pipe)
{
	size_t bytes = pipe->chain.bytes;

	if (bytes < SP_PIPE_MAX)
		return SP_PIPE_MAX - bytes;
	pipe->is_full_told = true;
	return 0;
}

int sp_pipe_reserve(struct sp_pipe *pipe, size_t want, struct iovec *v, int max)
{
	return sp_chain_reserve(&pipe->chain, want, v, max);
}

void sp_pipe_commit(struct sp_pipe *pipe, size_t n)
{
	sp_chain_commit(&pipe->chain, n);
	sp_chain_trim(&pipe->chain);
	pipe->put += n;
}

bool sp_pipe_put(struct sp_pipe *pipe, struct sp_str s)
{
	if (!sp_chain_put(&pipe->chain, s))
		return false;
	pipe->put += s.n;
	return true;
}

void sp_pipe_adopt(struct sp_pipe *pipe, struct sp_chunk *chunk)
{
	pipe->put += chunk->to - chunk->from;
	sp_chain_adopt(&pipe->chain, chunk);
}

void sp_pipe_take(struct sp_pipe *pipe, size_t n)
{
	struct sp_end *from = pipe->from;

	SP_ASSERT(n <= pipe->chain.bytes);
	sp_chain_consume(&pipe->chain, n);
	pipe->taken += n;
	pipe->taken_untold += n;
	if (!pipe->is_full_told || pipe->chain.bytes >= SP_PIPE_MAX / 2)
		return;
	pipe->is_full_told = false;
	n = pipe->taken_untold;
	pipe->taken_untold = 0;
	if (from != NULL)
		from->ops->room(from, n);
}
