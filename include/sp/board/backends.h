/*
 * backends - the state of each backend, by slot: written by the monitor, read by all.
 *
 * A row is read as a whole or not at all: the writer makes its sequence odd while it writes.
 */
#ifndef SP_BOARD_BACKENDS_H
#define SP_BOARD_BACKENDS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "sp/base/check.h"
#include "sp/board/names.h"

enum sp_backend_is { SP_BACKEND_UP, SP_BACKEND_DOWN, SP_BACKEND_DRAIN, SP_BACKEND_MAINT, SP_BACKEND_STATES };

enum { SP_BACKEND_ADDRS = 16, SP_BACKEND_WHY = 32, SP_BACKEND_WEIGHT_MAX = 256 };

struct sp_backend_addr {
	uint8_t ip[16];         /* 4 bytes used when is_v6 is 0 */
	uint8_t is_v6;          /* 0 or 1 */
	uint8_t is_usable;      /* 0 or 1: its checks say so; where there are none, 1 */
};

struct sp_backend_state {
	uint64_t key;           /* sp_name_key: whose state it is, so that who has the slot next does not inherit it */
	uint64_t since_ms;      /* CLOCK_MONOTONIC */
	uint32_t is;            /* enum sp_backend_is */
	int32_t weight;         /* 0..SP_BACKEND_WEIGHT_MAX; -1: the configuration's */
	uint32_t addr_count;    /* of a name, as it was resolved last; 0 for a backend that is written as an address */
	uint32_t is_healthy;    /* 0 or 1: what its checks say, whatever `is` says besides */
	char why[SP_BACKEND_WHY];       /* NUL-terminated printable ASCII */
	struct sp_backend_addr addrs[SP_BACKEND_ADDRS];
};

enum { SP_BACKEND_WORDS = (sizeof(struct sp_backend_state) + 7) / 8 };

struct sp_backends {
	struct {
		_Atomic uint32_t seq;   /* odd while it is written; 0: never was */
		_Atomic uint64_t words[SP_BACKEND_WORDS];
	} rows[SP_BACKENDS_MAX];
};

/* False: never written, another's, being written all the time, or not a state; the caller goes by the configuration then. */
SP_MUST_USE bool sp_backend_get(const struct sp_backends *backends, uint32_t slot, uint64_t key,
                                struct sp_backend_state *state);
void sp_backend_set(struct sp_backends *backends, uint32_t slot, const struct sp_backend_state *state);

#endif
