/* Handshakes whose signatures come from elsewhere: a scripted keeper that signs, refuses, lies, is silent or dies. */
#include "t.h"

#include <openssl/rsa.h>

#include "sp/base/check.h"
#include "sp/base/clock.h"
#include "sp/ipc/channel.h"
#include "sp/key/asks.h"
#include "sp/key/pause.h"
#include "tls_pair.h"

enum keeper { SIGNS, REFUSES, LIES, ANSWERS_OTHERS, ANSWERS_TWICE, TOO_LONG, DIES_ONCE, DIES, SILENT };

static struct {
	struct cert p256, p384, rsa;
	struct sp_loop *loop;
	struct tls_world w;
	SSL_CTX *client;
	int keeper; /* our end; -1 = none */
	unsigned asked;
} t;

static void give_keeper(void)
{
	struct sp_err err = { "" };
	int fds[2];

	assert_true(sp_ipc_pair(fds, &err));
	if (t.keeper >= 0)
		close(t.keeper);
	t.keeper = fds[0];
	sp_signer_set_keeper(t.w.signer, fds[1]);
}

static void set_world(const struct cert *cert)
{
	const struct site_wish wish = { .name = "a", .certs = { cert } };
	struct sp_err err = { "" };

	t.loop = sp_loop_new(&err);
	t.keeper = -1;
	t.asked = 0;
	assert_non_null(t.loop);
	assert_true(tls_world_make_with(&t.w, &wish, 1, sp_signer_new_remote(t.loop, SP_IPC_WORKER, &err)));
	give_keeper();
	t.client = SSL_CTX_new(TLS_client_method());
	assert_non_null(t.client);
}

static void drop_world(void)
{
	SSL_CTX_free(t.client);
	tls_world_drop(&t.w);
	sp_loop_free(t.loop);
	if (t.keeper >= 0)
		close(t.keeper);
}

static void sign(const struct cert *cert, const struct sp_ipc_message *ask, struct sp_ipc_message *answer)
{
	const struct sp_key_scheme *scheme = sp_key_scheme_of(ask->body.sign.scheme);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	size_t n = SP_IPC_SIGNATURE;
	enum sp_key_kind kind;
	struct sp_err err = { "" };
	EVP_PKEY_CTX *ctx;

	assert_true(sp_key_kind_of(cert->key, &kind, &err));
	assert_null(sp_key_refusal(kind, SP_KEY_SERVER, ask->body.sign.scheme, ask->body.sign.text, ask->body.sign.n));
	assert_int_equal(EVP_DigestSignInit_ex(md, &ctx, scheme->hash, NULL, NULL, cert->key, NULL), 1);
	if (scheme->is_pss) {
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST), 1);
	}
	assert_int_equal(
		EVP_DigestSign(md, answer->body.is_signed.signature, &n, ask->body.sign.text, ask->body.sign.n), 1);
	EVP_MD_CTX_free(md);
	answer->body.is_signed.n = (uint32_t)n;
}

static void answer_as(enum keeper how, const struct cert *cert, const struct sp_ipc_message *ask)
{
	struct sp_ipc_message answer = { .type = SP_IPC_SIGNED, .fd = -1 };

	memset(&answer.body, 0, sizeof(answer.body));
	answer.body.is_signed.id = ask->body.sign.id;
	if (how == SIGNS || how == ANSWERS_OTHERS || how == ANSWERS_TWICE || how == DIES_ONCE)
		sign(cert, ask, &answer);
	else if (how == LIES)
		answer.body.is_signed.n = 70;
	else if (how == TOO_LONG)
		answer.body.is_signed.n = UINT32_MAX;
	if (how == ANSWERS_OTHERS)
		answer.body.is_signed.id += 7;
	for (int i = 0; i < (how == ANSWERS_TWICE ? 2 : 1); i++)
		assert_int_equal(sp_ipc_send(t.keeper, SP_IPC_KEEPER, SP_IPC_WORKER, &answer), SP_IPC_DONE);
}

/* The keeper's turn. */
static void serve(enum keeper how, const struct cert *cert)
{
	struct sp_ipc_message ask;

	while (sp_ipc_recv(t.keeper, SP_IPC_WORKER, SP_IPC_KEEPER, &ask) == SP_IPC_DONE) {
		t.asked++;
		assert_int_equal(ask.type, SP_IPC_SIGN);
		assert_int_equal(ask.body.sign.key, 0);
		if (how == SILENT)
			continue;
		if (how == DIES || (how == DIES_ONCE && t.asked == 1)) {
			close(t.keeper);
			t.keeper = -1;
			sp_loop_turn(t.loop, false); /* the worker sees it, then its successor comes */
			give_keeper();
			continue;
		}
		answer_as(how, cert, &ask);
	}
}

static void open_pair(struct tls_pair *p, int version)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	tls_pair_open_on(p, t.loop, t.w.listener, t.client, "a", fds);
	assert_int_equal(SSL_set_min_proto_version(p->client, version), 1);
	assert_int_equal(SSL_set_max_proto_version(p->client, version), 1);
}

static bool shake(struct tls_pair *p, enum keeper how, const struct cert *cert)
{
	for (int i = 0; i < 30; i++) {
		int rc = SSL_do_handshake(p->client);

		tls_pair_turn(p);
		serve(how, cert);
		if ((rc == 1 && p->hands == SP_IO_DONE) || p->hands == SP_IO_FAILED)
			break;
	}
	(void)SSL_do_handshake(p->client);
	ERR_clear_error();
	return p->hands == SP_IO_DONE && SSL_is_init_finished(p->client);
}

