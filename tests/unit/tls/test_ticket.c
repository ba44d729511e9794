/*
 * Sessions: resumed in another worker and another generation, never under
 * another site or other rules for clients, and not after two rotations.
 */
#include "tls_pair.h"

#include "sp/base/check.h"
#include "sp/tls/ticket.h"

static struct cert a, b;
static SSL_CTX *client;
static struct tls_world one, two; /* two workers of one configuration */
static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
static SSL_SESSION *last;

static int on_session(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl;
	SSL_SESSION_free(last);
	last = session;
	return 1;
}

/* Shakes hands with `name` at `world`, offering `session`; *resumed says what came of it; returns the new session. */
static SSL_SESSION *visit(struct tls_world *world, const char *name, int version, SSL_SESSION *session, bool *resumed)
{
	struct tls_pair p;
	int fds[2];
	char to[8];
	size_t n;

	pair_unix(fds);
	tls_pair_open(&p, world->listener, client, name, fds);
	SSL_set_max_proto_version(p.client, version);
	if (session != NULL)
		SSL_set_session(p.client, session);
	SSL_SESSION_free(last);
	last = NULL;
	assert_true(tls_pair_shake(&p));
	assert_int_equal(tls_pair_write(&p, "x", 1, &n), SP_IO_DONE);
	assert_int_equal(SSL_read(p.client, to, sizeof(to)), 1);
	*resumed = SSL_session_reused(p.client) == 1;
	assert_int_equal(sp_tls_stream_is_resumed(&p.t), *resumed);
	assert_true(sp_str_eq(sp_tls_stream_sni(&p.t), name == NULL ? SP_STR_NONE : sp_str(name)));
	/* OpenSSL's client tells no new session when 1.2 renews a ticket. */
	session = last == NULL ? SSL_get1_session(p.client) : last;
	last = NULL;
	(void)SSL_shutdown(p.client);
	tls_pair_close(&p);
	return session;
}

static void test_across_workers(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(versions); i++) {
		bool resumed;
		SSL_SESSION *s = visit(&one, "a.test", versions[i], NULL, &resumed), *again;

		assert_false(resumed);
		assert_non_null(s);
		again = visit(&two, "a.test", versions[i], s, &resumed);
		assert_true(resumed);
		SSL_SESSION_free(s);
		s = again;      /* 1.3: a fresh ticket, as each is used once */
		again = visit(&one, "a.test", versions[i], s, &resumed);
		assert_true(resumed);
		SSL_SESSION_free(again);
		/* Another name of the same site: the same rules hold for it. */
		again = visit(&two, "also-a.test", versions[i], s, &resumed);
		SSL_SESSION_free(again);
		SSL_SESSION_free(s);
	}
}

static const struct {
	const char *from, *to;
} strangers[] = {
	{ "a.test", "b.test" },
	{ "b.test", "a.test" },
	{ NULL, "b.test" },
	{ "b.test", NULL },
};

static void test_never_across_sites(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(strangers) * 2; i++) {
		int version = versions[i % 2];
		bool resumed;
		SSL_SESSION *s = visit(&one, strangers[i / 2].from, version, NULL, &resumed), *other;

		assert_non_null(s);
		other = visit(&one, strangers[i / 2].to, version, s, &resumed);
		assert_false(resumed);
		SSL_SESSION_free(other);
		other = visit(&two, strangers[i / 2].to, version, s, &resumed);
		assert_false(resumed);
		SSL_SESSION_free(other);
		SSL_SESSION_free(s);
	}
}

static void test_rotation(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(versions); i++) {
		uint8_t fresh[SP_TLS_TICKET_SECRET] = { 1 };
		bool resumed;
		SSL_SESSION *old = visit(&one, "a.test", versions[i], NULL, &resumed), *renewed, *s;

		sp_tls_tickets_rotate(fresh);
		renewed = visit(&two, "a.test", versions[i], old, &resumed);
		assert_true(resumed);
		assert_non_null(renewed); /* under the new key */
		fresh[0] = 2;
		sp_tls_tickets_rotate(fresh);
		s = visit(&one, "a.test", versions[i], old, &resumed);
		assert_false(resumed);
		SSL_SESSION_free(s);
		s = visit(&one, "a.test", versions[i], renewed, &resumed);
		assert_true(resumed);
		SSL_SESSION_free(s);
		SSL_SESSION_free(old);
		SSL_SESSION_free(renewed);
	}
}

