/*
 * target - request target and Host: one reading, or refused.
 */
#ifndef SP_HTTP_TARGET_H
#define SP_HTTP_TARGET_H

#include "sp/base/arena.h"
#include "sp/http/head.h"
#include "sp/http/refuse.h"

struct sp_authority {
	struct sp_str host; /* lower case, no trailing dot, v6 in its one spelling in brackets */
	uint16_t port; /* 0 = none was given */
};

/* A Host value: reg-name of DNS letters, IPv4 or [IPv6], each with or without a port. */
SP_MUST_USE enum sp_refuse sp_authority_read(struct sp_str text, struct sp_arena *arena, struct sp_authority *out);

/* head->target to path and query. host: what the Host field said; an absolute target must agree with it. */
SP_MUST_USE enum sp_refuse sp_target_read(struct sp_head *head, struct sp_arena *arena,
					  const struct sp_authority *host);

#endif
