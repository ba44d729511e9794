/*
 * addrs - how many connections a client address holds, and how many TLS handshakes it began within a second.
 *
 * One worker's share; written by that worker alone, read by all. A table has a fixed size and two places of eight words
 * for each address, found by a keyed hash: nobody can choose addresses that collide. Where all sixteen are taken the
 * address is not counted, so what is counted may be too small and is never too large. Words are read whole; any content
 * is taken.
 */
#ifndef SP_BOARD_ADDRS_H
#define SP_BOARD_ADDRS_H

#include <stdatomic.h>
#include <stdint.h>

#include "sp/base/addr.h"
#include "sp/base/check.h"
#include "sp/base/str.h"

enum { SP_ADDRS_BUCKETS = 8192, SP_ADDRS_BUCKET = 8 };

struct sp_addr_table {
	_Atomic uint64_t words[SP_ADDRS_BUCKETS][SP_ADDRS_BUCKET];      /* 24 bits of the hash, 40 of what is counted */
};

struct sp_addrs {
	struct sp_addr_table connections, handshakes;
};

/* Who is counted together: an IPv4 address, an IPv6 /64; apart for each scope (a listener's name). By the key of this
 * process. Never 0. */
uint64_t sp_addrs_hash(struct sp_str scope, const struct sp_addr *addr);

/* The owner's. False: there is no place, nothing is counted and nothing is to be taken back. */
SP_MUST_USE bool sp_addrs_came(struct sp_addrs *own, uint64_t hash);
void sp_addrs_left(struct sp_addrs *own, uint64_t hash);
void sp_addrs_shook(struct sp_addrs *own, uint64_t hash, uint64_t now_ms);

/* Anybody's. handshakes: thousandths, over the second before now_ms (CLOCK_MONOTONIC), as if evenly spread in the last
 * whole one. */
uint64_t sp_addrs_connections(const struct sp_addrs *one, uint64_t hash);
uint64_t sp_addrs_handshakes(const struct sp_addrs *one, uint64_t hash, uint64_t now_ms);

#endif
