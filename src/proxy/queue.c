#include "queue.h"

#include "sp/base/check.h"

#include "balance.h"
#include "proxy_int.h"
#include "tally.h"

static void tell(const struct sp_queue *queue)
{
	sp_metrics_put(queue->pool->row, SP_POOL_QUEUED, queue->count);
}

static void leave(struct sp_place *place)
{
	if (!sp_list_is_linked(&place->link))
		return;
	sp_list_unlink(&place->link);
	sp_deadline_clear(&place->deadline);
	if (--place->queue->count == 0)
		sp_deadline_clear(&place->queue->poll);
	tell(place->queue);
}

static void call(struct sp_place *place)
{
	leave(place);
	sp_wait_wake(&place->wait);
}

static void on_late(struct sp_deadline *deadline)
{
	struct sp_place *place = SP_HOLDER(deadline, struct sp_place, deadline);

	place->is_late = true;
	call(place);
}

static void on_cancel(struct sp_wait *wait)
{
	leave(SP_HOLDER(wait, struct sp_place, wait));
}

/* Each of those who wait now is called once at most: who must wait again has a new place at the end. */
static void call_all_that_fit(struct sp_queue *queue)
{
	for (size_t left = queue->count; left > 0; left--) {
		struct sp_list *at = queue->waiting.next;

		while (at != &queue->waiting && !sp_balance_has_room(queue->pool, SP_HOLDER(at, struct sp_place, link)->tried))
			at = at->next;
		if (at == &queue->waiting)
			return;
		call(SP_HOLDER(at, struct sp_place, link));
	}
}

static void on_look(struct sp_soon *soon)
{
	call_all_that_fit(SP_HOLDER(soon, struct sp_queue, look));
}

static void on_poll(struct sp_deadline *deadline)
{
	struct sp_queue *queue = SP_HOLDER(deadline, struct sp_queue, poll);

	sp_deadline_set(&queue->poll, sp_loop_deadlines(queue->pool->proxy->loop, SP_QUEUE_POLL_MS), on_poll);
	call_all_that_fit(queue);
}

bool sp_queue_init(struct sp_queue *queue, struct sp_pool *pool, unsigned workers)
{
	struct sp_loop *loop = pool->proxy->loop;

	SP_ASSERT(workers > 0);
	*queue = (struct sp_queue){ .pool = pool, .max = (size_t)(pool->conf->queue + workers - 1) / workers };
	sp_list_init(&queue->waiting);
	sp_deadline_init(&queue->poll);
	sp_soon_init(&queue->look, on_look);
	queue->timeout = sp_loop_deadlines(loop, pool->conf->queue_timeout);
	return queue->timeout != NULL && sp_loop_deadlines(loop, SP_QUEUE_POLL_MS) != NULL;
}

void sp_queue_fini(struct sp_queue *queue)
{
	SP_ASSERT(queue->count == 0);
	sp_deadline_clear(&queue->poll);
	sp_soon_cancel(&queue->look);
}

void sp_place_init(struct sp_place *place)
{
	*place = (struct sp_place){ .queue = NULL };
	sp_list_init(&place->link);
	sp_deadline_init(&place->deadline);
}

bool sp_queue_enter(struct sp_queue *queue, struct sp_place *place, void (*wake)(struct sp_wait *wait),
                    uint64_t tried)
{
	SP_ASSERT(!sp_list_is_linked(&place->link));
	if (queue->count >= queue->max)
		return false;
	place->queue = queue;
	place->wait = (struct sp_wait){ .wake = wake, .cancel = on_cancel };
	place->tried = tried;
	sp_list_push(&queue->waiting, &place->link);
	sp_deadline_set(&place->deadline, queue->timeout, on_late);
	if (queue->count++ == 0)
		sp_deadline_set(&queue->poll, sp_loop_deadlines(queue->pool->proxy->loop, SP_QUEUE_POLL_MS), on_poll);
	tell(queue);
	return true;
}

void sp_queue_look(struct sp_queue *queue)
{
	if (queue->count > 0)
		sp_soon_add(queue->pool->proxy->loop, &queue->look);
}
