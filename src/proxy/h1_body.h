/*
 * h1_body - a body from an HTTP/1.1 stream into a pipe, by its framing (RFC 9112 6, 7.1).
 *
 * With a known length the stream reads straight into the pipe's chunks, and
 * never past the body's end. Chunked bodies are decoded in place, inside the
 * pipe's chunk; bytes behind the last chunk go to `behind`.
 */
#ifndef SP_PROXY_H1_BODY_H
#define SP_PROXY_H1_BODY_H

#include "sp/http/chunked.h"
#include "sp/http/head.h"
#include "sp/net/stream.h"

#include "pipe.h"

struct sp_h1_body {
	enum sp_framing framing;
	struct sp_chunked chunked;
	uint64_t left;                  /* with SP_BODY_LENGTH */
	uint64_t most;                  /* bytes allowed at most; UINT64_MAX = any */
	uint64_t bytes;                 /* of the body, decoded, so far */
	enum sp_refuse refuse;          /* with SP_BODY_BAD */
	bool is_done;
};

enum sp_body_rc {
	SP_BODY_RC_AGAIN,               /* nothing more now */
	SP_BODY_RC_FULL,                /* the pipe has no room; it will tell */
	SP_BODY_RC_END,                 /* the pipe is ended */
	SP_BODY_RC_CUT,                 /* the peer ended amid the body */
	SP_BODY_RC_FAILED,              /* the stream failed */
	SP_BODY_RC_BAD,                 /* chunk grammar: see refuse */
	SP_BODY_RC_LARGE,               /* over `most` */
	SP_BODY_RC_MEMORY,              /* no chunk */
};

void sp_h1_body_init(struct sp_h1_body *b, const struct sp_head *head, uint64_t most);
/* Bytes that were read with the head, first; they are taken out of `behind`. */
SP_MUST_USE enum sp_body_rc sp_h1_body_feed(struct sp_h1_body *b, struct sp_pipe *to, struct sp_chain *behind);
/* A lent chunk whose [from, to) came behind the head: owned from here on; what is not body goes to `behind`. */
SP_MUST_USE enum sp_body_rc sp_h1_body_adopt(struct sp_h1_body *b, struct sp_pipe *to, struct sp_chunk *chunk,
                                             struct sp_chain *behind);
/* Reads until AGAIN or one of the others; *moved: bytes that came in. */
SP_MUST_USE enum sp_body_rc sp_h1_body_read(struct sp_h1_body *b, struct sp_stream *from, struct sp_pipe *to,
                                            struct sp_chain *behind, size_t *moved);

#endif
