/*
 * limits - how much of its rate each key has used: one table that all workers write.
 *
 * GCRA (the generic cell rate algorithm, ITU-T I.371 annex A): of each key one time is kept, at which all that was taken
 * would have been earned. A key is a keyed hash of who is counted by which limit, so nobody can choose keys that meet,
 * and its place outlives reloads. The table has a fixed size; a new key takes the place of the one that was earned first.
 *
 * No lock: a worker that is killed leaves nothing behind. Where a key is new, each worker may let one event more pass. Any content is taken: a time too far ahead counts as a key that has used all.
 */
#ifndef SP_BOARD_LIMITS_H
#define SP_BOARD_LIMITS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "sp/base/check.h"

enum { SP_LIMITS_BUCKETS = 65536, SP_LIMITS_BUCKET = 8 };

struct sp_limits {
	struct {
		_Atomic uint64_t keys[SP_LIMITS_BUCKET];        /* 0: free */
		_Atomic uint64_t earned_ns[SP_LIMITS_BUCKET];   /* CLOCK_MONOTONIC */
	} buckets[SP_LIMITS_BUCKETS];
};

/* interval_ns: between two events of the rate, 1,000 to 3,600,000,000,000; burst: 1 to 1,000,000 at once. */
struct sp_limit_rate {
	uint64_t interval_ns, burst;
};

struct sp_limit_state {
	bool is_over;                   /* one more now is too many */
	uint64_t left;                  /* events that may come now */
	uint64_t wait_ns;               /* until one more may come; 0: now */
	uint64_t full_ns;               /* until `burst` may come again */
};

/* Takes one event where it is not too many. key is not 0. */
struct sp_limit_state sp_limits_take(struct sp_limits *limits, uint64_t key, const struct sp_limit_rate *rate,
                                     uint64_t now_ns);
/* Takes one event that has happened, however many there were. */
void sp_limits_charge(struct sp_limits *limits, uint64_t key, const struct sp_limit_rate *rate, uint64_t now_ns);
/* Takes nothing. */
struct sp_limit_state sp_limits_look(const struct sp_limits *limits, uint64_t key, const struct sp_limit_rate *rate,
                                     uint64_t now_ns);

#endif
