/* The keeper as a process, asked directly: what a worker that was taken over could try. */
#include "t.h"

#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "certs.h"
#include "role.h"
#include "sp/base/check.h"
#include "sp/role/keeper.h"

enum { P256, P384, RSA2048, CLIENT, CERTS }; /* CLIENT: a pool's, on P-256 */

static struct {
	struct cert certs[CERTS];
	struct sp_conf_cert conf_certs[CERTS];
	const struct sp_conf_cert *by_index[CERTS];
	struct sp_conf conf;
	struct role role;
} t;

static void make_conf(void)
{
	static const enum cert_key kinds[CERTS] = { CERT_P256, CERT_P384, CERT_RSA2048, CERT_P256 };

	for (uint32_t i = 0; i < CERTS; i++) {
		cert_make(&t.certs[i], &(struct cert_wish){ .key = kinds[i] });
		t.conf_certs[i] = (struct sp_conf_cert){ .chain_pem = t.certs[i].pem,
							 .key_fd = t.certs[i].key_fd,
							 .key_path = SP_STR("x.key"),
							 .chain_path = SP_STR("x.pem"),
							 .index = i,
							 .is_client = i == CLIENT };
		t.by_index[i] = &t.conf_certs[i];
	}
	t.conf = (struct sp_conf){ .certs = t.by_index, .cert_count = CERTS };
}

static struct sp_ipc_message good_ask(uint32_t key, uint32_t scheme)
{
	static const char context[] = "TLS 1.3, server CertificateVerify";
	struct sp_ipc_message m = { .type = SP_IPC_SIGN, .fd = -1 };

	memset(&m.body, 0, sizeof(m.body));
	m.body.sign.id = 77;
	m.body.sign.key = key;
	m.body.sign.scheme = scheme;
	m.body.sign.n = 64 + 34 + 32;
	memset(m.body.sign.text, ' ', 64);
	memcpy(m.body.sign.text + 64, context, sizeof(context));
	memset(m.body.sign.text + 98, 0xee, 32);
	return m;
}

/* The length of the signature; 0: refused. */
static uint32_t ask(int fd, const struct sp_ipc_message *m, struct sp_ipc_message *answer)
{
	assert_int_equal(sp_ipc_send(fd, SP_IPC_WORKER, SP_IPC_KEEPER, m), SP_IPC_DONE);
	*answer = role_receive(fd, SP_IPC_KEEPER, SP_IPC_WORKER);
	assert_int_equal(answer->type, SP_IPC_SIGNED);
	assert_int_equal(answer->body.is_signed.id, m->body.sign.id);
	return answer->body.is_signed.n;
}

static bool is_signature_of(const struct sp_ipc_message *m, const struct sp_ipc_message *answer, const char *hash,
			    bool is_pss)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	EVP_PKEY_CTX *ctx;
	bool is_one = EVP_DigestVerifyInit_ex(md, &ctx, hash, NULL, NULL, t.certs[m->body.sign.key].key, NULL) == 1 &&
		      (!is_pss || EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1) &&
		      EVP_DigestVerify(md, answer->body.is_signed.signature, answer->body.is_signed.n,
				       m->body.sign.text, m->body.sign.n) == 1;

	EVP_MD_CTX_free(md);
	return is_one;
}

static void test_signs(void **state)
{
	static const struct {
		uint32_t key, scheme;
		const char *hash;
		bool is_pss;
	} rows[] = {
		{ P256, 0x0403, "SHA256", false },   { P384, 0x0503, "SHA384", false },
		{ RSA2048, 0x0804, "SHA256", true }, { RSA2048, 0x0805, "SHA384", true },
		{ RSA2048, 0x0806, "SHA512", true },
	};

	(void)state;
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		struct sp_ipc_message m = good_ask(rows[i].key, rows[i].scheme), answer;

		assert_int_not_equal(ask(t.role.workers[i % ROLE_WORKERS], &m, &answer), 0);
		assert_true(is_signature_of(&m, &answer, rows[i].hash, rows[i].is_pss));
	}
}

/* The key of a pool signs what a client signs: backends are shown who we are. */
static void test_signs_for_a_pool(void **state)
{
	struct sp_ipc_message m = good_ask(CLIENT, 0x0403), answer;

	(void)state;
	assert_int_equal(ask(t.role.workers[0], &m, &answer), 0);
	memcpy(m.body.sign.text + 64 + 9, "client", 6);
	assert_int_not_equal(ask(t.role.workers[0], &m, &answer), 0);
	assert_true(is_signature_of(&m, &answer, "SHA256", false));
}

