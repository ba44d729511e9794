/*
 * channel - typed messages between two of our processes, over a SOCK_SEQPACKET pair.
 *
 * A table says of each type how long its body is, whether a descriptor comes
 * with it, and who may send it. What does not fit the table ends the channel:
 * the process behind it is broken or taken over. Nothing in a message is a
 * pointer, and nothing is queued here: a peer that does not read is stuck.
 */
#ifndef SP_IPC_CHANNEL_H
#define SP_IPC_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "sp/base/err.h"
#include "sp/net/loop.h"

enum sp_ipc_role { SP_IPC_MASTER = 1, SP_IPC_WORKER = 2 }; /* bits, for the table */

enum sp_ipc_type {
	SP_IPC_NONE,
	SP_IPC_READY, /* worker: it serves now */
	SP_IPC_HEALTH_RED, /* master: health answers 503 from now on, everything else goes on */
	SP_IPC_DRAIN, /* master: stop accepting, finish what runs, then exit */
	SP_IPC_STOP, /* master: exit now */
	SP_IPC_LOG, /* master: a log's new descriptor */
	SP_IPC_TICKETS, /* master: the next secret of the ticket keys */
	SP_IPC_COUNT
};

enum sp_ipc_log { SP_IPC_LOG_ACCESS, SP_IPC_LOG_ERROR, SP_IPC_LOG_COUNT };

#define SP_IPC_SECRET 32

/* Memory of the sender; a byte of it may say anything. */
union sp_ipc_body {
	struct {
		uint32_t generation;
	} ready;
	struct {
		uint32_t timeout_ms; /* then what still runs is cut */
	} drain;
	struct {
		uint32_t which; /* enum sp_ipc_log */
	} log;
	struct {
		uint8_t fresh[SP_IPC_SECRET];
	} tickets;
};

struct sp_ipc_message {
	enum sp_ipc_type type;
	union sp_ipc_body body;
	int fd; /* received: owned by who receives; sent: borrowed; -1 = none */
};

enum sp_ipc_rc {
	SP_IPC_DONE,
	SP_IPC_AGAIN, /* nothing there; sending: the peer does not read */
	SP_IPC_EOF, /* the peer is gone */
	SP_IPC_BAD, /* not in the table: unknown, wrong length, wrong sender, descriptors that do not belong */
};

/* Both ends non-blocking and close-on-exec. */
SP_MUST_USE bool sp_ipc_pair(int fds[2], struct sp_err *err);
/* One message; `from` is who sends. Sending what the table does not let `from` send is our bug (asserted). */
SP_MUST_USE enum sp_ipc_rc sp_ipc_send(int fd, enum sp_ipc_role from, const struct sp_ipc_message *m);
SP_MUST_USE enum sp_ipc_rc sp_ipc_recv(int fd, enum sp_ipc_role from, struct sp_ipc_message *m);
const char *sp_ipc_type_name(enum sp_ipc_type type);

/* One end on a loop. Lives inside its owner. */
struct sp_channel {
	uint32_t magic;
	int fd; /* owned; -1 when closed */
	struct sp_loop *loop; /* borrowed */
	enum sp_ipc_role self, peer;
	struct event event;
	void (*on_message)(struct sp_channel *ch, struct sp_ipc_message *m); /* m->fd: take it, or it is closed */
	void (*on_end)(struct sp_channel *ch, enum sp_ipc_rc why); /* EOF or BAD; the channel is closed already */
};

/* fd is owned from here on. */
void sp_channel_open(struct sp_channel *ch, struct sp_loop *loop, int fd, enum sp_ipc_role self, enum sp_ipc_role peer);
SP_MUST_USE enum sp_ipc_rc sp_channel_send(struct sp_channel *ch, const struct sp_ipc_message *m);
void sp_channel_close(struct sp_channel *ch); /* twice is harmless; no callback */

#endif
