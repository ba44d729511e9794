/*
 * tell - what the monitor knows of the gateway: told when it comes up, and
 * whenever it changes. Nothing of it is shared memory; a message that is lost
 * costs a line of a status.
 */
#ifndef SP_MASTER_TELL_H
#define SP_MASTER_TELL_H

#include "master_int.h"

void sp_tell_all(struct sp_master *m); /* to the monitor that serves from now on, with its socket */
void sp_tell_gateway(struct sp_master *m);
void sp_tell_process(struct sp_slot *slot); /* one that is in no place yet, or no more: nothing is told */

#endif
