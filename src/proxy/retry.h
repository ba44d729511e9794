/*
 * retry - what may be sent a second time (RFC 9110 9.2.2, spec [pool] retries).
 */
#ifndef SP_PROXY_RETRY_H
#define SP_PROXY_RETRY_H

#include "exchange.h"

enum sp_retry {
	SP_RETRY_NO,
	SP_RETRY_OTHER,                 /* on another backend; counts */
	SP_RETRY_STALE,                 /* the pooled connection had died: once more on a fresh one; does not count */
};

/* Asked when the up end has failed, while the exchange still has the lease. */
enum sp_retry sp_retry_how(const struct sp_exchange *x);

#endif
