#include "sp/board/addrs.h"

#include <string.h>

#include "sp/base/siphash.h"

#define VALUE_BITS 40U
#define VALUE_MAX ((UINT64_C(1) << VALUE_BITS) - 1)

/* A handshake word's value: the second (modulo 4096) of `now`, what was counted in it, and in the one before. */
#define COUNT_BITS 14U
#define COUNT_MAX ((1U << COUNT_BITS) - 1)
#define SECOND_MAX 0xfffU

struct shakes {
	uint32_t second, now, before;
};

uint64_t sp_addrs_hash(struct sp_str scope, const struct sp_addr *addr)
{
	struct {
		uint64_t scope;
		uint8_t family, ip[8];
	} who;
	uint64_t hash;

	memset(&who, 0, sizeof(who)); /* padding is hashed too */
	who.scope = sp_siphash(sp_siphash_process_key(), scope.p, scope.n);
	who.family = (uint8_t)addr->family;
	memcpy(who.ip, addr->ip, addr->family == SP_ADDR_V4 ? 4 : 8);
	hash = sp_siphash(sp_siphash_process_key(), &who, sizeof(who));
	return hash == 0 ? 1 : hash;
}

static uint64_t tag_of(uint64_t hash)
{
	uint64_t tag = hash >> VALUE_BITS;

	return (tag == 0 ? 1 : tag) << VALUE_BITS;
}

static size_t bucket_of(uint64_t hash, int place)
{
	return (hash >> (place == 0 ? 0 : 16)) % SP_ADDRS_BUCKETS;
}

static uint64_t load(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static void store(_Atomic uint64_t *word, uint64_t tag, uint64_t value)
{
	atomic_store_explicit(word, tag | (value & VALUE_MAX), memory_order_relaxed);
}

/* The word of that address, 0 when there is none. */
static uint64_t look_up(const struct sp_addr_table *table, uint64_t hash)
{
	for (int place = 0; place < 2; place++) {
		const _Atomic uint64_t *words = table->words[bucket_of(hash, place)];

		for (size_t i = 0; i < SP_ADDRS_BUCKET; i++) {
			uint64_t word = load(&words[i]);

			if ((word & ~VALUE_MAX) == tag_of(hash))
				return word;
		}
	}
	return 0;
}

/* The address's place, else one that is free by is_free, else NULL. */
static _Atomic uint64_t *place_of(struct sp_addr_table *table, uint64_t hash, bool (*is_free)(uint64_t word, uint64_t now),
				  uint64_t now)
{
	_Atomic uint64_t *found = NULL;

	for (int place = 0; place < 2; place++) {
		_Atomic uint64_t *words = table->words[bucket_of(hash, place)];

		for (size_t i = 0; i < SP_ADDRS_BUCKET; i++) {
			uint64_t word = load(&words[i]);

			if ((word & ~VALUE_MAX) == tag_of(hash))
				return &words[i];
			if (found == NULL && is_free(word, now))
				found = &words[i];
		}
	}
	return found;
}

/* ---- connections */

static bool is_zero(uint64_t word, uint64_t now)
{
	(void)now;
	return (word & VALUE_MAX) == 0;
}

bool sp_addrs_came(struct sp_addrs *own, uint64_t hash)
{
	_Atomic uint64_t *word = place_of(&own->connections, hash, is_zero, 0);
	bool is_ours = word != NULL && (load(word) & ~VALUE_MAX) == tag_of(hash);

	if (word == NULL)
		return false;
	store(word, tag_of(hash), (is_ours ? load(word) & VALUE_MAX : 0) + 1);
	return true;
}

void sp_addrs_left(struct sp_addrs *own, uint64_t hash)
{
	_Atomic uint64_t *word = place_of(&own->connections, hash, is_zero, 0);
	uint64_t count;

	if (word == NULL || (load(word) & ~VALUE_MAX) != tag_of(hash))
		return;
	count = load(word) & VALUE_MAX;
	if (count > 1)
		store(word, tag_of(hash), count - 1);
	else
		store(word, 0, 0);
}

uint64_t sp_addrs_connections(const struct sp_addrs *one, uint64_t hash)
{
	return look_up(&one->connections, hash) & VALUE_MAX;
}

/* ---- handshakes */

static struct shakes unpack(uint64_t word)
{
	return (struct shakes){
		.second = (uint32_t)(word >> 2 * COUNT_BITS) & SECOND_MAX,
		.now = (uint32_t)(word >> COUNT_BITS) & COUNT_MAX,
		.before = (uint32_t)word & COUNT_MAX,
	};
}

static uint64_t pack(struct shakes s)
{
	return (uint64_t)s.second << 2 * COUNT_BITS | (uint64_t)s.now << COUNT_BITS | s.before;
}

/* As it is to be read in that second. */
static struct shakes moved_to(struct shakes s, uint64_t second)
{
	uint32_t passed = ((uint32_t)second - s.second) & SECOND_MAX;

	if (passed == 0)
		return s;
	return (struct shakes){ .second = (uint32_t)second & SECOND_MAX, .before = passed == 1 ? s.now : 0 };
}

static bool is_past(uint64_t word, uint64_t second)
{
	struct shakes s = moved_to(unpack(word), second);

	return s.now == 0 && s.before == 0;
}

void sp_addrs_shook(struct sp_addrs *own, uint64_t hash, uint64_t now_ms)
{
	uint64_t second = now_ms / 1000;
	_Atomic uint64_t *word = place_of(&own->handshakes, hash, is_past, second);
	struct shakes s = { .second = (uint32_t)second & SECOND_MAX };

	if (word == NULL)
		return;
	if ((load(word) & ~VALUE_MAX) == tag_of(hash))
		s = moved_to(unpack(load(word)), second);
	if (s.now < COUNT_MAX)
		s.now++;
	store(word, tag_of(hash), pack(s));
}

uint64_t sp_addrs_handshakes(const struct sp_addrs *one, uint64_t hash, uint64_t now_ms)
{
	struct shakes s = moved_to(unpack(look_up(&one->handshakes, hash)), now_ms / 1000);

	return (uint64_t)s.now * 1000 + s.before * (1000 - now_ms % 1000);
}
