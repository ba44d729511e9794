#include "crowd.h"

#include <string.h>

#include "sp/board/backends.h"
#include "sp/board/board.h"
#include "sp/board/counters.h"

#include "pool.h"
#include "proxy_int.h"

static struct sp_board *board_of(const struct sp_backend *backend)
{
	return backend->slot == SP_CROWD_NO_SLOT ? NULL : backend->pool->proxy->board;
}

/* What this worker tells; NULL: there is no board. */
static struct sp_counters *own_of(const struct sp_backend *backend)
{
	struct sp_board *board = board_of(backend);

	return board == NULL ? NULL : sp_board_write(board, SP_BLOCK_COUNTERS, backend->pool->proxy->worker - 1);
}

void sp_crowd_join(struct sp_backend *backend)
{
	const struct sp_board *board = backend->pool->proxy->board;

	backend->key = sp_name_key(SP_NAME_BACKEND, backend->pool->conf->section.name, backend->conf->name);
	if (board == NULL || !sp_board_slot(board, SP_NAME_BACKEND, backend->pool->conf->section.name,
	                                    backend->conf->name, &backend->slot))
		backend->slot = SP_CROWD_NO_SLOT;
}

/* By differences: a pool that was changed and the one before it may both have leases of one backend. */
void sp_crowd_count(struct sp_backend *backend, int more)
{
	struct sp_counters *own = own_of(backend);

	backend->inflight += (uint64_t)more;
	if (own != NULL)
		sp_counter_set(&own->in_flight[backend->slot],
		               sp_counter_get(&own->in_flight[backend->slot]) + (uint32_t)more);
}

/* No worker has more leases than the gateway has clients, whatever its part says. */
uint64_t sp_crowd_load(const struct sp_backend *backend)
{
	const struct sp_board *board = board_of(backend);
	const struct sp_proxy *proxy = backend->pool->proxy;

	if (board == NULL)
		return backend->inflight;
	return sp_counters_in_flight(board, backend->slot, (uint32_t)proxy->serve->conf->gateway.max_connections);
}

void sp_crowd_tell_eject(const struct sp_backend *backend)
{
	struct sp_counters *own = own_of(backend);

	if (own == NULL)
		return;
	sp_counter_set(&own->failures[backend->slot], (uint32_t)backend->eject.failures);
	atomic_store_explicit(&own->ejected_until_ms[backend->slot], backend->eject.until_ms, memory_order_relaxed);
}

/* Nothing is known yet: the monitor has not looked. */
static struct sp_crowd_state unknown(const struct sp_backend *backend)
{
	const struct sp_conf_check *check = &backend->pool->conf->check;

	return (struct sp_crowd_state){ .is_usable = !sp_conf_backend_is_named(backend->conf) &&
		                                     (check->kind == SP_CHECK_NONE || check->starts_up),
		                        .weight = -1 };
}

struct sp_crowd_state sp_crowd_look(const struct sp_backend *backend)
{
	const struct sp_board *board = board_of(backend);
	struct sp_backend_state state;
	struct sp_crowd_state seen;

	if (board == NULL || !sp_backend_get(sp_board_read(board, SP_BLOCK_BACKENDS, 0), backend->slot, backend->key,
	                                     &state))
		return unknown(backend);
	seen = (struct sp_crowd_state){ .is_usable = state.is == SP_BACKEND_UP,
		                        .weight = state.weight,
		                        .since_ms = state.since_ms,
		                        .addr_count = state.addr_count };
	memcpy(seen.addrs, state.addrs, state.addr_count * sizeof(seen.addrs[0]));
	return seen;
}
