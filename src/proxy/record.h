/*
 * record - the access line of an exchange that is over.
 */
#ifndef SP_PROXY_RECORD_H
#define SP_PROXY_RECORD_H

#include "exchange.h"

void sp_record(const struct sp_exchange *x);

#endif
