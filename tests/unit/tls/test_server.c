/*
 * What a client can and cannot agree on with us: versions, suites, groups,
 * names, ALPN; all with OpenSSL's own client.
 */
#include "tls_pair.h"

#include "sp/base/check.h"

static struct cert a_ec, a_rsa, b_ec, modern_ec;
static struct tls_world world;
static SSL_CTX *client;

static const unsigned char h1[] = "\x08http/1.1", h2_h1[] = "\x02h2\x08http/1.1", h2[] = "\x02h2",
			   h10[] = "\x08http/1.0", h1x[] = "\x06http/1";

static const struct {
	const char *name, *sni;
	int from, to; /* versions; 0 = any */
	const char *suites, *groups, *sigalgs;
	const unsigned char *alpn;
	const char *why; /* NULL: agreed */
	int alert; /* SSL reason the client sees, or 0 = not looked at */
	const char *subject; /* of the certificate shown */
} shakes[] = {
	{ "plain", "a.test", 0, 0, NULL, NULL, NULL, NULL, NULL, 0, "a ec" },
	{ "1.2", "a.test", TLS1_2_VERSION, TLS1_2_VERSION, NULL, NULL, NULL, NULL, NULL, 0, "a ec" },
	{ "1.1", "a.test", TLS1_VERSION, TLS1_1_VERSION, "ALL:@SECLEVEL=0", NULL, NULL, NULL, "wrong_version",
	  SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, NULL },
	{ "no name", NULL, 0, 0, NULL, NULL, NULL, NULL, NULL, 0, "a ec" },
	{ "upper case", "A.TEST", 0, 0, NULL, NULL, NULL, NULL, NULL, 0, "a ec" },
	{ "second site", "b.test", 0, 0, NULL, NULL, NULL, NULL, NULL, 0, "b ec" },
	{ "second site 1.2", "b.test", 0, TLS1_2_VERSION, NULL, NULL, NULL, NULL, NULL, 0, "b ec" },
	{ "wildcard", "x.b.test", 0, 0, NULL, NULL, NULL, NULL, NULL, 0, "b ec" },
	{ "wildcard, two labels", "y.x.b.test", 0, 0, NULL, NULL, NULL, NULL, "unrecognized_name",
	  SSL_R_TLSV1_UNRECOGNIZED_NAME, NULL },
	{ "unknown", "c.test", 0, 0, NULL, NULL, NULL, NULL, "unrecognized_name", SSL_R_TLSV1_UNRECOGNIZED_NAME, NULL },
	{ "unknown 1.2", "c.test", 0, TLS1_2_VERSION, NULL, NULL, NULL, NULL, "unrecognized_name",
	  SSL_R_TLSV1_UNRECOGNIZED_NAME, NULL },
	{ "trailing dot", "a.test.", 0, 0, NULL, NULL, NULL, NULL, "unrecognized_name", 0, NULL },
	{ "odd bytes", "a.te st", 0, 0, NULL, NULL, NULL, NULL, "unrecognized_name", 0, NULL },
	{ "RSA client", "a.test", 0, 0, NULL, NULL, "RSA-PSS+SHA256", NULL, NULL, 0, "a rsa" },
	{ "RSA client 1.2", "a.test", 0, TLS1_2_VERSION, NULL, NULL, "RSA+SHA256", NULL, NULL, 0, "a rsa" },
	{ "SHA-1 signatures", "a.test", 0, TLS1_2_VERSION, "ALL:@SECLEVEL=0", NULL, "RSA+SHA1:ECDSA+SHA1", NULL,
	  "no_shared_signature", 0, NULL },
	{ "modern site, 1.3", "modern.test", 0, 0, NULL, NULL, NULL, NULL, NULL, 0, "modern" },
	{ "modern site, 1.2", "modern.test", 0, TLS1_2_VERSION, NULL, NULL, NULL, NULL, "wrong_version",
	  SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, NULL },
	{ "CBC", "a.test", 0, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES256-SHA", NULL, NULL, NULL,
	  "no_shared_cipher", 0, NULL },
	{ "RSA key exchange", "a.test", 0, TLS1_2_VERSION, "AES128-GCM-SHA256", NULL, NULL, NULL, "no_shared_cipher", 0,
	  NULL },
	{ "DHE", "a.test", 0, TLS1_2_VERSION, "DHE-RSA-AES128-GCM-SHA256", NULL, NULL, NULL, "no_shared_cipher", 0,
	  NULL },
	{ "CCM8", "a.test", 0, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-CCM8:@SECLEVEL=0", NULL, NULL, NULL,
	  "no_shared_cipher", 0, NULL },
	{ "ChaCha", "a.test", 0, TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305", NULL, NULL, NULL, NULL, 0, "a ec" },
	{ "P-256", "a.test", 0, 0, NULL, "P-256", NULL, NULL, NULL, 0, "a ec" },
	{ "P-256 second (retry)", "a.test", 0, 0, NULL, "P-384:P-256", NULL, NULL, NULL, 0, "a ec" },
	{ "retry on the second site", "b.test", 0, 0, NULL, "P-384:P-256", NULL, NULL, NULL, 0, "b ec" },
	{ "P-384", "a.test", 0, 0, NULL, "P-384", NULL, NULL, "no_shared_group", 0, NULL },
	{ "P-521", "a.test", 0, 0, NULL, "P-521", NULL, NULL, "no_shared_group", 0, NULL },
	{ "X448", "a.test", 0, 0, NULL, "X448", NULL, NULL, "no_shared_group", 0, NULL },
	{ "ffdhe2048", "a.test", 0, 0, NULL, "ffdhe2048", NULL, NULL, "no_shared_group", 0, NULL },
	{ "ffdhe8192", "a.test", 0, 0, NULL, "ffdhe8192", NULL, NULL, "no_shared_group", 0, NULL },
	{ "P-521 in 1.2", "a.test", 0, TLS1_2_VERSION, NULL, "P-521", NULL, NULL, "no_shared_cipher", 0, NULL },
	{ "X448 in 1.2", "a.test", 0, TLS1_2_VERSION, NULL, "X448", NULL, NULL, "no_shared_cipher", 0, NULL },
	{ "ALPN http/1.1", "a.test", 0, 0, NULL, NULL, NULL, h1, NULL, 0, "a ec" },
	{ "ALPN h2 and http/1.1", "b.test", 0, 0, NULL, NULL, NULL, h2_h1, NULL, 0, "b ec" },
	{ "ALPN h2 alone", "a.test", 0, 0, NULL, NULL, NULL, h2, "no_application_protocol", 0, NULL },
	{ "ALPN http/1.0 alone", "b.test", 0, TLS1_2_VERSION, NULL, NULL, NULL, h10, NULL, 0, "b ec" },
	{ "ALPN a prefix of ours", "b.test", 0, 0, NULL, NULL, NULL, h1x, "no_application_protocol", 0, NULL },
};

static void pair_shake_one(size_t i)
{
	struct tls_pair p;
	int fds[2];
	const unsigned char *alpn;
	unsigned alpn_n;
	char subject[64] = "";

	pair_unix(fds);
	tls_pair_open(&p, world.listener, client, shakes[i].sni, fds);
	SSL_set_min_proto_version(p.client, shakes[i].from);
	SSL_set_max_proto_version(p.client, shakes[i].to);
	if (shakes[i].suites != NULL)
		assert_int_equal(SSL_set_cipher_list(p.client, shakes[i].suites), 1);
	if (shakes[i].groups != NULL)
		assert_int_equal(SSL_set1_groups_list(p.client, shakes[i].groups), 1);
	if (shakes[i].sigalgs != NULL)
		assert_int_equal(SSL_set1_sigalgs_list(p.client, shakes[i].sigalgs), 1);
	if (shakes[i].alpn != NULL)
		SSL_set_alpn_protos(p.client, shakes[i].alpn, (unsigned)strlen((const char *)shakes[i].alpn));
	if (shakes[i].why != NULL) {
		assert_false(tls_pair_shake(&p));
		assert_int_equal(p.hands, SP_IO_FAILED);
		assert_string_equal(p.t.stream.why, shakes[i].why);
		if (shakes[i].alert != 0)
			assert_int_equal(ERR_GET_REASON(ERR_peek_error()), shakes[i].alert);
		tls_pair_close(&p);
		return;
	}
	assert_true(tls_pair_shake(&p));
	X509_NAME_get_text_by_NID(X509_get_subject_name(SSL_get0_peer_certificate(p.client)), NID_commonName, subject,
				  sizeof(subject));
	assert_string_equal(subject, shakes[i].subject);
	SSL_get0_alpn_selected(p.client, &alpn, &alpn_n);
	assert_int_equal(alpn_n, shakes[i].alpn == NULL ? 0 : 8);
	assert_string_equal(sp_tls_stream_version(&p.t), SSL_get_version(p.client));
	if (shakes[i].sni != NULL)
		assert_true(sp_str_eq_nocase(sp_tls_stream_sni(&p.t), sp_str(shakes[i].sni)));
	else
		assert_int_equal(sp_tls_stream_sni(&p.t).n, 0);
	assert_ptr_equal(p.t.site, subject[0] == 'a'   ? &world.tls[0]
				   : subject[0] == 'b' ? &world.tls[1]
						       : &world.tls[2]);
	tls_pair_close(&p);
}

static void test_shakes(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(shakes); i++) {
		print_message("  %s\n", shakes[i].name);
		pair_shake_one(i);
	}
}

