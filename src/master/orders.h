/*
 * orders - what the monitor asks the master to carry out for somebody at the
 * admin socket, and what comes of it.
 *
 * The connection of who asked comes along and is kept here, unread, until there
 * is an outcome: a reload replaces the monitor that asked. Connection and
 * outcome then go to the monitor of that moment, or to the next.
 */
#ifndef SP_MASTER_ORDERS_H
#define SP_MASTER_ORDERS_H

#include "master_int.h"

/* From a process that may say anything; the descriptor is taken. */
void sp_orders_take(struct sp_master *m, struct sp_ipc_message *message);
void sp_orders_deliver(struct sp_master *m); /* those that are decided, if somebody is there to take them */
void sp_orders_close(struct sp_master *m);

#endif
