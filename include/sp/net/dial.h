/*
 * dial - a backend's index becomes a socket that is connecting.
 *
 * Who asks gives an index and nothing else, so a worker that is taken over can
 * reach the declared backends only. Workers ask the dialer, a process of its
 * own; it applies the egress rules to the address itself at every ask.
 */
#ifndef SP_NET_DIAL_H
#define SP_NET_DIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sp/base/addr.h"
#include "sp/base/egress.h"
#include "sp/base/err.h"
#include "sp/base/wait.h"

enum sp_dial_rc {
	SP_DIAL_DONE,                   /* fd is there, non-blocking, still connecting (or connected) */
	SP_DIAL_LATER,                  /* ask->wait will be woken; until then it can be cancelled */
	SP_DIAL_FAILED,                 /* error says why; 0: refused by the egress rules, see refused */
};

/* Lives inside who asks, until answered or cancelled. */
struct sp_dial_ask {
	struct sp_wait wait;            /* wake is set by who asks */
	struct sp_dial *dial;           /* who was asked last */
	uint32_t what;                  /* enum sp_ipc_dial: of what index is one; 0: of backends, over all pools */
	uint32_t index;
	uint32_t nth;                   /* of a named backend: which of its addresses */
	struct sp_addr addr;            /* answered: where to, without a port */
	enum sp_dial_rc rc;             /* of a late answer: DONE or FAILED */
	int fd;                         /* owned by who asked from the answer on; -1 when there is none */
	int error;                      /* errno, or 0 */
	enum sp_egress_verdict refused;
};

struct sp_dial {
	enum sp_dial_rc (*ask)(struct sp_dial *dial, struct sp_dial_ask *ask);
	void (*free)(struct sp_dial *dial);
};

/* What the dialer does, in this process: rules, socket, connect. Fills fd, addr, rc, error and refused; never LATER. */
SP_MUST_USE enum sp_dial_rc sp_dial_connect(const struct sp_egress *egress, const struct sp_addr *to,
                                            struct sp_dial_ask *ask);
/* The same towards a name server, by its rules (sp_egress_check_resolver). */
SP_MUST_USE enum sp_dial_rc sp_dial_resolver(const struct sp_egress *egress, const struct sp_addr *to, bool is_udp,
                                             struct sp_dial_ask *ask);

static inline enum sp_dial_rc sp_dial_ask(struct sp_dial *dial, struct sp_dial_ask *ask)
{
	ask->dial = dial;
	return dial->ask(dial, ask);
}

static inline void sp_dial_free(struct sp_dial *dial)
{
	if (dial != NULL)
		dial->free(dial);
}

#endif
