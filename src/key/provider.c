#include "provider.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>

#include "sp/base/check.h"

#define NAME "sallyport"
#define PROPERTY "provider=" NAME
#define PARAM_KEY "sallyport-key" /* a struct key to be copied */

static sp_provider_sign *sign_by;

struct key {
	EVP_PKEY *half; /* owned: the public one, of the default provider; NULL until imported */
	void *arg;
	uint32_t number;
	bool can_sign;
};

/* ---- keys ---- */

static void *key_new(void *provider)
{
	(void)provider;
	return calloc(1, sizeof(struct key));
}

static void key_free(void *data)
{
	struct key *key = data;

	if (key == NULL)
		return;
	EVP_PKEY_free(key->half);
	free(key);
}

static int key_has(const void *data, int selection)
{
	const struct key *key = data;

	if (key == NULL || key->half == NULL)
		return 0;
	return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0 || key->can_sign;
}

static int key_match(const void *data, const void *other, int selection)
{
	const struct key *a = data, *b = other;

	(void)selection; /* there is nothing but the public half to compare */
	return a->half != NULL && b->half != NULL && EVP_PKEY_eq(a->half, b->half) == 1;
}

/* A public key of another provider, which OpenSSL brings here to compare it with ours. */
static EVP_PKEY *import_public(const char *type, int selection, const OSSL_PARAM params[])
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, "provider=default");
	EVP_PKEY *half = NULL;

	selection &= ~OSSL_KEYMGMT_SELECT_PRIVATE_KEY;
	if (ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1)
		(void)EVP_PKEY_fromdata(ctx, &half, selection, (OSSL_PARAM *)(uintptr_t)params);
	EVP_PKEY_CTX_free(ctx);
	return half;
}

static int import_key(struct key *key, const char *type, int selection, const OSSL_PARAM params[])
{
	const OSSL_PARAM *ours = OSSL_PARAM_locate_const(params, PARAM_KEY);

	if (ours != NULL && ours->data_size == sizeof(*key)) {
		memcpy(key, ours->data, sizeof(*key));
		if (EVP_PKEY_up_ref(key->half) != 1)
			key->half = NULL;
	} else {
		key->half = import_public(type, selection, params);
	}
	return key->half != NULL;
}

static int import_rsa(void *key, int selection, const OSSL_PARAM params[])
{
	return import_key(key, "RSA", selection, params);
}

static int import_ec(void *key, int selection, const OSSL_PARAM params[])
{
	return import_key(key, "EC", selection, params);
}

static const OSSL_PARAM *key_types(int selection)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_octet_string(PARAM_KEY, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)selection;
	return types;
}

/* Refused as soon as the private half is asked for too: then OpenSSL goes on to our own signatures. */
static int key_export(void *data, int selection, OSSL_CALLBACK *callback, void *arg)
{
	const struct key *key = data;
	OSSL_PARAM *params = NULL;
	int rc;

	if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 || key->half == NULL)
		return 0;
	if (EVP_PKEY_todata(key->half, selection, &params) != 1)
		return 0;
	rc = callback(params, arg);
	OSSL_PARAM_free(params);
	return rc;
}

static int key_get_params(void *data, OSSL_PARAM params[])
{
	const struct key *key = data;

	return key->half != NULL && EVP_PKEY_get_params(key->half, params);
}

static const OSSL_PARAM *key_gettable(void *provider)
{
	static const OSSL_PARAM gettable[] = {
		OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)provider;
	return gettable;
}

static const char *signs_rsa(int operation)
{
	return operation == OSSL_OP_SIGNATURE ? "RSA" : NULL;
}

static const char *signs_ec(int operation)
{
	return operation == OSSL_OP_SIGNATURE ? "ECDSA" : NULL;
}

#define DISPATCH(number, function)                                                                                     \
	{                                                                                                              \
		number, (void (*)(void))(function)                                                                     \
	}
