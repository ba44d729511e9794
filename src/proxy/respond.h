/*
 * respond - a backend's head, judged and made ours: what is let through to the
 * client, and with which fields (spec 4.7).
 */
#ifndef SP_PROXY_RESPOND_H
#define SP_PROXY_RESPOND_H

#include "exchange.h"

enum sp_respond {
	SP_RESPOND_SKIP,                /* an interim answer that goes nowhere */
	SP_RESPOND_INTERIM,             /* pass it on; the answer itself is still due */
	SP_RESPOND_FINAL,
	SP_RESPOND_TUNNEL,              /* 101, asked for and of the kind that was asked for */
	SP_RESPOND_BAD,
	SP_RESPOND_MEMORY,
};

/* Changes x->response in place. */
enum sp_respond sp_respond(struct sp_exchange *x);

#endif