/* Our order, but ChaCha first for who puts it first. */
static void test_order(void **state)
{
	static const struct {
		const char *theirs, *want;
	} orders[] = {
		{ "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256" },
		{ "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305" },
		{ "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-GCM-SHA256" },
	};

	(void)state;
	for (size_t i = 0; i < SP_COUNT(orders); i++) {
		struct tls_pair p;
		int fds[2];

		pair_unix(fds);
		tls_pair_open(&p, world.listener, client, "a.test", fds);
		SSL_set_max_proto_version(p.client, TLS1_2_VERSION);
		SSL_set_cipher_list(p.client, orders[i].theirs);
		assert_true(tls_pair_shake(&p));
		assert_string_equal(SSL_get_cipher_name(p.client), orders[i].want);
		tls_pair_close(&p);
	}
}

static const struct {
	const char *name, *bytes;
	size_t n;
	const char *why;
} firsts[] = {
	{ "HTTP", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27, "http_request" },
	{ "proxy request", "CONNECT a:443 HTTP/1.1\r\n\r\n", 26, "http_request" },
	{ "garbage", "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b", 11, "wrong_version" },
	{ "SSH", "SSH-2.0-OpenSSH_9.2\r\n", 21, "wrong_version" },
	{ "application data first", "\x17\x03\x03\x00\x05hello", 10, NULL },
	{ "alert first", "\x15\x03\x01\x00\x02\x02\x28", 7, "unexpected_message" },
	{ "broken hello", "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", 10, NULL },
	{ "huge record", "\x16\x03\x01\xff\xff\x01\x00\x00", 8, NULL },
};

