/*
 * gate - what a head must be before anybody acts on it.
 *
 * The scanner has read the fields; here they get their meaning: Host and
 * target, framing, Connection, Expect, Upgrade. The first fault is the answer.
 */
#ifndef SP_HTTP_GATE_H
#define SP_HTTP_GATE_H

#include "sp/base/arena.h"
#include "sp/http/head.h"
#include "sp/http/refuse.h"

SP_MUST_USE enum sp_refuse sp_gate_request(struct sp_head *head, struct sp_arena *arena);
SP_MUST_USE enum sp_refuse sp_gate_response(struct sp_head *head, enum sp_method method);

#endif
