#include "t.h"

#include <stdlib.h>

#include "certs.h"
#include "sp/base/check.h"
#include "sp/key/sign.h"

static const struct {
	enum cert_key kind;
	const char *error; /* NULL: taken */
} kinds[] = {
	{ CERT_P256, NULL },
	{ CERT_P384, NULL },
	{ CERT_RSA2048, NULL },
	{ CERT_P521, "the key's curve is neither P-256 nor P-384" },
	{ CERT_RSA1024, "the RSA key has 1024 bits; 2048 are the least" },
	{ CERT_ED25519, "the key is neither RSA nor ECDSA on P-256 or P-384" },
};

static void test_kinds(void **state)
{
	struct sp_signer *signer = sp_signer_new_local();
	uint32_t number = 99, want = 0;

	(void)state;
	for (size_t i = 0; i < SP_COUNT(kinds); i++) {
		struct cert cert;
		struct sp_err err = { "" };

		cert_make(&cert, &(struct cert_wish){ .key = kinds[i].kind });
		assert_int_equal(sp_signer_add(signer, cert.key_pem, &number, &err), kinds[i].error == NULL);
		if (kinds[i].error != NULL)
			assert_string_equal(err.text, kinds[i].error);
		else
			assert_int_equal(number, want++);
		cert_drop(&cert);
	}
	sp_signer_free(signer);
	sp_signer_free(NULL);
}

static const struct {
	const char *name, *pem, *error;
} texts[] = {
	{ "empty", "", "no private key in PEM form" },
	{ "not PEM", "secret", "no private key in PEM form" },
	{ "cut", "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49", "no private key in PEM form" },
	{ "garbage inside", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
	  "no private key in PEM form" },
	{ "encrypted",
	  "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
	  "MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjwTMzzdXkW6QICCAAw\n"
	  "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEENNH/XGNDaqIA8tUJ8tEAOQEgZBq\n"
	  "3fPJ0m0h6bRX9c4tM1Q4X0kq1bOfOIvWZ2q1hXo0KAEmCw5cKQ9a8kqYVY7HkZ5p\n"
	  "3fPJ0m0h6bRX9c4tM1Q4X0kq1bOfOIvWZ2q1hXo0KAEmCw5cKQ9a8kqYVY7HkZ5p\n"
	  "3fPJ0m0h6bRX9c4tM1Q4X0kq1bOfOIvWZ2q1hXo0KAEmCw5cKQ9a8kqYVY7HkZ5p\n"
	  "-----END ENCRYPTED PRIVATE KEY-----\n",
	  "the private key is encrypted; it must be stored without a passphrase" },
};

static void test_bad_texts(void **state)
{
	struct sp_signer *signer = sp_signer_new_local();
	uint32_t number;

	(void)state;
	for (size_t i = 0; i < SP_COUNT(texts); i++) {
		struct sp_err err = { "" };

		print_message("  %s\n", texts[i].name);
		assert_false(sp_signer_add(signer, sp_str(texts[i].pem), &number, &err));
		assert_string_equal(err.text, texts[i].error);
	}
	sp_signer_free(signer);
}

/* The key must be the certificate's: of the same kind and of another one. */
static void test_attach(void **state)
{
	struct sp_signer *signer = sp_signer_new_local();
	struct cert p256, p384, rsa;
	uint32_t number[3];
	struct sp_err err = { "" };
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	(void)state;
	cert_make(&p256, &(struct cert_wish){ .key = CERT_P256 });
	cert_make(&p384, &(struct cert_wish){ .key = CERT_P384 });
	cert_make(&rsa, &(struct cert_wish){ .key = CERT_RSA2048 });
	assert_true(sp_signer_add(signer, p256.key_pem, &number[0], &err));
	assert_true(sp_signer_add(signer, p384.key_pem, &number[1], &err));
	assert_true(sp_signer_add(signer, rsa.key_pem, &number[2], &err));
	assert_false(sp_signer_attach(signer, ctx, number[0], &err));
	assert_int_equal(SSL_CTX_use_certificate(ctx, p256.x509), 1);
	for (int i = 1; i < 3; i++) {
		err.text[0] = '\0';
		assert_false(sp_signer_attach(signer, ctx, number[i], &err));
		assert_string_equal(err.text, "the private key does not belong to the certificate");
	}
	assert_true(sp_signer_attach(signer, ctx, number[0], &err));
	assert_int_equal(SSL_CTX_use_certificate(ctx, rsa.x509), 1);
	assert_true(sp_signer_attach(signer, ctx, number[2], &err));
	SSL_CTX_free(ctx);
	sp_signer_free(signer);
	cert_drop(&p256);
	cert_drop(&p384);
	cert_drop(&rsa);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_bad_texts),
		cmocka_unit_test(test_attach),
	};

	return cmocka_run_group_tests_name("key/sign", tests, NULL, NULL);
}
