/*
 * reload_int - what reload.c (whether, and what is said of it) and handout.c (how
 * all take it) know of each other.
 */
#ifndef SP_MASTER_RELOAD_INT_H
#define SP_MASTER_RELOAD_INT_H

#include <stdio.h>

#include "reload.h"

enum sp_reload_phase {
	SP_RELOAD_IDLE,
	SP_RELOAD_VETTING, /* a child looks at what only it may read */
	SP_RELOAD_ROLES, /* those that follow come up */
	SP_RELOAD_WORKERS, /* they build */
	SP_RELOAD_MOVING, /* it is served; what was asked before is still answered */
	SP_RELOAD_ENDING, /* processes that are not needed any more end */
};

enum sp_reload_cause { SP_RELOAD_BY_ORDER, SP_RELOAD_BY_RENEWAL, SP_RELOAD_BY_RETURN };

struct sp_reload {
	struct sp_master *m;
	enum sp_reload_phase phase;
	enum sp_reload_cause cause;
	struct sp_edition *next; /* owned until it is committed */
	struct sp_edition *last; /* owned: what was served before, until its roles have ended */
	struct sp_edition *confirmed; /* owned: what returns when nobody confirms; NULL: nothing waits for that */
	uint32_t last_number;
	bool is_remembered; /* a signal came meanwhile */
	bool is_committed, is_at_fault; /* of the one that is under way: its outcome */
	bool keeps_confirmed; /* `last` is what returns */
	uint64_t confirm_ms;
	struct sp_binds binds; /* of next */
	struct sp_logs_next logs;
	struct sp_admin_socket admin;
	struct sp_page_socket page;
	struct sp_slot *spares[SP_ROLES]; /* owned: those that follow, then those that were followed; NULL: none */
	pid_t vetter; /* 0: none */
	int said_fd; /* owned: memory that it writes to; -1 */
	struct sp_deadline patience, confirm;
	char *text; /* owned: for the outcome */
	size_t text_n;
	FILE *to; /* writes text */
	sp_reload_done *done;
	void *arg;
};


/* reload.c */
/* Puts everything back, with the reason as the last line but one of the text; "": it stands there already. */
void SP_PRINTF(2, 3) sp_reload_refuse(struct sp_reload *r, const char *fmt, ...);
/* The last act: whoever is told may begin another. */
void sp_reload_finish(struct sp_reload *r, bool is_done);
/* It is served: what returns if it is not confirmed. */
void sp_reload_set_return(struct sp_reload *r);

/* handout.c */
void sp_handout_begin(struct sp_reload *r); /* r->next was vetted */
void sp_handout_undo(struct sp_reload *r); /* in any phase before MOVING */
bool sp_handout_is_over(const struct sp_reload *r); /* no process of it is left that was not wanted */

#endif
