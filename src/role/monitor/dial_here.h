/*
 * dial_here - what the dialer does, in this process: for `check --online`, which has none. The same rules judge the same
 * addresses; as from the dialer, an answer comes in a later turn.
 */
#ifndef SP_ROLE_MONITOR_DIAL_HERE_H
#define SP_ROLE_MONITOR_DIAL_HERE_H

#include "sp/conf/conf.h"
#include "sp/net/dial.h"
#include "sp/net/loop.h"

/* The address of a backend by its index, the nth one of a name. false: there is none such. */
typedef bool sp_dial_find(void *arg, uint32_t index, uint32_t nth, struct sp_addr *addr);

/* conf and loop are borrowed. NULL: no memory. */
SP_MUST_USE struct sp_dial *sp_dial_new_here(struct sp_loop *loop, const struct sp_conf *conf, sp_dial_find *find,
					     void *arg);

#endif
