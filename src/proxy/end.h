/*
 * end - one side of an exchange: speaks a protocol on a stream, or answers by itself.
 *
 * Both sides offer the same operations. None calls the exchange back before it
 * returns, except to note a fact (exchange.h).
 */
#ifndef SP_PROXY_END_H
#define SP_PROXY_END_H

#include <stddef.h>
#include <stdint.h>

#include "sp/http/head.h"

#include "why.h"

struct sp_end;
struct sp_exchange;

enum sp_side { SP_DOWN, SP_UP };        /* towards the client, towards the backend */

struct sp_end_ops {
	void (*head)(struct sp_end *e, struct sp_head *h);      /* send it outwards; 1xx may come before. Bytes leave at the next kick */
	void (*kick)(struct sp_end *e);                         /* the pipe towards you has bytes or its end, or a head waits */
	void (*room)(struct sp_end *e, size_t taken);           /* the pipe from you was emptied by this much: read on. The first
	                                                         * call (taken = 0) says that the body may be read at all */
	void (*tunnel)(struct sp_end *e);                       /* from here on no framing */
	void (*abort)(struct sp_end *e, enum sp_why why);       /* this exchange is over for you, before its time; cut the link */
	bool (*take_back)(struct sp_end *e);                    /* down end: forget the final head; false: some of it has left */
	void (*done)(struct sp_end *e);                         /* it is over, all was sent and read; cut the link */
};

struct sp_end {
	uint32_t magic;
	const struct sp_end_ops *ops;
	struct sp_exchange *x;          /* the exchange of now, or NULL; cut by abort and done */
};

#define SP_END_MAGIC 0x456e6421U

#endif
