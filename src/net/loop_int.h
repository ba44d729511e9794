/*
 * loop_int - the inside of the loop, for the files of net that are part of a turn.
 */
#ifndef SP_NET_LOOP_INT_H
#define SP_NET_LOOP_INT_H

#include <event2/event.h>
#include <event2/event_struct.h>

#include "sp/net/deadline.h"
#include "sp/net/loop.h"

/* The deadline lists of a loop. next_due_ms is never later than the first due deadline (it may be earlier: what
 * was set again or cleared meanwhile), so most turns compare one number. */
struct sp_timers {
	struct sp_list lists; /* owned: struct sp_deadline_list */
	struct event event; /* wakes the loop, no more */
	uint64_t next_due_ms; /* UINT64_MAX = none */
	bool is_armed;
};

/* Streams that read short since the last look: a reset may have come with the bytes. See stream.c. */
struct sp_doubts {
	struct sp_list streams; /* borrowed: sp_stream.doubt */
	struct sp_deadline next_look;
	struct sp_deadline_list *list; /* borrowed: of the loop */
};

struct sp_loop {
	uint32_t magic;
	struct event_base *base; /* owned */
	struct sp_list soon;
	struct sp_list flushes;
	struct sp_grave *graves;
	struct sp_timers timers;
	struct sp_doubts doubts;
	uint64_t phase;
	bool is_woken, is_stopped;
};

#define SP_LOOP_MAGIC 0x4c6f6f70U

SP_MUST_USE bool sp_doubts_init(struct sp_loop *loop);
SP_MUST_USE bool sp_timers_init(struct sp_loop *loop);
void sp_timers_fini(struct sp_loop *loop);
void sp_timers_run(struct sp_loop *loop);

#endif
