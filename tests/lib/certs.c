#include "certs.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

/* A wish that cannot be met is a broken test. */
static void must(bool is_fine)
{
	if (!is_fine)
		abort();
}

static EVP_PKEY *key_of(enum cert_key kind)
{
	static EVP_PKEY *keys[CERT_ED25519 + 1];
	EVP_PKEY *key = NULL;

	/* Leaves of one kind share a key; only an authority's must differ, and it may not. */
	if (keys[kind] == NULL) {
		switch (kind) {
		case CERT_P256: key = EVP_EC_gen("P-256"); break;
		case CERT_P384: key = EVP_EC_gen("P-384"); break;
		case CERT_P521: key = EVP_EC_gen("P-521"); break;
		case CERT_RSA2048: key = EVP_RSA_gen(2048); break;
		case CERT_RSA1024: key = EVP_RSA_gen(1024); break;
		case CERT_ED25519: key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"); break;
		}
		must(key != NULL);
		keys[kind] = key;
	}
	EVP_PKEY_up_ref(keys[kind]);
	return keys[kind];
}

static struct sp_str take_text(BIO *bio)
{
	char *p;
	long n = BIO_get_mem_data(bio, &p);
	char *copy = malloc((size_t)n + 1);

	must(copy != NULL && n > 0);
	memcpy(copy, p, (size_t)n);
	copy[n] = '\0';
	BIO_free(bio);
	return sp_str_of(copy, (size_t)n);
}

static void add_ext(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	must(ext != NULL && X509_add_ext(x, ext, -1) == 1);
	X509_EXTENSION_free(ext);
}

static void fill(X509 *x, EVP_PKEY *key, X509 *issuer, const struct cert_wish *w)
{
	X509_NAME *name = X509_get_subject_name(x);
	const char *common = w->common_name == NULL ? "test" : w->common_name;
	bool is_default = w->from_days == 0 && w->to_days == 0;

	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), w->serial == 0 ? 1 : w->serial);
	X509_gmtime_adj(X509_getm_notBefore(x), (is_default ? -1 : w->from_days) * 86400L);
	X509_gmtime_adj(X509_getm_notAfter(x), (is_default ? 90 : w->to_days) * 86400L);
	must(X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const unsigned char *)"Sallyport", -1, -1, 0) == 1);
	must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common, -1, -1, 0) == 1);
	X509_set_issuer_name(x, X509_get_subject_name(issuer));
	X509_set_pubkey(x, key);
	add_ext(x, issuer, NID_basic_constraints, w->is_ca ? "critical,CA:TRUE" : "CA:FALSE");
	if (w->is_ca)
		add_ext(x, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
	if (w->is_client)
		add_ext(x, issuer, NID_ext_key_usage, "clientAuth");
	if (w->is_server)
		add_ext(x, issuer, NID_ext_key_usage, "serverAuth");
	if (w->alt != NULL)
		add_ext(x, issuer, NID_subject_alt_name, w->alt);
}

static const EVP_MD *digest_for(EVP_PKEY *key)
{
	return EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
}

void cert_make(struct cert *cert, const struct cert_wish *wish)
{
	EVP_PKEY *key = key_of(wish->key);
	X509 *x = X509_new();
	EVP_PKEY *by = wish->issuer == NULL ? key : wish->issuer->key;
	BIO *pem = BIO_new(BIO_s_mem()), *key_pem = BIO_new(BIO_s_mem());

	must(x != NULL && pem != NULL && key_pem != NULL);
	fill(x, key, wish->issuer == NULL ? x : wish->issuer->x509, wish);
	must(X509_sign(x, by, digest_for(by)) > 0);
	must(PEM_write_bio_X509(pem, x) == 1);
	must(PEM_write_bio_PrivateKey(key_pem, key, NULL, NULL, 0, NULL, NULL) == 1);
	*cert = (struct cert){ .pem = take_text(pem), .key_pem = take_text(key_pem), .x509 = x, .key = key };
}

void cert_drop(struct cert *cert)
{
	free((char *)cert->pem.p);
	free((char *)cert->key_pem.p);
	X509_free(cert->x509);
	EVP_PKEY_free(cert->key);
	memset(cert, 0, sizeof(*cert));
}

struct sp_str cert_crl(const struct cert *ca, long revoked)
{
	X509_CRL *crl = X509_CRL_new();
	X509_REVOKED *one = X509_REVOKED_new();
	ASN1_INTEGER *serial = ASN1_INTEGER_new();
	ASN1_TIME *from = X509_gmtime_adj(NULL, -86400), *to = X509_gmtime_adj(NULL, 86400);
	BIO *bio = BIO_new(BIO_s_mem());

	must(crl != NULL && one != NULL && serial != NULL && from != NULL && to != NULL && bio != NULL);
	X509_CRL_set_version(crl, X509_CRL_VERSION_2);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->x509));
	X509_CRL_set1_lastUpdate(crl, from);
	X509_CRL_set1_nextUpdate(crl, to);
	ASN1_INTEGER_set(serial, revoked);
	X509_REVOKED_set_serialNumber(one, serial);
	X509_REVOKED_set_revocationDate(one, from);
	must(X509_CRL_add0_revoked(crl, one) == 1);
	must(X509_CRL_sign(crl, ca->key, digest_for(ca->key)) > 0);
	must(PEM_write_bio_X509_CRL(bio, crl) == 1);
	ASN1_INTEGER_free(serial);
	ASN1_TIME_free(from);
	ASN1_TIME_free(to);
	X509_CRL_free(crl);
	return take_text(bio);
}

struct sp_str cert_join(struct sp_str a, struct sp_str b)
{
	char *both = malloc(a.n + b.n + 1);

	must(both != NULL);
	memcpy(both, a.p, a.n);
	memcpy(both + a.n, b.p, b.n);
	both[a.n + b.n] = '\0';
	return sp_str_of(both, a.n + b.n);
}