static void test_garbage(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(firsts); i++) {
		for (int is_whole = 0; is_whole < 2; is_whole++) {
			struct tls_pair p;
			int fds[2];

			print_message("  %s\n", firsts[i].name);
			pair_unix(fds);
			tls_pair_open(&p, world.listener, client, NULL, fds);
			for (size_t at = 0; at < firsts[i].n; at += is_whole ? firsts[i].n : 1) {
				(void)!send(p.fd, firsts[i].bytes + at, is_whole ? firsts[i].n : 1, MSG_NOSIGNAL);
				tls_pair_turn(&p);
			}
			assert_int_equal(p.hands, SP_IO_FAILED);
			assert_non_null(p.t.stream.why);
			if (firsts[i].why != NULL)
				assert_string_equal(p.t.stream.why, firsts[i].why);
			assert_int_equal(sp_stream_handshake(&p.t.stream), SP_IO_FAILED);
			tls_pair_close(&p);
		}
	}
}

/* A hello that never ends: cut at 16 KiB, whatever lengths it announces. */
static void test_endless_hello(void **state)
{
	struct tls_pair p;
	int fds[2];
	uint8_t record[5 + 4096] = { 0x16, 3, 1, 0x10, 0 };
	int sent = 0;

	(void)state;
	record[5] = 1;
	record[6] = 1; /* a client hello of 64 KiB and more */
	pair_unix(fds);
	tls_pair_open(&p, world.listener, client, NULL, fds);
	while (p.hands == SP_IO_AGAIN && sent < 40) {
		(void)!send(p.fd, record, sizeof(record), MSG_NOSIGNAL);
		memset(record + 5, 0, 4096);
		sent++;
		tls_pair_turn(&p);
	}
	assert_int_equal(p.hands, SP_IO_FAILED);
	assert_string_equal(p.t.stream.why, "hello_too_long");
	assert_true(sent <= 10);
	tls_pair_close(&p);
}

