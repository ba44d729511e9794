#include "feed.h"

#include "../../../src/http/bytes.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"
#define UNRESERVED LETTERS DIGITS "-._~"

static const struct {
	unsigned kind;
	const char *bytes;
	bool is_high_too;
} sets[] = {
	{ SP_BYTE_TOKEN, LETTERS DIGITS "!#$%&'*+-.^_`|~", false },
	{ SP_BYTE_ALNUM, LETTERS DIGITS, false },
	{ SP_BYTE_DIGIT, DIGITS, false },
	{ SP_BYTE_HEX, DIGITS "abcdefABCDEF", false },
	{ SP_BYTE_VALUE, UNRESERVED "\t !\"#$%&'()*+,/:;<=>?@[\\]^`{|}", true },
	{ SP_BYTE_URI, UNRESERVED "!$&'()*+,;=:/?[]@%", false },
	{ SP_BYTE_UNRESERVED, UNRESERVED, false },
	{ SP_BYTE_SEGMENT, UNRESERVED "!$&'()*+,=:@[]", false },
	{ SP_BYTE_PLAIN_NAME, LETTERS DIGITS "-", false },
	{ SP_BYTE_HOST, LETTERS DIGITS "-_", false },
};

static void test_sets(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(sets); i++) {
		for (int b = 0; b < 256; b++) {
			bool want = b >= 0x80 ? sets[i].is_high_too : b != 0 && strchr(sets[i].bytes, b) != NULL;

			assert_int_equal(sp_byte_is((char)b, sets[i].kind), want);
		}
	}
	assert_false(sp_bytes_are(SP_STR(""), SP_BYTE_TOKEN));
	assert_int_equal(sp_hex_value('f') + sp_hex_value('A') + sp_hex_value('0') + sp_hex_value('9'),
			 15 + 10 + 0 + 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_sets) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
