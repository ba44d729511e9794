#include "named.h"

#include <string.h>

#include "pool.h"
#include "up_h1.h"

bool sp_named_next(struct sp_backend *backend, uint32_t *nth)
{
	const struct sp_crowd_state *state = &backend->state;

	for (uint32_t i = 0; i < state->addr_count; i++) {
		uint32_t at = (backend->next_addr + i) % state->addr_count;

		if (!state->addrs[at].is_usable)
			continue;
		*nth = at;
		backend->next_addr = at + 1;
		return true;
	}
	return false;
}

static bool is_same(const struct sp_backend_addr *a, const struct sp_addr *b)
{
	return a->is_v6 == (b->family == SP_ADDR_V6 ? 1 : 0) && memcmp(a->ip, b->ip, a->is_v6 ? 16 : 4) == 0;
}

bool sp_named_has(const struct sp_backend *backend, const struct sp_addr *addr)
{
	if (!sp_conf_backend_is_named(backend->conf))
		return true;
	for (uint32_t i = 0; i < backend->state.addr_count; i++)
		if (backend->state.addrs[i].is_usable && is_same(&backend->state.addrs[i], addr))
			return true;
	return false;
}

void sp_named_prune(struct sp_backend *backend)
{
	struct sp_list *at = backend->idle.next, *next;

	for (; at != &backend->idle; at = next) {
		struct sp_up_h1 *up = SP_HOLDER(at, struct sp_up_h1, idle_link);

		next = at->next;
		if (!sp_named_has(backend, &up->dial.addr))
			sp_up_h1_close(up);
	}
}
