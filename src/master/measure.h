/*
 * measure - how much memory and how many descriptors each process of ours has.
 *
 * Nobody may look into a process that is not dumpable but the process itself (with hidepid= nobody else even sees it), and
 * once it is confined it opens nothing. So a child opens two files of /proc about itself right after the fork and sends
 * them here. The master reads them each second and writes on the board what they say: the kernel's word, which a process
 * that was taken over later cannot change. Where /proc is not there the figures are not known.
 */
#ifndef SP_MASTER_MEASURE_H
#define SP_MASTER_MEASURE_H

#include "master_int.h"

/* The child's half: before its rights and descriptors go. */
void sp_measure_tell(int channel_fd, enum sp_ipc_role self);

void sp_measure_begin(struct sp_master *m);
void sp_measure_end(struct sp_master *m);
void sp_measure_take(struct sp_slot *slot, struct sp_ipc_message *message); /* what the child sent; not after it is ready */
void sp_measure_ready(struct sp_slot *slot); /* it serves: its first figures */
void sp_measure_forget(struct sp_slot *slot); /* its process is gone */

/* What is read. false: nothing is known, its process is gone, or it is another file. */
SP_MUST_USE bool sp_gauge_memory(int fd, uint64_t *resident, uint64_t *size);
/* 0: not known. may_list: where the kernel does not say how many there are (before Linux 6.2), look at each. */
SP_MUST_USE uint64_t sp_gauge_fds(int fd, bool may_list);
SP_MUST_USE uint64_t sp_gauge_list_fds(int fd);

#endif
