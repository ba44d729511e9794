#include "sp/net/loop.h"

#include <stdlib.h>

#include <event2/event.h>

#include "loop_int.h"
#include "sp/base/check.h"
#include "sp/base/clock.h"

/* epoll or nothing: the streams need its edges and the early notice of a close. The coarse clock is enough (our
 * deadlines allow for it); no locks, as one thread runs it; the environment has no say. */
static struct event_base *make_base(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (config == NULL)
		return NULL;
	if (event_config_require_features(config, EV_FEATURE_ET | EV_FEATURE_O1 | EV_FEATURE_EARLY_CLOSE) == 0 &&
	    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0 &&
	    event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV) == 0)
		base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

struct sp_loop *sp_loop_new(struct sp_err *err)
{
	struct sp_loop *loop = calloc(1, sizeof(*loop));

	if (loop == NULL) {
		sp_err_set(err, "no memory for the event loop");
		return NULL;
	}
	loop->magic = SP_LOOP_MAGIC;
	sp_list_init(&loop->soon);
	sp_list_init(&loop->flushes);
	loop->base = make_base();
	if (loop->base == NULL || !sp_timers_init(loop) || !sp_doubts_init(loop)) {
		sp_err_set(err, "libevent gives no event base on epoll");
		if (loop->base != NULL)
			event_base_free(loop->base);
		free(loop);
		return NULL;
	}
	sp_clock_tick();
	return loop;
}

static void run_soon(struct sp_loop *loop)
{
	struct sp_list due;

	/* What is added meanwhile belongs to the next turn. */
	sp_list_move_all(&loop->soon, &due);
	while (!sp_list_is_empty(&due)) {
		struct sp_soon *soon = SP_HOLDER(due.next, struct sp_soon, link);

		sp_list_unlink(&soon->link);
		soon->run(soon);
	}
}

static void run_burials(struct sp_loop *loop)
{
	while (loop->graves != NULL) {
		struct sp_grave *grave = loop->graves;

		loop->graves = grave->next;
		grave->free(grave);
	}
}

static void run_flushes(struct sp_loop *loop)
{
	struct sp_list *at = loop->flushes.next;

	while (at != &loop->flushes) {
		struct sp_flush *flush = SP_HOLDER(at, struct sp_flush, link);

		at = at->next; /* it may take itself off */
		flush->run(flush);
	}
}

void sp_loop_woke(struct sp_loop *loop)
{
	if (loop->is_woken)
		return;
	loop->is_woken = true;
	sp_clock_tick();
}

/* false: libevent has nothing that could ever wake us. */
static bool run_turn(struct sp_loop *loop, bool may_block)
{
	int how = EVLOOP_ONCE;
	int rc;

	if (!may_block || !sp_list_is_empty(&loop->soon))
		how |= EVLOOP_NONBLOCK;
	loop->is_woken = false;
	loop->phase++;
	rc = event_base_loop(loop->base, how);
	SP_ASSERT(rc >= 0);
	sp_loop_woke(loop);
	loop->phase++;
	run_soon(loop);
	sp_timers_run(loop);
	run_burials(loop);
	run_flushes(loop);
	return rc == 0 || !sp_list_is_empty(&loop->soon);
}

void sp_loop_turn(struct sp_loop *loop, bool may_block)
{
	(void)run_turn(loop, may_block);
}

void sp_loop_run(struct sp_loop *loop)
{
	bool may_go_on = true;

	while (may_go_on)
		may_go_on = run_turn(loop, !loop->is_stopped) && !loop->is_stopped;
	loop->is_stopped = false;
}

void sp_loop_stop(struct sp_loop *loop)
{
	loop->is_stopped = true;
}

struct event_base *sp_loop_base(struct sp_loop *loop)
{
	return loop->base;
}

uint64_t sp_loop_phase(const struct sp_loop *loop)
{
	return loop->phase;
}

void sp_soon_init(struct sp_soon *soon, void (*run)(struct sp_soon *soon))
{
	sp_list_init(&soon->link);
	soon->run = run;
}

void sp_soon_add(struct sp_loop *loop, struct sp_soon *soon)
{
	if (!sp_list_is_linked(&soon->link))
		sp_list_push(&loop->soon, &soon->link);
}

void sp_soon_cancel(struct sp_soon *soon)
{
	sp_list_unlink(&soon->link);
}

void sp_loop_bury(struct sp_loop *loop, struct sp_grave *grave, void (*free_grave)(struct sp_grave *grave))
{
	if (grave->is_buried)
		return;
	grave->is_buried = true;
	grave->free = free_grave;
	grave->next = loop->graves;
	loop->graves = grave;
}

void sp_loop_on_flush(struct sp_loop *loop, struct sp_flush *flush)
{
	sp_list_init(&flush->link);
	sp_list_push(&loop->flushes, &flush->link);
}

void sp_loop_off_flush(struct sp_flush *flush)
{
	sp_list_unlink(&flush->link);
}

void sp_loop_free(struct sp_loop *loop)
{
	if (loop == NULL)
		return;
	SP_ASSERT(loop->magic == SP_LOOP_MAGIC);
	run_burials(loop);
	sp_timers_fini(loop);
	event_base_free(loop->base);
	loop->magic = 0;
	free(loop);
}
