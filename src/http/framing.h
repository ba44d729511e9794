/*
 * framing - where the body ends (RFC 9112 6.3): by length, by chunks, by the close, or there is none. Never two.
 */
#ifndef SP_HTTP_FRAMING_H
#define SP_HTTP_FRAMING_H

#include "sp/http/head.h"
#include "sp/http/refuse.h"

struct sp_framing_fields { /* what the head said, dropped or not */
	unsigned length_count, coding_count;
	struct sp_str length, coding; /* the last of each */
};

SP_MUST_USE enum sp_refuse sp_framing_request(struct sp_head *head, const struct sp_framing_fields *said);
/* method: of the request that this answers. */
SP_MUST_USE enum sp_refuse sp_framing_response(struct sp_head *head, const struct sp_framing_fields *said,
					       enum sp_method method);

#endif