#define KEYMGMT(kind)                                                                                                  \
	{                                                                                                              \
		DISPATCH(OSSL_FUNC_KEYMGMT_NEW, key_new), DISPATCH(OSSL_FUNC_KEYMGMT_FREE, key_free),                  \
			DISPATCH(OSSL_FUNC_KEYMGMT_HAS, key_has), DISPATCH(OSSL_FUNC_KEYMGMT_MATCH, key_match),        \
			DISPATCH(OSSL_FUNC_KEYMGMT_IMPORT, import_##kind),                                             \
			DISPATCH(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, key_types),                                           \
			DISPATCH(OSSL_FUNC_KEYMGMT_EXPORT, key_export),                                                \
			DISPATCH(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, key_types),                                           \
			DISPATCH(OSSL_FUNC_KEYMGMT_GET_PARAMS, key_get_params),                                        \
			DISPATCH(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, key_gettable),                                     \
			DISPATCH(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, signs_##kind),                                \
		{                                                                                                      \
			0, NULL                                                                                        \
		}                                                                                                      \
	}

static const OSSL_DISPATCH keymgmt_rsa[] = KEYMGMT(rsa);
static const OSSL_DISPATCH keymgmt_ec[] = KEYMGMT(ec);

/* ---- signatures ---- */

struct signing {
	const struct key *key; /* borrowed: OpenSSL holds it as long as us */
	char hash[32];
	bool is_rsa, is_pss;
};

static void *signing_new(void *provider, const char *properties)
{
	(void)provider, (void)properties;
	return calloc(1, sizeof(struct signing));
}

static void signing_free(void *data)
{
	free(data);
}

static const OSSL_PARAM *signing_settable(void *data, void *provider)
{
	static const OSSL_PARAM settable[] = {
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)data, (void)provider;
	return settable;
}

static bool read_padding(const OSSL_PARAM *p, bool *is_pss)
{
	int number = 0;

	if (p->data_type == OSSL_PARAM_UTF8_STRING)
		*is_pss = strcmp(p->data, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0;
	else if (OSSL_PARAM_get_int(p, &number) == 1)
		*is_pss = number == RSA_PKCS1_PSS_PADDING;
	else
		return false;
	return true;
}

/* TLS knows one length of salt, the hash's, and that is what the keeper makes: nothing to keep. */
static int signing_set(void *data, const OSSL_PARAM params[])
{
	struct signing *s = data;
	const OSSL_PARAM *p = params == NULL ? NULL : OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);

	return p == NULL || (s->is_rsa && read_padding(p, &s->is_pss));
}

static int signing_init(void *data, const char *hash, void *key, const OSSL_PARAM params[])
{
	struct signing *s = data;

	if (hash == NULL || key == NULL || strlen(hash) >= sizeof(s->hash))
		return 0;
	s->key = key;
	s->is_rsa = EVP_PKEY_get_base_id(s->key->half) == EVP_PKEY_RSA;
	memcpy(s->hash, hash, strlen(hash) + 1);
	return signing_set(data, params);
}

static const struct sp_key_scheme *scheme_of(const struct signing *s)
{
	EVP_MD *md = EVP_MD_fetch(NULL, s->hash, NULL); /* "SHA256" and "SHA2-256" are one */
	const struct sp_key_scheme *scheme = md == NULL
						     ? NULL
						     : sp_key_scheme_find(s->is_rsa, s->is_pss, EVP_MD_get0_name(md));

	EVP_MD_free(md);
	return scheme;
}

/* OpenSSL asks twice: how long may it be, and then for the signature. */
static int signing_do(void *data, unsigned char *signature, size_t *n, size_t room, const unsigned char *text,
		      size_t text_n)
{
	const struct signing *s = data;
	const struct sp_key_scheme *scheme;

	if (s->key == NULL || !s->key->can_sign)
		return 0;
	if (signature == NULL) {
		*n = (size_t)EVP_PKEY_get_size(s->key->half);
		return 1;
	}
	scheme = scheme_of(s);
	if (scheme == NULL)
		return 0;
	*n = room;
	return sign_by(s->key->arg, s->key->number, scheme->number, text, text_n, signature, n);
}

static const OSSL_DISPATCH signature[] = {
	DISPATCH(OSSL_FUNC_SIGNATURE_NEWCTX, signing_new),
	DISPATCH(OSSL_FUNC_SIGNATURE_FREECTX, signing_free),
	DISPATCH(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, signing_set),
	DISPATCH(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, signing_settable),
	DISPATCH(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, signing_init),
	DISPATCH(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, signing_do),
	{ 0, NULL },
};

/* ---- the provider ---- */

static const OSSL_ALGORITHM *query(void *provider, int operation, int *may_not_cache)
{
	static const OSSL_ALGORITHM keys[] = {
		{ "RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPERTY, keymgmt_rsa, NULL },
		{ "EC:id-ecPublicKey:1.2.840.10045.2.1", PROPERTY, keymgmt_ec, NULL },
		{ NULL, NULL, NULL, NULL },
	};
	static const OSSL_ALGORITHM signatures[] = {
		{ "RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPERTY, signature, NULL },
		{ "ECDSA", PROPERTY, signature, NULL },
		{ NULL, NULL, NULL, NULL },
	};

	(void)provider;
	*may_not_cache = 0;
	switch (operation) {
	case OSSL_OP_KEYMGMT: return keys;
	case OSSL_OP_SIGNATURE: return signatures;
	default: return NULL;
	}
}

static int provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
			 void **provider)
{
	static const OSSL_DISPATCH dispatch[] = {
		DISPATCH(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query),
		{ 0, NULL },
	};

	(void)in;
	*out = dispatch;
	*provider = (void *)(uintptr_t)handle;
	return 1;
}

/* The second is ours. */
static OSSL_PROVIDER *loaded[2];

static void unload(void)
{
	for (size_t i = 0; i < SP_COUNT(loaded); i++)
		if (loaded[i] != NULL)
			(void)OSSL_PROVIDER_unload(loaded[i]);
}

/* Both must be named: with one provider loaded by hand the default one does not come by itself. What names no provider
 * (the keys of clients and authorities) is the default one's. */
static bool load(void)
{
	loaded[0] = OSSL_PROVIDER_load(NULL, "default");
	if (loaded[0] == NULL || OSSL_PROVIDER_add_builtin(NULL, NAME, provider_init) != 1)
		return false;
	loaded[1] = OSSL_PROVIDER_load(NULL, NAME);
	return loaded[1] != NULL && EVP_set_default_properties(NULL, "?provider=default") == 1 &&
	       OPENSSL_atexit(unload) == 1;
}

bool sp_provider_load(sp_provider_sign *sign, struct sp_err *err)
{
	if (sign_by == sign)
		return true;
	if (!load()) {
		ERR_clear_error();
		return sp_err_set(err, "OpenSSL takes no provider of ours");
	}
	sign_by = sign;
	return true;
}

EVP_PKEY *sp_provider_key(EVP_PKEY *half, void *arg, uint32_t number)
{
	struct key key = { .half = half, .arg = arg, .number = number, .can_sign = true };
	OSSL_PARAM params[] = { OSSL_PARAM_octet_string(PARAM_KEY, &key, sizeof(key)), OSSL_PARAM_END };
	bool is_rsa = EVP_PKEY_get_base_id(half) == EVP_PKEY_RSA;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, is_rsa ? "RSA" : "EC", PROPERTY);
	EVP_PKEY *made = NULL;

	if (ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1)
		(void)EVP_PKEY_fromdata(ctx, &made, EVP_PKEY_KEYPAIR, params);
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return made;
}
