/*
 * crowd - a backend as all processes know it: what each worker has told of it on the board, and what the monitor says.
 *
 * Without a board, or a place on it, a worker is alone: its own leases are all there are, and nobody speaks against a
 * backend. What stands on the board is taken as it is, within bounds.
 */
#ifndef SP_PROXY_CROWD_H
#define SP_PROXY_CROWD_H

#include <stdbool.h>
#include <stdint.h>
#include "sp/board/backends.h"

struct sp_backend;

struct sp_crowd_state {
	uint32_t addr_count;            /* of a backend that is given by name */
	struct sp_backend_addr addrs[SP_BACKEND_ADDRS];
	bool is_usable;                 /* up: no check, no operator speaks against it */
	int32_t weight;                 /* -1: the configuration's; 0: gets nothing */
	uint64_t since_ms;              /* sp_now_ms() when it became so; 0: it always was */
};

#define SP_CROWD_NO_SLOT UINT32_MAX

void sp_crowd_join(struct sp_backend *backend);         /* finds its slot, by the names of pool and backend */
void sp_crowd_count(struct sp_backend *backend, int more);      /* leases of this worker, 1 or -1 */
uint64_t sp_crowd_load(const struct sp_backend *backend);       /* leases of all workers, ours included */
void sp_crowd_tell_eject(const struct sp_backend *backend);     /* its failures, and until when it is out */
struct sp_crowd_state sp_crowd_look(const struct sp_backend *backend);

#endif
