/*
 * pipe - bounded bytes from one end of an exchange to the other; the only place
 * where body bytes wait.
 *
 * One writer (the end it comes from), one reader (the end it goes to). The end
 * of the body is a state behind its last byte. When taking brings the pipe from
 * full below half, the end it comes from is told once (its `room`).
 */
#ifndef SP_PROXY_PIPE_H
#define SP_PROXY_PIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "sp/base/chain.h"

#define SP_PIPE_MAX 65536U              /* bytes a direction: spec 4.6, threats.md */

enum sp_pipe_state { SP_PIPE_OPEN, SP_PIPE_ENDED };

struct sp_end;

struct sp_pipe {
	struct sp_chain chain;          /* owned */
	struct sp_end *from;            /* borrowed: told of room; NULL when nobody is */
	enum sp_pipe_state state;
	bool is_full_told;              /* the writer saw no room and waits to be told */
	size_t taken_untold;
	uint64_t put, taken;            /* bytes ever */
};

void sp_pipe_init(struct sp_pipe *pipe, struct sp_chunk_pool *chunks);
void sp_pipe_fini(struct sp_pipe *pipe);

/* For the writer. */
size_t sp_pipe_room(struct sp_pipe *pipe);              /* 0 is remembered: the writer will be told */
SP_MUST_USE int sp_pipe_reserve(struct sp_pipe *pipe, size_t want, struct iovec *v, int max);
void sp_pipe_commit(struct sp_pipe *pipe, size_t n);    /* what is not filled goes back */
SP_MUST_USE bool sp_pipe_put(struct sp_pipe *pipe, struct sp_str s);
void sp_pipe_adopt(struct sp_pipe *pipe, struct sp_chunk *chunk);
static inline void sp_pipe_end(struct sp_pipe *pipe)
{
	pipe->state = SP_PIPE_ENDED;
}

/* For the reader. */
static inline size_t sp_pipe_bytes(const struct sp_pipe *pipe)
{
	return pipe->chain.bytes;
}
static inline bool sp_pipe_is_ended(const struct sp_pipe *pipe)
{
	return pipe->state == SP_PIPE_ENDED;
}
static inline int sp_pipe_peek(const struct sp_pipe *pipe, size_t most, struct iovec *v, int max)
{
	return sp_chain_peek(&pipe->chain, most, v, max);
}
void sp_pipe_take(struct sp_pipe *pipe, size_t n);

#endif