static const struct {
	const char *name;
	enum keeper how;
	bool works;
	unsigned asked;
} keepers[] = {
	{ "signs", SIGNS, true, 1 },
	{ "refuses", REFUSES, false, 1 },
	{ "signs something else", LIES, false, 1 },
	{ "answers a question that was not asked", ANSWERS_OTHERS, false, 1 },
	{ "answers twice", ANSWERS_TWICE, true, 1 },
	{ "a signature longer than any", TOO_LONG, false, 1 },
	{ "dies, and its successor signs", DIES_ONCE, true, 2 },
	{ "dies each time", DIES, false, 2 },
	{ "is silent", SILENT, false, 1 },
};

static void test_keepers(void **state)
{
	const struct cert *certs[] = { &t.p256, &t.p384, &t.rsa };
	const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	(void)state;
	for (size_t i = 0; i < SP_COUNT(keepers); i++) {
		print_message("  %s\n", keepers[i].name);
		for (size_t c = 0; c < SP_COUNT(certs) * SP_COUNT(versions); c++) {
			const struct cert *cert = certs[c / 2];
			struct tls_pair p;
			bool works;

			set_world(cert);
			open_pair(&p, versions[c % 2]);
			works = shake(&p, keepers[i].how, cert);
			/* A signature that does not fit is the client's to refuse; the server only waits. */
			assert_int_equal(works, keepers[i].works);
			assert_int_equal(t.asked, keepers[i].asked);
			tls_pair_close(&p);
			drop_world();
		}
	}
}

/* A client that goes away while its signature is made; the late answer meets nobody. */
static void test_closed_while_paused(void **state)
{
	struct sp_ipc_message ask;
	struct tls_pair p;

	(void)state;
	for (int late = 0; late < 2; late++) {
		set_world(&t.p256);
		open_pair(&p, TLS1_3_VERSION);
		(void)SSL_do_handshake(p.client);
		tls_pair_turn(&p);
		assert_int_equal(sp_ipc_recv(t.keeper, SP_IPC_WORKER, SP_IPC_KEEPER, &ask), SP_IPC_DONE);
		assert_true(p.t.has_job);
		if (late == 1) { /* answered, but not shaken on */
			answer_as(SIGNS, &t.p256, &ask);
			p.t.stream.want = 0;
			tls_pair_turn(&p);
			assert_true(p.t.has_job);
		}
		tls_pair_close(&p);
		if (late == 0)
			answer_as(SIGNS, &t.p256, &ask);
		sp_loop_turn(t.loop, false);
		drop_world();
	}
}

/* What arrives while it waits does not wake it: no busy loop, and no handshake without its signature. */
static void test_bytes_while_paused(void **state)
{
	struct tls_pair p;

	(void)state;
	set_world(&t.p256);
	open_pair(&p, TLS1_3_VERSION);
	(void)SSL_do_handshake(p.client);
	tls_pair_turn(&p);
	assert_true(p.t.has_job);
	assert_int_equal(write(p.fd, "too early", 9), 9);
	p.told = 0;
	for (int i = 0; i < 5; i++)
		tls_pair_turn(&p);
	assert_int_equal(p.told & SP_READ, 0);
	assert_int_equal(sp_stream_handshake(&p.t.stream), SP_IO_AGAIN);
	assert_true(p.t.has_job);
	tls_pair_close(&p);
	drop_world();
}

/* More handshakes than jobs: who finds none waits in the line and gets its turn; nobody is forgotten, nobody fails. */
static void test_more_than_jobs(void **state)
{
	enum { ALL = SP_PAUSE_MOST + 40 };
	struct tls_pair *all = calloc(ALL, sizeof(*all));
	unsigned jobs = 0, done = 0;

	(void)state;
	assert_non_null(all);
	set_world(&t.p256);
	for (size_t i = 0; i < ALL; i++) {
		open_pair(&all[i], TLS1_3_VERSION);
		(void)SSL_do_handshake(all[i].client);
	}
	for (int i = 0; i < 8; i++)
		sp_loop_turn(t.loop, false);
	for (size_t i = 0; i < ALL; i++)
		jobs += all[i].t.has_job;
	assert_int_equal(jobs, SP_PAUSE_MOST);
	/* Two that hold jobs and two in the line leave. */
	for (size_t i = 0; i < 2; i++) {
		tls_pair_close(&all[i]);
		tls_pair_close(&all[ALL - 1 - i]);
	}
	for (int turn = 0; turn < 400 && done < ALL - 4; turn++) {
		serve(SIGNS, &t.p256);
		sp_loop_turn(t.loop, false);
		done = 0;
		for (size_t i = 2; i < ALL - 2; i++) {
			(void)SSL_do_handshake(all[i].client);
			assert_int_not_equal(all[i].hands, SP_IO_FAILED);
			done += all[i].hands == SP_IO_DONE;
		}
	}
	assert_int_equal(done, ALL - 4);
	for (size_t i = 2; i < ALL - 2; i++)
		tls_pair_close(&all[i]);
	drop_world();
	free(all);
}

static int set_up(void **state)
{
	(void)state;
	sp_clock_tick();
	cert_make(&t.p256, &(struct cert_wish){ .key = CERT_P256, .alt = "DNS:a" });
	cert_make(&t.p384, &(struct cert_wish){ .key = CERT_P384, .alt = "DNS:a" });
	cert_make(&t.rsa, &(struct cert_wish){ .key = CERT_RSA2048, .alt = "DNS:a" });
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	cert_drop(&t.p256);
	cert_drop(&t.p384);
	cert_drop(&t.rsa);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keepers),
		cmocka_unit_test(test_closed_while_paused),
		cmocka_unit_test(test_bytes_while_paused),
		cmocka_unit_test(test_more_than_jobs),
	};

	return cmocka_run_group_tests_name("tls/paused", tests, set_up, tear_down);
}
