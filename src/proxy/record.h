/*
 * record - an exchange that is over is counted, and has its access line.
 */
#ifndef SP_PROXY_RECORD_H
#define SP_PROXY_RECORD_H

#include "exchange.h"

void sp_record(const struct sp_exchange *x);

#endif
