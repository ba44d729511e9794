/*
 * site - one [tls] section: its context with all its certificates, its names,
 * and which of a listener's sites a name belongs to.
 */
#include "tls_int.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

#include "sp/base/check.h"

/* Adding names: counted first, copied then. */
struct names {
	struct sp_tls_site *site;
	struct sp_arena *arena; /* NULL while counting */
	size_t at;
};

static bool add_name(void *arg, struct sp_str name)
{
	struct names *names = arg;

	if (names->arena != NULL) {
		struct sp_str copy = sp_arena_copy(names->arena, name);

		if (copy.p == NULL)
			return false;
		names->site->names[names->at] = copy;
	}
	names->at++;
	return true;
}

static bool add_names_of(struct sp_tls_site *site, X509 *cert, struct sp_arena *arena)
{
	struct names names = { .site = site };
	size_t had = site->name_count;
	struct sp_str *grown;
	bool has_alt;

	if (!sp_tls_cert_names(cert, add_name, &names, &has_alt))
		return false;
	grown = sp_arena_alloc(arena, (had + names.at + 1) * sizeof(*grown));
	if (grown == NULL)
		return false;
	if (had > 0)
		memcpy(grown, site->names, had * sizeof(*grown));
	site->names = grown;
	site->name_count = had + names.at;
	names.arena = arena;
	names.at = had;
	return sp_tls_cert_names(cert, add_name, &names, &has_alt);
}

/* RSA and ECDSA beside each other: one of each, since the context keeps one of each. */
static bool use_pair(struct sp_tls_site *site, const struct sp_conf_cert *pair, struct sp_signer *signer,
		     struct sp_arena *arena, unsigned *kinds, struct sp_err *err)
{
	struct sp_tls_chain chain;
	unsigned kind;
	bool is_fine = false;

	if (!sp_tls_chain_read(pair->chain_pem, &chain, err))
		return false;
	kind = EVP_PKEY_get_base_id(X509_get0_pubkey(chain.leaf)) == EVP_PKEY_RSA ? 1 : 2;
	if ((*kinds & kind) != 0)
		sp_err_set(err, "two %s certificates in one [tls]; one RSA and one ECDSA can stand beside each other",
			   kind == 1 ? "RSA" : "ECDSA");
	else if (!add_names_of(site, chain.leaf, arena))
		sp_err_set(err, "no memory for the names of a certificate");
	else
		is_fine = sp_tls_chain_use(site->ctx, &chain, err) && sp_signer_attach(signer, site->ctx, pair, err);
	*kinds |= kind;
	sp_tls_chain_fini(&chain);
	return is_fine;
}

/* Into the store what clients' certificates are verified by, and into the request the names of the authorities. */
static bool use_client_ca(SSL_CTX *ctx, struct sp_str pem, struct sp_err *err)
{
	struct sp_tls_chain cas;
	bool is_fine;

	if (!sp_tls_chain_read(pem, &cas, err))
		return false;
	is_fine = X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), cas.leaf) == 1 &&
		  SSL_CTX_add_client_CA(ctx, cas.leaf) == 1;
	for (int i = 0; is_fine && i < sk_X509_num(cas.rest); i++)
		is_fine = X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), sk_X509_value(cas.rest, i)) == 1 &&
			  SSL_CTX_add_client_CA(ctx, sk_X509_value(cas.rest, i)) == 1;
	sp_tls_chain_fini(&cas);
	ERR_clear_error();
	return is_fine || sp_err_set(err, "client_ca: a certificate cannot be used");
}

static bool use_crls(SSL_CTX *ctx, struct sp_str pem, struct sp_err *err)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	BIO *bio = pem.n > INT32_MAX ? NULL : BIO_new_mem_buf(pem.p, (int)pem.n);
	X509_CRL *crl;
	int count = 0;

	while (bio != NULL && (crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL)) != NULL) {
		count += X509_STORE_add_crl(store, crl) == 1;
		X509_CRL_free(crl);
	}
	BIO_free(bio);
	ERR_clear_error();
	if (count == 0)
		return sp_err_set(err, "crl: no revocation list in PEM form");
	/* Every authority of a client's chain must have said what it revoked; one that did not counts against it. */
	X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
	return true;
}

static bool use_client_verify(struct sp_tls_site *site, struct sp_err *err)
{
	const struct sp_conf_tls *conf = site->conf;

	site->verify_mode = SSL_VERIFY_NONE;
	if (conf->client_verify == SP_VERIFY_OFF)
		return true;
	if (conf->client_ca_pem.n == 0)
		return sp_err_set(err, "client_verify needs client_ca");
	site->verify_mode = SSL_VERIFY_PEER;
	if (conf->client_verify == SP_VERIFY_REQUIRED)
		site->verify_mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	/* What the operator lists is trusted as it is, an intermediate without its root too. */
	X509_STORE_set_flags(SSL_CTX_get_cert_store(site->ctx), X509_V_FLAG_PARTIAL_CHAIN);
	return use_client_ca(site->ctx, conf->client_ca_pem, err) &&
	       (conf->crl_pem.n == 0 || use_crls(site->ctx, conf->crl_pem, err));
}

