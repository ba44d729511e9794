/*
 * tls - TLS 1.2 and 1.3 towards clients, as a stream.
 *
 * struct sp_tls_listener: the sites of one listener ([tls:…] sections); the
 * site is chosen by server name in the client-hello callback, before any
 * session look-up. An unknown name is refused in the handshake
 * (unrecognized_name); a client that sends none gets the first site.
 *
 * The stream works over a BIO of our own: one recv takes as much as fits, one
 * send gathers the records of a write.
 */
#ifndef SP_TLS_TLS_H
#define SP_TLS_TLS_H

#include <stdbool.h>

#include <openssl/ssl.h>

#include "sp/base/chunk.h"
#include "sp/base/err.h"
#include "sp/conf/conf.h"
#include "sp/key/sign.h"
#include "sp/net/stream.h"

struct sp_tls_site;                     /* what one [tls:NAME] became: contexts, names */
struct sp_tls_listener;

/* conf is borrowed and outlives it. listener->tls_count > 0. */
SP_MUST_USE struct sp_tls_listener *sp_tls_listener_new(const struct sp_conf_listener *conf, struct sp_signer *signer,
                                                        struct sp_err *err);
void sp_tls_listener_free(struct sp_tls_listener *listener);    /* NULL is fine */

struct sp_tls_stream {
	struct sp_stream stream;        /* first: a struct sp_stream * of it can be cast back */
	SSL *ssl;                       /* owned */
	struct sp_chunk_pool *chunks;   /* borrowed: for the records on their way */
	struct sp_chunk *in, *out, **out_end;   /* owned: raw bytes read ahead; records not sent yet */
	uint32_t out_bytes;
	bool is_handshaken, is_finished;
	const struct sp_conf_tls *site; /* borrowed: chosen in the client hello; NULL before */
};

/* As sp_stream_open, and the server half of a handshake that begins with sp_stream_handshake. */
SP_MUST_USE bool sp_tls_stream_accept(struct sp_tls_stream *t, struct sp_tls_listener *listener, struct sp_loop *loop,
                                      struct sp_chunk_pool *chunks, int fd,
                                      void (*on_ready)(struct sp_stream *s, unsigned what));
struct sp_str sp_tls_stream_sni(const struct sp_tls_stream *t);         /* empty: none sent */
const char *sp_tls_stream_version(const struct sp_tls_stream *t);       /* "TLSv1.3" */

/* Does `site` serve this host name (its certificates' names, wildcards as RFC 9525 6.3)? */
bool sp_tls_site_has_name(const struct sp_tls_listener *listener, const struct sp_conf_tls *site, struct sp_str host);

/* What `check` asks of a pair, and later whoever renews one: chain parses, key matches, dates, an SSL_CTX takes it.
 * *warning gets a text (or stays empty) for what is odd but served: expires within 14 days, not yet valid. */
SP_MUST_USE bool sp_tls_vet(const struct sp_conf_cert *cert, struct sp_err *err, struct sp_err *warning);

#endif
