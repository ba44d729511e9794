#include "h1_body.h"

#define PIECES 5                        /* chunks a read may fill: the whole room of a pipe */
#define SURPLUS 64                      /* bytes asked for behind the end of a body */

void sp_h1_body_init(struct sp_h1_body *b, const struct sp_head *head, uint64_t most)
{
	b->framing = head->framing;
	b->left = head->framing == SP_BODY_LENGTH ? head->length : 0;
	b->most = most;
	b->bytes = 0;
	b->refuse = SP_REFUSE_NONE;
	b->is_done = false;
	if (b->framing == SP_BODY_CHUNKED)
		sp_chunked_init(&b->chunked);
}

static enum sp_body_rc finish(struct sp_h1_body *b, struct sp_pipe *to)
{
	b->is_done = true;
	sp_pipe_end(to);
	return SP_BODY_RC_END;
}

static bool is_complete(const struct sp_h1_body *b)
{
	return b->is_done || b->framing == SP_BODY_NONE || (b->framing == SP_BODY_LENGTH && b->left == 0);
}

/* n raw bytes stand at `bytes`; *kept of them are body now, at the front. What is behind the body goes to `behind`. */
static enum sp_body_rc decode(struct sp_h1_body *b, uint8_t *bytes, size_t n, size_t *kept, struct sp_chain *behind)
{
	size_t used;
	enum sp_chunked_rc rc = sp_chunked_decode(&b->chunked, bytes, n, &used, kept);

	if (rc == SP_CHUNKED_BAD) {
		b->refuse = b->chunked.why;
		return SP_BODY_RC_BAD;
	}
	b->bytes += *kept;
	/* A chunk's size says it before its bytes; `line` is 0 once the size has been read. */
	if (b->bytes > b->most || (b->chunked.line == 0 && b->chunked.left > b->most - b->bytes))
		return SP_BODY_RC_LARGE;
	if (rc == SP_CHUNKED_MORE)
		return SP_BODY_RC_AGAIN;
	if (used < n && !sp_chain_put(behind, sp_str_of((const char *)bytes + used, n - used)))
		return SP_BODY_RC_MEMORY;
	return SP_BODY_RC_END;
}

/* Takes up to n raw bytes of `from` that are body by length or by close; the caller has checked the room. */
static size_t plain_share(struct sp_h1_body *b, size_t n)
{
	if (b->framing == SP_BODY_LENGTH) {
		if (n > b->left)
			n = (size_t)b->left;
		b->left -= n;
	}
	b->bytes += n;
	return n;
}

enum sp_body_rc sp_h1_body_adopt(struct sp_h1_body *b, struct sp_pipe *to, struct sp_chunk *chunk,
                                 struct sp_chain *behind)
{
	uint8_t *bytes = chunk->bytes + chunk->from;
	size_t n = chunk->to - chunk->from, kept = n;
	enum sp_body_rc rc = SP_BODY_RC_AGAIN;

	if (is_complete(b))
		kept = 0;
	else if (b->framing == SP_BODY_CHUNKED)
		rc = decode(b, bytes, n, &kept, behind);
	else
		kept = plain_share(b, n);
	if (b->framing != SP_BODY_CHUNKED && kept < n && !sp_chain_put(behind, sp_str_of((char *)bytes + kept, n - kept)))
		rc = SP_BODY_RC_MEMORY;
	if (rc != SP_BODY_RC_AGAIN && rc != SP_BODY_RC_END)
		kept = 0;
	chunk->to = chunk->from + (uint32_t)kept;
	sp_pipe_adopt(to, chunk);
	if (rc == SP_BODY_RC_END || (rc == SP_BODY_RC_AGAIN && is_complete(b)))
		return finish(b, to);
	return rc;
}

enum sp_body_rc sp_h1_body_feed(struct sp_h1_body *b, struct sp_pipe *to, struct sp_chain *behind)
{
	struct sp_chain in = *behind;
	enum sp_body_rc rc = SP_BODY_RC_AGAIN;
	struct sp_chunk *chunk;

	sp_chain_init(behind, in.pool);
	if (is_complete(b))
		rc = finish(b, to);
	while ((chunk = sp_chain_shift(&in)) != NULL) {
		if (rc == SP_BODY_RC_AGAIN)
			rc = sp_h1_body_adopt(b, to, chunk, behind);
		else
			sp_chain_adopt(behind, chunk);
	}
	return rc;
}

static size_t total(const struct iovec *v, int n)
{
	size_t sum = 0;

	for (int i = 0; i < n; i++)
		sum += v[i].iov_len;
	return sum;
}

static enum sp_body_rc on_stream_end(struct sp_h1_body *b, struct sp_pipe *to, enum sp_io io)
{
	switch (io) {
	case SP_IO_AGAIN:
		return SP_BODY_RC_AGAIN;
	case SP_IO_EOF:
		return b->framing == SP_BODY_CLOSE ? finish(b, to) : SP_BODY_RC_CUT;
	default:
		return SP_BODY_RC_FAILED;
	}
}

/*
 * One read. SP_BODY_RC_AGAIN with *got > 0: there may be more.
 *
 * With a known length a few bytes more than it are asked for: a read that is
 * not filled says that the socket is drained (no second recv to learn it), and
 * one that is tells of bytes behind the body.
 */
static enum sp_body_rc read_once(struct sp_h1_body *b, struct sp_stream *from, struct sp_pipe *to, size_t room,
                                 struct sp_chain *behind, size_t *got)
{
	bool is_chunked = b->framing == SP_BODY_CHUNKED, is_last = false;
	struct iovec v[PIECES + 1];
	char surplus[SURPLUS];
	enum sp_body_rc rc = SP_BODY_RC_AGAIN;
	size_t kept;
	enum sp_io io;
	int n;

	if (b->framing == SP_BODY_LENGTH && room >= b->left) {
		room = (size_t)b->left;
		is_last = true;
	}
	n = sp_pipe_reserve(to, room, v, is_chunked ? 1 : PIECES);
	if (n == 0)
		return SP_BODY_RC_MEMORY;
	if (is_last && total(v, n) == room)
		v[n++] = (struct iovec){ .iov_base = surplus, .iov_len = sizeof(surplus) };
	io = sp_stream_read(from, v, n, got);
	if (io != SP_IO_DONE) {
		*got = 0;
		sp_pipe_commit(to, 0);
		return on_stream_end(b, to, io);
	}
	if (is_chunked)
		rc = decode(b, v[0].iov_base, *got, &kept, behind);
	else
		kept = plain_share(b, *got);
	sp_pipe_commit(to, rc == SP_BODY_RC_AGAIN || rc == SP_BODY_RC_END ? kept : 0);
	if (!is_chunked && *got > kept && !sp_chain_put(behind, sp_str_of(surplus, *got - kept)))
		return SP_BODY_RC_MEMORY;
	return rc;
}

enum sp_body_rc sp_h1_body_read(struct sp_h1_body *b, struct sp_stream *from, struct sp_pipe *to,
                                struct sp_chain *behind, size_t *moved)
{
	*moved = 0;
	while (!is_complete(b)) {
		size_t room = sp_pipe_room(to), got = 0;
		enum sp_body_rc rc;

		if (room == 0)
			return SP_BODY_RC_FULL;
		rc = read_once(b, from, to, room, behind, &got);
		*moved += got;
		if (rc == SP_BODY_RC_END)
			break;
		if (rc != SP_BODY_RC_AGAIN || got == 0)
			return rc;
	}
	return finish(b, to);
}
