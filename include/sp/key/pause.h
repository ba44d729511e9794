/*
 * pause - a handshake that waits for its signature.
 *
 * SSL_do_handshake runs as a job of OpenSSL's (SSL_MODE_ASYNC). A key without a
 * private part asks the keeper and pauses the job; SSL_do_handshake returns,
 * and when the answer is there, wake is called: call SSL_do_handshake again. To
 * call it before is to give up: the signature, and so the handshake, fails.
 * That is what must happen before the SSL of a paused job is freed.
 *
 * At most SP_PAUSE_MOST jobs are paused in a process: one stack each. Who finds
 * no job free waits in a line, and is woken the same way.
 */
#ifndef SP_KEY_PAUSE_H
#define SP_KEY_PAUSE_H

#include <stdbool.h>

#include "sp/base/list.h"

#define SP_PAUSE_MOST 128U

struct sp_pause { /* lives inside whoever shakes hands */
	void (*wake)(struct sp_pause *pause); /* from an event; only notes that the handshake can go on */
	struct sp_list line; /* linked: waits for a job */
	bool is_on; /* its job is paused */
};

void sp_pause_init(struct sp_pause *pause, void (*wake)(struct sp_pause *pause));
/* Around each call of SSL_do_handshake, so that a key knows who asks. */
void sp_pause_enter(struct sp_pause *pause);
void sp_pause_leave(struct sp_pause *pause);
/* SSL_ERROR_WANT_ASYNC_JOB, between enter and leave: woken when a job may be free. */
void sp_pause_line_up(struct sp_pause *pause);
/* It does not wait any more; its job, if any, was finished before. */
void sp_pause_fini(struct sp_pause *pause);
/* Neither a job nor a place in the line: SSL_do_handshake may be called. */
static inline bool sp_pause_is_over(const struct sp_pause *pause)
{
	return !pause->is_on && !sp_list_is_linked(&pause->line);
}

#endif
