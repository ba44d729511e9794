/*
 * tls_pair - a TLS stream under test and an OpenSSL client at the other end,
 * in one process, over a socket pair. The client is a plain blocking-free SSL
 * object whose turns the test takes between the loop's.
 */
#ifndef T_TLS_PAIR_H
#define T_TLS_PAIR_H

#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "certs.h"
#include "pair.h"
#include "sp/tls/tls.h"

struct tls_pair {
	struct sp_tls_stream t; /* first: on_ready gets a pointer to it */
	struct sp_loop *loop;
	struct sp_chunk_pool *chunks;
	SSL *client;
	int fd; /* the client's */
	enum sp_io hands; /* what our handshake came to */
	unsigned told;
};

static inline void tls_pair_on_ready(struct sp_stream *s, unsigned what)
{
	struct tls_pair *p = (struct tls_pair *)s;

	p->told |= what;
	if (!p->t.is_handshaken && (what & SP_READ) != 0)
		p->hands = sp_stream_handshake(s);
}

static inline void tls_pair_open(struct tls_pair *p, struct sp_tls_listener *listener, SSL_CTX *client, const char *sni,
				 const int fds[2])
{
	struct sp_err err = { "" };

	memset(p, 0, sizeof(*p));
	p->loop = sp_loop_new(&err);
	p->chunks = sp_chunk_pool_new(64);
	p->fd = fds[1];
	p->hands = SP_IO_AGAIN;
	assert_true(p->loop != NULL && p->chunks != NULL);
	assert_true(sp_tls_stream_accept(&p->t, listener, p->loop, p->chunks, fds[0], tls_pair_on_ready));
	sp_stream_want(&p->t.stream, SP_READ);
	assert_int_equal(fcntl(p->fd, F_SETFL, O_NONBLOCK), 0);
	p->client = SSL_new(client);
	assert_non_null(p->client);
	SSL_set_fd(p->client, p->fd);
	SSL_set_connect_state(p->client);
	if (sni != NULL)
		SSL_set_tlsext_host_name(p->client, sni);
}

static inline void tls_pair_close(struct tls_pair *p)
{
	sp_stream_close(&p->t.stream);
	SSL_free(p->client);
	if (p->fd >= 0)
		close(p->fd);
	assert_int_equal(sp_chunk_lent(p->chunks), 0);
	sp_chunk_pool_free(p->chunks);
	sp_loop_free(p->loop);
	ERR_clear_error();
}

static inline void tls_pair_turn(struct tls_pair *p)
{
	sp_loop_turn(p->loop, false);
}

/* Both sides in turns, until both are through or one has failed. true: both are through. */
static inline bool tls_pair_shake(struct tls_pair *p)
{
	for (int i = 0; i < 200; i++) {
		int rc;

		ERR_clear_error();
		rc = SSL_do_handshake(p->client);
		if (rc != 1 && SSL_get_error(p->client, rc) != SSL_ERROR_WANT_READ &&
		    SSL_get_error(p->client, rc) != SSL_ERROR_WANT_WRITE) {
			tls_pair_turn(p);
			tls_pair_turn(p);
			return false;
		}
		tls_pair_turn(p);
		if (p->hands == SP_IO_FAILED) {
			(void)SSL_do_handshake(p->client); /* the alert */
			return false;
		}
		if (rc == 1 && p->hands == SP_IO_DONE)
			return true;
	}
	return false;
}

static inline enum sp_io tls_pair_read(struct tls_pair *p, void *to, size_t room, size_t *got)
{
	return sp_stream_read(&p->t.stream, &(struct iovec){ to, room }, 1, got);
}

static inline enum sp_io tls_pair_write(struct tls_pair *p, const void *from, size_t n, size_t *put)
{
	return sp_stream_write(&p->t.stream, &(struct iovec){ (void *)from, n }, 1, put);
}

/* One [tls] section. */
struct site_wish {
	const char *name;
	const struct cert *certs[2];
	enum sp_conf_tls_policy policy;
	enum sp_conf_client_verify verify;
	struct sp_str client_ca, crl;
};

/* The configuration of a listener, and what was built from it. */
struct tls_world {
	struct sp_conf_tls tls[4];
	struct sp_conf_cert certs[4][2];
	const struct sp_conf_tls *list[4];
	struct sp_conf_listener conf;
	struct sp_signer *signer;
	struct sp_tls_listener *listener;
	struct sp_err err;
};

static inline bool tls_world_make(struct tls_world *w, const struct site_wish *wish, size_t count)
{
	memset(w, 0, sizeof(*w));
	for (size_t i = 0; i < count; i++) {
		struct sp_conf_tls *tls = &w->tls[i];

		*tls = (struct sp_conf_tls){ .section = { .type = "tls", .name = sp_str(wish[i].name) },
					     .certs = w->certs[i],
					     .policy = wish[i].policy,
					     .client_verify = wish[i].verify,
					     .client_ca_pem = wish[i].client_ca,
					     .crl_pem = wish[i].crl };
		for (; tls->cert_count < 2 && wish[i].certs[tls->cert_count] != NULL; tls->cert_count++) {
			const struct cert *cert = wish[i].certs[tls->cert_count];

			w->certs[i][tls->cert_count].chain_pem = cert->pem;
			w->certs[i][tls->cert_count].key_pem = cert->key_pem;
		}
		w->list[i] = tls;
	}
	w->conf = (struct sp_conf_listener){ .tls = w->list, .tls_count = count };
	w->signer = sp_signer_new_local();
	w->listener = sp_tls_listener_new(&w->conf, w->signer, &w->err);
	return w->listener != NULL;
}

static inline void tls_world_drop(struct tls_world *w)
{
	sp_tls_listener_free(w->listener);
	sp_signer_free(w->signer);
}

#endif
