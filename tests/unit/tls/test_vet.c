#include "t.h"

#include <stdlib.h>
#include <string.h>

#include "certs.h"
#include "sp/base/check.h"
#include "sp/base/clock.h"
#include "sp/tls/tls.h"

static struct cert ca, strange_ca, good, rsa, late, early, short_lived, nameless, common_only, by_address, small,
	unlike;

enum tail { NOTHING, CA, STRANGE_CA, CUT, GARBAGE };

static const struct {
	const char *name;
	const struct cert *cert, *key;
	enum tail tail; /* behind the leaf */
	const char *error, *warning;
} pairs[] = {
	{ "good", &good, &good, CA, "", "" },
	{ "leaf alone", &good, &good, NOTHING, "", "" },
	{ "RSA", &rsa, &rsa, CA, "", "" },
	{ "another's key", &good, &rsa, CA, "the private key does not belong to the certificate", "" },
	{ "no key", &good, NULL, CA, "no private key in PEM form", "" },
	{ "no certificate", NULL, &good, NOTHING, "no certificate in PEM form", "" },
	{ "wrong order", &good, &good, STRANGE_CA, "certificate 2 of the chain did not issue the one before it", "" },
	{ "cut", &good, &good, CUT, "certificate 2 of the chain cannot be read", "" },
	{ "not a certificate inside", &good, &good, GARBAGE, "certificate 2 of the chain cannot be read", "" },
	{ "expired", &late, &late, CA, "the certificate has expired", "" },
	{ "not yet", &early, &early, CA, "", "the certificate is not valid yet" },
	{ "soon", &short_lived, &short_lived, CA, "", "the certificate expires within 14 days" },
	{ "no host", &nameless, &nameless, CA, "the certificate names no host (subjectAltName)", "" },
	{ "common name", &common_only, &common_only, CA, "",
	  "the certificate has no subjectAltName; clients do not look at the common name" },
	{ "address", &by_address, &by_address, CA, "", "" },
	{ "P-521", &unlike, &unlike, CA, "the key's curve is neither P-256 nor P-384", "" },
};

static struct sp_str tail_text(enum tail tail)
{
	switch (tail) {
	case NOTHING: break;
	case CA: return ca.pem;
	case STRANGE_CA: return strange_ca.pem;
	case CUT: return sp_str_of(ca.pem.p, ca.pem.n / 2);
	case GARBAGE: return SP_STR("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	}
	return SP_STR("");
}

static void test_pairs(void **state)
{
	(void)state;
	sp_clock_tick();
	for (size_t i = 0; i < SP_COUNT(pairs); i++) {
		struct sp_str leaf = pairs[i].cert == NULL ? SP_STR("nothing") : pairs[i].cert->pem;
		struct sp_str chain = cert_join(leaf, tail_text(pairs[i].tail));
		struct sp_conf_cert conf = { .chain_pem = chain,
					     .key_pem = pairs[i].key == NULL ? SP_STR("") : pairs[i].key->key_pem };
		struct sp_err err = { "" }, warning = { "" };

		print_message("  %s\n", pairs[i].name);
		assert_int_equal(sp_tls_vet(&conf, &err, &warning), pairs[i].error[0] == '\0');
		assert_string_equal(err.text, pairs[i].error);
		assert_string_equal(warning.text, pairs[i].warning);
		free((char *)chain.p);
	}
}

/* What OpenSSL's security level refuses has its own text; it must be an error, whichever. */
static void test_small_key(void **state)
{
	struct sp_conf_cert conf = { .chain_pem = small.pem, .key_pem = small.key_pem };
	struct sp_err err = { "" }, warning = { "" };

	(void)state;
	assert_false(sp_tls_vet(&conf, &err, &warning));
	assert_non_null(strstr(err.text, "OpenSSL refuses the certificate"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_small_key),
	};
	struct {
		struct cert *cert;
		struct cert_wish wish;
	} all[] = {
		{ &ca, { .key = CERT_P384, .common_name = "ca", .is_ca = true } },
		{ &strange_ca, { .key = CERT_P384, .common_name = "strange", .is_ca = true } },
		{ &good, { .key = CERT_P256, .alt = "DNS:a.test", .issuer = &ca } },
		{ &rsa, { .key = CERT_RSA2048, .alt = "DNS:a.test", .issuer = &ca } },
		{ &late, { .key = CERT_P256, .alt = "DNS:a.test", .issuer = &ca, .from_days = -9, .to_days = -1 } },
		{ &early, { .key = CERT_P256, .alt = "DNS:a.test", .issuer = &ca, .from_days = 1, .to_days = 90 } },
		{ &short_lived,
		  { .key = CERT_P256, .alt = "DNS:a.test", .issuer = &ca, .from_days = -1, .to_days = 13 } },
		{ &nameless, { .key = CERT_P256, .common_name = "Our Server", .issuer = &ca } },
		{ &common_only, { .key = CERT_P256, .common_name = "a.test", .issuer = &ca } },
		{ &by_address, { .key = CERT_P256, .common_name = "Our Server", .alt = "IP:10.0.0.1", .issuer = &ca } },
		{ &small, { .key = CERT_RSA1024, .alt = "DNS:a.test" } },
		{ &unlike, { .key = CERT_P521, .alt = "DNS:a.test", .issuer = &ca } },
	};
	int failed;

	for (size_t i = 0; i < SP_COUNT(all); i++)
		cert_make(all[i].cert, &all[i].wish);
	failed = cmocka_run_group_tests_name("tls/vet", tests, NULL, NULL);
	for (size_t i = 0; i < SP_COUNT(all); i++)
		cert_drop(all[i].cert);
	return failed;
}
