/* What a key may sign: the texts of a TLS server or, for a key of a pool, of a client, in the schemes of that key. Everything else is refused. */
#include "t.h"

#include <string.h>

#include "sp/base/check.h"
#include "sp/key/asks.h"

static const char server13[] = "TLS 1.3, server CertificateVerify", client13[] = "TLS 1.3, client CertificateVerify";

struct text {
	uint8_t bytes[256];
	size_t n;
};

static void add(struct text *t, const void *p, size_t n)
{
	memcpy(t->bytes + t->n, p, n);
	t->n += n;
}

static struct text text13(size_t spaces, const char *context, size_t context_n, size_t hash)
{
	struct text t = { .n = spaces };

	memset(t.bytes, ' ', spaces);
	add(&t, context, context_n);
	memset(t.bytes + t.n, 0xab, hash);
	t.n += hash;
	return t;
}

static struct text text12(size_t randoms, const char *curve, size_t curve_n, size_t point)
{
	struct text t = { .n = randoms };

	memset(t.bytes, 0x5a, randoms);
	add(&t, curve, curve_n);
	memset(t.bytes + t.n, 0x77, point);
	t.n += point;
	return t;
}

#define X25519 "\x03\x00\x1d\x20", 4
#define P256 "\x03\x00\x17\x41\x04", 5

static void test_texts(void **state)
{
	const struct {
		const char *name;
		struct text text;
		enum sp_key_text want;
	} rows[] = {
		{ "1.3, SHA-256", text13(64, server13, 34, 32), SP_KEY_TEXT_TLS13 },
		{ "1.3, SHA-384", text13(64, server13, 34, 48), SP_KEY_TEXT_TLS13 },
		{ "1.3, SHA-512: no suite has it", text13(64, server13, 34, 64), SP_KEY_TEXT_NONE },
		{ "1.3, a byte short", text13(64, server13, 34, 31), SP_KEY_TEXT_NONE },
		{ "1.3, a byte long", text13(64, server13, 34, 33), SP_KEY_TEXT_NONE },
		{ "1.3, no hash", text13(64, server13, 34, 0), SP_KEY_TEXT_NONE },
		{ "1.3, a space short", text13(63, server13, 34, 33), SP_KEY_TEXT_NONE },
		{ "1.3, a space long", text13(65, server13, 34, 31), SP_KEY_TEXT_NONE },
		{ "1.3, without the zero", text13(64, server13, 33, 33), SP_KEY_TEXT_NONE },
		{ "1.3, a client's", text13(64, client13, 34, 32), SP_KEY_TEXT_CLIENT13 },
		{ "1.3, a client's, SHA-384", text13(64, client13, 34, 48), SP_KEY_TEXT_CLIENT13 },
		{ "1.3, a client's, a byte short", text13(64, client13, 34, 31), SP_KEY_TEXT_NONE },
		{ "1.2, X25519", text12(64, X25519, 32), SP_KEY_TEXT_TLS12 },
		{ "1.2, P-256", text12(64, P256, 64), SP_KEY_TEXT_TLS12 },
		{ "1.2, X25519 a byte short", text12(64, X25519, 31), SP_KEY_TEXT_NONE },
		{ "1.2, X25519 a byte long", text12(64, X25519, 33), SP_KEY_TEXT_NONE },
		{ "1.2, P-256 a byte short", text12(64, P256, 63), SP_KEY_TEXT_NONE },
		{ "1.2, P-256 compressed", text12(64, "\x03\x00\x17\x21\x02", 5, 32), SP_KEY_TEXT_NONE },
		{ "1.2, P-384", text12(64, "\x03\x00\x18\x61\x04", 5, 96), SP_KEY_TEXT_NONE },
		{ "1.2, an explicit prime", text12(64, "\x01\x00\x1d\x20", 4, 32), SP_KEY_TEXT_NONE },
		{ "1.2, one random", text12(32, X25519, 32), SP_KEY_TEXT_NONE },
		{ "1.2, no point", text12(64, X25519, 0), SP_KEY_TEXT_NONE },
		{ "nothing", { .n = 0 }, SP_KEY_TEXT_NONE },
		{ "a bare digest", text12(32, "", 0, 0), SP_KEY_TEXT_NONE },
		{ "spaces alone", text13(98, "", 0, 32), SP_KEY_TEXT_NONE },
	};

	(void)state;
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		print_message("  %s\n", rows[i].name);
		assert_int_equal(sp_key_text_of(rows[i].text.bytes, rows[i].text.n), rows[i].want);
	}
}

