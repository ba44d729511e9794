/*
 * context - the posture of every TLS context: two versions, six suites and the
 * three of TLS 1.3, two groups that cost an attacker as much as us.
 */
#include "tls_int.h"

#include <openssl/err.h>

/* ECDHE with AEAD only; the server's order, but ChaCha first for a client without AES in hardware. */
static const char suites_12[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
				"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
				"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const char suites_13[] = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

/* OpenSSL's own list lets a client ask for ffdhe8192 at 121 ms of ours a handshake. */
static const char groups[] = "X25519:P-256";

/* What we sign by is what the keeper signs (key/asks.h); clients may show other certificates. */
#define RSA_SIGNATURES "RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512"
static const char signatures[] = "ECDSA+SHA256:ECDSA+SHA384:" RSA_SIGNATURES;
static const char client_signatures[] = "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519:" RSA_SIGNATURES;

enum {
	TICKET_LIFE_S = 12 * 3600, /* a ticket older than two rotations could not be read anyway */
	CLIENT_CHAIN_MAX = 32768,
};

/* Is it in the client's list? Then *at is where. */
static bool is_offered(struct sp_str name, const unsigned char *in, unsigned n, unsigned *at)
{
	for (*at = 0; *at < n; *at += 1U + in[*at]) {
		struct sp_str one = sp_str_of((const char *)in + *at + 1, in[*at]);

		if (one.n <= n - *at - 1 && sp_str_eq(one, name))
			return true;
	}
	return false;
}

/*
 * ALPN: HTTP/1.1, or 1.0 for a client that has no better (curl -0), or nothing. A client of another protocol must not
 * reach an HTTP server by mistake or by force.
 */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n, const unsigned char *in, unsigned n,
		   void *arg)
{
	unsigned at;

	(void)ssl, (void)arg;
	if (!is_offered(SP_STR("http/1.1"), in, n, &at) && !is_offered(SP_STR("http/1.0"), in, n, &at))
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = in + at + 1;
	*out_n = in[at];
	return SSL_TLSEXT_ERR_OK;
}

/* Acknowledges the name; the site was chosen from it in the client hello already. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the type is OpenSSL's */
static int on_server_name(SSL *ssl, int *alert, void *arg)
{
	(void)ssl, (void)alert, (void)arg;
	return SSL_TLSEXT_ERR_OK;
}

static bool set_posture(SSL_CTX *ctx)
{
	SSL_CTX_set_security_level(ctx, 2);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
					 SSL_OP_PRIORITIZE_CHACHA | SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION);
	/* read_ahead: one recv takes a head with the record around it; the BIO knows when the socket is drained. */
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_timeout(ctx, TICKET_LIFE_S);
	SSL_CTX_set_max_cert_list(ctx, CLIENT_CHAIN_MAX);
	SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
	SSL_CTX_set_tlsext_servername_callback(ctx, on_server_name);
	return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
	       SSL_CTX_set_cipher_list(ctx, suites_12) == 1 && SSL_CTX_set_ciphersuites(ctx, suites_13) == 1 &&
	       SSL_CTX_set1_groups_list(ctx, groups) == 1 && SSL_CTX_set1_sigalgs_list(ctx, signatures) == 1 &&
	       SSL_CTX_set1_client_sigalgs_list(ctx, client_signatures) == 1 &&
	       SSL_CTX_set_max_early_data(ctx, 0) == 1 && SSL_CTX_set_num_tickets(ctx, 1) == 1 &&
	       SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, sp_tls_on_ticket) == 1;
}

/* Towards backends: the same strength. What they prove themselves by may be any certificate that a client may show. */
static bool set_client_posture(SSL_CTX *ctx)
{
	SSL_CTX_set_security_level(ctx, 2);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_set_max_cert_list(ctx, CLIENT_CHAIN_MAX);
	return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
	       SSL_CTX_set_cipher_list(ctx, suites_12) == 1 && SSL_CTX_set_ciphersuites(ctx, suites_13) == 1 &&
	       SSL_CTX_set1_groups_list(ctx, groups) == 1 && SSL_CTX_set1_sigalgs_list(ctx, client_signatures) == 1 &&
	       SSL_CTX_set1_client_sigalgs_list(ctx, signatures) == 1;
}

static SSL_CTX *new_context(const SSL_METHOD *method, bool (*set)(SSL_CTX *ctx), struct sp_err *err)
{
	SSL_CTX *ctx = SSL_CTX_new(method);

	if (ctx != NULL && set(ctx))
		return ctx;
	SSL_CTX_free(ctx);
	ERR_clear_error();
	sp_err_set(err, "OpenSSL gives no TLS context of our settings");
	return NULL;
}

SSL_CTX *sp_tls_context_new(struct sp_err *err)
{
	return new_context(TLS_server_method(), set_posture, err);
}

SSL_CTX *sp_tls_client_context_new(struct sp_err *err)
{
	return new_context(TLS_client_method(), set_client_posture, err);
}

int sp_tls_least_version(const struct sp_conf_tls *conf)
{
	return conf->policy == SP_TLS_MODERN ? TLS1_3_VERSION : TLS1_2_VERSION;
}
