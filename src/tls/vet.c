/*
 * vet - would this pair serve? Asked by `check`, and before a renewed pair is taken.
 */
#include "tls_int.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "sp/base/clock.h"

enum { WARN_DAYS = 14 };

static bool vet_dates(X509 *leaf, struct sp_err *err, struct sp_err *warning)
{
	time_t now = (time_t)(sp_wall_ms() / 1000), soon = now + WARN_DAYS * 86400;

	if (X509_cmp_time(X509_get0_notAfter(leaf), &now) <= 0)
		return sp_err_set(err, "the certificate has expired");
	if (X509_cmp_time(X509_get0_notBefore(leaf), &now) >= 0)
		sp_err_set(warning, "the certificate is not valid yet");
	else if (X509_cmp_time(X509_get0_notAfter(leaf), &soon) <= 0)
		sp_err_set(warning, "the certificate expires within %d days", WARN_DAYS);
	return true;
}

/* Each is issued by the next; clients are not asked to sort. */
static bool vet_order(const struct sp_tls_chain *chain, struct sp_err *err)
{
	X509 *child = chain->leaf;

	for (int i = 0; i < sk_X509_num(chain->rest); i++) {
		X509 *issuer = sk_X509_value(chain->rest, i);

		if (X509_check_issued(issuer, child) != X509_V_OK)
			return sp_err_set(err, "certificate %d of the chain did not issue the one before it", i + 2);
		child = issuer;
	}
	return true;
}

static bool count_name(void *arg, struct sp_str name)
{
	(void)name;
	++*(size_t *)arg;
	return true;
}

static bool vet_names(X509 *leaf, struct sp_err *err, struct sp_err *warning)
{
	size_t names = 0;
	bool has_alt;

	if (!sp_tls_cert_names(leaf, count_name, &names, &has_alt) || (names == 0 && !has_alt))
		return sp_err_set(err, "the certificate names no host (subjectAltName)");
	if (!has_alt)
		sp_err_set(warning, "the certificate has no subjectAltName; clients do not look at the common name");
	return true;
}

/* The same way as a site goes, thrown away afterwards. */
static bool vet_pair(const struct sp_tls_chain *chain, struct sp_str key_pem, struct sp_err *err)
{
	struct sp_signer *signer = sp_signer_new_local();
	SSL_CTX *ctx = sp_tls_context_new(err);
	uint32_t number;
	bool is_fine;

	if (signer == NULL)
		sp_err_set(err, "no memory for a private key");
	is_fine = signer != NULL && ctx != NULL && sp_tls_chain_use(ctx, chain, err) &&
		  sp_signer_add(signer, key_pem, &number, err) && sp_signer_attach(signer, ctx, number, err);
	SSL_CTX_free(ctx);
	sp_signer_free(signer);
	return is_fine;
}

bool sp_tls_vet(const struct sp_conf_cert *cert, struct sp_err *err, struct sp_err *warning)
{
	struct sp_tls_chain chain;
	bool is_fine;

	if (!sp_tls_chain_read(cert->chain_pem, &chain, err))
		return false;
	is_fine = vet_pair(&chain, cert->key_pem, err) && vet_order(&chain, err) &&
		  vet_names(chain.leaf, err, warning) && vet_dates(chain.leaf, err, warning);
	sp_tls_chain_fini(&chain);
	ERR_clear_error();
	return is_fine;
}
