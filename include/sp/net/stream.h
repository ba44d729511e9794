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
 * A stream reads at most SP_STREAM_TURN bytes a turn of the loop; after that it
 * answers SP_IO_AGAIN and comes back by the "soon" list.
 *
 * Data and FIN that arrive together give one event and no other: a short read
 * means drained only while *gone* is not noted; after it, reads go on until 0.
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
	enum sp_io (*read)(struct sp_stream *s, const struct iovec *v, int n, size_t *got);
	enum sp_io (*write)(struct sp_stream *s, const struct iovec *v, int n, size_t *put);
	enum sp_io (*handshake)(struct sp_stream *s);           /* plain: DONE at once */
	enum sp_io (*finish)(struct sp_stream *s);              /* close_notify and shutdown(SHUT_WR); what is buffered goes first */
	bool (*has_unsent)(const struct sp_stream *s);          /* bytes taken by write that wait inside (TLS records) */
	void (*slim)(struct sp_stream *s);                      /* idle: give buffers back */
	void (*close)(struct sp_stream *s);                     /* free what the kind holds; the descriptor is closed by sp_stream_close */
};

struct sp_stream {
	uint32_t magic;
	const struct sp_stream_ops *ops;
	struct sp_loop *loop;           /* borrowed */
	int fd;                         /* owned; -1 when closed */
	struct event event;
	struct sp_soon soon;
	void (*on_ready)(struct sp_stream *s, unsigned what);   /* what: the part of `want` that is satisfied; last act of ours */
	unsigned want;
	bool is_readable, is_writable, is_gone, is_gone_told;
	bool is_connecting;             /* the descriptor's connect is not known to have succeeded yet */
	uint32_t turn_left;             /* of SP_STREAM_TURN */
	uint64_t turn_us;               /* sp_now_us() of that turn */
	int error;                      /* errno of a failure, or 0 */
	const char *why;                /* one word for the log, or NULL: "reset", "tls_alert", … */
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
bool sp_stream_has_unsent(const struct sp_stream *s);
void sp_stream_slim(struct sp_stream *s);
void sp_stream_close(struct sp_stream *s);                      /* twice is harmless */
void sp_stream_reset(struct sp_stream *s);                      /* close with RST (SO_LINGER 0): the peer sees a cut */
static inline bool sp_stream_is_open(const struct sp_stream *s)
{
	return s->fd >= 0;
}

#endif
