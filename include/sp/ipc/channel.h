/*
 * channel - typed messages between two of our processes, over a SOCK_SEQPACKET pair.
 *
 * A table says of each type how long its body is, whether a descriptor comes
 * with it, who may send it and to whom. What does not fit the table ends the channel:
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
#include "sp/ipc/sandbox.h"
#include "sp/net/loop.h"

enum sp_ipc_role { /* bits, for the table */
		   SP_IPC_MASTER = 1,
		   SP_IPC_WORKER = 2,
		   SP_IPC_KEEPER = 4,
		   SP_IPC_DIALER = 8,
		   SP_IPC_LOGGER = 16,
		   SP_IPC_MONITOR = 32,
};

enum sp_ipc_type {
	SP_IPC_NONE,
	SP_IPC_READY, /* any child: it serves now */
	SP_IPC_HEALTH, /* master: what health answers from now on; all else goes on */
	SP_IPC_DRAIN, /* master: stop accepting, finish what runs, then exit */
	SP_IPC_STOP, /* master: exit now */
	SP_IPC_LOG, /* master to logger: a log's new descriptor */
	SP_IPC_TICKETS, /* master: the next secret of the ticket keys */
	SP_IPC_PEER, /* master: a new channel between the receiver and another child */
	SP_IPC_SIGN, /* worker or monitor to keeper */
	SP_IPC_SIGNED, /* keeper: the signature, or a refusal */
	SP_IPC_DIAL, /* worker or monitor to dialer */
	SP_IPC_DIALED, /* dialer: the socket, still connecting */
	SP_IPC_NOT_DIALED, /* dialer: why there is none */
	SP_IPC_DOOR, /* master to worker: a listening socket of the next generation; one that it has already comes again */
	SP_IPC_BUNDLE, /* master to worker: build that generation from this sealed memory, beside the one you serve */
	SP_IPC_PREPARED, /* worker: it is built */
	SP_IPC_REFUSED, /* worker: it cannot be, and why */
	SP_IPC_COMMIT, /* master to worker: serve it from now on */
	SP_IPC_ROLLBACK, /* master to worker: forget it */
	SP_IPC_MOVED, /* worker: nothing is asked of the processes of the generation before any more */
	SP_IPC_CHALLENGES, /* master: what answers a listener's ACME challenges from now on, as a pack in sealed memory */
	SP_IPC_FINISH, /* master: others serve from now on; stop accepting, finish what runs however long it takes, then exit */
	SP_IPC_CONFINED, /* any child: how far it could give up its rights */
	SP_IPC_PROC, /* any child, as it is born: a file of /proc about it */
	SP_IPC_ADMIN, /* master to monitor: the listening socket of commands; you serve it from now on */
	SP_IPC_PAGE, /* master to monitor: the listening socket of the status page; you serve it from now on */
	SP_IPC_GATEWAY, /* master to monitor: what holds for the whole gateway has changed */
	SP_IPC_PROCESS, /* master to monitor: a process came, became ready or went */
	SP_IPC_COMMAND, /* monitor to master: carry this out; with the connection of who asks, kept until the outcome */
	SP_IPC_CALLER, /* master to monitor (perhaps a later one): that connection; its outcome follows */
	SP_IPC_OUTCOME, /* master to monitor: what came of it, with the text in memory */
	SP_IPC_DROPPED, /* logger: so many lines of a log were dropped in all */
	SP_IPC_COUNT
};

enum sp_ipc_log { SP_IPC_LOG_ACCESS, SP_IPC_LOG_ERROR, SP_IPC_LOG_BANS, SP_IPC_LOG_COUNT };

enum sp_ipc_order {
	SP_IPC_ORDER_RELOAD,
	SP_IPC_ORDER_CONFIRM,
	SP_IPC_ORDER_DRAIN, /* the whole gateway */
	SP_IPC_ORDER_UNDRAIN,
	SP_IPC_ORDER_COUNT
};
enum sp_ipc_result { SP_IPC_RESULT_DONE, SP_IPC_RESULT_REFUSED, SP_IPC_RESULT_COUNT };

enum sp_ipc_proc { SP_IPC_PROC_MEMORY, SP_IPC_PROC_DESCRIPTORS, SP_IPC_PROC_COUNT };

enum sp_ipc_dial { /* what an index is of */
	SP_IPC_DIAL_BACKEND,
	SP_IPC_DIAL_RESOLVER_UDP, /* the monitor's alone */
	SP_IPC_DIAL_RESOLVER_TCP, /* the same */
};

#define SP_IPC_SECRET 32
#define SP_IPC_OUTCOME_TEXT (UINT32_C(1) << 20) /* bytes of an outcome's text: what is longer is cut */
#define SP_IPC_TEXT 160 /* longest text of a handshake that is signed, and some */
#define SP_IPC_SIGNATURE 512 /* RSA of 4096 bits */
#define SP_IPC_WHY 200

