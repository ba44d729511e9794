/*
 * reply - our own answers: short, plain text or JSON by Accept.
 */
#ifndef SP_HTTP_REPLY_H
#define SP_HTTP_REPLY_H

#include "sp/base/arena.h"
#include "sp/http/head.h"

struct sp_str sp_status_reason(unsigned status);        /* "Not Found"; "Unknown" for one we do not know */
/* Does this Accept ask for JSON rather than text? (RFC 9110 12.5.1, with q values) */
bool sp_reply_wants_json(struct sp_str accept);
/* Fills head (a response of that status with Content-Type, Date, Cache-Control: no-store, X-Request-Id) and *body:
 * `404 Not Found` and a newline with the id, or {"status":404,"error":"Not Found","id":"…"}.
 * text replaces the standard sentence when not empty. All in the arena. false: no memory. */
SP_MUST_USE bool sp_reply_make(struct sp_head *head, struct sp_arena *arena, unsigned status, bool is_json,
                               struct sp_str text, struct sp_str request_id, struct sp_str *body);

#endif