/* A worker that has rotated already makes tickets that one which has not yet can read. */
static void test_next_is_read(void **state)
{
	uint8_t secrets[SP_TLS_TICKET_SECRETS][SP_TLS_TICKET_SECRET],
		ahead[SP_TLS_TICKET_SECRETS][SP_TLS_TICKET_SECRET];
	bool resumed;
	SSL_SESSION *s, *again;

	(void)state;
	memset(secrets[0], 1, sizeof(secrets[0]));
	memset(secrets[1], 2, sizeof(secrets[1]));
	memset(secrets[2], 3, sizeof(secrets[2]));
	memcpy(ahead[0], secrets[1], 2 * sizeof(secrets[0]));
	memset(ahead[2], 4, sizeof(ahead[2]));
	sp_tls_tickets_set(ahead);
	s = visit(&one, "a.test", TLS1_3_VERSION, NULL, &resumed);
	sp_tls_tickets_set(secrets);
	again = visit(&two, "a.test", TLS1_3_VERSION, s, &resumed);
	assert_true(resumed);
	SSL_SESSION_free(again);
	/* Forgotten: the process draws its own, and old tickets are worth nothing. */
	sp_tls_tickets_forget();
	again = visit(&two, "a.test", TLS1_3_VERSION, s, &resumed);
	assert_false(resumed);
	SSL_SESSION_free(again);
	SSL_SESSION_free(s);
}

/* A reload that changes whom client certificates are verified by: what was verified by the old rules is not resumed. */
static void test_other_rules(void **state)
{
	const struct site_wish was = { .name = "a", .certs = { &a }, .verify = SP_VERIFY_OPTIONAL, .client_ca = a.pem };
	const struct site_wish is = { .name = "a", .certs = { &a }, .verify = SP_VERIFY_OPTIONAL, .client_ca = b.pem };
	struct tls_world old, same, new;
	bool resumed;
	SSL_SESSION *s, *again;

	(void)state;
	assert_true(tls_world_make(&old, &was, 1));
	assert_true(tls_world_make(&same, &was, 1));
	assert_true(tls_world_make(&new, &is, 1));
	for (size_t i = 0; i < SP_COUNT(versions); i++) {
		s = visit(&old, "a.test", versions[i], NULL, &resumed);
		again = visit(&same, "a.test", versions[i], s, &resumed);
		assert_true(resumed);
		SSL_SESSION_free(again);
		again = visit(&new, "a.test", versions[i], s, &resumed);
		assert_false(resumed);
		SSL_SESSION_free(again);
		SSL_SESSION_free(s);
	}
	tls_world_drop(&old);
	tls_world_drop(&same);
	tls_world_drop(&new);
}

static int set_up(void **state)
{
	struct site_wish wish[2] = { { .name = "a", .certs = { &a } }, { .name = "b", .certs = { &b } } };

	(void)state;
	cert_make(&a, &(struct cert_wish){ .key = CERT_P256, .alt = "DNS:a.test,DNS:also-a.test" });
	cert_make(&b, &(struct cert_wish){ .key = CERT_P256, .alt = "DNS:b.test" });
	client = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(client, on_session);
	return tls_world_make(&one, wish, 2) && tls_world_make(&two, wish, 2) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	tls_world_drop(&one);
	tls_world_drop(&two);
	SSL_SESSION_free(last);
	SSL_CTX_free(client);
	cert_drop(&a);
	cert_drop(&b);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_across_workers), cmocka_unit_test(test_never_across_sites),
		cmocka_unit_test(test_rotation),       cmocka_unit_test(test_next_is_read),
		cmocka_unit_test(test_other_rules),
	};

	return cmocka_run_group_tests_name("tls/ticket", tests, set_up, tear_down);
}
