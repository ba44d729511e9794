#include "tls_int.h"

#include <stdlib.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#include "sp/base/check.h"

enum {
	RECORD_MAX = 16384, /* plain text of one record */
	WRITE_MAX = 65536, /* plain text of one write */
	SMALL = 4096, /* pieces below it share a record */
};

static struct sp_tls_stream *of(struct sp_stream *s)
{
	return (struct sp_tls_stream *)s;
}

/* The connection is over; an alert that tells the peer why may still leave. */
static enum sp_io fail(struct sp_tls_stream *t)
{
	const char *reason = sp_tls_reason();

	if (t->stream.why == NULL)
		t->stream.why = t->saw_fin && !t->is_handshaken ? "handshake_cut"
				: t->saw_fin                    ? "tls_truncated"
								: reason;
	if (!t->saw_fin && t->stream.unsent > 0)
		(void)sp_tls_out_flush(t);
	t->stream.is_read_lost = t->stream.is_write_lost = true;
	t->stream.is_held = false;
	t->stop = SP_IO_FAILED;
	return SP_IO_FAILED;
}

/* Records that OpenSSL made by itself (a flight, an answer, an alert) leave at once, but for a deferred ticket. */
static void flush_due(struct sp_tls_stream *t)
{
	if (t->stream.unsent > 0 && !t->is_deferred && t->stream.is_writable)
		(void)sp_tls_out_flush(t);
	if (t->stream.is_held && t->stream.unsent == 0 && sp_pause_is_over(&t->pause)) {
		t->stream.is_held = false;
		t->stream.has_inside = true; /* whoever reads is called again */
	}
}

/* SSL_read or SSL_do_handshake did not succeed: wait, or the end. */
static enum sp_io stopped(struct sp_tls_stream *t, int rc)
{
	t->stream.has_inside = false;
	switch (SSL_get_error(t->ssl, rc)) {
	case SSL_ERROR_WANT_READ: flush_due(t); return SP_IO_AGAIN;
	case SSL_ERROR_WANT_WRITE:
		t->stream.is_held = true;
		flush_due(t);
		return SP_IO_AGAIN;
	case SSL_ERROR_ZERO_RETURN: t->stop = SP_IO_EOF; return SP_IO_EOF;
	case SSL_ERROR_WANT_ASYNC:
	case SSL_ERROR_WANT_ASYNC_JOB:
		/* on_wake goes on; whatever the client sends meanwhile waits. */
		t->stream.is_held = true;
		return SP_IO_AGAIN;
	default: return fail(t);
	}
}

/* The signature is there, or will not come; or a job is free. */
static void on_wake(struct sp_pause *pause)
{
	struct sp_tls_stream *t = SP_HOLDER(pause, struct sp_tls_stream, pause);

	t->stream.is_held = false;
	t->stream.has_inside = true;
	sp_stream_want(&t->stream, t->stream.want);
}

static int shake(struct sp_tls_stream *t)
{
	int rc, error;

	sp_pause_enter(&t->pause);
	rc = SSL_do_handshake(t->ssl);
	error = rc == 1 ? SSL_ERROR_NONE : SSL_get_error(t->ssl, rc);
	t->has_job = error == SSL_ERROR_WANT_ASYNC;
	if (error == SSL_ERROR_WANT_ASYNC_JOB)
		sp_pause_line_up(&t->pause);
	sp_pause_leave(&t->pause);
	return rc;
}

/*
 * Nothing of ours carries the ACK of the client's Finished, since the ticket waits: a client that has left Nagle's
 * algorithm on would hold its request back for the 40 ms of a delayed ACK. On a Unix socket it fails, to no harm.
 */
