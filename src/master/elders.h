/*
 * elders - the processes of the programs before, which was this same process: workers that finish their connections,
 * and the keepers and dialers that they ask. Nothing is read from them and none is born again; they are told to
 * finish or to stop in their own program's words.
 *
 *   a worker           is told to finish when the new ones serve, and ends by itself
 *   keeper, dialer     end when no worker of their set lives any more
 *   logger             ends before the new one is born, which reads the same pipes
 *   monitor            ends before the new one is born, which listens on the same path
 */
#ifndef SP_MASTER_ELDERS_H
#define SP_MASTER_ELDERS_H

#include "handover.h"
#include "master_int.h"

/* From the takeover; waits for those that yield. Without one there are none. */
SP_MUST_USE bool sp_elders_begin(struct sp_master *m, struct sp_err *err);
void sp_elders_finish(struct sp_master *m); /* its workers: others serve */
void sp_elders_stop(struct sp_master *m); /* its workers, at once */
void sp_elders_kill(struct sp_master *m); /* its workers */
bool sp_elders_serve(const struct sp_master *m); /* its workers were not told to finish yet */
unsigned sp_elders_alive(const struct sp_master *m); /* workers */
/* false: it is none. */
bool sp_elders_on_exit(struct sp_master *m, pid_t pid, int status);
uint32_t sp_elders_banks(const struct sp_master *m); /* of the board, in which its workers count: SP_BIT of each */
void sp_elders_hand(const struct sp_master *m, struct sp_handing *handing);
void sp_elders_close(struct sp_master *m); /* kills those that are left, and waits for them */

#endif
