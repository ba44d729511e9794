/*
 * tls - TLS 1.2 and 1.3 towards clients, as a stream; towards backends by client.h.
 *
 * struct sp_tls_listener: the sites of one listener ([tls:…] sections); the
 * site is chosen by server name in the client-hello callback, before any
 * session look-up. An unknown name is refused in the handshake
 * (unrecognized_name); a client that sends none gets the first site.
 *
 * The stream works over a BIO of our own: one recv takes as much as fits, one
 * send gathers the records of a write, 64 KiB of plain text at most. The ticket
 * of TLS 1.3 waits for the first write (or slim, or finish) and leaves with it.
 */
#ifndef SP_TLS_TLS_H
#define SP_TLS_TLS_H

#include <stdbool.h>

#include <openssl/ssl.h>

#include "sp/base/chunk.h"
#include "sp/base/err.h"
#include "sp/conf/conf.h"
#include "sp/key/pause.h"
#include "sp/key/sign.h"
#include "sp/net/stream.h"

struct sp_tls_server;
struct sp_tls_site;                     /* what one [tls:NAME] became: a context, names */
struct sp_tls_listener;

/* conf is borrowed and outlives it; it outlives its streams. conf->tls_count > 0. */
SP_MUST_USE struct sp_tls_listener *sp_tls_listener_new(const struct sp_conf_listener *conf, struct sp_signer *signer,
                                                        struct sp_err *err);
void sp_tls_listener_free(struct sp_tls_listener *listener);    /* NULL is fine */
/* Does any site ask for client certificates? Then the Host must belong to the site of the handshake, else 421. */
bool sp_tls_listener_has_client_verify(const struct sp_tls_listener *listener);
/* The site of a client hello with that server name (lower case; empty: it has none). NULL: it is refused. */
const struct sp_conf_tls *sp_tls_listener_site(const struct sp_tls_listener *listener, struct sp_str name);
/* Does `site` serve this host name (its certificates' names, wildcards as RFC 9525 6.3)? host: lower case, no port. */
bool sp_tls_site_has_name(const struct sp_tls_listener *listener, const struct sp_conf_tls *site, struct sp_str host);

/* The client's certificate, verified against client_ca (and crl). */
struct sp_tls_client_cert {
	struct sp_str subject;          /* RFC 2253, ASCII */
	struct sp_str serial;           /* hex, upper case */
	struct sp_str fingerprint;      /* SHA-256 of the whole, hex, lower case */
};

struct sp_tls_stream {
	struct sp_stream stream;        /* first: a struct sp_stream * of it can be cast back */
	SSL *ssl;                       /* owned */
	const struct sp_tls_listener *listener; /* borrowed: it may be another before the client hello, and after the handshake; NULL: the peer is a backend, … */
	struct sp_tls_server *server;   /* … this one; borrowed; NULL: a client */
	struct sp_chunk_pool *chunks;   /* borrowed: for the records on their way */
	struct sp_chunk *out, *out_last;        /* owned: records not sent yet; stream.unsent counts them */
	struct sp_tls_site *chosen;     /* borrowed: of the listener; NULL before the client hello */
	const struct sp_conf_tls *site; /* borrowed: the same as configured */
	char *sni;                      /* owned: the name sent, lower case; NULL = none */
	struct sp_tls_client_cert *client;      /* owned: made at the first ask */
	uint32_t taken;                 /* raw bytes read before the end of the handshake */
	struct sp_pause pause;          /* while the handshake waits for the keeper */
	enum sp_io stop;                /* DONE, or how reading ended: EOF, FAILED */
	bool is_handshaken, is_notified, is_finished;
	bool has_job;                   /* OpenSSL's job of the handshake is paused: it must end before ssl is freed */
	bool is_deferred;               /* what waits in out may wait for the next write */
	bool sends_now;                 /* the record to come is the last of its write */
	bool saw_fin;
};

/* As sp_stream_open, and the server half of a handshake that begins with sp_stream_handshake. */
SP_MUST_USE bool sp_tls_stream_accept(struct sp_tls_stream *t, struct sp_tls_listener *listener, struct sp_loop *loop,
                                      struct sp_chunk_pool *chunks, int fd,
                                      void (*on_ready)(struct sp_stream *s, unsigned what));
enum sp_tls_move {
	SP_TLS_MOVED,
	SP_TLS_MOVE_LATER,              /* in the middle of a handshake: when it is over */
	SP_TLS_MOVE_NEVER,              /* its site is gone, or verifies clients by other rules now */
};
/* From now on of this listener, the same one of a later generation; what was borrowed from the old one is not any more. */
SP_MUST_USE enum sp_tls_move sp_tls_stream_move(struct sp_tls_stream *t, struct sp_tls_listener *listener);
struct sp_str sp_tls_stream_sni(const struct sp_tls_stream *t);         /* lower case; empty: none sent */
const char *sp_tls_stream_version(const struct sp_tls_stream *t);       /* "TLSv1.3" */
bool sp_tls_stream_is_resumed(const struct sp_tls_stream *t);
/* NULL: the client showed none (or no memory). It lives as long as the stream is open. */
const struct sp_tls_client_cert *sp_tls_stream_client_cert(struct sp_tls_stream *t);

/* What `check` asks of a pair, and later whoever renews one: chain parses and is in order, key matches, an SSL_CTX
 * takes it, the leaf has a name. *warning gets a text (or stays empty) for what is odd but served all the same: expired
 * or soon to be, not yet valid, known by its common name alone. */
SP_MUST_USE bool sp_tls_vet(const struct sp_conf_cert *cert, struct sp_err *err, struct sp_err *warning);
/* Of a pair that was renewed while nobody watched: *doubt gets a text, or stays empty, for what was not so before: a
 * warning of sp_tls_vet, or a name that is missing. The pair itself was vetted. */
void sp_tls_vet_renewed(const struct sp_conf_cert *before, const struct sp_conf_cert *now, struct sp_err *doubt);
/* When the first certificate of a chain ends, in seconds since 1970. False: it cannot be read. */
SP_MUST_USE bool sp_tls_chain_expiry(struct sp_str pem, int64_t *seconds);
/* And of the files for client certificates: *ca and *crl get a text, or stay empty, for what no longer holds. */
void sp_tls_vet_clients(const struct sp_conf_tls *conf, struct sp_err *ca, struct sp_err *crl);

#endif
