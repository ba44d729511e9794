/*
 * chain - a PEM file of certificates: the leaf, then what issued it.
 */
#include "tls_int.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

/* The end of the file and a block that does not parse look alike but for this. */
static bool is_end_of_pem(void)
{
	unsigned long e = ERR_peek_last_error();
	bool is_end = e == 0 || (ERR_GET_LIB(e) == ERR_LIB_PEM && ERR_GET_REASON(e) == PEM_R_NO_START_LINE);

	ERR_clear_error();
	return is_end;
}

static bool read_all(BIO *bio, struct sp_tls_chain *chain, struct sp_err *err)
{
	X509 *cert;

	chain->leaf = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL);
	if (chain->leaf == NULL)
		return sp_err_set(err, is_end_of_pem() ? "no certificate in PEM form"
						       : "the first certificate cannot be read");
	while ((cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		if (sk_X509_push(chain->rest, cert) > 0)
			continue;
		X509_free(cert);
		return sp_err_set(err, "no memory for a certificate");
	}
	if (!is_end_of_pem())
		return sp_err_set(err, "certificate %d of the chain cannot be read", sk_X509_num(chain->rest) + 2);
	return true;
}

bool sp_tls_chain_read(struct sp_str pem, struct sp_tls_chain *chain, struct sp_err *err)
{
	BIO *bio = pem.n > INT32_MAX ? NULL : BIO_new_mem_buf(pem.p, (int)pem.n);
	bool is_fine;

	chain->leaf = NULL;
	chain->rest = sk_X509_new_null();
	ERR_clear_error();
	is_fine = bio != NULL && chain->rest != NULL ? read_all(bio, chain, err)
						     : sp_err_set(err, "no memory for a chain of certificates");
	BIO_free(bio);
	if (!is_fine)
		sp_tls_chain_fini(chain);
	return is_fine;
}

void sp_tls_chain_fini(struct sp_tls_chain *chain)
{
	X509_free(chain->leaf);
	sk_X509_pop_free(chain->rest, X509_free);
	chain->leaf = NULL;
	chain->rest = NULL;
}

bool sp_tls_chain_use(SSL_CTX *ctx, const struct sp_tls_chain *chain, struct sp_err *err)
{
	char why[160];

	ERR_clear_error();
	if (SSL_CTX_use_certificate(ctx, chain->leaf) == 1 && SSL_CTX_set1_chain(ctx, chain->rest) == 1)
		return true;
	ERR_error_string_n(ERR_get_error(), why, sizeof(why));
	ERR_clear_error();
	return sp_err_set(err, "OpenSSL refuses the certificate: %s", why);
}

/* A host name as it may stand in a certificate, lower case in out: "a.example", "*.a.example". Others match nothing. */
static bool take_name(const char *p, size_t n, char out[SP_TLS_NAME_MAX + 1])
{
	size_t from = n > 2 && p[0] == '*' && p[1] == '.' ? 2 : 0;

	if (n == 0 || n > SP_TLS_NAME_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = out[i] = sp_lower(p[i]);
		bool is_label = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
		bool is_dot = c == '.' && i > from && p[i - 1] != '.' && i + 1 < n;

		if (i >= from && !is_label && !is_dot)
			return false;
	}
	out[n] = '\0';
	return true;
}

static bool tell_text(const ASN1_STRING *text, bool (*each)(void *arg, struct sp_str name), void *arg)
{
	char name[SP_TLS_NAME_MAX + 1];
	int n = ASN1_STRING_length(text);

	if (n <= 0 || !take_name((const char *)ASN1_STRING_get0_data(text), (size_t)n, name))
		return true;
	return each(arg, sp_str_of(name, (size_t)n));
}

static bool tell_common_name(X509 *cert, bool (*each)(void *arg, struct sp_str name), void *arg)
{
	X509_NAME *subject = X509_get_subject_name(cert);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);

	return at < 0 || tell_text(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)), each, arg);
}

bool sp_tls_cert_names(X509 *cert, bool (*each)(void *arg, struct sp_str name), void *arg, bool *has_alt)
{
	GENERAL_NAMES *alts = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	bool is_fine = true;

	*has_alt = false;
	for (int i = 0; is_fine && i < sk_GENERAL_NAME_num(alts); i++) {
		const GENERAL_NAME *alt = sk_GENERAL_NAME_value(alts, i);

		if (alt->type == GEN_DNS)
			is_fine = tell_text(alt->d.dNSName, each, arg);
		if (alt->type == GEN_DNS || alt->type == GEN_IPADD)
			*has_alt = true;
	}
	GENERAL_NAMES_free(alts);
	ERR_clear_error();
	if (is_fine && !*has_alt)
		return tell_common_name(cert, each, arg);
	return is_fine;
}

bool sp_tls_chain_expiry(struct sp_str pem, int64_t *seconds)
{
	struct sp_err err = { .text = "" };
	struct sp_tls_chain chain;
	ASN1_TIME *epoch;
	int days = 0, rest = 0;
	bool is_fine;

	if (!sp_tls_chain_read(pem, &chain, &err))
		return false;
	epoch = ASN1_TIME_set(NULL, 0);
	is_fine = epoch != NULL && ASN1_TIME_diff(&days, &rest, epoch, X509_get0_notAfter(chain.leaf)) == 1;
	ASN1_TIME_free(epoch);
	sp_tls_chain_fini(&chain);
	*seconds = (int64_t)days * 86400 + rest;
	return is_fine;
}
