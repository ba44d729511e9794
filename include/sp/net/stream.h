/*
 * stream - a non-blocking byte pipe to a peer: plain or TLS, the same operations.
 *
 * One libevent event a descriptor (READ|WRITE|CLOSED, edge-triggered,
 * persistent), registered once for the descriptor's life. The stream remembers
 * *readable*, *writable* and *gone*; its owner says what it waits for with
 * sp_stream_want, which makes no system call. A want that is already satisfied
 * (bytes in the kernel, or already decrypted inside SSL) is answered from the
 * loop's "soon" list. Wants stay until they are taken back.
 *
 *   SP_IO_DONE    some bytes moved (*got or *put > 0), perhaps fewer than asked
 *   SP_IO_AGAIN   nothing now; want it and return to the loop
 *   SP_IO_EOF     read only: the peer ended its direction, cleanly (TLS: close_notify)
 *   SP_IO_FAILED  the connection is lost; stream->why says how (TLS: also a FIN without close_notify)
 *
 * A stream reads at most SP_STREAM_TURN bytes in each phase of a turn (events,
 * "soon" list); after that it answers SP_IO_AGAIN and comes back by the "soon"
 * list, behind the others.
 *
 * Between calls, soon is linked if and only if a want is satisfied. After the end or a failure was read, SP_READ is satisfied no more
 * (nothing new can come); a failed write leaves what had arrived before readable.
 *
 * Data and FIN that arrive together give one event and no other: a short read
 * means drained only while *gone* is not noted; after it, reads go on until 0.
 * Data and RST that arrive together look like data alone (libevent says so):
 * whoever read short is asked once more, with all others of the same moment in
 * one poll(2), a quarter of a second later.
 */
#ifndef SP_NET_STREAM_H
#define SP_NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "sp/base/err.h"
#include "sp/base/list.h"
#include "sp/net/loop.h"

#define SP_STREAM_TURN 65536U

enum sp_io { SP_IO_DONE, SP_IO_AGAIN, SP_IO_EOF, SP_IO_FAILED };

enum {
	SP_READ = 1,                    /* bytes or the end can be read */
	SP_WRITE = 2,                   /* a write that got AGAIN can go on */
	SP_GONE = 4,                    /* the peer closed its direction or reset; told once, even while reading is off */
};

struct sp_stream;

struct sp_stream_ops {
	/* Asked only when the descriptor is readable or has_inside; v is cut to the budget. */
	enum sp_io (*read)(struct sp_stream *s, const struct iovec *v, int n, size_t *got);
	enum sp_io (*write)(struct sp_stream *s, const struct iovec *v, int n, size_t *put);
	enum sp_io (*handshake)(struct sp_stream *s);           /* plain: DONE at once. AGAIN: want SP_READ, whatever is missing */
	enum sp_io (*finish)(struct sp_stream *s);              /* close_notify and shutdown(SHUT_WR); what is buffered goes first */
	void (*event)(struct sp_stream *s);                     /* the notes changed, before the owner hears of it; NULL: nothing to do */
	void (*slim)(struct sp_stream *s);                      /* idle: give buffers back */
	void (*close)(struct sp_stream *s);                     /* free what the kind holds; the descriptor is closed by sp_stream_close */
};

struct sp_stream {
	uint32_t magic;
	int fd;                         /* owned; -1 when closed */
	const struct sp_stream_ops *ops;
	struct sp_loop *loop;           /* borrowed */
	struct event event;
	struct sp_soon soon;
	struct sp_list doubt;           /* in the loop's list while a short read may have hidden a reset */
	void (*on_ready)(struct sp_stream *s, unsigned what);   /* what: the part of `want` that is satisfied; last act of ours */
	unsigned want;
	/* Notes on the descriptor: read or write it may succeed; the peer closed its direction or reset. */
	bool is_readable, is_writable, is_gone, is_gone_told;
	bool is_connecting;             /* the descriptor's connect is not known to have succeeded yet */
	bool has_ended;                 /* a read told EOF */
	bool is_read_lost, is_write_lost;       /* that direction failed: every further call says so */
	bool has_inside;                /* the kind holds bytes that a read may yield without the descriptor */
	bool is_held;                   /* the kind cannot read before it could write: SP_READ waits for that */
	uint32_t unsent;                /* bytes taken by write that wait inside (TLS records) */
	uint32_t turn_left;             /* of SP_STREAM_TURN */
	uint64_t turn;                  /* sp_loop_phase() that turn_left belongs to */
	int error;                      /* errno of a failure, or 0 */
	const char *why;                /* one word for the log, or NULL: "reset", "tls_truncated", … */
};

#define SP_STREAM_MAGIC 0x53747265U

/* A plain stream over fd (non-blocking; owned from here on, closed on failure too).
 * is_connecting: fd's connect is under way; the first SP_WRITE tells the outcome (see sp_stream_connected). */
SP_MUST_USE bool sp_stream_open(struct sp_stream *s, struct sp_loop *loop, int fd, bool is_connecting,
                                void (*on_ready)(struct sp_stream *s, unsigned what));
/* Once writable: DONE, or FAILED with s->error = the connect's errno. AGAIN: not yet. */
SP_MUST_USE enum sp_io sp_stream_connected(struct sp_stream *s);

void sp_stream_want(struct sp_stream *s, unsigned what);        /* replaces the wants */
SP_MUST_USE enum sp_io sp_stream_read(struct sp_stream *s, const struct iovec *v, int n, size_t *got);
SP_MUST_USE enum sp_io sp_stream_write(struct sp_stream *s, const struct iovec *v, int n, size_t *put);
SP_MUST_USE enum sp_io sp_stream_handshake(struct sp_stream *s);
SP_MUST_USE enum sp_io sp_stream_finish(struct sp_stream *s);
void sp_stream_slim(struct sp_stream *s);
void sp_stream_close(struct sp_stream *s);                      /* twice is harmless */
void sp_stream_reset(struct sp_stream *s);                      /* close with RST (SO_LINGER 0): the peer sees a cut */

static inline bool sp_stream_is_open(const struct sp_stream *s)         /* false too for one that is all zero */
{
	return s->magic == SP_STREAM_MAGIC && s->fd >= 0;
}

/* Bytes that a write took but the kernel has not yet: sp_stream_close loses them. They leave by themselves; SP_WRITE
 * is satisfied when they have. */
static inline bool sp_stream_has_unsent(const struct sp_stream *s)
{
	return s->unsent > 0;
}

/* For the kinds of stream: one system call on the descriptor, or none when the notes say that it would be in vain.
 * Results as above; the notes, error and why are kept. */
SP_MUST_USE enum sp_io sp_stream_recv(struct sp_stream *s, const struct iovec *v, int n, size_t *got);
SP_MUST_USE enum sp_io sp_stream_send(struct sp_stream *s, const struct iovec *v, int n, size_t *put);

/* Before anything else was read, whatever the kind: the descriptor's first bytes, which stay in it. Who needs more than
 * is there says so, and has SP_READ when more came; false: no more will. Who knows enough takes what it wants of them by
 * sp_stream_recv, and not more: the rest is for whoever reads the stream. */
SP_MUST_USE enum sp_io sp_stream_peek(struct sp_stream *s, void *to, size_t room, size_t *got);
SP_MUST_USE bool sp_stream_await_more(struct sp_stream *s);

#endif
