/*
 * vet - would this pair serve? Asked by `check`, and before a renewed pair is taken.
 */
#include "tls_int.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "sp/base/clock.h"

enum { WARN_DAYS = 14 };

/* Never an error: a gateway that is started anew in the night must serve its other names, and what goes without TLS. */
static void vet_dates(X509 *leaf, const char *who, struct sp_err *warning)
{
	time_t now = (time_t)(sp_wall_ms() / 1000), soon = now + WARN_DAYS * 86400;

	if (X509_cmp_time(X509_get0_notAfter(leaf), &now) <= 0)
		sp_err_set(warning, "the certificate has EXPIRED: %s will refuse it [certificate-dates]", who);
	else if (X509_cmp_time(X509_get0_notBefore(leaf), &now) >= 0)
		sp_err_set(warning, "the certificate is NOT VALID YET: %s will refuse it [certificate-dates]", who);
	else if (X509_cmp_time(X509_get0_notAfter(leaf), &soon) <= 0)
		sp_err_set(warning, "the certificate expires within %d days [certificate-dates]", WARN_DAYS);
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
static bool vet_pair(const struct sp_tls_chain *chain, const struct sp_conf_cert *cert, struct sp_err *err)
{
	struct sp_signer *signer = sp_signer_new_local();
	SSL_CTX *ctx = sp_tls_context_new(err);
	bool is_fine;

	if (signer == NULL)
		sp_err_set(err, "no memory for a private key");
	is_fine = signer != NULL && ctx != NULL && sp_tls_chain_use(ctx, chain, err) &&
		  sp_signer_attach(signer, ctx, cert, err);
	SSL_CTX_free(ctx);
	sp_signer_free(signer);
	return is_fine;
}

static bool is_past(const ASN1_TIME *time)
{
	time_t now = (time_t)(sp_wall_ms() / 1000);

	return time != NULL && X509_cmp_time(time, &now) <= 0;
}

static bool is_any_ca_late(struct sp_str pem)
{
	struct sp_err err = { .text = "" };
	struct sp_tls_chain cas;
	bool is_late;

	if (!sp_tls_chain_read(pem, &cas, &err))
		return false; /* said when it is used */
	is_late = is_past(X509_get0_notAfter(cas.leaf));
	for (int i = 0; i < sk_X509_num(cas.rest); i++)
		is_late = is_late || is_past(X509_get0_notAfter(sk_X509_value(cas.rest, i)));
	sp_tls_chain_fini(&cas);
	return is_late;
}

static bool is_any_crl_late(struct sp_str pem)
{
	BIO *bio = pem.n > INT32_MAX ? NULL : BIO_new_mem_buf(pem.p, (int)pem.n);
	X509_CRL *crl;
	bool is_late = false;

	while (bio != NULL && (crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL)) != NULL) {
		is_late = is_late || is_past(X509_CRL_get0_nextUpdate(crl));
		X509_CRL_free(crl);
	}
	BIO_free(bio);
	return is_late;
}

void sp_tls_vet_clients(const struct sp_conf_tls *conf, struct sp_err *ca, struct sp_err *crl)
{
	if (conf->client_verify == SP_VERIFY_OFF)
		return;
	if (conf->client_ca_pem.n > 0 && is_any_ca_late(conf->client_ca_pem))
		sp_err_set(ca, "a certificate has EXPIRED: clients below it are refused [certificate-dates]");
	if (conf->crl_pem.n > 0 && is_any_crl_late(conf->crl_pem))
		sp_err_set(crl, "a revocation list is OUT OF DATE: all clients of its authority are refused "
				"[certificate-dates]");
	ERR_clear_error();
}

bool sp_tls_vet(const struct sp_conf_cert *cert, struct sp_err *err, struct sp_err *warning)
{
	struct sp_tls_chain chain;
	bool is_fine;

	if (!sp_tls_chain_read(cert->chain_pem, &chain, err))
		return false;
	is_fine = vet_pair(&chain, cert, err) && vet_order(&chain, err) &&
		  (cert->is_client || vet_names(chain.leaf, err, warning));
	if (is_fine)
		vet_dates(chain.leaf, cert->is_client ? "backends" : "clients", warning);
	sp_tls_chain_fini(&chain);
	ERR_clear_error();
	return is_fine;
}

/* ---- renewed */

struct seek { /* is there a name that the other certificate does not have? */
	X509 *in;
	struct sp_str name;
	bool is_found;
	struct sp_err *doubt;
};

static bool is_it(void *arg, struct sp_str name)
{
	struct seek *seek = arg;

	seek->is_found = seek->is_found || sp_str_eq(name, seek->name);
	return true;
}

static bool is_in_it(void *arg, struct sp_str name)
{
	struct seek *seek = arg;
	bool has_alt;

	seek->name = name;
	seek->is_found = false;
	if (!sp_tls_cert_names(seek->in, is_it, seek, &has_alt) || seek->is_found)
		return true;
	return sp_err_set(seek->doubt, "the new certificate is not for %.*s, the one before was", SP_STR_ARG(name));
}

static void vet_same_names(const struct sp_conf_cert *before, const struct sp_conf_cert *now, struct sp_err *doubt)
{
	struct sp_err err = { .text = "" };
	struct sp_tls_chain old, new;
	bool has_alt;

	if (!sp_tls_chain_read(before->chain_pem, &old, &err))
		return;
	if (sp_tls_chain_read(now->chain_pem, &new, &err)) {
		struct seek seek = { .in = new.leaf, .doubt = doubt };

		if (!sp_tls_cert_names(old.leaf, is_in_it, &seek, &has_alt) && doubt->text[0] == '\0')
			(void)sp_err_set(doubt, "its names cannot be compared");
		sp_tls_chain_fini(&new);
	}
	sp_tls_chain_fini(&old);
}

void sp_tls_vet_renewed(const struct sp_conf_cert *before, const struct sp_conf_cert *now, struct sp_err *doubt)
{
	struct sp_err err = { .text = "" }, was = { .text = "" }, is = { .text = "" };

	if (!sp_tls_vet(now, &err, &is))
		return; /* it has been said */
	if (!sp_tls_vet(before, &err, &was))
		was.text[0] = '\0'; /* its key may have been written over: then every warning counts */
	if (is.text[0] != '\0' && strcmp(is.text, was.text) != 0)
		(void)sp_err_set(doubt, "%s", is.text);
	else
		vet_same_names(before, now, doubt);
	ERR_clear_error();
}
