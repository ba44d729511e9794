/*
 * admit - may this address connect? Asked in this order: ban, connections, rate of handshakes. What it has cost until
 * then is a descriptor: no client object, no TLS memory.
 *
 * A function of what it is told: it counts nothing and keeps nothing.
 */
#ifndef SP_POLICY_ADMIT_H
#define SP_POLICY_ADMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "sp/base/addr.h"

enum sp_admit {
	SP_ADMIT_YES,
	SP_ADMIT_BANNED,
	SP_ADMIT_CONNECTIONS,   /* max_connections_per_ip */
	SP_ADMIT_HANDSHAKES,    /* max_handshakes_per_ip */
	SP_ADMIT_IN_FLIGHT,     /* max_handshakes; of a listener, whatever the address */
	SP_ADMIT_COUNT
};

struct sp_admit_caps {
	uint64_t connections;           /* of one address; 0 = no cap */
	uint64_t handshakes;            /* thousandths a second of one address; 0 = no cap, or no TLS */
};

/* What is known over all workers. Each may be NULL: nothing is known, and it refuses nobody. */
struct sp_admit_seen {
	bool (*is_banned)(void *arg, const struct sp_addr *addr);
	uint64_t (*connections)(void *arg, uint64_t hash);      /* held now */
	uint64_t (*handshakes)(void *arg, uint64_t hash);       /* thousandths, begun within a second */
	void *arg;
};

/* hash: by which the address is counted (board/addrs.h). */
enum sp_admit sp_admit(const struct sp_admit_caps *caps, const struct sp_admit_seen *seen, const struct sp_addr *addr,
                       uint64_t hash);

#endif
