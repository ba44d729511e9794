#include "sp/key/sign.h"

#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "sp/base/check.h"

struct key {
	EVP_PKEY *pair; /* owned; freeing it cleanses the private half */
};

struct sp_signer {
	struct key *keys; /* owned */
	uint32_t count;
};

enum { RSA_BITS_LEAST = 2048 };

struct sp_signer *sp_signer_new_local(void)
{
	return calloc(1, sizeof(struct sp_signer));
}

void sp_signer_free(struct sp_signer *signer)
{
	if (signer == NULL)
		return;
	for (uint32_t i = 0; i < signer->count; i++)
		EVP_PKEY_free(signer->keys[i].pair);
	free(signer->keys);
	free(signer);
}

/* Without it OpenSSL would ask for a passphrase on the terminal. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the type is OpenSSL's */
static int refuse_passphrase(char *to, int room, int is_writing, void *was_asked)
{
	(void)to, (void)room, (void)is_writing;
	*(bool *)was_asked = true;
	return -1;
}

static EVP_PKEY *parse(struct sp_str pem, struct sp_err *err)
{
	bool was_asked = false;
	EVP_PKEY *key = NULL;
	BIO *bio = pem.n > INT32_MAX ? NULL : BIO_new_mem_buf(pem.p, (int)pem.n);

	if (bio != NULL)
		key = PEM_read_bio_PrivateKey(bio, NULL, refuse_passphrase, &was_asked);
	BIO_free(bio);
	ERR_clear_error();
	if (key == NULL && was_asked)
		sp_err_set(err, "the private key is encrypted; it must be stored without a passphrase");
	else if (key == NULL)
		sp_err_set(err, "no private key in PEM form");
	return key;
}

static bool is_curve_allowed(const EVP_PKEY *key)
{
	char name[64];

	if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, name, sizeof(name), NULL) != 1)
		return false;
	return sp_str_eq(sp_str(name), SP_STR("prime256v1")) || sp_str_eq(sp_str(name), SP_STR("secp384r1"));
}

static bool is_kind_allowed(const EVP_PKEY *key, struct sp_err *err)
{
	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_RSA:
		if (EVP_PKEY_get_bits(key) >= RSA_BITS_LEAST)
			return true;
		return sp_err_set(err, "the RSA key has %d bits; %d are the least", EVP_PKEY_get_bits(key),
				  RSA_BITS_LEAST);
	case EVP_PKEY_EC:
		if (is_curve_allowed(key))
			return true;
		return sp_err_set(err, "the key's curve is neither P-256 nor P-384");
	default: return sp_err_set(err, "the key is neither RSA nor ECDSA on P-256 or P-384");
	}
}

bool sp_signer_add(struct sp_signer *signer, struct sp_str pem, uint32_t *number, struct sp_err *err)
{
	EVP_PKEY *key = parse(pem, err);
	struct key *keys;

	if (key == NULL)
		return false;
	if (!is_kind_allowed(key, err))
		goto fail;
	keys = realloc(signer->keys, (signer->count + 1) * sizeof(*keys));
	if (keys == NULL) {
		sp_err_set(err, "no memory for a private key");
		goto fail;
	}
	signer->keys = keys;
	signer->keys[signer->count].pair = key;
	*number = signer->count++;
	return true;
fail:
	EVP_PKEY_free(key);
	ERR_clear_error();
	return false;
}

bool sp_signer_attach(struct sp_signer *signer, SSL_CTX *ctx, uint32_t number, struct sp_err *err)
{
	X509 *cert = SSL_CTX_get0_certificate(ctx);
	EVP_PKEY *key;
	bool is_fine;

	SP_ASSERT(number < signer->count);
	key = signer->keys[number].pair;
	/* Compared first: a key of another kind would go to another slot of the context and be taken. */
	is_fine = cert != NULL && X509_check_private_key(cert, key) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1;
	ERR_clear_error();
	return is_fine || sp_err_set(err, "the private key does not belong to the certificate");
}
