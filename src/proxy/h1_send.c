#include "h1_send.h"

#include "sp/http/chunked.h"

#define PIECES 16

void sp_h1_send_init(struct sp_h1_send *s, struct sp_chunk_pool *chunks)
{
	sp_chain_init(&s->out, chunks);
	s->pipe = NULL;
	s->framed = 0;
	s->is_chunked = s->is_end_put = false;
	s->sent = 0;
}

void sp_h1_send_fini(struct sp_h1_send *s)
{
	sp_chain_clear(&s->out);
	s->pipe = NULL;
}

void sp_h1_send_body(struct sp_h1_send *s, struct sp_pipe *pipe, bool is_chunked)
{
	s->pipe = pipe;
	s->is_chunked = is_chunked;
	s->framed = 0;
	s->is_end_put = false;
}

/* Puts the next chunk line, or the last chunk, behind what waits in `out`. */
static bool frame_next(struct sp_h1_send *s)
{
	char line[SP_CHUNK_LINE_MAX];
	size_t n;

	if (!s->is_chunked || s->framed > 0 || s->is_end_put)
		return true;
	if (sp_pipe_bytes(s->pipe) > 0) {
		n = sp_chunk_line(line, (uint32_t)sp_pipe_bytes(s->pipe));
		if (!sp_chain_put(&s->out, sp_str_of(line, n)))
			return false;
		s->framed = sp_pipe_bytes(s->pipe);
	} else if (sp_pipe_is_ended(s->pipe)) {
		if (!sp_chain_put(&s->out, SP_STR(SP_CHUNK_LAST)))
			return false;
		s->is_end_put = true;
	}
	return true;
}

/* What ends the chunk under way; with the body's end behind it when that is known. */
static struct sp_str chunk_tail(const struct sp_h1_send *s)
{
	if (s->pipe == NULL || !s->is_chunked || s->framed == 0)
		return SP_STR_NONE;
	if (sp_pipe_is_ended(s->pipe) && sp_pipe_bytes(s->pipe) == s->framed)
		return SP_STR("\r\n" SP_CHUNK_LAST);
	return SP_STR("\r\n");
}

static size_t body_due(const struct sp_h1_send *s)
{
	if (s->pipe == NULL)
		return 0;
	return s->is_chunked ? s->framed : sp_pipe_bytes(s->pipe);
}

/* The stream took `put` bytes: of `out`, of the body, of the tail, in this order. */
static bool account(struct sp_h1_send *s, size_t put, size_t body, struct sp_str tail)
{
	size_t n = put < s->out.bytes ? put : s->out.bytes;

	s->sent += put;
	sp_chain_consume(&s->out, n);
	put -= n;
	n = put < body ? put : body;
	put -= n;
	if (n > 0) {
		if (s->is_chunked)
			s->framed -= n;
		sp_pipe_take(s->pipe, n);
	}
	if (tail.n == 0 || n < body || s->framed > 0)
		return true;
	if (tail.n > 2)
		s->is_end_put = true;
	return sp_chain_put(&s->out, sp_str_of(tail.p + put, tail.n - put));
}

static enum sp_send rest_state(const struct sp_h1_send *s, const struct sp_stream *to)
{
	if (sp_stream_has_unsent(to))
		return SP_SEND_BLOCKED;
	if (s->pipe == NULL)
		return SP_SEND_ALL;
	if (s->is_chunked ? s->is_end_put : sp_pipe_is_ended(s->pipe))
		return SP_SEND_ALL;
	return SP_SEND_WAIT;
}

enum sp_send sp_h1_send_flush(struct sp_h1_send *s, struct sp_stream *to, size_t *moved)
{
	*moved = 0;
	for (;;) {
		struct iovec v[PIECES];
		struct sp_str tail;
		size_t body, put, all;
		enum sp_io io;
		int n;

		if (s->pipe != NULL && !frame_next(s))
			return SP_SEND_MEMORY;
		body = body_due(s);
		if (s->out.bytes == 0 && body == 0 && !sp_stream_has_unsent(to))
			return rest_state(s, to);
		n = sp_chain_peek(&s->out, s->out.bytes, v, PIECES - 1);
		if (body > 0)
			n += sp_pipe_peek(s->pipe, body, v + n, PIECES - 1 - n);
		all = 0;
		for (int i = 0; i < n; i++)
			all += v[i].iov_len;
		tail = all == s->out.bytes + body ? chunk_tail(s) : SP_STR_NONE;
		if (tail.n > 0)
			v[n++] = (struct iovec){ .iov_base = (void *)(uintptr_t)tail.p, .iov_len = tail.n };
		io = sp_stream_write(to, v, n, &put);
		if (io == SP_IO_AGAIN)
			return SP_SEND_BLOCKED;
		if (io != SP_IO_DONE)
			return SP_SEND_FAILED;
		*moved += put;
		if (!account(s, put, body, tail))
			return SP_SEND_MEMORY;
		if (n == 0)
			return rest_state(s, to);
	}
}
