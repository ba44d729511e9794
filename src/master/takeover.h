/*
 * takeover - what the program before left to this one, which was executed in its place: read once, before anything
 * else, and then taken piece by piece by who knows what it is.
 *
 * A process is started once, so there is one takeover or none. Whoever takes a descriptor sets its row's to -1; what
 * nobody took is closed by sp_takeover_end.
 */
#ifndef SP_MASTER_TAKEOVER_H
#define SP_MASTER_TAKEOVER_H

#include "handover.h"
#include "sp/board/board.h"

#define SP_TAKEOVER_VARIABLE "SALLYPORT_TAKEOVER" /* a number: the descriptor of the table */
#define SP_REHEARSAL_VARIABLE "SALLYPORT_REHEARSAL" /* the same, of one that is only looked at */

/* Looks whether there is one. If so all descriptors but those of its rows are closed. false with *err: there is, but not
 * one that can be taken, so the process must end. */
SP_MUST_USE bool sp_takeover_begin(struct sp_err *err);
/* The table of SP_REHEARSAL_VARIABLE, whose descriptors are not here: all are -1. */
SP_MUST_USE bool sp_takeover_rehearse(struct sp_err *err);
void sp_takeover_end(void); /* closes what nobody took, wipes the secrets; there is none any more */

bool sp_takeover_is(void); /* taken over, or rehearsed */
bool sp_takeover_is_rehearsed(void);
bool sp_takeover_has_secrets(void); /* the hash key and the ticket secrets of this process are those of the one before */
/* The row of the master; NULL: this program was started afresh. */
const struct sp_handed_row *sp_takeover_master(void);
/* The next row of that kind from *at on, which begins as 0; NULL: no more. */
struct sp_handed_row *sp_takeover_next(enum sp_handed kind, size_t *at);

/* NULL: it was not handed over, or has another layout; that is logged. */
struct sp_board *sp_takeover_board(unsigned workers);
/* An end of a log's pipe: owned from here on; -1: none. */
int sp_takeover_pipe(enum sp_ipc_log log, bool is_write);

#endif
