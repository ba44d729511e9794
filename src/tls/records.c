/*
 * records - the bytes of a TLS stream on their way: a BIO of ours between OpenSSL and the stream's descriptor.
 */
#include "tls_int.h"

#include <string.h>

#include <openssl/bio.h>

#include "sp/base/check.h"

/* How the bytes go out: OpenSSL hands record after record to our BIO, which copies them into lent chunks, until the
 * last record of a write: that one and all before it leave in one system call, straight from OpenSSL's buffer. What
 * the kernel does not take waits in the chunks and leaves when the descriptor is writable, whoever wants what. So
 * SSL_write never meets a full socket, and SSL_read, which may have to answer (key update), hardly ever. */

enum {
	OUT_MAX = 98304, /* records that wait; only a peer that never reads what it asks for comes there */
	OUT_IOVECS = OUT_MAX / (int)SP_CHUNK_SIZE + 3,
	HELLO_MAX = 16384 + 1024, /* raw bytes before the client hello was understood */
	HANDSHAKE_MAX = 65536, /* raw bytes of a whole handshake: the peer's chain is in it */
};

struct sp_tls_stream *sp_tls_stream_of(const SSL *ssl)
{
	return BIO_get_data(SSL_get_rbio(ssl));
}

/* --- bytes out --- */

void sp_tls_out_drop(struct sp_tls_stream *t)
{
	while (t->out != NULL) {
		struct sp_chunk *first = t->out;

		t->out = first->next;
		sp_chunk_give_back(t->chunks, first);
	}
	t->out_last = NULL;
	t->stream.unsent = 0;
}

static bool keep_out(struct sp_tls_stream *t, const uint8_t *p, size_t n)
{
	while (n > 0) {
		struct sp_chunk *last = t->out_last;
		size_t part;

		if (last == NULL || last->to == SP_CHUNK_SIZE) {
			struct sp_chunk *fresh = sp_chunk_lend(t->chunks);

			if (fresh == NULL)
				return false;
			fresh->next = NULL;
			if (last == NULL)
				t->out = fresh;
			else
				last->next = fresh;
			t->out_last = last = fresh;
		}
		part = SP_CHUNK_SIZE - last->to < n ? SP_CHUNK_SIZE - last->to : n;
		memcpy(last->bytes + last->to, p, part);
		last->to += (uint32_t)part;
		t->stream.unsent += (uint32_t)part;
		p += part;
		n -= part;
	}
	return true;
}

static void consume_out(struct sp_tls_stream *t, size_t n)
{
	t->stream.unsent -= (uint32_t)n;
	while (n > 0) {
		struct sp_chunk *first = t->out;
		size_t part;

		SP_ASSERT(first != NULL); /* no more is sent than waited */
		part = first->to - first->from < n ? first->to - first->from : n;
		first->from += (uint32_t)part;
		n -= part;
		if (first->from < first->to)
			return;
		t->out = first->next;
		if (t->out == NULL)
			t->out_last = NULL;
		sp_chunk_give_back(t->chunks, first);
	}
}

/* One system call for what waits and the n bytes behind it; *taken of those left too. */
static enum sp_io send_out(struct sp_tls_stream *t, const void *p, size_t n, size_t *taken)
{
	struct iovec v[OUT_IOVECS];
	size_t put, waited = t->stream.unsent;
	enum sp_io rc;
	int used = 0;

	*taken = 0;
	for (const struct sp_chunk *c = t->out; c != NULL; c = c->next)
		v[used++] = (struct iovec){ (void *)(c->bytes + c->from), c->to - c->from };
	if (n > 0)
		v[used++] = (struct iovec){ (void *)p, n };
	if (used == 0)
		return SP_IO_DONE;
	t->is_deferred = false;
	rc = sp_stream_send(&t->stream, v, used, &put);
	if (rc == SP_IO_FAILED)
		sp_tls_out_drop(t); /* nobody will take it any more */
	*taken = put > waited ? put - waited : 0;
	if (waited > 0 && put > 0)
		consume_out(t, put < waited ? put : waited);
	return rc;
}

enum sp_io sp_tls_out_flush(struct sp_tls_stream *t)
{
	size_t taken;

	return send_out(t, NULL, 0, &taken);
}

/* --- the BIO --- */

static bool is_hello_too_long(const struct sp_tls_stream *t)
{
	bool is_before_hello = t->listener != NULL && t->chosen == NULL;

	return !t->is_handshaken && t->taken > (is_before_hello ? HELLO_MAX : HANDSHAKE_MAX);
}

static int bio_read(BIO *bio, char *to, int room)
{
	struct sp_tls_stream *t = BIO_get_data(bio);
	size_t got;

	BIO_clear_retry_flags(bio);
	if (room <= 0)
		return 0;
	if (is_hello_too_long(t)) {
		t->stream.why = "hello_too_long";
		return -1;
	}
	switch (sp_stream_recv(&t->stream, &(struct iovec){ to, (size_t)room }, 1, &got)) {
	case SP_IO_DONE:
		if (!t->is_handshaken)
			t->taken += (uint32_t)got;
		return (int)got;
	case SP_IO_AGAIN: BIO_set_retry_read(bio); return -1;
	case SP_IO_EOF: t->saw_fin = true; return 0;
	case SP_IO_FAILED: break;
	}
	return -1;
}

static int bio_write(BIO *bio, const char *from, int n)
{
	struct sp_tls_stream *t = BIO_get_data(bio);
	size_t taken = 0;

	BIO_clear_retry_flags(bio);
	if (n <= 0)
		return 0;
	if (t->stream.is_write_lost)
		return -1;
	if (t->stream.unsent + (size_t)n > OUT_MAX) {
		BIO_set_retry_write(bio);
		return -1;
	}
	if (t->sends_now && send_out(t, from, (size_t)n, &taken) == SP_IO_FAILED)
		return -1;
	t->is_deferred = false;
	if (!keep_out(t, (const uint8_t *)from + taken, (size_t)n - taken)) {
		t->stream.why = "no_memory";
		return -1;
	}
	return n;
}

static long bio_ctrl(BIO *bio, int what, long n, void *p)
{
	const struct sp_tls_stream *t = BIO_get_data(bio);

	(void)n, (void)p;
	switch (what) {
	case BIO_CTRL_EOF: return t->saw_fin;
	case BIO_CTRL_FLUSH: return 1; /* we know better when */
	default: return 0;
	}
}

/* One a process, made at the first stream. */
static const BIO_METHOD *bio_method(void)
{
	static BIO_METHOD *method;

	if (method != NULL)
		return method;
	method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "sallyport stream");
	if (method == NULL)
		return NULL;
	BIO_meth_set_read(method, bio_read);
	BIO_meth_set_write(method, bio_write);
	BIO_meth_set_ctrl(method, bio_ctrl);
	return method;
}

bool sp_tls_records_attach(struct sp_tls_stream *t)
{
	const BIO_METHOD *method = bio_method();
	BIO *bio = method == NULL ? NULL : BIO_new(method);

	if (bio == NULL)
		return false;
	BIO_set_data(bio, t);
	BIO_set_init(bio, 1);
	SSL_set_bio(t->ssl, bio, bio);
	return true;
}
