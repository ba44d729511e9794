/*
 * siphash - SipHash-2-4 with a key of the process: no peer can choose colliding keys.
 */
#ifndef SP_BASE_SIPHASH_H
#define SP_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct sp_siphash_key {
	uint64_t k0, k1;
};

uint64_t sp_siphash(const struct sp_siphash_key *key, const void *bytes, size_t n);
/* A key from getrandom(2), made at the first call of the process (before fork: children share it). */
const struct sp_siphash_key *sp_siphash_process_key(void);
/* Before the first call: the key of the program that ran in this process before. */
void sp_siphash_set_process_key(const struct sp_siphash_key *key);

#endif
