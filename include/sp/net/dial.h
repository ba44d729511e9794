/*
 * dial - a backend's index becomes a socket that is connecting.
 *
 * Who asks gives an index and nothing else, so a worker that is taken over can
 * reach the declared backends only. How the socket is made is hidden here:
 * today in this process, later by the dialer. The egress rules are applied to
 * the address itself at every ask.
 */
#ifndef SP_NET_DIAL_H
#define SP_NET_DIAL_H

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
	struct sp_wait wait;            /* set by who asks before, when it can wait */
	uint32_t backend;               /* index over all pools: struct sp_conf_backend */
	enum sp_dial_rc rc;             /* of a late answer: DONE or FAILED */
	int fd;                         /* owned by who asked from the answer on; -1 when there is none */
	int error;                      /* errno, or 0 */
	enum sp_egress_verdict refused;
};

struct sp_dial {
	enum sp_dial_rc (*ask)(struct sp_dial *dial, struct sp_dial_ask *ask);
	void (*free)(struct sp_dial *dial);
};

struct sp_dial_to {                     /* where an index leads */
	struct sp_addr addr;            /* family SP_ADDR_NONE: not known (yet): EHOSTUNREACH */
};

/* In this process. egress is copied, what it borrows is borrowed too; `to` is borrowed; to[i] is index i. NULL with *err. */
SP_MUST_USE struct sp_dial *sp_dial_new_local(const struct sp_egress *egress, const struct sp_dial_to *to, size_t count,
                                              struct sp_err *err);

static inline enum sp_dial_rc sp_dial_ask(struct sp_dial *dial, struct sp_dial_ask *ask)
{
	return dial->ask(dial, ask);
}

static inline void sp_dial_free(struct sp_dial *dial)
{
	if (dial != NULL)
		dial->free(dial);
}

#endif
