/*
 * h1_send - head bytes and a pipe's bytes to a stream, with HTTP/1.1 framing.
 *
 * One writev carries what waits: heads, a chunk's line, the pipe's bytes and
 * what ends the chunk. Both ends send through it.
 */
#ifndef SP_PROXY_H1_SEND_H
#define SP_PROXY_H1_SEND_H

#include "sp/net/stream.h"

#include "pipe.h"

struct sp_h1_send {
	struct sp_chain out;            /* owned: heads and framing that wait */
	struct sp_pipe *pipe;           /* borrowed: the body; NULL = none to come (yet) */
	size_t framed;                  /* bytes of the pipe announced by a chunk line; unchunked: not used */
	bool is_chunked;
	bool is_end_put;                /* the last chunk is in `out` or sent */
	uint64_t sent;                  /* bytes ever, framing included */
};

enum sp_send {
	SP_SEND_ALL,                    /* all was sent, the body's end included */
	SP_SEND_WAIT,                   /* what there is was sent; more is to come through the pipe */
	SP_SEND_BLOCKED,                /* the stream takes no more now */
	SP_SEND_FAILED,
	SP_SEND_MEMORY,                 /* no chunk for framing */
};

void sp_h1_send_init(struct sp_h1_send *s, struct sp_chunk_pool *chunks);
void sp_h1_send_fini(struct sp_h1_send *s);
void sp_h1_send_body(struct sp_h1_send *s, struct sp_pipe *pipe, bool is_chunked);
/* *moved: bytes that the stream took. With pipe == NULL, ALL means that `out` is empty. */
SP_MUST_USE enum sp_send sp_h1_send_flush(struct sp_h1_send *s, struct sp_stream *to, size_t *moved);

#endif
