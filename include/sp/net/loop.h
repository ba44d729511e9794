/*
 * loop - one turn after the other: poll, callbacks, the "soon" list, deadlines,
 * burial, flush.
 *
 *     while (!stop) { event_base_loop(base, how); soon(); deadlines(); bury(); flush(); }
 *
 * The clock is read once after each poll: by the first event callback of the
 * turn, which is why each begins with sp_loop_woke. One loop a process, one
 * thread.
 */
#ifndef SP_NET_LOOP_H
#define SP_NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "sp/base/err.h"
#include "sp/base/list.h"

struct event_base;
struct sp_loop;

SP_MUST_USE struct sp_loop *sp_loop_new(struct sp_err *err);
void sp_loop_free(struct sp_loop *loop);                /* runs a last burial; NULL is fine */
/* Until sp_loop_stop, or until nothing is left that could wake it. */
void sp_loop_run(struct sp_loop *loop);
void sp_loop_stop(struct sp_loop *loop);                /* at the end of this turn; before sp_loop_run: after its first */
void sp_loop_turn(struct sp_loop *loop, bool may_block);        /* one turn, for tests */
struct event_base *sp_loop_base(struct sp_loop *loop);
void sp_loop_woke(struct sp_loop *loop);                /* first act of every event callback: the clock of this turn */
/* Grows before the events of a turn and again before its soon list: what budgets a turn are counted by. */
uint64_t sp_loop_phase(const struct sp_loop *loop);
/* The events of this turn are being told: others of the same poll may still be to come. */
bool sp_loop_is_hearing(const struct sp_loop *loop);

/* Soon: run once behind the ready events of this turn, after the others that are due. */
struct sp_soon {
	struct sp_list link;
	void (*run)(struct sp_soon *soon);
};
void sp_soon_init(struct sp_soon *soon, void (*run)(struct sp_soon *soon));
void sp_soon_add(struct sp_loop *loop, struct sp_soon *soon);           /* once, however often called */
void sp_soon_cancel(struct sp_soon *soon);

/* Grave: an object that was closed in this turn is freed when the turn is over. */
struct sp_grave {
	struct sp_grave *next;
	void (*free)(struct sp_grave *grave);
	bool is_buried;
};
/* grave is zeroed before its first use; a second call does nothing. */
void sp_loop_bury(struct sp_loop *loop, struct sp_grave *grave, void (*free)(struct sp_grave *grave));

/* Flush: called at the end of each turn (log buffers). */
struct sp_flush {
	struct sp_list link;
	void (*run)(struct sp_flush *flush);
};
void sp_loop_on_flush(struct sp_loop *loop, struct sp_flush *flush);    /* link is initialised here */
void sp_loop_off_flush(struct sp_flush *flush);

#endif