/* One byte changed anywhere before the hash, or before the point: no text of ours, but for the randoms. */
static void test_every_byte_counts(void **state)
{
	const struct text good[] = { text13(64, server13, 34, 32), text12(64, X25519, 32), text12(64, P256, 64) };
	const size_t from[] = { 0, 64, 64 }, to[] = { 98, 68, 69 };

	(void)state;
	for (size_t i = 0; i < SP_COUNT(good); i++) {
		for (size_t at = 0; at < good[i].n; at++) {
			struct text t = good[i];
			bool is_fixed = at >= from[i] && at < to[i];

			t.bytes[at] ^= 0x20;
			assert_int_equal(sp_key_text_of(t.bytes, t.n) == SP_KEY_TEXT_NONE, is_fixed);
			t = good[i];
			t.n = at;
			assert_int_equal(sp_key_text_of(t.bytes, t.n), SP_KEY_TEXT_NONE);
		}
	}
}

static void test_schemes(void **state)
{
	static const struct {
		uint32_t scheme;
		unsigned in13, in12; /* kinds of keys */
	} rows[] = {
		{ 0x0403, SP_KEY_P256, SP_KEY_P256 | SP_KEY_P384 },
		{ 0x0503, SP_KEY_P384, SP_KEY_P256 | SP_KEY_P384 },
		{ 0x0804, SP_KEY_RSA, SP_KEY_RSA },
		{ 0x0805, SP_KEY_RSA, SP_KEY_RSA },
		{ 0x0806, SP_KEY_RSA, SP_KEY_RSA },
		{ 0x0401, 0, SP_KEY_RSA },
		{ 0x0501, 0, SP_KEY_RSA },
		{ 0x0601, 0, SP_KEY_RSA },
		{ 0x0603, 0, 0 }, /* ECDSA with P-521 */
		{ 0x0807, 0, 0 }, /* Ed25519 */
		{ 0x0201, 0, 0 }, /* SHA-1 */
		{ 0x0203, 0, 0 },
		{ 0x0809, 0, 0 }, /* RSASSA-PSS keys */
		{ 0, 0, 0 },
		{ 0x10403, 0, 0 },
	};
	const struct text t13 = text13(64, server13, 34, 32), t12 = text12(64, X25519, 32),
			  client = text13(64, client13, 34, 32);

	(void)state;
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		for (unsigned kind = SP_KEY_P256; kind <= SP_KEY_RSA; kind *= 2) {
			const char *why13 = sp_key_refusal(kind, SP_KEY_SERVER, rows[i].scheme, t13.bytes, t13.n);
			const char *why12 = sp_key_refusal(kind, SP_KEY_SERVER, rows[i].scheme, t12.bytes, t12.n);

			const char *by_client =
				sp_key_refusal(kind, SP_KEY_CLIENT, rows[i].scheme, client.bytes, client.n);

			assert_int_equal(by_client == NULL, (rows[i].in13 & kind) != 0);
			assert_int_equal(why13 == NULL, (rows[i].in13 & kind) != 0);
			assert_int_equal(why12 == NULL, (rows[i].in12 & kind) != 0);
		}
		assert_string_equal(sp_key_refusal(SP_KEY_RSA, SP_KEY_SERVER, rows[i].scheme, t13.bytes, t13.n - 1),
				    "no_tls_server_text");
	}
}

/* No key signs for both sides, whatever the scheme. */
static void test_uses(void **state)
{
	const struct text t13 = text13(64, server13, 34, 32), t12 = text12(64, X25519, 32),
			  client = text13(64, client13, 34, 32);

	(void)state;
	assert_string_equal(sp_key_refusal(SP_KEY_P256, SP_KEY_SERVER, 0x0403, client.bytes, client.n),
			    "no_tls_server_text");
	assert_string_equal(sp_key_refusal(SP_KEY_P256, SP_KEY_CLIENT, 0x0403, t13.bytes, t13.n), "no_tls_client_text");
	assert_string_equal(sp_key_refusal(SP_KEY_P256, SP_KEY_CLIENT, 0x0403, t12.bytes, t12.n), "no_tls_client_text");
	assert_string_equal(sp_key_refusal(SP_KEY_RSA, SP_KEY_CLIENT, 0x0401, t12.bytes, t12.n), "no_tls_client_text");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_uses),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_every_byte_counts),
		cmocka_unit_test(test_schemes),
	};

	return cmocka_run_group_tests_name("key/asks", tests, NULL, NULL);
}
