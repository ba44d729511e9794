#include "sp/key/asks.h"

#include <string.h>
#include <strings.h>

#include <openssl/core_names.h>
#include <openssl/err.h>

#include "sp/base/check.h"

enum {
	RSA_BITS_LEAST = 2048,
	RSA_BITS_MOST = 4096, /* 20 ms a signature behind it: a client could keep the keeper busy */
	RANDOMS = 64,
	SPACES = 64,
};

/* Their zero is signed too. They are of one length. */
static const char server13[] = "TLS 1.3, server CertificateVerify";
static const char client13[] = "TLS 1.3, client CertificateVerify";

/* Curve type "named", the curve, the length of the point; the point follows. */
static const uint8_t x25519[] = { 3, 0x00, 0x1d, 32 };
static const uint8_t p256[] = { 3, 0x00, 0x17, 65, 4 };

/* TLS 1.3 ties a curve to its hash, 1.2 does not; PKCS #1 v1.5 is of 1.2 alone. */
static const struct sp_key_scheme schemes[] = {
	{ 0x0403, "SHA2-256", false, false, { 0, SP_KEY_P256, SP_KEY_P256 | SP_KEY_P384 } },
	{ 0x0503, "SHA2-384", false, false, { 0, SP_KEY_P384, SP_KEY_P256 | SP_KEY_P384 } },
	{ 0x0804, "SHA2-256", true, true, { 0, SP_KEY_RSA, SP_KEY_RSA } },
	{ 0x0805, "SHA2-384", true, true, { 0, SP_KEY_RSA, SP_KEY_RSA } },
	{ 0x0806, "SHA2-512", true, true, { 0, SP_KEY_RSA, SP_KEY_RSA } },
	{ 0x0401, "SHA2-256", true, false, { 0, 0, SP_KEY_RSA } },
	{ 0x0501, "SHA2-384", true, false, { 0, 0, SP_KEY_RSA } },
	{ 0x0601, "SHA2-512", true, false, { 0, 0, SP_KEY_RSA } },
};

static bool is_text13(const char context[static sizeof(server13)], const uint8_t *text, size_t n)
{
	const size_t before = SPACES + sizeof(server13);

	if (n != before + 32 && n != before + 48)
		return false;
	for (size_t i = 0; i < SPACES; i++)
		if (text[i] != ' ')
			return false;
	return memcmp(text + SPACES, context, sizeof(server13)) == 0;
}

static bool is_text12(const uint8_t *text, size_t n)
{
	if (n == RANDOMS + sizeof(x25519) + 32)
		return memcmp(text + RANDOMS, x25519, sizeof(x25519)) == 0;
	return n == RANDOMS + sizeof(p256) + 64 && memcmp(text + RANDOMS, p256, sizeof(p256)) == 0;
}

enum sp_key_text sp_key_text_of(const uint8_t *text, size_t n)
{
	if (is_text13(server13, text, n))
		return SP_KEY_TEXT_TLS13;
	if (is_text13(client13, text, n))
		return SP_KEY_TEXT_CLIENT13;
	return is_text12(text, n) ? SP_KEY_TEXT_TLS12 : SP_KEY_TEXT_NONE;
}

const struct sp_key_scheme *sp_key_scheme_of(uint32_t number)
{
	for (size_t i = 0; i < SP_COUNT(schemes); i++)
		if (schemes[i].number == number)
			return &schemes[i];
	return NULL;
}

const struct sp_key_scheme *sp_key_scheme_find(bool is_rsa, bool is_pss, const char *hash)
{
	for (size_t i = 0; i < SP_COUNT(schemes); i++)
		if (schemes[i].is_rsa == is_rsa && schemes[i].is_pss == is_pss &&
		    strcasecmp(schemes[i].hash, hash) == 0)
			return &schemes[i];
	return NULL;
}

const char *sp_key_refusal(enum sp_key_kind kind, enum sp_key_use use, uint32_t number, const uint8_t *text, size_t n)
{
	enum sp_key_text is = sp_key_text_of(text, n);
	const struct sp_key_scheme *scheme = sp_key_scheme_of(number);

	if (use == SP_KEY_CLIENT && is != SP_KEY_TEXT_CLIENT13)
		return "no_tls_client_text";
	if (use == SP_KEY_SERVER && (is == SP_KEY_TEXT_NONE || is == SP_KEY_TEXT_CLIENT13))
		return "no_tls_server_text";
	if (is == SP_KEY_TEXT_CLIENT13)
		is = SP_KEY_TEXT_TLS13; /* the same schemes */
	if (scheme == NULL)
		return "unknown_scheme";
	return (scheme->kinds[is] & (unsigned)kind) != 0 ? NULL : "scheme_not_for_this_key";
}

static bool find_curve(const EVP_PKEY *key, enum sp_key_kind *kind)
{
	char name[64];

	if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, name, sizeof(name), NULL) != 1)
		return false;
	*kind = strcmp(name, "prime256v1") == 0 ? SP_KEY_P256 : SP_KEY_P384;
	return *kind == SP_KEY_P256 || strcmp(name, "secp384r1") == 0;
}

bool sp_key_kind_of(const EVP_PKEY *key, enum sp_key_kind *kind, struct sp_err *err)
{
	int bits = EVP_PKEY_get_bits(key);

	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_RSA:
		*kind = SP_KEY_RSA;
		if (bits >= RSA_BITS_LEAST && bits <= RSA_BITS_MOST)
			return true;
		return sp_err_set(err, "the RSA key has %d bits; %d are the %s", bits,
				  bits < RSA_BITS_LEAST ? RSA_BITS_LEAST : RSA_BITS_MOST,
				  bits < RSA_BITS_LEAST ? "least" : "most");
	case EVP_PKEY_EC:
		if (find_curve(key, kind))
			return true;
		ERR_clear_error();
		return sp_err_set(err, "the key's curve is neither P-256 nor P-384");
	default: return sp_err_set(err, "the key is neither RSA nor ECDSA on P-256 or P-384");
	}
}
