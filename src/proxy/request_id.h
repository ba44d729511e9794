/*
 * request_id - names for requests: X-Request-Id, and traceparent (W3C Trace Context).
 *
 * 32 hex digits that nobody can guess or meet twice: two SipHashes of a counter
 * under a random key of this worker. No system call a request.
 */
#ifndef SP_PROXY_REQUEST_ID_H
#define SP_PROXY_REQUEST_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "sp/base/arena.h"
#include "sp/base/err.h"
#include "sp/base/siphash.h"
#include "sp/conf/conf.h"
#include "sp/http/head.h"

#define SP_REQUEST_ID_TEXT 33           /* 32 hex digits and NUL */

struct sp_request_ids {
	struct sp_siphash_key key;      /* of this worker alone: after fork */
	uint64_t counter;
};

SP_MUST_USE bool sp_request_ids_init(struct sp_request_ids *ids, struct sp_err *err);
struct sp_str sp_request_id_make(struct sp_request_ids *ids, char text[static SP_REQUEST_ID_TEXT]);

/* May this text of a trusted peer stand as the id: 1 to 64 of A-Z a-z 0-9 _ - . */
bool sp_request_id_is_valid(struct sp_str text);

/* A traceparent that may be believed. One of a later version is valid when it begins like one of ours. */
bool sp_trace_is_valid(struct sp_str traceparent);
/*
 * What a request's traceparent becomes on its way to the backend. We record no
 * span, so one valid traceparent goes on as it is, tracestate with it. Without
 * one both are dropped (a tracestate alone means nothing); SP_TRACE_START then
 * begins a trace, marked as sampled: a backend's sampler would else drop it.
 * false: no memory.
 */
SP_MUST_USE bool sp_trace_apply(struct sp_head *request, struct sp_arena *arena, enum sp_conf_trace mode,
                                struct sp_request_ids *ids);

#endif
