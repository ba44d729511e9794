/*
 * siphash - SipHash-2-4 (Aumasson, Bernstein: "SipHash: a fast short-input PRF").
 */
#include "sp/base/siphash.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>

#include "sp/base/check.h"

struct sip {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t turn_left(uint64_t x, unsigned n)
{
	return x << n | x >> (64U - n);
}

static inline void round_once(struct sip *s)
{
	s->v0 += s->v1;
	s->v1 = turn_left(s->v1, 13) ^ s->v0;
	s->v0 = turn_left(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = turn_left(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = turn_left(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = turn_left(s->v1, 17) ^ s->v2;
	s->v2 = turn_left(s->v2, 32);
}

static inline void take_word(struct sip *s, uint64_t word)
{
	s->v3 ^= word;
	round_once(s);
	round_once(s);
	s->v0 ^= word;
}

uint64_t sp_siphash(const struct sp_siphash_key *key, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	uint64_t last = (uint64_t)n << 56;
	struct sip s = { key->k0 ^ 0x736f6d6570736575U, key->k1 ^ 0x646f72616e646f6dU, key->k0 ^ 0x6c7967656e657261U,
			 key->k1 ^ 0x7465646279746573U };

	for (; n >= 8; n -= 8, p += 8) {
		uint64_t word;

		memcpy(&word, p, sizeof(word));
		take_word(&s, le64toh(word));
	}
	for (size_t i = 0; i < n; i++)
		last |= (uint64_t)p[i] << (8 * i);
	take_word(&s, last);
	s.v2 ^= 0xff;
	for (int i = 0; i < 4; i++)
		round_once(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

static struct sp_siphash_key process_key;
static bool is_made;

const struct sp_siphash_key *sp_siphash_process_key(void)
{
	ssize_t n;

	if (is_made)
		return &process_key;
	do {
		n = getrandom(&process_key, sizeof(process_key), 0);
	} while (n < 0 && errno == EINTR);
	SP_ASSERT(n == (ssize_t)sizeof(process_key)); /* a known key would be worse than no gateway */
	is_made = true;
	return &process_key;
}

void sp_siphash_set_process_key(const struct sp_siphash_key *key)
{
	SP_ASSERT(!is_made);
	process_key = *key;
	is_made = true;
}