static void test_cut_handshake(void **state)
{
	struct tls_pair p;
	int fds[2];

	(void)state;
	pair_unix(fds);
	tls_pair_open(&p, world.listener, client, "a.test", fds);
	(void)SSL_do_handshake(p.client);
	tls_pair_turn(&p);
	shutdown(p.fd, SHUT_WR);
	tls_pair_turn(&p);
	tls_pair_turn(&p);
	assert_int_equal(p.hands, SP_IO_FAILED);
	assert_string_equal(p.t.stream.why, "handshake_cut");
	tls_pair_close(&p);
}

static void test_renegotiation(void **state)
{
	struct tls_pair p;
	int fds[2];
	char to[64];
	size_t got;

	(void)state;
	pair_unix(fds);
	tls_pair_open(&p, world.listener, client, "a.test", fds);
	SSL_set_max_proto_version(p.client, TLS1_2_VERSION);
	assert_true(tls_pair_shake(&p));
	SSL_renegotiate(p.client);
	(void)SSL_do_handshake(p.client);
	tls_pair_turn(&p);
	assert_int_not_equal(tls_pair_read(&p, to, sizeof(to), &got), SP_IO_DONE);
	tls_pair_turn(&p);
	assert_int_not_equal(SSL_do_handshake(p.client), 1);
	assert_int_equal(SSL_total_renegotiations(p.t.ssl), 0);
	tls_pair_close(&p);
}

static void test_has_name(void **state)
{
	static const struct {
		const char *host;
		bool a, b;
	} hosts[] = {
		{ "a.test", true, false },      { "b.test", false, true },   { "x.b.test", false, true },
		{ "y.x.b.test", false, false }, { ".b.test", false, false }, { "both.test", true, true },
		{ "c.test", false, false },     { "", false, false },        { "test", false, false },
	};

	(void)state;
	for (size_t i = 0; i < SP_COUNT(hosts); i++) {
		print_message("  %s\n", hosts[i].host);
		assert_int_equal(sp_tls_site_has_name(world.listener, &world.tls[0], sp_str(hosts[i].host)),
				 hosts[i].a);
		assert_int_equal(sp_tls_site_has_name(world.listener, &world.tls[1], sp_str(hosts[i].host)),
				 hosts[i].b);
	}
	assert_false(sp_tls_listener_has_client_verify(world.listener));
}

