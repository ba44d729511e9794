/*
 * reload - the running configuration is followed by another, or nothing changes.
 *
 *   VETTING -> ROLES -> WORKERS -> MOVING -> ENDING
 *
 * The new configuration is read and compared here, and vetted by a child. Then
 * keeper, dialer and monitor of the new one are born beside the old ones; when they are
 * ready, every worker is given channels to them, its listening sockets and the
 * bundle, and says whether it could build the generation. When all could, all are
 * told to serve it; until then whatever goes wrong puts everything back. At last
 * the old keeper and dialer end, when no worker asks them any more.
 *
 * One at a time: who asks meanwhile is told so; a signal is remembered.
 */
#ifndef SP_MASTER_RELOAD_H
#define SP_MASTER_RELOAD_H

#include <sys/types.h>

#include "master_int.h"
#include "sp/worker/worker.h"

struct sp_reload_outcome {
	bool is_done; /* false: refused, and nothing was changed; … */
	bool is_at_fault; /* … for what stands in the files, not for what happened meanwhile */
	uint32_t generation; /* what is served now */
	const char *text; /* lines: what was found (gcc style), then what differs, or why not; ends with a newline */
};

/* Called once, perhaps before the call that began it returns; the outcome is borrowed. */
typedef void sp_reload_done(void *arg, const struct sp_reload_outcome *outcome);

SP_MUST_USE bool sp_reload_open(struct sp_master *m, struct sp_err *err);
void sp_reload_close(struct sp_master *m); /* kills what it had begun; a master without one is fine */

/* Reads the files and begins. confirm_ms: without sp_reload_confirm in that time the configuration before returns; 0:
 * it stays. done may be NULL. false: another one is under way, or the gateway is ending; done is not called. */
SP_MUST_USE bool sp_reload_begin(struct sp_master *m, uint64_t confirm_ms, sp_reload_done *done, void *arg);
/* As HUP does: at once, or after the one that is under way. */
void sp_reload_by_signal(struct sp_master *m);
void sp_reload_begin_remembered(struct sp_master *m);
/* What is served stays. false: nothing waits for that. */
SP_MUST_USE bool sp_reload_confirm(struct sp_master *m);
/* The generation whose configuration returns if nobody confirms until *at_ms (monotonic); 0: nothing waits for that. */
uint32_t sp_reload_returns(const struct sp_master *m, uint64_t *at_ms);
/* The same text with these files anew: certificates that changed on disk. Whoever is in doubt of them refuses. */
SP_MUST_USE bool sp_reload_renew(struct sp_master *m, const char *const *paths, size_t count, sp_reload_done *done,
				 void *arg);
/* The gateway ends: what is not decided is put back. */
void sp_reload_cancel(struct sp_master *m);
bool sp_reload_is_idle(const struct sp_master *m); /* serving, and none is under way */
bool sp_reload_confirmation_waits(const struct sp_master *m); /* what is served may have to return */
bool sp_reload_is_asking(const struct sp_master *m); /* workers are building */

/* Told by slots.c. */
void sp_reload_on_ready(struct sp_master *m); /* some process */
void sp_reload_on_answer(struct sp_master *m, struct sp_slot *worker, const struct sp_ipc_message *message);
void sp_reload_on_death(struct sp_master *m, const struct sp_slot *slot); /* one of m->slots */
void sp_reload_on_end(struct sp_master *m, struct sp_slot *spare); /* frees it */
void sp_reload_on_exit(struct sp_master *m, pid_t pid, int status); /* a child that is in no slot */
struct sp_slot *sp_reload_find_spare(struct sp_master *m, pid_t pid); /* NULL: none */

/* edition.c */
struct sp_edition *sp_edition_new(struct sp_conf *conf, uint32_t number, struct sp_err *err); /* owns conf, also when NULL */
/* Its names have slots on the board from here on, until it is freed. false with *err: there is no room. */
SP_MUST_USE bool sp_edition_name(struct sp_edition *edition, struct sp_board *board, struct sp_err *err);
void sp_edition_free(struct sp_edition *edition); /* NULL is fine */

#endif
