#include "sink.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define PIECE 4096U /* what poll's word is good for */

static enum sp_sink_kind kind_of(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || S_ISREG(st.st_mode))
		return SP_SINK_FILE;
	if (S_ISFIFO(st.st_mode))
		return SP_SINK_PIPE;
	return S_ISSOCK(st.st_mode) ? SP_SINK_SOCKET : SP_SINK_OTHER;
}

void sp_sink_open(struct sp_sink *sink, int fd)
{
	sink->fd = fd;
	sink->kind = kind_of(fd);
	sink->has_no_nowait = sink->is_mid = sink->is_torn = false;
}

static ssize_t write_when_ready(int fd, const char *bytes, size_t n)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	if (poll(&p, 1, 0) == 0) {
		errno = EAGAIN;
		return -1;
	}
	return write(fd, bytes, n < PIECE ? n : PIECE);
}

/* The descriptor is shared with whoever started us, so it cannot be made non-blocking. */
static ssize_t write_some(struct sp_sink *sink, const char *bytes, size_t n)
{
	struct iovec v = { (void *)(uintptr_t)bytes, n };
	ssize_t put;

	switch (sink->kind) {
	case SP_SINK_FILE: return write(sink->fd, bytes, n);
	case SP_SINK_SOCKET: return send(sink->fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	case SP_SINK_PIPE:
		put = sink->has_no_nowait ? -1 : pwritev2(sink->fd, &v, 1, -1, RWF_NOWAIT);
		if (put >= 0 || (!sink->has_no_nowait && errno != EOPNOTSUPP && errno != ENOSYS))
			return put;
		sink->has_no_nowait = true;
		break;
	case SP_SINK_OTHER: break;
	}
	return write_when_ready(sink->fd, bytes, n);
}

static void drop(struct sp_sink *sink, const char *bytes, size_t n)
{
	const char *end = bytes + n;

	for (const char *p = bytes; (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
		sink->dropped++;
	sink->is_torn = sink->is_torn || sink->is_mid;
	sink->is_mid = false;
	if (end[-1] == '\n')
		return;
	sink->dropped++;
	sink->is_skipping = true;
}

static size_t skip(struct sp_sink *sink, const char *bytes, size_t n)
{
	const char *end = memchr(bytes, '\n', n);

	if (end == NULL)
		return n;
	sink->is_skipping = false;
	return (size_t)(end - bytes) + 1;
}

/* 1: written, and n more or less of it; 0: not now; -1: it failed. */
static int put_once(struct sp_sink *sink, const char *bytes, size_t n, size_t *put)
{
	ssize_t got;

	do
		got = write_some(sink, bytes, n);
	while (got < 0 && errno == EINTR);
	if (got < 0 && (errno == EAGAIN || errno == ENOBUFS))
		return 0;
	sink->error = got < 0 ? errno : ENOSPC;
	*put = got > 0 ? (size_t)got : 0;
	return got > 0 ? 1 : -1;
}

size_t sp_sink_put(struct sp_sink *sink, const char *bytes, size_t n)
{
	size_t at = 0, put;

	while (at < n) {
		int rc;

		if (sink->is_skipping) {
			at += skip(sink, bytes + at, n - at);
			continue;
		}
		rc = sink->is_torn ? put_once(sink, "\n", 1, &put) : put_once(sink, bytes + at, n - at, &put);
		if (rc == 0)
			return at;
		if (rc < 0) {
			drop(sink, bytes + at, n - at);
			return n;
		}
		if (sink->is_torn) {
			sink->is_torn = false;
			continue;
		}
		at += put;
		sink->is_mid = bytes[at - 1] != '\n';
	}
	return n;
}
