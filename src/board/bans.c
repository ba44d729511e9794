#include "sp/board/bans.h"

#include <string.h>

#include "sp/base/siphash.h"

static uint64_t load(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static void store(_Atomic uint64_t *word, uint64_t value)
{
	atomic_store_explicit(word, value, memory_order_relaxed);
}

/* 0: an address that cannot be banned. */
static uint64_t key_of(const struct sp_addr *addr)
{
	const struct sp_addr folded = sp_addr_fold(addr);
	uint8_t who[9] = { (uint8_t)folded.family };
	uint64_t key;

	if (folded.family != SP_ADDR_V4 && folded.family != SP_ADDR_V6)
		return 0;
	memcpy(who + 1, folded.ip, folded.family == SP_ADDR_V4 ? 4 : 8);
	key = sp_siphash(sp_siphash_process_key(), who, sizeof(who));
	return key != 0 ? key : 1;
}

static size_t bucket_of(uint64_t key)
{
	return (key >> 32) % SP_BANS_BUCKETS;
}

/* SP_BANS_BUCKET: it has no place. */
static size_t find(const struct sp_bans *bans, uint64_t key)
{
	size_t i = 0;

	while (i < SP_BANS_BUCKET && load(&bans->buckets[bucket_of(key)].keys[i]) != key)
		i++;
	return i;
}

bool sp_bans_has(const struct sp_bans *bans, const struct sp_addr *addr, uint64_t now_ms)
{
	uint64_t key;
	size_t i;

	if (atomic_load_explicit(&bans->in_force, memory_order_relaxed) == 0 || (key = key_of(addr)) == 0)
		return false;
	i = find(bans, key);
	return i < SP_BANS_BUCKET && load(&bans->buckets[bucket_of(key)].until_ms[i]) > now_ms;
}

bool sp_bans_find(const struct sp_bans *bans, const struct sp_addr *addr, struct sp_ban *ban, uint64_t *until_ms)
{
	const uint64_t key = key_of(addr);
	const size_t i = key == 0 ? SP_BANS_BUCKET : find(bans, key);

	if (i == SP_BANS_BUCKET)
		return false;
	*ban = bans->rows[bucket_of(key)][i];
	ban->by[SP_BAN_BY - 1] = '\0';
	*until_ms = load(&bans->buckets[bucket_of(key)].until_ms[i]);
	return true;
}

static size_t ends_first(const struct sp_bans *bans, size_t bucket)
{
	size_t first = 0;

	for (size_t i = 1; i < SP_BANS_BUCKET; i++)
		if (load(&bans->buckets[bucket].until_ms[i]) < load(&bans->buckets[bucket].until_ms[first]))
			first = i;
	return first;
}

static void copy_by(char to[static SP_BAN_BY], struct sp_str by)
{
	size_t n = by.n < SP_BAN_BY - 1 ? by.n : SP_BAN_BY - 1;

	for (size_t i = 0; i < n; i++)
		to[i] = by.p[i] >= ' ' && by.p[i] < 127 ? by.p[i] : '?';
	memset(to + n, 0, SP_BAN_BY - n);
}

void sp_bans_set(struct sp_bans *bans, const struct sp_addr *addr, uint64_t until_ms, uint32_t count, struct sp_str by)
{
	const uint64_t key = key_of(addr);
	const size_t bucket = bucket_of(key);
	size_t i = find(bans, key);

	if (key == 0)
		return;
	if (i == SP_BANS_BUCKET) {
		i = ends_first(bans, bucket);
		store(&bans->buckets[bucket].until_ms[i], 0);
		store(&bans->buckets[bucket].keys[i], key);
	}
	bans->rows[bucket][i].addr = sp_addr_fold(addr);
	bans->rows[bucket][i].count = count;
	copy_by(bans->rows[bucket][i].by, by);
	store(&bans->buckets[bucket].until_ms[i], until_ms);
	atomic_fetch_add_explicit(&bans->in_force, 1, memory_order_relaxed);
}

bool sp_bans_next(const struct sp_bans *bans, size_t *at, uint64_t now_ms, struct sp_ban *ban, uint64_t *until_ms)
{
	for (; *at < SP_BANS_BUCKETS * SP_BANS_BUCKET; ++*at) {
		const size_t bucket = *at / SP_BANS_BUCKET, i = *at % SP_BANS_BUCKET;

		*until_ms = load(&bans->buckets[bucket].until_ms[i]);
		if (load(&bans->buckets[bucket].keys[i]) == 0 || *until_ms <= now_ms)
			continue;
		*ban = bans->rows[bucket][i];
		ban->by[SP_BAN_BY - 1] = '\0';
		++*at;
		return true;
	}
	return false;
}

void sp_bans_recount(struct sp_bans *bans, uint64_t now_ms)
{
	uint32_t n = 0;

	for (size_t at = 0; at < SP_BANS_BUCKETS * SP_BANS_BUCKET; at++)
		n += load(&bans->buckets[at / SP_BANS_BUCKET].until_ms[at % SP_BANS_BUCKET]) > now_ms ? 1U : 0U;
	atomic_store_explicit(&bans->in_force, n, memory_order_relaxed);
}

/* ---- asks: the count is written last, and read first */

uint64_t sp_bans_hash_name(struct sp_str name)
{
	return sp_siphash(sp_siphash_process_key(), name.p, name.n);
}

void sp_bans_ask(struct sp_ban_asks *own, const struct sp_ban_ask *ask)
{
	const uint32_t count = atomic_load_explicit(&own->count, memory_order_relaxed);
	_Atomic uint64_t *words = own->ring[count % SP_BAN_ASKS];
	uint64_t ip[2];

	memcpy(ip, ask->addr.ip, sizeof(ip));
	store(&words[0], ip[0]);
	store(&words[1], ip[1]);
	store(&words[2], (uint64_t)ask->addr.family);
	store(&words[3], ask->limit);
	atomic_store_explicit(&own->count, count + 1, memory_order_release);
}

bool sp_bans_asked(const struct sp_ban_asks *asks, uint32_t *seen, struct sp_ban_ask *ask)
{
	const uint32_t count = atomic_load_explicit(&asks->count, memory_order_acquire);
	const _Atomic uint64_t *words;
	uint64_t ip[2], family;

	if (count == *seen)
		return false;
	if (count - *seen > SP_BAN_ASKS) /* what was written over is gone; or the worker was born anew */
		*seen = count < SP_BAN_ASKS ? 0 : count - SP_BAN_ASKS;
	words = asks->ring[*seen % SP_BAN_ASKS];
	++*seen;
	ip[0] = load(&words[0]);
	ip[1] = load(&words[1]);
	family = load(&words[2]);
	*ask = (struct sp_ban_ask){ .addr.family = family == SP_ADDR_V4   ? SP_ADDR_V4
						   : family == SP_ADDR_V6 ? SP_ADDR_V6
									  : SP_ADDR_NONE,
				    .limit = load(&words[3]) };
	memcpy(ask->addr.ip, ip, sizeof(ip));
	return true;
}
