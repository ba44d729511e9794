/*
 * client - our side of TLS to backends.
 */
#include "sp/tls/client.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "sp/base/addr.h"
#include "sp/base/check.h"
#include "sp/base/clock.h"
#include "tls_int.h"

enum {
	SESSION_MS = 3600 * 1000, /* a certificate that was revoked or ran out is noticed within it */
	DEPTH_MAX = 8, /* certificates between the leaf and the one we trust */
};

/* RFC 7301: what we speak to backends. */
static const uint8_t alpn[] = { 8, 'h', 't', 't', 'p', '/', '1', '.', '1' };

struct sp_tls_client {
	SSL_CTX *ctx; /* owned */
};

static bool use_authorities(SSL_CTX *ctx, struct sp_str pem, struct sp_err *err)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	struct sp_tls_chain cas;
	bool is_fine;

	if (!sp_tls_chain_read(pem, &cas, err))
		return false;
	is_fine = X509_STORE_add_cert(store, cas.leaf) == 1;
	for (int i = 0; is_fine && i < sk_X509_num(cas.rest); i++)
		is_fine = X509_STORE_add_cert(store, sk_X509_value(cas.rest, i)) == 1;
	sp_tls_chain_fini(&cas);
	ERR_clear_error();
	/* What the operator lists is trusted as it is: an intermediate without its root, a backend's own certificate. */
	X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
	return is_fine || sp_err_set(err, "a certificate cannot be used");
}

static bool use_certificate(SSL_CTX *ctx, const struct sp_conf_cert *cert, struct sp_signer *signer, struct sp_err *err)
{
	struct sp_tls_chain chain;
	bool is_fine;

	if (!sp_tls_chain_read(cert->chain_pem, &chain, err))
		return false;
	/* The keeper signs what a client of 1.3 signs, and no text of 1.2: that one has no form of its own. */
	is_fine = sp_tls_chain_use(ctx, &chain, err) && sp_signer_attach(signer, ctx, cert, err) &&
		  (SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 ||
		   sp_err_set(err, "OpenSSL does not keep to TLS 1.3"));
	sp_tls_chain_fini(&chain);
	return is_fine;
}

/* OpenSSL has a session for us: of 1.3 only after the handshake, and perhaps several. Returns 1: it is ours now. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
	struct sp_tls_server *server = sp_tls_stream_of(ssl)->server;

	SP_ASSERT(server != NULL);
	sp_tls_server_forget(server);
	server->session = session;
	server->kept_ms = sp_now_ms();
	return 1;
}

struct sp_tls_client *sp_tls_client_new(const struct sp_conf_pool *conf, struct sp_signer *signer, struct sp_err *err)
{
	struct sp_tls_client *client = malloc(sizeof(*client));
	struct sp_err why = { .text = "" };

	if (client == NULL) {
		sp_err_set(err, "no memory for the TLS of a pool");
		return NULL;
	}
	client->ctx = sp_tls_client_context_new(err);
	if (client->ctx == NULL)
		goto fail;
	SSL_CTX_set_verify(client->ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_verify_depth(client->ctx, DEPTH_MAX);
	SSL_CTX_sess_set_new_cb(client->ctx, on_session);
	if (!use_authorities(client->ctx, conf->tls_ca_pem, &why)) {
		sp_err_set(err, "tls_ca: %s", why.text);
		goto fail;
	}
	if (conf->tls_cert != NULL && !use_certificate(client->ctx, conf->tls_cert, signer, &why)) {
		sp_err_set(err, "tls_cert: %s", why.text);
		goto fail;
	}
	return client;
fail:
	sp_tls_client_free(client);
	return NULL;
}

void sp_tls_client_free(struct sp_tls_client *client)
{
	if (client == NULL)
		return;
	SSL_CTX_free(client->ctx);
	free(client);
}

bool sp_tls_vet_client(const struct sp_conf_pool *conf, struct sp_err *err)
{
	struct sp_signer *signer = sp_signer_new_local();
	struct sp_tls_client *client;
	bool is_fine;

	if (signer == NULL)
		return sp_err_set(err, "no memory for a private key");
	client = sp_tls_client_new(conf, signer, err);
	is_fine = client != NULL;
	sp_tls_client_free(client);
	sp_signer_free(signer);
	return is_fine;
}

void sp_tls_server_forget(struct sp_tls_server *server)
{
	SSL_SESSION_free(server->session);
	server->session = NULL;
}

/* RFC 9525: the name as it was configured, never what the peer or a resolver says. */
static bool expect_name(SSL *ssl, struct sp_str name)
{
	char text[SP_TLS_NAME_MAX + 1];
	struct sp_addr addr;

	if (name.n == 0 || name.n >= sizeof(text))
		return false;
	memcpy(text, name.p, name.n);
	text[name.n] = '\0';
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	if (sp_addr_parse_ip(name, &addr)) /* RFC 6066 3: no server name then */
		return X509_VERIFY_PARAM_set1_ip(SSL_get0_param(ssl), addr.ip, addr.family == SP_ADDR_V4 ? 4 : 16) == 1;
	return SSL_set1_host(ssl, text) == 1 && SSL_set_tlsext_host_name(ssl, text) == 1;
}

static void resume(struct sp_tls_stream *t)
{
	struct sp_tls_server *server = t->server;

	if (server->session == NULL)
		return;
	if (sp_now_ms() - server->kept_ms > SESSION_MS || SSL_SESSION_is_resumable(server->session) != 1)
		sp_tls_server_forget(server);
	else
		(void)SSL_set_session(t->ssl, server->session); /* without it the handshake is a full one */
}

bool sp_tls_stream_connect(struct sp_tls_stream *t, const struct sp_tls_to *to, struct sp_loop *loop,
			   struct sp_chunk_pool *chunks, int fd, void (*on_ready)(struct sp_stream *s, unsigned what))
{
	*t = (struct sp_tls_stream){ .server = to->server, .chunks = chunks };
	if (!sp_tls_stream_begin(t, to->client->ctx, loop, fd, true, on_ready))
		return false;
	SSL_set_connect_state(t->ssl);
	if (expect_name(t->ssl, to->name) && SSL_set_alpn_protos(t->ssl, alpn, sizeof(alpn)) == 0) {
		resume(t);
		return true;
	}
	sp_stream_close(&t->stream);
	return false;
}

/* A server may leave ALPN out; one that chose something else has another protocol in mind. */
bool sp_tls_client_is_fine(struct sp_tls_stream *t)
{
	const unsigned char *chosen;
	unsigned n;

	SSL_get0_alpn_selected(t->ssl, &chosen, &n);
	if (n == 0 || (n == sizeof(alpn) - 1 && memcmp(chosen, alpn + 1, n) == 0))
		return true;
	t->stream.why = "no_application_protocol";
	return false;
}

bool sp_tls_stream_is_unverified(const struct sp_tls_stream *t)
{
	return t->ssl != NULL && SSL_get_verify_result(t->ssl) != X509_V_OK;
}

const char *sp_tls_stream_refusal(const struct sp_tls_stream *t)
{
	long verified = t->ssl == NULL ? X509_V_OK : SSL_get_verify_result(t->ssl);

	if (verified != X509_V_OK)
		return X509_verify_cert_error_string(verified);
	return t->stream.why == NULL ? "tls_error" : t->stream.why;
}
