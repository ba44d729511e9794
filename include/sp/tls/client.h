/*
 * client - TLS 1.2 and 1.3 towards backends, as a stream.
 *
 * Certificate chain, dates and name are always verified: there is no switch. A
 * session that a backend gave is used again for an hour at most, since who
 * resumes one is not verified anew.
 */
#ifndef SP_TLS_CLIENT_H
#define SP_TLS_CLIENT_H

#include "sp/tls/tls.h"

struct sp_tls_client;                   /* what a [pool] with TLS became: a context with its authorities, perhaps a certificate */

/* conf is borrowed for the call; conf->has_tls. NULL with *err. It may go before its streams do, but not while one of them
 * shakes hands. */
SP_MUST_USE struct sp_tls_client *sp_tls_client_new(const struct sp_conf_pool *conf, struct sp_signer *signer,
                                                    struct sp_err *err);
void sp_tls_client_free(struct sp_tls_client *client);  /* NULL is fine */

/* What is remembered of one backend, under one name; all zero at first. It outlives its streams. */
struct sp_tls_server {
	SSL_SESSION *session;           /* owned: the last that it gave; NULL: none */
	uint64_t kept_ms;               /* sp_now_ms of then */
};
void sp_tls_server_forget(struct sp_tls_server *server);

struct sp_tls_to {                      /* borrowed for the call, but server */
	struct sp_tls_client *client;
	struct sp_tls_server *server;
	struct sp_str name;             /* that the certificate must have: a host name, or an address without port */
};
/* The client half of a handshake over a descriptor that is connecting: once sp_stream_connected says so, it begins with
 * sp_stream_handshake. Of TLS 1.3 the last flight leaves with the first write. */
SP_MUST_USE bool sp_tls_stream_connect(struct sp_tls_stream *t, const struct sp_tls_to *to, struct sp_loop *loop,
                                       struct sp_chunk_pool *chunks, int fd,
                                       void (*on_ready)(struct sp_stream *s, unsigned what));
/* Of a handshake that failed: why, for the log; never NULL. */
const char *sp_tls_stream_refusal(const struct sp_tls_stream *t);

/* Was it the certificate: its chain, its dates, its name? */
bool sp_tls_stream_is_unverified(const struct sp_tls_stream *t);

/* Would it work? false with *err: the authorities or the certificate cannot be used. */
SP_MUST_USE bool sp_tls_vet_client(const struct sp_conf_pool *conf, struct sp_err *err);

#endif
