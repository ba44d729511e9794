/*
 * Certificates of clients: asked for, required, revoked; and what is told of them.
 */
#include "tls_pair.h"

#include <stdio.h>
#include <stdlib.h>

#include "sp/base/check.h"

static struct cert server, ca, other_ca, good, revoked, expired, stranger, wrong_use, selfmade, middle, below;
static struct tls_world world;
static SSL_CTX *client;
static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

static const struct {
	const char *name, *sni;
	const struct cert *shown;
	const char *why; /* NULL: let in */
} visits[] = {
	{ "open site, none shown", "open.test", NULL, NULL },
	{ "open site does not ask", "open.test", &good, NULL },
	{ "optional, none", "optional.test", NULL, NULL },
	{ "optional, good", "optional.test", &good, NULL },
	{ "optional, of a stranger", "optional.test", &stranger, "bad_client_certificate" },
	{ "required, none", "required.test", NULL, "no_client_certificate" },
	{ "required, good", "required.test", &good, NULL },
	{ "required, revoked", "required.test", &revoked, "bad_client_certificate" },
	{ "required, expired", "required.test", &expired, "bad_client_certificate" },
	{ "required, of a stranger", "required.test", &stranger, "bad_client_certificate" },
	{ "required, self-made", "required.test", &selfmade, "bad_client_certificate" },
	{ "required, for servers", "required.test", &wrong_use, "bad_client_certificate" },
	{ "optional, no crl there", "optional.test", &revoked, NULL },
	{ "an authority without its root", "middle.test", &below, NULL },
	{ "the root's others are not meant", "middle.test", &good, "bad_client_certificate" },
};

static void open_for(struct tls_pair *p, size_t i, int version)
{
	int fds[2];

	pair_unix(fds);
	tls_pair_open(p, world.listener, client, visits[i].sni, fds);
	SSL_set_max_proto_version(p->client, version);
	if (visits[i].shown != NULL) {
		assert_int_equal(SSL_use_certificate(p->client, visits[i].shown->x509), 1);
		assert_int_equal(SSL_use_PrivateKey(p->client, visits[i].shown->key), 1);
	}
}

static void test_visits(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * SP_COUNT(visits); i++) {
		struct tls_pair p;
		const struct sp_tls_client_cert *told;
		bool is_asked = strcmp(visits[i / 2].sni, "open.test") != 0;

		print_message("  %s\n", visits[i / 2].name);
		open_for(&p, i / 2, versions[i % 2]);
		assert_int_equal(tls_pair_shake(&p), visits[i / 2].why == NULL);
		told = sp_tls_stream_client_cert(&p.t);
		if (visits[i / 2].why != NULL)
			assert_string_equal(p.t.stream.why, visits[i / 2].why);
		else
			assert_int_equal(told != NULL, visits[i / 2].shown != NULL && is_asked);
		tls_pair_close(&p);
	}
	assert_true(sp_tls_listener_has_client_verify(world.listener));
}

static void test_what_is_told(void **state)
{
	struct tls_pair p;
	const struct sp_tls_client_cert *told;
	unsigned char hash[32];
	unsigned n;
	char hex[65];

	(void)state;
	open_for(&p, 6, TLS1_3_VERSION);
	assert_true(tls_pair_shake(&p));
	told = sp_tls_stream_client_cert(&p.t);
	assert_non_null(told);
	assert_ptr_equal(told, sp_tls_stream_client_cert(&p.t));
	assert_true(sp_str_eq(told->subject, SP_STR("CN=J\\C3\\BCrgen\\, \\0D\\0AX-Admin: 1,O=Sallyport")));
	assert_true(sp_str_eq(told->serial, SP_STR("01E240")));
	assert_int_equal(X509_digest(good.x509, EVP_sha256(), hash, &n), 1);
	for (unsigned i = 0; i < n; i++)
		snprintf(hex + 2 * i, 3, "%02x", hash[i]);
	assert_true(sp_str_eq(told->fingerprint, sp_str(hex)));
	tls_pair_close(&p);
}

static struct sp_str crl;

static int set_up(void **state)
{
	struct site_wish wish[4] = { { .name = "open", .certs = { &server } },
				     { .name = "optional", .verify = SP_VERIFY_OPTIONAL },
				     { .name = "required", .verify = SP_VERIFY_REQUIRED },
				     { .name = "middle", .verify = SP_VERIFY_REQUIRED } };
	static struct cert names[3];
	static const char *const alts[3] = { "DNS:optional.test", "DNS:required.test", "DNS:middle.test" };

	(void)state;
	cert_make(&server, &(struct cert_wish){ .key = CERT_P256, .alt = "DNS:open.test" });
	cert_make(&ca, &(struct cert_wish){ .key = CERT_P384, .common_name = "ca", .is_ca = true });
	cert_make(&other_ca, &(struct cert_wish){ .key = CERT_RSA2048, .common_name = "other", .is_ca = true });
	cert_make(&good, &(struct cert_wish){ .key = CERT_P256,
					      .issuer = &ca,
					      .is_client = true,
					      .serial = 123456,
					      .common_name = "J\xc3\xbcrgen, \r\nX-Admin: 1" });
	cert_make(&revoked, &(struct cert_wish){ .key = CERT_P256, .issuer = &ca, .is_client = true, .serial = 666 });
	cert_make(&expired,
		  &(struct cert_wish){
			  .key = CERT_P256, .issuer = &ca, .is_client = true, .from_days = -9, .to_days = -1 });
	cert_make(&stranger, &(struct cert_wish){ .key = CERT_P256, .issuer = &other_ca, .is_client = true });
	cert_make(&selfmade, &(struct cert_wish){ .key = CERT_P256, .common_name = "ca", .is_client = true });
	cert_make(&wrong_use, &(struct cert_wish){ .key = CERT_P256, .issuer = &ca, .is_server = true });
	cert_make(&middle,
		  &(struct cert_wish){ .key = CERT_RSA2048, .common_name = "middle", .is_ca = true, .issuer = &ca });
	cert_make(&below, &(struct cert_wish){ .key = CERT_P256, .issuer = &middle, .is_client = true });
	crl = cert_crl(&ca, 666);
	for (int i = 0; i < 3; i++) {
		cert_make(&names[i], &(struct cert_wish){ .key = CERT_P256, .alt = alts[i] });
		wish[i + 1].certs[0] = &names[i];
	}
	wish[1].client_ca = ca.pem;
	wish[2].client_ca = ca.pem;
	wish[2].crl = crl;
	wish[3].client_ca = middle.pem;
	client = SSL_CTX_new(TLS_client_method());
	if (!tls_world_make(&world, wish, 4))
		return -1;
	for (int i = 0; i < 3; i++)
		cert_drop(&names[i]);
	return 0;
}

static int tear_down(void **state)
{
	struct cert *all[] = { &server,   &ca,        &other_ca, &good,   &revoked, &expired,
			       &stranger, &wrong_use, &selfmade, &middle, &below };

	(void)state;
	tls_world_drop(&world);
	SSL_CTX_free(client);
	for (size_t i = 0; i < SP_COUNT(all); i++)
		cert_drop(all[i]);
	free((char *)crl.p);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_visits),
		cmocka_unit_test(test_what_is_told),
	};

	return cmocka_run_group_tests_name("tls/client_cert", tests, set_up, tear_down);
}
