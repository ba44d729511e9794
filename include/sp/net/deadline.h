/*
 * deadline - one FIFO for each duration, one libevent timer for all of them.
 *
 * Setting again moves to the tail: O(1), no system call. A deadline fires
 * behind the soon list of a turn, so what arrived with the same poll was in
 * time; at most 2 % of its duration (or 10 ms, when that is more) late, never
 * early.
 */
#ifndef SP_NET_DEADLINE_H
#define SP_NET_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

#include "sp/base/check.h"
#include "sp/base/list.h"
#include "sp/net/loop.h"

struct sp_deadline_list;                /* all deadlines of one duration; owned by the loop */

struct sp_deadline {
	struct sp_list link;
	uint64_t due_ms;
	void (*fire)(struct sp_deadline *deadline);
};

/* The list for this duration (ms > 0), made at the first call. NULL: no memory. */
SP_MUST_USE struct sp_deadline_list *sp_loop_deadlines(struct sp_loop *loop, uint64_t ms);

void sp_deadline_init(struct sp_deadline *deadline);
/* (Re)arms: fire is called once, `duration of the list` from now, unless cleared or set before. list NULL = none: clears. */
void sp_deadline_set(struct sp_deadline *deadline, struct sp_deadline_list *list,
                     void (*fire)(struct sp_deadline *deadline));
void sp_deadline_clear(struct sp_deadline *deadline);
static inline bool sp_deadline_is_set(const struct sp_deadline *deadline)
{
	return sp_list_is_linked(&deadline->link);
}

#endif
