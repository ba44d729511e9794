/*
 * tally - how many clients all workers have, in memory shared by them.
 *
 * Each worker writes its own row and nobody else's, so a count needs no lock
 * and leaks with nobody: the master clears the row of a dead worker. Who asks
 * sums over the rows. Slot 0 counts all clients; which slot is which listener's
 * the master says, and it stays so over all generations.
 */
#ifndef SP_WORKER_TALLY_H
#define SP_WORKER_TALLY_H

#include <stddef.h>
#include <stdint.h>

#include "sp/base/err.h"

struct sp_tally;

/* Before the first fork. NULL with *err. */
SP_MUST_USE struct sp_tally *sp_tally_new(size_t rows, size_t slots, struct sp_err *err);
void sp_tally_free(struct sp_tally *tally);             /* unmaps here; NULL is fine */

void sp_tally_set(struct sp_tally *tally, size_t row, size_t slot, uint32_t n);
void sp_tally_clear(struct sp_tally *tally, size_t row);
uint64_t sp_tally_sum(const struct sp_tally *tally, size_t slot);

#endif
