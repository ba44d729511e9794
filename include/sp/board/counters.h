/*
 * counters - what one worker counts: its part of the board, written by it alone.
 *
 * Sums run over all workers and take at most `most` from each, so that a worker whose memory is wrong weighs no more
 * than one that is full.
 */
#ifndef SP_BOARD_COUNTERS_H
#define SP_BOARD_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

#include "sp/board/board.h"
#include "sp/board/names.h"

struct sp_counters {
	_Atomic uint32_t clients;                               /* connections of the gateway */
	_Atomic uint32_t listener[SP_LISTENERS_MAX];            /* connections */
	_Atomic uint32_t in_flight[SP_BACKENDS_MAX];            /* exchanges */
	_Atomic uint32_t failures[SP_BACKENDS_MAX];             /* in a row */
	_Atomic uint64_t ejected_until_ms[SP_BACKENDS_MAX];     /* CLOCK_MONOTONIC; 0: is not */
};

static inline void sp_counter_set(_Atomic uint32_t *counter, uint32_t n)
{
	atomic_store_explicit(counter, n, memory_order_relaxed);
}

static inline uint32_t sp_counter_get(const _Atomic uint32_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/* Slots beyond the maximum count as 0. */
uint64_t sp_counters_clients(const struct sp_board *board, uint32_t most);
uint64_t sp_counters_listener(const struct sp_board *board, uint32_t slot, uint32_t most);
uint64_t sp_counters_in_flight(const struct sp_board *board, uint32_t slot, uint32_t most);

#endif
