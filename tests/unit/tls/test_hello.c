#include "t.h"

#include <stdlib.h>
#include <string.h>

#include "../../../src/tls/tls_int.h"
#include "sp/base/check.h"

#define EXT(literal) (const uint8_t *)(literal), sizeof(literal) - 1

/* clang-format off */
static const struct {
	const char *name;
	const uint8_t *bytes;
	size_t n;
	enum sp_hello_name want;
	const char *host;
} exts[] = {
	{ "one name", EXT("\0\x09\0\0\x06" "a.test"), SP_HELLO_NAME, "a.test" },
	{ "upper case", EXT("\0\x09\0\0\x06" "A.TEST"), SP_HELLO_NAME, "A.TEST" },
	{ "one letter", EXT("\0\x04\0\0\x01" "a"), SP_HELLO_NAME, "a" },
	{ "underscore, digits", EXT("\0\x06\0\0\x03" "_-9"), SP_HELLO_NAME, "_-9" },
	{ "empty extension", EXT(""), SP_HELLO_BROKEN, NULL },
	{ "empty list", EXT("\0\0"), SP_HELLO_BROKEN, NULL },
	{ "empty name", EXT("\0\x03\0\0\0"), SP_HELLO_BROKEN, NULL },
	{ "list longer than it is", EXT("\0\x0a\0\0\x06" "a.test"), SP_HELLO_BROKEN, NULL },
	{ "list shorter than it is", EXT("\0\x08\0\0\x06" "a.test"), SP_HELLO_BROKEN, NULL },
	{ "name longer than its list", EXT("\0\x09\0\0\x07" "a.test"), SP_HELLO_BROKEN, NULL },
	{ "two names", EXT("\0\x12\0\0\x06" "a.test" "\0\0\x06" "b.test"), SP_HELLO_BROKEN, NULL },
	{ "another type", EXT("\0\x09\x01\0\x06" "a.test"), SP_HELLO_BROKEN, NULL },
	{ "NUL", EXT("\0\x09\0\0\x06" "a\0test"), SP_HELLO_ODD_NAME, NULL },
	{ "blank", EXT("\0\x09\0\0\x06" "a test"), SP_HELLO_ODD_NAME, NULL },
	{ "high byte", EXT("\0\x09\0\0\x06" "a\xe9test"), SP_HELLO_ODD_NAME, NULL },
	{ "wildcard", EXT("\0\x09\0\0\x06" "*.test"), SP_HELLO_ODD_NAME, NULL },
	{ "line end", EXT("\0\x06\0\0\x03" "a\r\n"), SP_HELLO_ODD_NAME, NULL },
	{ "IPv4 address", EXT("\0\x0c\0\0\x09" "127.0.0.1"), SP_HELLO_NO_NAME, NULL },
	{ "IPv6 address", EXT("\0\x06\0\0\x03" "::1"), SP_HELLO_NO_NAME, NULL },
	{ "IPv4 address and NUL", EXT("\0\x0d\0\0\x0a" "127.0.0.1\0"), SP_HELLO_ODD_NAME, NULL },
};
/* clang-format on */

static void test_exts(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(exts); i++) {
		/* On the heap without a byte to spare, so that reading beyond it is seen. */
		uint8_t *copy = malloc(exts[i].n + (exts[i].n == 0));
		struct sp_str name;

		print_message("  %s\n", exts[i].name);
		assert_non_null(copy);
		memcpy(copy, exts[i].bytes, exts[i].n);
		assert_int_equal(sp_tls_parse_server_name(copy, exts[i].n, &name), exts[i].want);
		if (exts[i].host != NULL)
			assert_true(sp_str_eq(name, sp_str(exts[i].host)));
		free(copy);
	}
}

static void test_every_cut(void **state)
{
	struct sp_str name;

	(void)state;
	for (size_t i = 0; i < SP_COUNT(exts); i++) {
		for (size_t n = 0; n < exts[i].n; n++) {
			uint8_t *copy = malloc(n + 1);

			assert_non_null(copy);
			memcpy(copy, exts[i].bytes, n);
			assert_int_equal(sp_tls_parse_server_name(copy, n, &name), SP_HELLO_BROKEN);
			free(copy);
		}
	}
}

static void test_longest(void **state)
{
	uint8_t ext[5 + SP_TLS_NAME_MAX + 1];
	struct sp_str name;

	(void)state;
	memset(ext, 'a', sizeof(ext));
	for (size_t n = SP_TLS_NAME_MAX; n <= SP_TLS_NAME_MAX + 1; n++) {
		ext[0] = (uint8_t)((n + 3) >> 8);
		ext[1] = (uint8_t)(n + 3);
		ext[2] = 0;
		ext[3] = (uint8_t)(n >> 8);
		ext[4] = (uint8_t)n;
		assert_int_equal(sp_tls_parse_server_name(ext, n + 5, &name),
				 n == SP_TLS_NAME_MAX ? SP_HELLO_NAME : SP_HELLO_ODD_NAME);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exts),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_longest),
	};

	return cmocka_run_group_tests_name("tls/hello", tests, NULL, NULL);
}
