/* A private key out of a file: which kinds are taken, and what is none. */
#include "t.h"

#include <unistd.h>

#include "certs.h"
#include "sp/base/check.h"
#include "sp/key/read.h"
#include "sp/key/sign.h"

static const struct {
	enum cert_key wish;
	enum sp_key_kind kind;
	const char *error; /* "": taken */
} kinds[] = {
	{ CERT_P256, SP_KEY_P256, "" },
	{ CERT_P384, SP_KEY_P384, "" },
	{ CERT_RSA2048, SP_KEY_RSA, "" },
	{ CERT_P521, 0, "the key's curve is neither P-256 nor P-384" },
	{ CERT_RSA1024, 0, "the RSA key has 1024 bits; 2048 are the least" },
	{ CERT_ED25519, 0, "the key is neither RSA nor ECDSA on P-256 or P-384" },
};

static void test_kinds(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(kinds); i++) {
		enum sp_key_kind kind = 0;
		struct sp_err err = { "" };
		struct cert cert;
		EVP_PKEY *key;

		cert_make(&cert, &(struct cert_wish){ .key = kinds[i].wish });
		key = sp_key_read(cert.key_fd, &kind, &err);
		assert_string_equal(err.text, kinds[i].error);
		assert_int_equal(key != NULL, kinds[i].error[0] == '\0');
		if (key != NULL)
			assert_int_equal(kind, kinds[i].kind);
		EVP_PKEY_free(key);
		cert_drop(&cert);
	}
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
	(void)state;
	for (size_t i = 0; i < SP_COUNT(texts); i++) {
		int fd = cert_file(sp_str(texts[i].pem));
		enum sp_key_kind kind;
		struct sp_err err = { "" };

		print_message("  %s\n", texts[i].name);
		assert_null(sp_key_read(fd, &kind, &err));
		assert_string_equal(err.text, texts[i].error);
		close(fd);
	}
}

/* The key must be the certificate's: of the same kind and of another one. */
static void test_attach(void **state)
{
	struct sp_signer *signer = sp_signer_new_local();
	struct cert certs[3]; /* P-256, P-384, RSA */
	struct sp_conf_cert conf[3] = { { .index = 0 } };
	struct sp_err err = { "" };
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		cert_make(&certs[i], &(struct cert_wish){ .key = kinds[i].wish });
		conf[i].key_fd = certs[i].key_fd;
	}
	assert_false(sp_signer_attach(signer, ctx, &conf[0], &err));
	assert_int_equal(SSL_CTX_use_certificate(ctx, certs[0].x509), 1);
	for (int i = 1; i < 3; i++) {
		err.text[0] = '\0';
		assert_false(sp_signer_attach(signer, ctx, &conf[i], &err));
		assert_string_equal(err.text, "the private key does not belong to the certificate");
	}
	assert_true(sp_signer_attach(signer, ctx, &conf[0], &err));
	assert_int_equal(SSL_CTX_use_certificate(ctx, certs[2].x509), 1);
	assert_true(sp_signer_attach(signer, ctx, &conf[2], &err));
	SSL_CTX_free(ctx);
	sp_signer_free(signer);
	sp_signer_free(NULL);
	for (size_t i = 0; i < 3; i++)
		cert_drop(&certs[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_bad_texts),
		cmocka_unit_test(test_attach),
	};

	return cmocka_run_group_tests_name("key/read", tests, NULL, NULL);
}
