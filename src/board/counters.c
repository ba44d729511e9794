#include "sp/board/counters.h"

static uint32_t at_most(const _Atomic uint32_t *counter, uint32_t most)
{
	const uint32_t n = sp_counter_get(counter);

	return n < most ? n : most;
}

#define SUM(member)                                                                                                    \
	do {                                                                                                           \
		const size_t workers = sp_board_workers(board);                                                        \
		uint64_t sum = 0;                                                                                      \
		for (size_t i = 0; i < workers; i++) {                                                                 \
			const struct sp_counters *c = sp_board_read(board, SP_BLOCK_COUNTERS, i);                      \
			if (c != NULL)                                                                                 \
				sum += at_most(&c->member, most);                                                      \
		}                                                                                                      \
		return sum;                                                                                            \
	} while (0)

uint64_t sp_counters_clients(const struct sp_board *board, uint32_t most)
{
	SUM(clients);
}

uint64_t sp_counters_listener(const struct sp_board *board, uint32_t slot, uint32_t most)
{
	if (slot >= SP_LISTENERS_MAX)
		return 0;
	SUM(listener[slot]);
}

uint64_t sp_counters_in_flight(const struct sp_board *board, uint32_t slot, uint32_t most)
{
	if (slot >= SP_BACKENDS_MAX)
		return 0;
	SUM(in_flight[slot]);
}
