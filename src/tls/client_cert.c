/*
 * client_cert - what a backend is told of a client's certificate.
 */
#include "tls_int.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

/* One block: the struct, then the texts. */
static struct sp_tls_client_cert *assemble(struct sp_str subject, struct sp_str serial, struct sp_str fingerprint)
{
	struct sp_tls_client_cert *c = malloc(sizeof(*c) + subject.n + serial.n + fingerprint.n);
	char *at;

	if (c == NULL)
		return NULL;
	at = (char *)(c + 1);
	memcpy(at, subject.p, subject.n);
	c->subject = sp_str_of(at, subject.n);
	at += subject.n;
	memcpy(at, serial.p, serial.n);
	c->serial = sp_str_of(at, serial.n);
	at += serial.n;
	memcpy(at, fingerprint.p, fingerprint.n);
	c->fingerprint = sp_str_of(at, fingerprint.n);
	return c;
}

/* RFC 2253 escapes control and non-ASCII bytes, so the text can stand in a header field. */
static bool print_subject(X509 *cert, BIO *to)
{
	return X509_NAME_print_ex(to, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253) >= 0;
}

static bool make_fingerprint(X509 *cert, char text[2 * EVP_MAX_MD_SIZE + 1])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (X509_digest(cert, EVP_sha256(), hash, &n) != 1)
		return false;
	for (unsigned i = 0; i < n; i++) {
		text[2 * i] = digits[hash[i] >> 4];
		text[2 * i + 1] = digits[hash[i] & 15];
	}
	text[2 * n] = '\0';
	return true;
}

struct sp_tls_client_cert *sp_tls_client_cert_new(X509 *cert)
{
	char fingerprint[2 * EVP_MAX_MD_SIZE + 1];
	struct sp_tls_client_cert *made = NULL;
	BIO *subject = BIO_new(BIO_s_mem());
	BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
	char *serial = number == NULL ? NULL : BN_bn2hex(number);
	char *text;
	long n;

	if (subject != NULL && serial != NULL && print_subject(cert, subject) && make_fingerprint(cert, fingerprint)) {
		n = BIO_get_mem_data(subject, &text);
		made = assemble(sp_str_of(text, (size_t)n), sp_str(serial), sp_str(fingerprint));
	}
	OPENSSL_free(serial);
	BN_free(number);
	BIO_free(subject);
	ERR_clear_error();
	return made;
}

const struct sp_tls_client_cert *sp_tls_stream_client_cert(struct sp_tls_stream *t)
{
	X509 *cert;

	if (t->client == NULL && t->ssl != NULL && (cert = SSL_get0_peer_certificate(t->ssl)) != NULL)
		t->client = sp_tls_client_cert_new(cert);
	return t->client;
}
