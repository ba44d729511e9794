/*
 * dialer - the only process that makes sockets.
 *
 * A worker gives the index of a backend; the address is the configuration's,
 * and the egress rules are applied to it at every ask. The socket goes back at
 * once, still connecting: the worker owns the deadline and reads the outcome.
 */
#ifndef SP_ROLE_DIALER_H
#define SP_ROLE_DIALER_H

#include "sp/role/role.h"

/* Returns when the process should exit. */
SP_MUST_USE enum sp_role_exit sp_dialer_run(const struct sp_role_env *env);

#endif
