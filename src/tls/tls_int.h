/*
 * tls_int - what the files of tls know of each other.
 */
#ifndef SP_TLS_INT_H
#define SP_TLS_INT_H

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "sp/base/arena.h"
#include "sp/base/map.h"
#include "sp/tls/ticket.h"
#include "sp/tls/tls.h"

#define SP_TLS_SITE_ID 32 /* a SHA-256 */
#define SP_TLS_NAME_MAX 253U /* longest host name */

/* What one ticket secret became for one site. */
struct sp_tls_ticket_key {
	uint8_t name[16];
	uint8_t aes[32];
	uint8_t hmac[32];
};

struct sp_tls_site {
	const struct sp_conf_tls *conf; /* borrowed */
	SSL_CTX *ctx; /* owned */
	uint8_t id[SP_TLS_SITE_ID]; /* session id context: equal in all workers and generations */
	int verify_mode;
	struct sp_str *names; /* of all its certificates, lower case, "*." kept; in the listener's arena */
	size_t name_count;
	struct sp_tls_ticket_key tickets[SP_TLS_TICKET_SECRETS];
	uint64_t tickets_epoch; /* of the secrets that tickets were derived from; 0 = none yet */
};

struct sp_tls_listener {
	struct sp_arena arena; /* owned: names */
	struct sp_tls_site *sites; /* owned, in the order of the configuration */
	size_t site_count;
	struct sp_map *exact; /* owned: name to site */
	struct sp_map *wild; /* owned: what stands behind "*." to site */
	bool has_client_verify;
};

/* chain.c: a PEM file to a leaf and what stands behind it. */
struct sp_tls_chain {
	X509 *leaf; /* owned */
	STACK_OF(X509) * rest; /* owned */
};
SP_MUST_USE bool sp_tls_chain_read(struct sp_str pem, struct sp_tls_chain *chain, struct sp_err *err);
void sp_tls_chain_fini(struct sp_tls_chain *chain);
SP_MUST_USE bool sp_tls_chain_use(SSL_CTX *ctx, const struct sp_tls_chain *chain, struct sp_err *err);
/* Calls each for every DNS name of the certificate (lower case, checked; valid during the call), or for its common
 * name when it names nothing else. false: each said no. *has_alt: a subjectAltName with a DNS name or an address. */
SP_MUST_USE bool sp_tls_cert_names(X509 *cert, bool (*each)(void *arg, struct sp_str name), void *arg, bool *has_alt);

/* context.c: the posture, the same for every site but for its policy, and towards backends. */
SP_MUST_USE SSL_CTX *sp_tls_context_new(struct sp_err *err);
SP_MUST_USE SSL_CTX *sp_tls_client_context_new(struct sp_err *err);
int sp_tls_least_version(const struct sp_conf_tls *conf);

/* site.c */
SP_MUST_USE bool sp_tls_site_init(struct sp_tls_site *site, const struct sp_conf_tls *conf, struct sp_signer *signer,
				  struct sp_arena *arena, struct sp_err *err);
void sp_tls_site_fini(struct sp_tls_site *site);
struct sp_tls_site *sp_tls_find_site(const struct sp_tls_listener *listener, struct sp_str name); /* NULL: none */

/* hello.c: the callback that chooses the site, of the stream's listener. */
int sp_tls_on_hello(SSL *ssl, int *alert, void *arg);
enum sp_hello_name { SP_HELLO_NO_NAME, SP_HELLO_NAME, SP_HELLO_ODD_NAME, SP_HELLO_BROKEN };
/* The body of a server_name extension; *name points into it. */
enum sp_hello_name sp_tls_parse_server_name(const uint8_t *ext, size_t n, struct sp_str *name);

/* ticket.c */
int sp_tls_on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
		     int is_new);

/* tls_stream.c: *t has all but its stream and ssl; fd is owned from here on, closed on failure too. */
SP_MUST_USE bool sp_tls_stream_begin(struct sp_tls_stream *t, SSL_CTX *ctx, struct sp_loop *loop, int fd,
				     bool is_connecting, void (*on_ready)(struct sp_stream *s, unsigned what));

/* records.c */
struct sp_tls_stream *sp_tls_stream_of(const SSL *ssl);
SP_MUST_USE bool sp_tls_records_attach(struct sp_tls_stream *t); /* false: no memory */
enum sp_io sp_tls_out_flush(struct sp_tls_stream *t);
void sp_tls_out_drop(struct sp_tls_stream *t); /* what waits will not be sent any more */

/* client.c: the handshake is over; was all agreed on that we asked for? */
SP_MUST_USE bool sp_tls_client_is_fine(struct sp_tls_stream *t);

/* client_cert.c */
struct sp_tls_client_cert *sp_tls_client_cert_new(X509 *cert); /* NULL: no memory */

/* reason.c: the oldest error of OpenSSL's queue as one word; the queue is emptied. */
const char *sp_tls_reason(void);

#endif
