/*
 * local - the signer that holds its keys: what `check` tries a pair with.
 */
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/x509.h>

#include "sp/key/read.h"
#include "sp/key/sign.h"

static bool local_attach(struct sp_signer *signer, SSL_CTX *ctx, const struct sp_conf_cert *conf, struct sp_err *err)
{
	const X509 *cert = SSL_CTX_get0_certificate(ctx);
	enum sp_key_kind kind;
	EVP_PKEY *key = sp_key_read(conf->key_fd, &kind, err);
	bool is_fine;

	(void)signer;
	if (key == NULL)
		return false;
	/* Compared first: a key of another kind would go to another slot of the context and be taken. */
	is_fine = cert != NULL && X509_check_private_key(cert, key) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1;
	EVP_PKEY_free(key);
	ERR_clear_error();
	return is_fine || sp_err_set(err, "the private key does not belong to the certificate");
}

static void local_free(struct sp_signer *signer)
{
	free(signer);
}

struct sp_signer *sp_signer_new_local(void)
{
	struct sp_signer *signer = malloc(sizeof(*signer));

	if (signer != NULL)
		*signer = (struct sp_signer){ .attach = local_attach, .free = local_free };
	return signer;
}
