#include "pause_int.h"

#include <openssl/async.h>

#include "sp/base/check.h"

/* One process is one thread, and one handshake runs at a time. */
static struct {
	struct sp_pause *current;
	struct sp_list line; /* of struct sp_pause: who waits for a job, the first first */
	bool is_ready;
} pauses;

bool sp_pause_prepare(struct sp_err *err)
{
	if (pauses.is_ready)
		return true;
	if (ASYNC_init_thread(SP_PAUSE_MOST, 0) != 1)
		return sp_err_set(err, "OpenSSL cannot pause handshakes");
	sp_list_init(&pauses.line);
	pauses.is_ready = true;
	return true;
}

void sp_pause_init(struct sp_pause *pause, void (*wake)(struct sp_pause *pause))
{
	*pause = (struct sp_pause){ .wake = wake };
	sp_list_init(&pause->line);
}

struct sp_pause *sp_pause_current(void)
{
	return ASYNC_get_current_job() == NULL ? NULL : pauses.current;
}

/* Whoever leaves lets the next one try; one that tries in vain lines up again. */
static void call_next(void)
{
	struct sp_pause *next;

	if (!pauses.is_ready || sp_list_is_empty(&pauses.line))
		return;
	next = SP_HOLDER(pauses.line.next, struct sp_pause, line);
	sp_list_unlink(&next->line);
	next->wake(next);
}

void sp_pause_enter(struct sp_pause *pause)
{
	SP_ASSERT(pauses.current == NULL);
	sp_list_unlink(&pause->line);
	pauses.current = pause;
}

void sp_pause_leave(struct sp_pause *pause)
{
	SP_ASSERT(pauses.current == pause);
	pauses.current = NULL;
	if (sp_pause_is_over(pause))
		call_next();
}

void sp_pause_line_up(struct sp_pause *pause)
{
	SP_ASSERT(pauses.is_ready && !pause->is_on);
	sp_list_unlink(&pause->line);
	sp_list_push(&pauses.line, &pause->line);
}

void sp_pause_fini(struct sp_pause *pause)
{
	SP_ASSERT(!pause->is_on);
	sp_list_unlink(&pause->line);
	call_next();
}

bool sp_pause_now(struct sp_pause *pause)
{
	bool is_answered;

	pause->is_on = true;
	(void)ASYNC_pause_job();
	is_answered = !pause->is_on;
	pause->is_on = false;
	return is_answered;
}

void sp_pause_answered(struct sp_pause *pause)
{
	SP_ASSERT(pause->is_on);
	pause->is_on = false;
	pause->wake(pause);
}
