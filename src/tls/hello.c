/*
 * hello - the client hello chooses the site, before OpenSSL looks at sessions:
 * chosen later, a session of one site could be resumed for another.
 */
#include "tls_int.h"

#include <stdlib.h>

#include "sp/base/addr.h"

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
	       c == '.';
}

/* RFC 6066 3: a list of one host name, which fills the extension to its last byte. An address is no host name; who
 * sends one all the same (wrk does) asked for none. */
enum sp_hello_name sp_tls_parse_server_name(const uint8_t *ext, size_t n, struct sp_str *name)
{
	struct sp_addr address;

	if (n < 5 || (size_t)(ext[0] << 8 | ext[1]) != n - 2 || ext[2] != TLSEXT_NAMETYPE_host_name ||
	    (size_t)(ext[3] << 8 | ext[4]) != n - 5 || n == 5)
		return SP_HELLO_BROKEN;
	*name = sp_str_of((const char *)ext + 5, n - 5);
	if (sp_addr_parse_ip(*name, &address))
		return SP_HELLO_NO_NAME;
	if (name->n > SP_TLS_NAME_MAX)
		return SP_HELLO_ODD_NAME;
	for (size_t i = 0; i < name->n; i++) {
		if (!is_name_char(name->p[i]))
			return SP_HELLO_ODD_NAME;
	}
	return SP_HELLO_NAME;
}

static enum sp_hello_name find_name(SSL *ssl, struct sp_str *name)
{
	const unsigned char *ext;
	size_t n;

	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &ext, &n) != 1)
		return SP_HELLO_NO_NAME;
	return sp_tls_parse_server_name(ext, n, name);
}

static bool keep_name(struct sp_tls_stream *t, struct sp_str name)
{
	t->sni = malloc(name.n + 1);
	if (t->sni == NULL)
		return false;
	for (size_t i = 0; i < name.n; i++)
		t->sni[i] = sp_lower(name.p[i]);
	t->sni[name.n] = '\0';
	return true;
}

/* What SSL_set_SSL_CTX does not carry over. */
static bool enter(SSL *ssl, struct sp_tls_site *site)
{
	if (SSL_set_SSL_CTX(ssl, site->ctx) == NULL)
		return false;
	SSL_set_verify(ssl, site->verify_mode, NULL);
	return SSL_set_session_id_context(ssl, site->id, sizeof(site->id)) == 1 &&
	       SSL_set_min_proto_version(ssl, sp_tls_least_version(site->conf)) == 1;
}

static int refuse(struct sp_tls_stream *t, const char *why, int *alert, int with)
{
	t->stream.why = why;
	*alert = with;
	return SSL_CLIENT_HELLO_ERROR;
}

int sp_tls_on_hello(SSL *ssl, int *alert, void *arg)
{
	struct sp_tls_stream *t = sp_tls_stream_of(ssl);
	const struct sp_tls_listener *listener = t->listener; /* the context may be of an earlier generation */
	struct sp_tls_site *site = &listener->sites[0];
	struct sp_str name;

	(void)arg;
	switch (find_name(ssl, &name)) {
	case SP_HELLO_NO_NAME: break;
	case SP_HELLO_BROKEN: return refuse(t, "broken_server_name", alert, SSL_AD_DECODE_ERROR);
	case SP_HELLO_ODD_NAME: return refuse(t, "unrecognized_name", alert, SSL_AD_UNRECOGNIZED_NAME);
	case SP_HELLO_NAME:
		if (t->sni == NULL && !keep_name(t, name))
			return refuse(t, "no_memory", alert, SSL_AD_INTERNAL_ERROR);
		site = sp_tls_find_site(listener, sp_str(t->sni));
		if (site == NULL)
			return refuse(t, "unrecognized_name", alert, SSL_AD_UNRECOGNIZED_NAME);
	}
	if (!enter(ssl, site))
		return refuse(t, "no_memory", alert, SSL_AD_INTERNAL_ERROR);
	t->chosen = site;
	t->site = site->conf;
	return SSL_CLIENT_HELLO_SUCCESS;
}
