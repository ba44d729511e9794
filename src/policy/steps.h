/*
 * steps - the policies there are, for who builds chains.
 */
#ifndef SP_POLICY_STEPS_H
#define SP_POLICY_STEPS_H

#include "sp/policy/policy.h"

/* shape: the listener's methods; another is answered 405. false: no memory. */
SP_MUST_USE bool sp_shape_of_listener(const struct sp_conf_listener *conf, struct sp_arena *arena, struct sp_step *out);

/* rate: one [limit:NAME]. route: whose name is counted by, empty of a listener; both are borrowed. false: no memory. */
SP_MUST_USE bool sp_rate_make(const struct sp_conf_limit *limit, struct sp_str route, struct sp_arena *arena,
                              struct sp_step *out);

/* geo: one [geo:NAME]; borrowed. false: no memory. */
SP_MUST_USE bool sp_geo_make(const struct sp_conf_geo *conf, struct sp_arena *arena, struct sp_step *out);

/* acl: the client's address, 403 when it is not to be served. Borrows the lists. false: no memory, and *out has to be freed
 * when its policy is set. */
SP_MUST_USE bool sp_acl_make(const struct sp_conf_section *section, const struct sp_conf_cidrs *allow,
                             const struct sp_conf_cidrs *deny, struct sp_arena *arena, struct sp_step *out);

#endif
