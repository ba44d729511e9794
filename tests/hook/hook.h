/*
 * hook - called by a worker that was compiled with SP_TEST_HOOKS, once, when all that is foreign is about to begin.
 */
#ifndef T_HOOK_H
#define T_HOOK_H

#include "sp/worker/worker.h"

void sp_test_hook_worker(const struct sp_worker_env *env);

#endif
