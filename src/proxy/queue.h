/*
 * queue - requests of one pool that wait for a backend to come under its max_inflight.
 *
 * First come, first served; bounded in number and time. A place lives inside
 * the waiter. It is called when a lease of this worker returned; those of other
 * workers, and backends that come back, are looked for every SP_QUEUE_POLL_MS
 * while somebody waits. `queue` is the gateway's: each worker has an even share.
 */
#ifndef SP_PROXY_QUEUE_H
#define SP_PROXY_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sp/base/wait.h"
#include "sp/net/deadline.h"
#include "sp/net/loop.h"

#define SP_QUEUE_POLL_MS 10

struct sp_pool;

struct sp_queue {
	struct sp_pool *pool;           /* owner */
	struct sp_list waiting;         /* of places, the first comer first */
	size_t count, max;
	struct sp_deadline_list *timeout;       /* the loop's; how long one may wait */
	struct sp_deadline poll;
	struct sp_soon look;            /* somebody may be called, once this turn's events were heard */
};

struct sp_place {
	struct sp_list link;
	struct sp_deadline deadline;
	struct sp_queue *queue;         /* NULL: never waited */
	struct sp_wait wait;            /* whom to wake; cancelling it leaves the queue */
	uint64_t tried;                 /* backends that are of no use to it */
	bool is_late;                   /* queue_timeout is over */
};

/* workers: among how many the pool's `queue` is shared. false: no memory. */
SP_MUST_USE bool sp_queue_init(struct sp_queue *queue, struct sp_pool *pool, unsigned workers);
void sp_queue_fini(struct sp_queue *queue);             /* nobody waits any more */

void sp_place_init(struct sp_place *place);
/* Waits until `wake` is called: it is one's turn, or place->is_late. false: the queue is full. */
SP_MUST_USE bool sp_queue_enter(struct sp_queue *queue, struct sp_place *place, void (*wake)(struct sp_wait *wait),
                                uint64_t tried);
void sp_queue_look(struct sp_queue *queue);             /* something has changed: somebody may be called */
static inline bool sp_queue_is_empty(const struct sp_queue *queue)
{
	return queue->count == 0;
}

#endif
