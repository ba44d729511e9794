/*
 * limits - descriptors: what max_connections needs, asked of the kernel.
 */
#ifndef SP_MASTER_LIMITS_H
#define SP_MASTER_LIMITS_H

#include <stdint.h>

#include "sp/conf/conf.h"

/* Of one process. A worker may come to hold all clients, each with a backend connection, and what is kept idle. */
uint64_t sp_limits_descriptors(const struct sp_conf *conf);
/* Raises this process's limit (children inherit it); logs what is missing. */
void sp_limits_raise(const struct sp_conf *conf);

#endif
