/*
 * handover - what a program that is executed in place gets from the one before: a table in memory, as bytes.
 *
 * A header names the format, then come rows: a kind, the number of a descriptor that goes along, and a body of the
 * kind's size. All that another version could count differently (places, roles, messages) stands there as text or as
 * the very bytes to send, so two programs need to agree on this file alone. A kind that the reader does not know is
 * left out, so a new one needs no new format; a change of a body does.
 *
 * The reader takes any bytes: it checks the format, each size, that texts end and numbers are in range, and that no
 * descriptor comes twice. What a descriptor really is, is checked by who takes it.
 */
#ifndef SP_MASTER_HANDOVER_H
#define SP_MASTER_HANDOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sp/base/err.h"
#include "sp/base/siphash.h"
#include "sp/ipc/channel.h"
#include "sp/tls/ticket.h"

enum {
	SP_HANDOVER_FORMAT = 1,
	SP_HANDOVER_ROWS = 16384, /* at most; a socket each of 256 workers at 50 places, and the rest */
	SP_HANDOVER_PLACE = 280, /* text of a place, with NUL: a service manager's names have up to 255 bytes */
	SP_HANDOVER_NAME = 32,
};

enum sp_handed {
	SP_HANDED_NONE,
	SP_HANDED_MASTER, /* once, first: who hands over */
	SP_HANDED_SECRETS, /* once or never */
	SP_HANDED_SOCKET, /* listens */
	SP_HANDED_BOARD, /* a part of the board */
	SP_HANDED_PIPE, /* an end of a log's pipe */
	SP_HANDED_CHILD, /* a process; the descriptor is the master's end of its channel */
	SP_HANDED_PAGE, /* listens: of the status page */
	SP_HANDED_COUNT
};

enum sp_handed_end { /* when a process of the program before ends */
	SP_HANDED_WORKS, /* a worker: by itself, when it is told to finish */
	SP_HANDED_SERVES, /* when no worker of its set lives any more: they ask it */
	SP_HANDED_YIELDS, /* before its successor is born: there can be only one */
	SP_HANDED_ENDS
};

#define SP_HANDED_NO_PART UINT32_MAX

union sp_handed_body {
	struct {
		int32_t pid; /* who may take over: the pid stays */
		uint32_t set; /* number of this program, counted from the first one on: a child belongs to one */
		uint32_t generation; /* that was served last */
		uint32_t workers;
		uint32_t bank; /* of the board, that its workers count in */
		uint16_t is_sealed; /* a filter of system calls is in force, and stays so */
		uint16_t is_drained; /* by an operator */
	} master;
	struct {
		struct sp_siphash_key hash;
		uint8_t tickets[SP_TLS_TICKET_SECRETS][SP_TLS_TICKET_SECRET];
	} secrets;
	struct {
		uint64_t inode; /* of a Unix path that we made; else 0 */
		uint32_t index; /* of this place: the worker's, from 0; of a shared one counted from 0 */
		char place[SP_HANDOVER_PLACE]; /* "127.0.0.1:443", "unix:/run/x.sock", "fd:https" */
	} socket;
	struct {
		char place[SP_HANDOVER_PLACE]; /* "127.0.0.1:9180" */
	} page;
	struct {
		uint32_t index;
	} board;
	struct {
		uint32_t log; /* enum sp_ipc_log */
		uint32_t is_write;
	} pipe;
	struct {
		int32_t pid;
		uint32_t set;
		uint32_t ends; /* enum sp_handed_end */
		uint32_t part; /* of the board, that it counts in; SP_HANDED_NO_PART */
		char name[SP_HANDOVER_NAME]; /* "worker 1" */
		uint32_t finish_n, stop_n; /* messages in its own program's words; finish_n = 0: there is none for it */
		uint8_t finish[SP_IPC_PACKED], stop[SP_IPC_PACKED];
	} child;
};

struct sp_handed_row {
	enum sp_handed kind;
	int fd; /* -1: none goes along; else above 2 */
	union sp_handed_body is;
};

/* Rows on their way into a table. Zeroed at first; ended with sp_handing_free. */
struct sp_handing {
	struct sp_handed_row *rows; /* owned */
	size_t count, room;
	bool is_failed; /* no memory: what was added since is nowhere */
	struct sp_handed_row nowhere;
};

/* A row to be filled, all zeros but these; never NULL. fd is borrowed. */
struct sp_handed_row *sp_handing_add(struct sp_handing *handing, enum sp_handed kind, int fd);
void sp_handing_free(struct sp_handing *handing);

/* The last line of what `sallyport rehearse` says when the program can take over. */
#define SP_HANDOVER_ANSWER "can take over"

/* Bytes of all rows, owned by the caller (free), or NULL with *err: no memory, or too many. */
SP_MUST_USE uint8_t *sp_handover_write(const struct sp_handed_row *rows, size_t count, size_t *n, struct sp_err *err);
/* Rows, owned by the caller (free), the master's first; or NULL with *err. */
SP_MUST_USE struct sp_handed_row *sp_handover_read(const uint8_t *bytes, size_t n, size_t *count, struct sp_err *err);

#endif
