#include "keys.h"

#include <stdlib.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "sp/base/log.h"
#include "sp/key/read.h"

enum {
	SECURE_LEAST = 65536,
	SECURE_A_KEY = 16384, /* of 4096 bits, with its text while it is read */
	SECURE_PIECE = 32,
};

struct key {
	EVP_PKEY *pair; /* owned; its private half lies in secure memory */
	enum sp_key_kind kind;
	enum sp_key_use use;
};

struct sp_keys {
	size_t count;
	struct key keys[];
};

/* The size is a power of two. Where the limit on locked memory is too low it still is left out of dumps. */
static bool make_secure_memory(size_t keys, struct sp_err *err)
{
	size_t n = SECURE_LEAST;

	while (n < keys * SECURE_A_KEY)
		n *= 2;
	switch (CRYPTO_secure_malloc_initialized() ? 1 : CRYPTO_secure_malloc_init(n, SECURE_PIECE)) {
	case 1: return true;
	case 2: sp_warn("keys_not_locked", SP_KV_U64("bytes", n)); return true;
	default: return sp_err_set(err, "no secure memory of %zu bytes for the private keys", n);
	}
}

static bool is_pair(const struct sp_conf_cert *conf, EVP_PKEY *key)
{
	BIO *bio = conf->chain_pem.n > INT32_MAX ? NULL : BIO_new_mem_buf(conf->chain_pem.p, (int)conf->chain_pem.n);
	X509 *leaf = bio == NULL ? NULL : PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL);
	bool is_one = leaf != NULL && X509_check_private_key(leaf, key) == 1;

	X509_free(leaf);
	BIO_free(bio);
	ERR_clear_error();
	return is_one;
}

static bool read_key(struct key *key, const struct sp_conf_cert *conf, struct sp_err *err)
{
	struct sp_err why = { .text = "" };

	key->use = conf->is_client ? SP_KEY_CLIENT : SP_KEY_SERVER;
	key->pair = sp_key_read(conf->key_fd, &key->kind, &why);
	if (key->pair != NULL && !is_pair(conf, key->pair))
		(void)sp_err_set(&why, "it does not belong to the certificate %.*s", SP_STR_ARG(conf->chain_path));
	(void)close(conf->key_fd);
	return why.text[0] == '\0' ||
	       sp_err_set(err, "%skey_file = %.*s: %s", conf->is_client ? "tls_" : "", SP_STR_ARG(conf->key_path),
			  why.text);
}

struct sp_keys *sp_keys_read(const struct sp_conf *conf, struct sp_err *err)
{
	struct sp_keys *keys = calloc(1, sizeof(*keys) + conf->cert_count * sizeof(keys->keys[0]));
	bool is_fine = keys != NULL && make_secure_memory(conf->cert_count, err);

	if (keys == NULL) {
		sp_err_set(err, "no memory for the private keys");
		return NULL;
	}
	keys->count = conf->cert_count;
	for (size_t i = 0; is_fine && i < conf->cert_count; i++)
		is_fine = read_key(&keys->keys[i], conf->certs[i], err);
	if (is_fine)
		return keys;
	sp_keys_free(keys);
	return NULL;
}

void sp_keys_free(struct sp_keys *keys)
{
	if (keys == NULL)
		return;
	for (size_t i = 0; i < keys->count; i++)
		EVP_PKEY_free(keys->keys[i].pair);
	free(keys);
}

static bool sign(EVP_PKEY *key, const struct sp_key_scheme *scheme, const uint8_t *text, size_t text_n,
		 uint8_t *signature, size_t *n)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	EVP_PKEY_CTX *ctx;
	bool is_signed = md != NULL && EVP_DigestSignInit_ex(md, &ctx, scheme->hash, NULL, NULL, key, NULL) == 1 &&
			 (!scheme->is_pss || (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
					      EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1)) &&
			 EVP_DigestSign(md, signature, n, text, text_n) == 1;

	EVP_MD_CTX_free(md);
	ERR_clear_error();
	return is_signed;
}

const char *sp_keys_sign(struct sp_keys *keys, uint32_t index, uint32_t scheme, const uint8_t *text, size_t text_n,
			 uint8_t *signature, size_t *n)
{
	const char *why;

	if (index >= keys->count)
		return "no_such_key";
	why = sp_key_refusal(keys->keys[index].kind, keys->keys[index].use, scheme, text, text_n);
	if (why != NULL)
		return why;
	return sign(keys->keys[index].pair, sp_key_scheme_of(scheme), text, text_n, signature, n) ? NULL : "failed";
}
