#include "sp/net/deadline.h"

#include <stdlib.h>

#include <event2/event.h>

#include "loop_int.h"
#include "sp/base/clock.h"

/* Items are in the order of their due_ms, because all have the same duration and the clock does not go back. */
struct sp_deadline_list {
	struct sp_list link; /* in the loop's lists */
	struct sp_list items; /* borrowed: struct sp_deadline */
	struct sp_loop *loop; /* borrowed */
	uint64_t ms;
};

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct sp_loop *loop = SP_OBJ(arg, struct sp_loop, SP_LOOP_MAGIC);

	(void)fd, (void)what;
	sp_loop_woke(loop);
	loop->timers.is_armed = false; /* the turn looks at the lists behind its soon list */
}

bool sp_timers_init(struct sp_loop *loop)
{
	sp_list_init(&loop->timers.lists);
	loop->timers.next_due_ms = UINT64_MAX;
	return event_assign(&loop->timers.event, loop->base, -1, 0, on_timer, loop) == 0;
}

void sp_timers_fini(struct sp_loop *loop)
{
	struct sp_list *lists = &loop->timers.lists;

	event_del(&loop->timers.event);
	for (struct sp_list *at = lists->next, *next; at != lists; at = next) {
		struct sp_deadline_list *list = SP_HOLDER(at, struct sp_deadline_list, link);

		next = at->next;
		while (!sp_list_is_empty(&list->items))
			sp_list_unlink(list->items.next);
		free(list);
	}
	sp_list_init(lists);
}

struct sp_deadline_list *sp_loop_deadlines(struct sp_loop *loop, uint64_t ms)
{
	struct sp_list *lists = &loop->timers.lists;
	struct sp_deadline_list *list;

	SP_ASSERT(ms > 0);
	for (struct sp_list *at = lists->next; at != lists; at = at->next) {
		list = SP_HOLDER(at, struct sp_deadline_list, link);
		if (list->ms == ms)
			return list;
	}
	list = malloc(sizeof(*list));
	if (list == NULL)
		return NULL;
	list->loop = loop;
	list->ms = ms;
	sp_list_init(&list->items);
	sp_list_push(lists, &list->link);
	return list;
}

/* How much later than due is still in time: what fires together costs one turn. */
static uint64_t slack_ms(uint64_t ms)
{
	return ms / 50 > 10 ? ms / 50 : 10;
}

/* Without memory for libevent's heap the next turn tries again. */
static void arm(struct sp_timers *timers, uint64_t wait_ms)
{
	struct timeval tv = { .tv_sec = (time_t)(wait_ms / 1000), .tv_usec = (suseconds_t)(wait_ms % 1000 * 1000) };

	timers->is_armed = event_add(&timers->event, &tv) == 0;
}

/* Calls what is due of one list; the due time of the first that is not, or UINT64_MAX. */
static uint64_t fire_due(struct sp_deadline_list *list, uint64_t now)
{
	while (!sp_list_is_empty(&list->items)) {
		struct sp_deadline *first = SP_HOLDER(list->items.next, struct sp_deadline, link);

		if (first->due_ms > now)
			return first->due_ms;
		sp_list_unlink(&first->link);
		first->fire(first);
	}
	return UINT64_MAX;
}

static void fire_all(struct sp_loop *loop, uint64_t now)
{
	struct sp_timers *timers = &loop->timers;
	uint64_t next = UINT64_MAX, slack = 0;

	/* A callback that sets a deadline meanwhile lowers it again. Lists are never taken away while the loop lives. */
	timers->next_due_ms = UINT64_MAX;
	for (struct sp_list *at = timers->lists.next; at != &timers->lists; at = at->next) {
		struct sp_deadline_list *list = SP_HOLDER(at, struct sp_deadline_list, link);
		uint64_t due = fire_due(list, now);

		if (due < next) {
			next = due;
			slack = slack_ms(list->ms);
		}
	}
	if (next >= timers->next_due_ms)
		return;
	timers->next_due_ms = next;
	arm(timers, next - now + slack / 2);
}

void sp_timers_run(struct sp_loop *loop)
{
	struct sp_timers *timers = &loop->timers;
	uint64_t now = sp_now_ms();

	if (now >= timers->next_due_ms)
		fire_all(loop, now);
	else if (timers->next_due_ms != UINT64_MAX && !timers->is_armed)
		arm(timers, timers->next_due_ms - now + 1); /* libevent's coarse clock was ahead of ours */
}

void sp_deadline_init(struct sp_deadline *deadline)
{
	sp_list_init(&deadline->link);
	deadline->due_ms = 0;
	deadline->fire = NULL;
}

void sp_deadline_set(struct sp_deadline *deadline, struct sp_deadline_list *list,
		     void (*fire)(struct sp_deadline *deadline))
{
	struct sp_timers *timers;

	sp_list_unlink(&deadline->link);
	if (list == NULL)
		return;
	timers = &list->loop->timers;
	deadline->fire = fire;
	deadline->due_ms = sp_now_ms() + list->ms;
	sp_list_push(&list->items, &deadline->link);
	if (deadline->due_ms < timers->next_due_ms) {
		timers->next_due_ms = deadline->due_ms;
		arm(timers, list->ms + slack_ms(list->ms) / 2);
	}
}

void sp_deadline_clear(struct sp_deadline *deadline)
{
	sp_list_unlink(&deadline->link);
}