/* Whoever resumes a session skips the verification of its certificate. So a session belongs to the name of the
 * section and to the very rules it was verified by. */
static bool make_id(struct sp_tls_site *site)
{
	const struct sp_conf_tls *conf = site->conf;
	const uint64_t numbers[] = { conf->section.name.n, (uint64_t)conf->client_verify, conf->client_ca_pem.n,
				     conf->crl_pem.n };
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool is_fine = md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
		       EVP_DigestUpdate(md, numbers, sizeof(numbers)) == 1 &&
		       EVP_DigestUpdate(md, conf->section.name.p, conf->section.name.n) == 1 &&
		       EVP_DigestUpdate(md, conf->client_ca_pem.p, conf->client_ca_pem.n) == 1 &&
		       EVP_DigestUpdate(md, conf->crl_pem.p, conf->crl_pem.n) == 1 &&
		       EVP_DigestFinal_ex(md, site->id, NULL) == 1;

	EVP_MD_CTX_free(md);
	return is_fine;
}

bool sp_tls_site_init(struct sp_tls_site *site, const struct sp_conf_tls *conf, struct sp_signer *signer,
		      struct sp_arena *arena, struct sp_err *err)
{
	unsigned kinds = 0;

	*site = (struct sp_tls_site){ .conf = conf, .ctx = sp_tls_context_new(err) };
	if (site->ctx == NULL)
		return false;
	if (conf->cert_count == 0)
		return sp_err_set(err, "a [tls] without certificates");
	for (size_t i = 0; i < conf->cert_count; i++) {
		if (!use_pair(site, &conf->certs[i], signer, arena, &kinds, err))
			return false;
	}
	if (!use_client_verify(site, err))
		return false;
	if (!make_id(site) || SSL_CTX_set_min_proto_version(site->ctx, sp_tls_least_version(conf)) != 1 ||
	    SSL_CTX_set_session_id_context(site->ctx, site->id, sizeof(site->id)) != 1)
		return sp_err_set(err, "OpenSSL refuses the settings of a [tls]");
	SSL_CTX_set_verify(site->ctx, site->verify_mode, NULL);
	return true;
}

void sp_tls_site_fini(struct sp_tls_site *site)
{
	SSL_CTX_free(site->ctx);
	OPENSSL_cleanse(site->tickets, sizeof(site->tickets));
	site->ctx = NULL;
}

/* What a wildcard must have behind its "*." to stand for this name: it stands for exactly one label, never for none. */
static struct sp_str behind_first_label(struct sp_str name)
{
	struct sp_str head;

	if (!sp_str_split(&name, '.', &head) || head.n == 0)
		return SP_STR_NONE;
	return name;
}

struct sp_tls_site *sp_tls_find_site(const struct sp_tls_listener *listener, struct sp_str name)
{
	struct sp_tls_site *site = sp_map_get(listener->exact, name);
	struct sp_str rest = behind_first_label(name);

	if (site != NULL || rest.n == 0)
		return site;
	return sp_map_get(listener->wild, rest);
}

const struct sp_conf_tls *sp_tls_listener_site(const struct sp_tls_listener *listener, struct sp_str name)
{
	const struct sp_tls_site *site = name.n == 0 ? &listener->sites[0] : sp_tls_find_site(listener, name);

	return site == NULL ? NULL : site->conf;
}

static bool has_name(const struct sp_tls_site *site, struct sp_str host)
{
	struct sp_str rest = behind_first_label(host);

	for (size_t i = 0; i < site->name_count; i++) {
		struct sp_str name = site->names[i];

		if (sp_str_eq(name, host))
			return true;
		if (rest.n > 0 && sp_str_starts(name, SP_STR("*.")) &&
		    sp_str_eq(sp_str_of(name.p + 2, name.n - 2), rest))
			return true;
	}
	return false;
}

bool sp_tls_site_has_name(const struct sp_tls_listener *listener, const struct sp_conf_tls *conf, struct sp_str host)
{
	const struct sp_tls_site *first;

	if (host.n == 0 || host.n > SP_TLS_NAME_MAX)
		return false;
	first = sp_tls_find_site(listener, host);
	if (first == NULL)
		return false;
	if (first->conf == conf)
		return true;
	/* Another site was named before it; both may have the name. */
	for (size_t i = 0; i < listener->site_count; i++) {
		if (listener->sites[i].conf == conf)
			return has_name(&listener->sites[i], host);
	}
	return false;
}
