/*
 * asker - questions of a worker or the monitor to another process, and their answers.
 *
 * A question lives inside who asks; only its id travels. An answer to an id
 * that is not asked any more is dropped. Each question has a deadline. When the
 * other process dies, what was asked waits for its successor's channel and is
 * asked anew, once: an answer may be lost, the question may have been what
 * killed.
 */
#ifndef SP_IPC_ASKER_H
#define SP_IPC_ASKER_H

#include "sp/ipc/channel.h"
#include "sp/net/deadline.h"

struct sp_ask {
	void (*fill)(struct sp_ask *ask, struct sp_ipc_message *question); /* all but the id */
	/* answer NULL: none came. It is not asked any more. Descriptor: take it, or it is closed. */
	void (*on_answer)(struct sp_ask *ask, struct sp_ipc_message *answer);
	struct sp_list link;
	struct sp_deadline deadline;
	struct sp_asker *asker;
	uint32_t id;
	unsigned sent; /* how often */
};

struct sp_asker {
	struct sp_channel channel; /* to whom it asks; closed while there is nobody */
	struct sp_loop *loop; /* borrowed */
	enum sp_ipc_role self, peer;
	struct sp_deadline_list *patience;
	struct sp_list asks; /* the oldest first */
	unsigned count, most;
	uint32_t last_id;
};

/* most: questions at a time; patience_ms: for each. false: no memory. */
SP_MUST_USE bool sp_asker_init(struct sp_asker *asker, struct sp_loop *loop, enum sp_ipc_role self,
			       enum sp_ipc_role peer, unsigned most, uint64_t patience_ms);
/* No question may be left. */
void sp_asker_fini(struct sp_asker *asker);
/* fd is owned from here on; a channel that was open before is closed. */
void sp_asker_set_channel(struct sp_asker *asker, int fd);

/* false: as many questions as may be are asked already. on_answer is never called before this returns. */
SP_MUST_USE bool sp_asker_ask(struct sp_asker *asker, struct sp_ask *ask);
/* Without its on_answer; one that is not asked is fine, if it was zeroed once. */
void sp_ask_cancel(struct sp_ask *ask);

#endif
