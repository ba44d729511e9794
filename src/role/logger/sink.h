/*
 * sink - where the lines of one log go: a file, or a pipe, socket or terminal
 * that the gateway was started with.
 *
 * Lines come in pieces of any length. What an error keeps out is dropped by
 * whole lines and counted; when a line was written in part before, the next
 * begins on a line of its own, so at most that one is broken.
 */
#ifndef SP_ROLE_LOGGER_SINK_H
#define SP_ROLE_LOGGER_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sp_sink_kind { SP_SINK_FILE, SP_SINK_PIPE, SP_SINK_SOCKET, SP_SINK_OTHER };

struct sp_sink {
	int fd; /* borrowed */
	enum sp_sink_kind kind;
	bool has_no_nowait; /* an older kernel, or a named pipe: poll instead */
	bool is_mid; /* the last byte written ended no line */
	bool is_torn; /* and the rest of that line was dropped */
	bool is_skipping; /* the rest of a dropped line is still to come */
	uint64_t dropped; /* lines, since ever */
	int error; /* of the last drop: errno */
};

/* Goes on with what was before: counts, and a line that is skipped. */
void sp_sink_open(struct sp_sink *sink, int fd);
/* How many of the n bytes are done with: written or dropped. Fewer than n: it takes nothing now. A file may block. */
size_t sp_sink_put(struct sp_sink *sink, const char *bytes, size_t n);

#endif