static void test_refuses(void **state)
{
	struct {
		const char *name;
		struct sp_ipc_message m;
	} rows[] = {
		{ "a key behind the last", good_ask(CERTS, 0x0403) },
		{ "key -1", good_ask(UINT32_MAX, 0x0403) },
		{ "another curve's scheme", good_ask(P256, 0x0503) },
		{ "RSA's scheme", good_ask(P256, 0x0804) },
		{ "ECDSA's scheme", good_ask(RSA2048, 0x0403) },
		{ "PKCS #1 for 1.3", good_ask(RSA2048, 0x0401) },
		{ "no scheme", good_ask(P256, 0) },
		{ "no text", good_ask(P256, 0x0403) },
		{ "a digest", good_ask(P256, 0x0403) },
		{ "a longer text than any", good_ask(P256, 0x0403) },
		{ "a length that is none", good_ask(P256, 0x0403) },
		{ "a client's text", good_ask(P256, 0x0403) },
	};

	(void)state;
	rows[7].m.body.sign.n = 0;
	rows[8].m.body.sign.n = 32;
	rows[9].m.body.sign.n = SP_IPC_TEXT;
	rows[10].m.body.sign.n = UINT32_MAX;
	memcpy(rows[11].m.body.sign.text + 64 + 9, "client", 6);
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		static const uint8_t none[SP_IPC_SIGNATURE];
		struct sp_ipc_message answer;

		print_message("  %s\n", rows[i].name);
		assert_int_equal(ask(t.role.workers[0], &rows[i].m, &answer), 0);
		assert_memory_equal(answer.body.is_signed.signature, none, sizeof(none));
	}
}

/* Refusals are counted like the rest: who floods is not served for a while, the others are. */
static void test_rate(void **state)
{
	struct sp_ipc_message bad = good_ask(CERTS, 0x0403), good = good_ask(P256, 0x0403), answer;
	bool is_over = false;

	(void)state;
	for (int i = 0; i < 2000 && !is_over; i++) {
		for (int k = 0; k < 50; k++)
			assert_int_equal(sp_ipc_send(t.role.workers[0], SP_IPC_WORKER, SP_IPC_KEEPER, &bad),
					 SP_IPC_DONE);
		for (int k = 0; k < 50; k++)
			assert_int_equal(role_receive(t.role.workers[0], SP_IPC_KEEPER, SP_IPC_WORKER).type,
					 SP_IPC_SIGNED);
		is_over = ask(t.role.workers[0], &good, &answer) == 0;
	}
	assert_true(is_over);
	assert_int_not_equal(ask(t.role.workers[1], &good, &answer), 0);
	usleep(100000);
	assert_int_not_equal(ask(t.role.workers[0], &good, &answer), 0);
}

/* Nonsense costs a worker its channel, and nobody else anything; a new channel works. */
static void test_nonsense(void **state)
{
	struct sp_ipc_message m = good_ask(P256, 0x0403), answer;

	(void)state;
	assert_int_equal(write(t.role.workers[0], "nonsense", 8), 8);
	assert_int_equal(role_receive(t.role.workers[0], SP_IPC_KEEPER, SP_IPC_WORKER).type, SP_IPC_NONE);
	assert_int_not_equal(ask(t.role.workers[1], &m, &answer), 0);
	close(t.role.workers[0]);
	t.role.workers[0] = role_new_worker(&t.role, 1);
	assert_int_not_equal(ask(t.role.workers[0], &m, &answer), 0);
	close(role_new_worker(&t.role, 0));
	close(role_new_worker(&t.role, ROLE_WORKERS + 1));
	assert_int_not_equal(ask(t.role.workers[0], &m, &answer), 0);
}

static void test_ends(void **state)
{
	(void)state;
	role_test_ends(SP_IPC_KEEPER, sp_keeper_run, &t.conf);
}

/* A key that is another's, and one that is none: it does not start. */
static void test_bad_keys(void **state)
{
	const int good = t.conf_certs[P256].key_fd, empty = cert_file(SP_STR(""));
	const int bad[] = { t.conf_certs[P384].key_fd, t.conf_certs[RSA2048].key_fd, empty };

	(void)state;
	for (size_t i = 0; i < SP_COUNT(bad); i++) {
		struct role r;

		t.conf_certs[P256].key_fd = bad[i];
		r = role_start(SP_IPC_KEEPER, sp_keeper_run, &t.conf);
		assert_int_equal(role_receive(r.master, SP_IPC_KEEPER, SP_IPC_MASTER).type, SP_IPC_NONE);
		assert_int_equal(role_exit(&r), SP_ROLE_CANNOT_START);
	}
	t.conf_certs[P256].key_fd = good;
	close(empty);
}

static int set_up(void **state)
{
	(void)state;
	make_conf();
	t.role = role_start(SP_IPC_KEEPER, sp_keeper_run, &t.conf);
	role_add_workers(&t.role);
	return role_is_ready(&t.role) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < CERTS; i++)
		cert_drop(&t.certs[i]);
	return role_exit(&t.role) == SP_ROLE_ORPHAN ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signs),    cmocka_unit_test(test_signs_for_a_pool), cmocka_unit_test(test_refuses), cmocka_unit_test(test_rate),
		cmocka_unit_test(test_nonsense), cmocka_unit_test(test_ends),    cmocka_unit_test(test_bad_keys),
	};

	return cmocka_run_group_tests_name("role/keeper", tests, set_up, tear_down);
}
