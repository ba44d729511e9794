/*
 * bans - who is not let in, and until when: asked for by workers and operators, written by the monitor, read by all.
 *
 * Who has one address has all that is counted with it: an IPv4 address, an IPv6 /64. The key is a keyed hash, so nobody can
 * choose addresses that meet. Fixed size; a new ban takes the place of the one that ends first. A ban that is over stays
 * as long as there is room: the next one of the same address is longer.
 *
 * A worker asks by writing into its own part (struct sp_ban_asks); the monitor looks there several times a second. What it
 * finds is judged as what a worker says that may have been taken over. Times are CLOCK_MONOTONIC.
 */
#ifndef SP_BOARD_BANS_H
#define SP_BOARD_BANS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sp/base/addr.h"
#include "sp/base/check.h"
#include "sp/base/str.h"

enum { SP_BANS_BUCKETS = 8192, SP_BANS_BUCKET = 8, SP_BAN_BY = 48, SP_BAN_ASKS = 64 };
#define SP_BAN_MOST_MS (365ULL * 24 * 3600 * 1000)      /* the longest */

struct sp_ban {                         /* the monitor's alone */
	struct sp_addr addr;            /* the address that it was for */
	uint32_t count;                 /* how often, without a long time between */
	char by[SP_BAN_BY];             /* "limit:logins", or what the operator said; NUL-terminated printable ASCII */
};

struct sp_bans {
	_Atomic uint32_t in_force;      /* about: 0 says that nobody has to be looked for */
	_Atomic uint32_t is_loaded;     /* what the journal says is in here */
	struct {
		_Atomic uint64_t keys[SP_BANS_BUCKET];          /* 0: free */
		_Atomic uint64_t until_ms[SP_BANS_BUCKET];
	} buckets[SP_BANS_BUCKETS];
	struct sp_ban rows[SP_BANS_BUCKETS][SP_BANS_BUCKET];
};

/* Anybody's. An address that is none (a Unix peer) is never banned. */
bool sp_bans_has(const struct sp_bans *bans, const struct sp_addr *addr, uint64_t now_ms);

/* --- the monitor's --- */

/* Its last ban, also when that is over. False: there is none. */
bool sp_bans_find(const struct sp_bans *bans, const struct sp_addr *addr, struct sp_ban *ban, uint64_t *until_ms);
/* An until_ms that is over lifts the ban and keeps the count. by is cut and cleaned. */
void sp_bans_set(struct sp_bans *bans, const struct sp_addr *addr, uint64_t until_ms, uint32_t count, struct sp_str by);
/* The next ban in force behind *at, which begins at 0. False: there is none. */
bool sp_bans_next(const struct sp_bans *bans, size_t *at, uint64_t now_ms, struct sp_ban *ban, uint64_t *until_ms);
void sp_bans_recount(struct sp_bans *bans, uint64_t now_ms);

/* --- what workers ask for --- */

struct sp_ban_ask {
	struct sp_addr addr;
	uint64_t limit;                 /* a hash of the limit's name: sp_bans_hash_name */
};

struct sp_ban_asks {
	_Atomic uint32_t count;         /* of all that were asked: the next goes to ring[count % SP_BAN_ASKS] */
	_Atomic uint64_t ring[SP_BAN_ASKS][4];
};

uint64_t sp_bans_hash_name(struct sp_str name);
/* The worker's. */
void sp_bans_ask(struct sp_ban_asks *own, const struct sp_ban_ask *ask);
/* The monitor's: the next one behind *seen. False: there is none. Any content is taken. */
bool sp_bans_asked(const struct sp_ban_asks *asks, uint32_t *seen, struct sp_ban_ask *ask);

#endif