static void acknowledge(int fd)
{
	static const int on = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

static enum sp_io tls_handshake(struct sp_stream *s)
{
	struct sp_tls_stream *t = of(s);
	int rc;

	if (t->is_handshaken)
		return SP_IO_DONE;
	if (!sp_pause_is_over(&t->pause))
		return SP_IO_AGAIN;
	ERR_clear_error();
	rc = shake(t);
	if (rc != 1)
		return stopped(t, rc) == SP_IO_AGAIN ? SP_IO_AGAIN : SP_IO_FAILED;
	if (t->server != NULL && !sp_tls_client_is_fine(t))
		return fail(t);
	t->is_handshaken = true;
	SSL_clear_mode(t->ssl, SSL_MODE_ASYNC); /* nothing is signed any more: reads and writes need no job */
	s->has_inside = SSL_has_pending(t->ssl) == 1;
	/* In 1.3 all that waits now is a server's ticket, or a client's Finished, which leaves with its request; in 1.2
	 * it is our Finished, which the peer waits for. */
	t->is_deferred = SSL_version(t->ssl) == TLS1_3_VERSION;
	if (t->is_deferred && t->listener != NULL)
		acknowledge(s->fd);
	flush_due(t);
	return SP_IO_DONE;
}

/* Fills one buffer as far as bytes are there; DONE: it is full, or asking on would be in vain. */
static enum sp_io read_into(struct sp_tls_stream *t, uint8_t *to, size_t room, size_t *got)
{
	size_t n;

	while (room > 0) {
		int rc = SSL_read_ex(t->ssl, to, room, &n);

		if (rc != 1)
			return stopped(t, rc);
		*got += n;
		to += n;
		room -= n;
		t->stream.has_inside = SSL_has_pending(t->ssl) == 1;
		if (!t->stream.has_inside && !t->stream.is_readable)
			return SP_IO_DONE;
	}
	return SP_IO_DONE;
}

static enum sp_io tls_read(struct sp_stream *s, const struct iovec *v, int n, size_t *got)
{
	struct sp_tls_stream *t = of(s);
	enum sp_io rc = SP_IO_DONE;

	if (t->stop != SP_IO_DONE)
		return t->stop;
	if (!t->is_handshaken)
		return SP_IO_AGAIN;
	ERR_clear_error();
	for (int i = 0; i < n && rc == SP_IO_DONE; i++) {
		rc = read_into(t, v[i].iov_base, v[i].iov_len, got);
		if (!s->has_inside && !s->is_readable)
			break;
	}
	flush_due(t);
	if (*got == 0)
		return rc;
	if (t->stop != SP_IO_DONE)
		s->has_inside = true; /* these bytes first; the end is told by the next read */
	return SP_IO_DONE;
}

/* The pieces of a write, one record each: big ones as they lie, small ones together by way of a lent chunk. */
struct pieces {
	const struct iovec *v;
	int n;
	size_t at; /* in v[0] */
	size_t left; /* of this write */
	struct sp_chunk *scratch; /* lent when first needed */
};

static void skip_empty(struct pieces *p)
{
	while (p->n > 0 && p->at == p->v[0].iov_len) {
		p->v++;
		p->n--;
		p->at = 0;
	}
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static struct iovec take_piece(struct pieces *p, size_t most)
{
	struct iovec piece = { (char *)p->v[0].iov_base + p->at, least(p->v[0].iov_len - p->at, least(most, p->left)) };

	p->at += piece.iov_len;
	p->left -= piece.iov_len;
	skip_empty(p);
	return piece;
}

static bool is_small(const struct pieces *p)
{
	return p->left > 0 && p->n > 0 && p->v[0].iov_len - p->at < SMALL;
}

static struct iovec next_piece(struct pieces *p, struct sp_chunk_pool *chunks)
{
	struct iovec piece;
	size_t n = 0;

	if (!is_small(p) || p->n == 1)
		return take_piece(p, RECORD_MAX);
	if (p->scratch == NULL)
		p->scratch = sp_chunk_lend(chunks);
	if (p->scratch == NULL)
		return take_piece(p, RECORD_MAX);
	while (n < RECORD_MAX && is_small(p)) {
		piece = take_piece(p, RECORD_MAX - n);
		memcpy(p->scratch->bytes + n, piece.iov_base, piece.iov_len);
		n += piece.iov_len;
	}
	return (struct iovec){ p->scratch->bytes, n };
}

static enum sp_io tls_write(struct sp_stream *s, const struct iovec *v, int n, size_t *put)
{
	struct sp_tls_stream *t = of(s);
	struct pieces p = { .v = v, .n = n, .left = WRITE_MAX };
	enum sp_io rc = SP_IO_DONE;
	size_t done;

	/* Writable says also that nothing waits inside but a ticket. */
	if (!t->is_handshaken || !s->is_writable)
		return SP_IO_AGAIN;
	ERR_clear_error();
	skip_empty(&p);
	while (rc == SP_IO_DONE && p.n > 0 && p.left > 0) {
		struct iovec piece = next_piece(&p, t->chunks);

		t->sends_now = p.n == 0 || p.left == 0;
		if (SSL_write_ex(t->ssl, piece.iov_base, piece.iov_len, &done) == 1)
			*put += done;
		else
			rc = fail(t);
		t->sends_now = false;
	}
	sp_chunk_give_back(t->chunks, p.scratch);
	return rc;
}

static enum sp_io tls_finish(struct sp_stream *s)
{
	struct sp_tls_stream *t = of(s);

	if (t->is_finished)
		return SP_IO_DONE;
	ERR_clear_error();
	if (t->is_handshaken && !t->is_notified && t->stop != SP_IO_FAILED) {
		t->is_notified = true;
		(void)SSL_shutdown(t->ssl); /* 0: sent, not yet received; the stream waits for no answer */
		ERR_clear_error();
	}
	if (s->unsent > 0 && sp_tls_out_flush(t) == SP_IO_FAILED)
		return SP_IO_FAILED;
	if (s->unsent > 0)
		return SP_IO_AGAIN;
	t->is_finished = true;
	return shutdown(s->fd, SHUT_WR) == 0 ? SP_IO_DONE : SP_IO_FAILED;
}

static void tls_event(struct sp_stream *s)
{
	flush_due(of(s));
}

static void tls_slim(struct sp_stream *s)
{
	struct sp_tls_stream *t = of(s);

	if (!t->is_handshaken)
		return;
	if (s->unsent > 0 && s->is_writable)
		(void)sp_tls_out_flush(t);
	/* OpenSSL itself refuses while a part of a record is in them. */
	(void)SSL_free_buffers(t->ssl);
}

static void tls_close(struct sp_stream *s)
{
	struct sp_tls_stream *t = of(s);

	if (t->has_job) {
		t->stream.is_write_lost = true;
		(void)shake(t); /* without its signature, or without a place to write: it fails */
		SP_ASSERT(!t->has_job);
	}
	sp_pause_fini(&t->pause);
	/* A connection that we let go without a word would take its session with it (RFC 2246; RFC 8446 does not ask it). */
	if (t->server != NULL && t->is_handshaken && t->stop != SP_IO_FAILED)
		SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(t->ssl);
	t->ssl = NULL;
	sp_tls_out_drop(t);
	free(t->sni);
	t->sni = NULL;
	free(t->client);
	t->client = NULL;
	ERR_clear_error();
}

static const struct sp_stream_ops tls_ops = {
	.read = tls_read,
	.write = tls_write,
	.handshake = tls_handshake,
	.finish = tls_finish,
	.event = tls_event,
	.slim = tls_slim,
	.close = tls_close,
};

bool sp_tls_stream_begin(struct sp_tls_stream *t, SSL_CTX *ctx, struct sp_loop *loop, int fd, bool is_connecting,
			 void (*on_ready)(struct sp_stream *s, unsigned what))
{
	t->stop = SP_IO_DONE;
	sp_pause_init(&t->pause, on_wake);
	t->ssl = SSL_new(ctx);
	if (t->ssl == NULL || !sp_tls_records_attach(t)) {
		t->stream.fd = -1;
		(void)close(fd);
		goto fail;
	}
	if (!sp_stream_open(&t->stream, loop, fd, is_connecting, on_ready))
		goto fail;
	t->stream.ops = &tls_ops;
	return true;
fail:
	SSL_free(t->ssl);
	t->ssl = NULL;
	ERR_clear_error();
	return false;
}

bool sp_tls_stream_accept(struct sp_tls_stream *t, struct sp_tls_listener *listener, struct sp_loop *loop,
			  struct sp_chunk_pool *chunks, int fd, void (*on_ready)(struct sp_stream *s, unsigned what))
{
	*t = (struct sp_tls_stream){ .listener = listener, .chunks = chunks };
	if (!sp_tls_stream_begin(t, listener->sites[0].ctx, loop, fd, false, on_ready))
		return false;
	SSL_set_accept_state(t->ssl);
	return true;
}

/* The session was verified by the rules that the id stands for: those of another id may not go on with it. */
static struct sp_tls_site *same_site(const struct sp_tls_listener *listener, const struct sp_tls_site *old)
{
	for (size_t i = 0; i < listener->site_count; i++)
		if (memcmp(listener->sites[i].id, old->id, sizeof(old->id)) == 0)
			return &listener->sites[i];
	return NULL;
}

enum sp_tls_move sp_tls_stream_move(struct sp_tls_stream *t, struct sp_tls_listener *listener)
{
	struct sp_tls_site *site;

	if (t->chosen == NULL) {
		t->listener = listener; /* the client hello is still to come */
		return SP_TLS_MOVED;
	}
	if (!t->is_handshaken)
		return SP_TLS_MOVE_LATER;
	site = same_site(listener, t->chosen);
	if (site == NULL)
		return SP_TLS_MOVE_NEVER;
	t->listener = listener;
	t->chosen = site;
	t->site = site->conf;
	return SP_TLS_MOVED;
}

struct sp_str sp_tls_stream_sni(const struct sp_tls_stream *t)
{
	return t->sni == NULL ? SP_STR_NONE : sp_str(t->sni);
}

const char *sp_tls_stream_version(const struct sp_tls_stream *t)
{
	return t->ssl == NULL ? "" : SSL_get_version(t->ssl);
}

bool sp_tls_stream_is_resumed(const struct sp_tls_stream *t)
{
	return t->ssl != NULL && SSL_session_reused(t->ssl) == 1;
}
