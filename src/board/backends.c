#include "sp/board/backends.h"

#include <string.h>

#define TRIES 8 /* a writer that dies inside a row leaves it odd for ever */

static bool is_text(const char *text)
{
	for (size_t i = 0; i < SP_BACKEND_WHY; i++) {
		if (text[i] == '\0')
			return true;
		if (text[i] < 0x20 || text[i] > 0x7e)
			return false;
	}
	return false;
}

static bool is_valid(const struct sp_backend_state *state)
{
	if (state->is >= SP_BACKEND_STATES || state->weight < -1 || state->weight > SP_BACKEND_WEIGHT_MAX ||
	    state->addr_count > SP_BACKEND_ADDRS || state->is_healthy > 1 || !is_text(state->why))
		return false;
	for (uint32_t i = 0; i < state->addr_count; i++)
		if (state->addrs[i].is_v6 > 1 || state->addrs[i].is_usable > 1)
			return false;
	return true;
}

bool sp_backend_get(const struct sp_backends *backends, uint32_t slot, uint64_t key, struct sp_backend_state *state)
{
	uint64_t copy[SP_BACKEND_WORDS];

	if (slot >= SP_BACKENDS_MAX)
		return false;
	for (int try = 0; try < TRIES; try++) {
		const uint32_t seq = atomic_load_explicit(&backends->rows[slot].seq, memory_order_acquire);

		if (seq == 0)
			return false;
		for (size_t i = 0; i < SP_BACKEND_WORDS; i++)
			copy[i] = atomic_load_explicit(&backends->rows[slot].words[i], memory_order_relaxed);
		atomic_thread_fence(memory_order_acquire);
		if (seq % 2 == 0 && atomic_load_explicit(&backends->rows[slot].seq, memory_order_relaxed) == seq) {
			memcpy(state, copy, sizeof(*state));
			return state->key == key && is_valid(state);
		}
	}
	return false;
}

void sp_backend_set(struct sp_backends *backends, uint32_t slot, const struct sp_backend_state *state)
{
	uint64_t copy[SP_BACKEND_WORDS] = { 0 };
	uint32_t seq;

	SP_ASSERT(slot < SP_BACKENDS_MAX && is_valid(state));
	memcpy(copy, state, sizeof(*state));
	seq = atomic_load_explicit(&backends->rows[slot].seq, memory_order_relaxed) | 1U; /* odd: one died here */
	atomic_store_explicit(&backends->rows[slot].seq, seq, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	for (size_t i = 0; i < SP_BACKEND_WORDS; i++)
		atomic_store_explicit(&backends->rows[slot].words[i], copy[i], memory_order_relaxed);
	seq++;
	atomic_store_explicit(&backends->rows[slot].seq, seq != 0 ? seq : 2, memory_order_release);
}
