/*
 * keeper - the only process that holds private keys.
 *
 * It reads them from the descriptors that the configuration holds, compares
 * each with its certificate, and answers workers' questions: sign this, by this
 * key, in this scheme. Only texts of a TLS server are signed (key/asks.h). It
 * needs no file, no network and no clock but the loop's.
 */
#ifndef SP_ROLE_KEEPER_H
#define SP_ROLE_KEEPER_H

#include "sp/role/role.h"

/* Returns when the process should exit. The key descriptors are closed once they were read. */
SP_MUST_USE enum sp_role_exit sp_keeper_run(const struct sp_role_env *env);

#endif
