#include "sp/base/siphash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/wait.h>
#include <unistd.h>

#include "sp/base/check.h"

/* Of the reference implementation: key 00 01 .. 0f, n bytes 00 01 .. */
static const struct {
	size_t n;
	uint64_t want;
} vectors[] = {
	{ 0, 0x726fdb47dd0e0e31U },  { 1, 0x74f839c593dc67fdU },  { 2, 0x0d6c8009d9a94f5aU },
	{ 3, 0x85676696d7fb7e2dU },  { 4, 0xcf2794e0277187b7U },  { 5, 0x18765564cd99a68dU },
	{ 6, 0xcbc9466e58fee3ceU },  { 7, 0xab0200f58b01d137U },  { 8, 0x93f5f5799a932462U },
	{ 9, 0x9e0082df0ba9e4b0U },  { 15, 0xa129ca6149be45e5U }, { 16, 0x3f2acc7f57c29bdbU },
	{ 63, 0x958a324ceb064572U },
};

static void test_vectors(void **state)
{
	const struct sp_siphash_key key = { 0x0706050403020100U, 0x0f0e0d0c0b0a0908U };
	uint8_t bytes[65];

	(void)state;
	for (size_t shift = 0; shift < 2; shift++) { /* also from an odd address */
		for (size_t i = 0; i < 64; i++)
			bytes[i + shift] = (uint8_t)i;
		for (size_t i = 0; i < SP_COUNT(vectors); i++)
			assert_true(sp_siphash(&key, bytes + shift, vectors[i].n) == vectors[i].want);
	}
	assert_true(sp_siphash(&key, NULL, 0) == vectors[0].want);
}

static const struct sp_siphash_key former = { 7, 8 };

/* In a process of its own: the key is set or drawn once. */
static void test_former_key(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		sp_siphash_set_process_key(&former);
		_exit(sp_siphash_process_key()->k0 == 7 && sp_siphash_process_key()->k1 == 8 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_process_key(void **state)
{
	const struct sp_siphash_key *key = sp_siphash_process_key();

	(void)state;
	assert_true(key->k0 != former.k0 && key->k1 != former.k1);
	assert_true(key->k0 != 0 && key->k1 != 0 && key->k0 != key->k1);
	assert_ptr_equal(sp_siphash_process_key(), key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_former_key),
		cmocka_unit_test(test_process_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
