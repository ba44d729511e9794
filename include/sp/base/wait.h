/*
 * wait - something that may be answered in a later turn of the loop (a connect,
 * a signature, a place in a queue).
 *
 * It lives inside the waiter and is never allocated. Whoever answers calls
 * sp_wait_wake once; the waiter may cancel before. Between processes only
 * `id` travels, never a pointer; an answer for an id that is gone is dropped.
 */
#ifndef SP_BASE_WAIT_H
#define SP_BASE_WAIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sp_wait {
	void (*wake)(struct sp_wait *w);        /* NULL = not waiting */
	void (*cancel)(struct sp_wait *w);      /* set by whoever will answer: forget me; NULL = nothing to do */
	uint32_t id;                            /* of the answerer's table */
};

static inline bool sp_wait_is_on(const struct sp_wait *w)
{
	return w->wake != NULL;
}

static inline void sp_wait_wake(struct sp_wait *w)
{
	void (*wake)(struct sp_wait *) = w->wake;

	w->wake = NULL;
	w->cancel = NULL;
	if (wake != NULL)
		wake(w);
}

static inline void sp_wait_cancel(struct sp_wait *w)
{
	void (*cancel)(struct sp_wait *) = w->cancel;

	w->wake = NULL;
	w->cancel = NULL;
	if (cancel != NULL)
		cancel(w);
}

#endif
