/*
 * edit - fields set, added and removed: request_header and response_header of a
 * route, security_headers, hsts.
 */
#ifndef SP_POLICY_EDIT_H
#define SP_POLICY_EDIT_H

#include "sp/base/arena.h"
#include "sp/conf/conf.h"
#include "sp/http/head.h"

/* In file order. `set` replaces all of that name by one, `add` appends, `remove` drops all. false: no memory. */
SP_MUST_USE bool sp_edit_apply(struct sp_head *head, struct sp_arena *arena, const struct sp_conf_edit *edits,
                               size_t count);
/* nosniff, frame deny, referrer policy, each only where the answer has none. */
SP_MUST_USE bool sp_edit_security(struct sp_head *head, struct sp_arena *arena);
/* Strict-Transport-Security as [tls] says, where the answer has none (RFC 6797 7.1). hsts = 0: nothing. */
SP_MUST_USE bool sp_edit_hsts(struct sp_head *head, struct sp_arena *arena, const struct sp_conf_tls *tls);

#endif