/* What the client hello would choose, without one. */
static void test_site_of_a_name(void **state)
{
	static const struct {
		const char *name;
		int site; /* -1: refused */
	} names[] = { { "a.test", 0 },  { "b.test", 1 }, { "x.b.test", 1 }, { "both.test", 0 }, { "", 0 },
		      { "c.test", -1 }, { "test", -1 },	 { "x.a.test", -1 }, { "b.test.", -1 } };

	(void)state;
	for (size_t i = 0; i < SP_COUNT(names); i++) {
		print_message("  %s\n", names[i].name);
		assert_ptr_equal(sp_tls_listener_site(world.listener, sp_str(names[i].name)),
				 names[i].site < 0 ? NULL : &world.tls[names[i].site]);
	}
}

static const struct {
	const char *name, *error;
} bad_worlds[] = {
	{ "no pair", "a [tls] without certificates" },
	{ "two of a kind", "two ECDSA certificates in one [tls]; one RSA and one ECDSA can stand beside each other" },
	{ "another's key", "the private key does not belong to the certificate" },
	{ "verify without ca", "client_verify needs client_ca" },
	{ "crl is none", "crl: no revocation list in PEM form" },
	{ "not a certificate", "no certificate in PEM form" },
};

static void test_bad_worlds(void **state)
{
	struct cert odd = b_ec;
	struct site_wish wish[] = {
		{ .name = "x" },
		{ .name = "x", .certs = { &a_ec, &b_ec } },
		{ .name = "x", .certs = { &odd } },
		{ .name = "x", .certs = { &a_ec }, .verify = SP_VERIFY_REQUIRED },
		{ .name = "x",
		  .certs = { &a_ec },
		  .verify = SP_VERIFY_REQUIRED,
		  .client_ca = a_ec.pem,
		  .crl = SP_STR("x") },
		{ .name = "x", .certs = { &a_ec }, .verify = SP_VERIFY_OPTIONAL, .client_ca = SP_STR("x") },
	};

	(void)state;
	odd.key_fd = a_rsa.key_fd;
	for (size_t i = 0; i < SP_COUNT(wish); i++) {
		struct tls_world w;

		print_message("  %s\n", bad_worlds[i].name);
		assert_false(tls_world_make(&w, &wish[i], 1));
		assert_string_equal(w.err.text, bad_worlds[i].error);
		tls_world_drop(&w);
	}
}

static int set_up(void **state)
{
	const struct site_wish wish[] = {
		{ .name = "a", .certs = { &a_ec, &a_rsa } },
		{ .name = "b", .certs = { &b_ec } },
		{ .name = "modern", .certs = { &modern_ec }, .policy = SP_TLS_MODERN },
	};

	(void)state;
	cert_make(&a_ec,
		  &(struct cert_wish){ .key = CERT_P256, .common_name = "a ec", .alt = "DNS:A.test,DNS:both.test" });
	cert_make(&a_rsa, &(struct cert_wish){ .key = CERT_RSA2048, .common_name = "a rsa", .alt = "DNS:a.test" });
	cert_make(&b_ec, &(struct cert_wish){ .key = CERT_P256,
					      .common_name = "b ec",
					      .alt = "DNS:b.test,DNS:*.b.test,DNS:both.test,DNS:f*.c.test" });
	cert_make(&modern_ec,
		  &(struct cert_wish){ .key = CERT_P256, .common_name = "modern", .alt = "DNS:modern.test" });
	client = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_security_level(client, 0);
	return tls_world_make(&world, wish, SP_COUNT(wish)) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	tls_world_drop(&world);
	SSL_CTX_free(client);
	cert_drop(&a_ec);
	cert_drop(&a_rsa);
	cert_drop(&b_ec);
	cert_drop(&modern_ec);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shakes),        cmocka_unit_test(test_order),
		cmocka_unit_test(test_garbage),       cmocka_unit_test(test_endless_hello),
		cmocka_unit_test(test_cut_handshake), cmocka_unit_test(test_renegotiation),
		cmocka_unit_test(test_has_name),      cmocka_unit_test(test_site_of_a_name),
		cmocka_unit_test(test_bad_worlds),
	};

	return cmocka_run_group_tests_name("tls/server", tests, set_up, tear_down);
}