/* Memory of the sender; a byte of it may say anything. */
union sp_ipc_body {
	struct {
		uint32_t generation;
	} ready;
	struct {
		uint32_t is_red; /* 503, and answers to others say Connection: close */
	} health;
	struct {
		uint32_t timeout_ms; /* then what still runs is cut */
	} drain;
	struct {
		uint32_t which; /* enum sp_ipc_log */
	} log;
	struct {
		uint8_t fresh[SP_IPC_SECRET];
	} tickets;
	struct {
		uint32_t role; /* who is at the other end: enum sp_ipc_role */
		uint32_t worker; /* which worker it is a channel of: 1..; 0: the monitor's */
		uint32_t generation; /* whose indexes are asked by: both ends are of one */
	} peer;
	struct {
		uint32_t generation;
	} bundle, prepared, commit, rollback, moved;
	struct {
		uint32_t generation;
		uint32_t listener; /* of that generation's conf->listeners */
		uint32_t port; /* local; 0 = a Unix socket */
		uint32_t door; /* number of this socket, as long as the master has it */
	} door;
	struct {
		uint32_t generation;
		char why[SP_IPC_WHY]; /* ends with NUL, or at its end */
	} refused;
	struct {
		uint32_t id; /* every question and answer begins so */
	} any;
	struct {
		uint32_t id, key, scheme; /* key: index of struct sp_conf_cert */
		uint32_t n;
		uint8_t text[SP_IPC_TEXT];
	} sign;
	struct {
		uint32_t id;
		uint32_t n; /* 0: refused */
		uint8_t signature[SP_IPC_SIGNATURE];
	} is_signed;
	struct {
		uint32_t id;
		uint32_t what; /* enum sp_ipc_dial */
		uint32_t index; /* of struct sp_conf_backend, or of a name server */
		uint32_t nth; /* of a named backend's addresses on the board */
	} dial;
	struct {
		uint32_t id;
		uint8_t is_v6; /* where to, as it was found then: 4 or 16 bytes of ip */
		uint8_t ip[16];
	} dialed;
	struct {
		uint32_t id;
		int32_t error; /* errno; 0: refused by the egress rules */
		uint32_t refused; /* enum sp_egress_verdict */
	} not_dialed;
	struct {
		uint32_t listener; /* of conf->listeners */
	} challenges;
	struct {
		struct sp_sandbox_level level;
		uint64_t fds_max; /* descriptors that it may have */
	} confined;
	struct {
		uint32_t which; /* enum sp_ipc_proc */
	} proc;
	struct {
		uint32_t generation;
		uint32_t is_draining; /* about to end */
		uint32_t is_drained; /* by an operator, until he takes it back */
		uint32_t is_last_reload_refused;
		uint64_t started_wall_ms; /* the gateway */
		uint64_t loaded_wall_ms; /* the generation */
		uint64_t confirm_ms; /* monotonic: then `returns` follows unless it is confirmed; 0: nothing waits for that */
		uint32_t returns;
		uint64_t dropped[SP_IPC_LOG_COUNT]; /* log lines */
	} gateway;
	struct {
		uint32_t index, count; /* of how many in all */
		uint32_t role; /* enum sp_ipc_role */
		uint32_t worker; /* 1..; 0: a role of its own */
		int32_t pid; /* 0: nobody is there just now */
		uint32_t uid, gid;
		uint32_t restarts;
		uint32_t is_ready;
		uint64_t born_ms, born_wall_ms; /* monotonic; and by the clock on the wall */
		struct sp_sandbox_level level; /* untried until it told */
	} process;
	struct {
		uint32_t order; /* enum sp_ipc_order */
		uint32_t confirm_s; /* of a reload: how long to wait for its confirmation; 0: it needs none */
	} command;
	struct {
		uint32_t id;
	} caller;
	struct {
		uint32_t id; /* of the caller */
		uint32_t order; /* enum sp_ipc_order */
		uint32_t result; /* enum sp_ipc_result */
		uint32_t generation; /* what is served now */
		uint32_t confirm_s; /* left to confirm it; 0: nothing waits for that */
	} outcome;
	struct {
		uint64_t lines[SP_IPC_LOG_COUNT];
	} dropped;
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
	SP_IPC_BAD, /* not in the table: unknown, wrong length, sender or receiver, descriptors that do not belong */
};

/* Both ends non-blocking and close-on-exec. */
SP_MUST_USE bool sp_ipc_pair(int fds[2], struct sp_err *err);
/* One message. Sending what the table does not let `from` send to `to` is our bug (asserted). */
SP_MUST_USE enum sp_ipc_rc sp_ipc_send(int fd, enum sp_ipc_role from, enum sp_ipc_role to,
				       const struct sp_ipc_message *m);
SP_MUST_USE enum sp_ipc_rc sp_ipc_recv(int fd, enum sp_ipc_role from, enum sp_ipc_role to, struct sp_ipc_message *m);
/* The bytes of a message without descriptor, for who cannot send it itself: a program that is executed in place tells the
 * children of the one before in that one's words. Returns their number. */
#define SP_IPC_PACKED 64
size_t sp_ipc_pack(enum sp_ipc_type type, uint8_t bytes[static SP_IPC_PACKED]);
SP_MUST_USE enum sp_ipc_rc sp_ipc_send_packed(int fd, const uint8_t *bytes, size_t n);
const char *sp_ipc_type_name(enum sp_ipc_type type);
const char *sp_ipc_role_name(enum sp_ipc_role role);

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
