/*
 * asked - the life of a process that workers and the monitor ask (keeper,
 * dialer): a channel to the master, which brings the channels of those and ends
 * it, and from each at most so many questions a second.
 *
 * One that sends what is not in the table loses its channel; it is broken
 * or taken over. One that asks too often is told so (is_over), not served.
 */
#ifndef SP_IPC_ASKED_H
#define SP_IPC_ASKED_H

#include "sp/ipc/channel.h"
#include "sp/ipc/sandbox.h"

struct sp_asked_peer {
	struct sp_asked *of;
	unsigned worker; /* 1..; 0: the monitor */
	struct sp_channel channel; /* closed while there is no such process */
	uint64_t tokens, filled_ms; /* what it may still ask now */
	uint64_t refused, told_ms; /* for sp_asked_note_refused */
};

struct sp_asked {
	enum sp_ipc_role self;
	unsigned workers;
	uint64_t rate, burst; /* questions of one of them: a second, and at once */
	struct sp_sandbox *sandbox; /* borrowed; entered before it serves; NULL: none */
	void (*on_ask)(struct sp_asked_peer *peer, struct sp_ipc_message *question, bool is_over);
	/* From here on private. */
	struct sp_loop *loop; /* owned while it runs */
	struct sp_channel master;
	struct sp_asked_peer *peers; /* owned while it runs: the monitor, the workers */
	bool is_orphan;
};

/* Tells the master that it is ready and serves until the master says stop or is gone. master_fd is owned. false with
 * *err: could not start, or the master is gone. */
SP_MUST_USE bool sp_asked_run(struct sp_asked *asked, int master_fd, struct sp_err *err);

/* Who does not read its answers does without. */
void sp_asked_answer(struct sp_asked_peer *peer, const struct sp_ipc_message *answer);
/* Counts a question that was refused, and says so in the log now and then. */
void sp_asked_note_refused(struct sp_asked_peer *peer, const char *why);

#endif
