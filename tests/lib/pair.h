/*
 * pair - two ends of a connection inside one process: one is a stream under
 * test, whose calls are recorded, the other a bare descriptor that the test
 * scripts. TCP over loopback where resets matter, a Unix pair elsewhere.
 */
#ifndef T_PAIR_H
#define T_PAIR_H

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sp/net/stream.h"
#include "t.h"

struct pair {
	struct sp_stream s; /* first: on_ready gets a pointer to it */
	struct sp_loop *loop;
	int peer; /* the scripted end; -1 when closed */
	unsigned told; /* every `what` since take_told, ored */
	unsigned calls;
	bool closes_in_callback;
	void (*then)(struct pair *p, unsigned what); /* what the owner does in on_ready; NULL = nothing */
};

static inline void pair_on_ready(struct sp_stream *s, unsigned what)
{
	struct pair *p = (struct pair *)s;

	p->told |= what;
	p->calls++;
	if (p->then != NULL)
		p->then(p, what);
	if (p->closes_in_callback)
		sp_stream_close(s);
}

/* Two connected TCP sockets: fd[0] non-blocking. buffer > 0: small kernel buffers on both. */
static inline void pair_tcp(int fd[2], int buffer)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof(at);
	const int on = 1;
	int listening = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(listening >= 0);
	assert_int_equal(bind(listening, (struct sockaddr *)&at, n), 0);
	if (buffer > 0)
		setsockopt(listening, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	assert_int_equal(listen(listening, 8), 0);
	assert_int_equal(getsockname(listening, (struct sockaddr *)&at, &n), 0);
	fd[1] = socket(AF_INET, SOCK_STREAM, 0);
	if (buffer > 0)
		setsockopt(fd[1], SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	assert_int_equal(connect(fd[1], (struct sockaddr *)&at, n), 0);
	setsockopt(fd[1], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	fd[0] = accept4(listening, NULL, NULL, SOCK_NONBLOCK);
	assert_true(fd[0] >= 0);
	if (buffer > 0)
		setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
	close(listening);
}

static inline void pair_unix(int fd[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	assert_int_equal(fcntl(fd[0], F_SETFL, O_NONBLOCK), 0);
}

/* A plain stream on fds[0]. */
static inline void pair_open(struct pair *p, const int fds[2])
{
	struct sp_err err = { "" };

	memset(p, 0, sizeof(*p));
	p->loop = sp_loop_new(&err);
	assert_non_null(p->loop);
	p->peer = fds[1];
	assert_true(sp_stream_open(&p->s, p->loop, fds[0], false, pair_on_ready));
}

static inline void pair_close(struct pair *p)
{
	sp_stream_close(&p->s);
	if (p->peer >= 0)
		close(p->peer);
	sp_loop_free(p->loop);
}

/* What the peer did has come here: loopback takes its time on a busy machine. events: of poll(). */
static inline void pair_wait(const struct pair *p, short events)
{
	assert_int_equal(poll(&(struct pollfd){ .fd = p->s.fd, .events = events }, 1, 10000), 1);
}

static inline void pair_turn(struct pair *p)
{
	sp_loop_turn(p->loop, false);
}

static inline unsigned pair_take_told(struct pair *p)
{
	unsigned told = p->told;

	p->told = p->calls = 0;
	return told;
}

static inline void pair_say(struct pair *p, const void *bytes, size_t n)
{
	assert_int_equal(send(p->peer, bytes, n, MSG_NOSIGNAL), (ssize_t)n);
}

/* RST instead of FIN. */
static inline void pair_cut(struct pair *p)
{
	const struct linger cut = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(p->peer, SOL_SOCKET, SO_LINGER, &cut, sizeof(cut));
	close(p->peer);
	p->peer = -1;
}

static inline enum sp_io pair_read(struct pair *p, void *to, size_t room, size_t *got)
{
	return sp_stream_read(&p->s, &(struct iovec){ to, room }, 1, got);
}

static inline enum sp_io pair_write(struct pair *p, const void *from, size_t n, size_t *put)
{
	return sp_stream_write(&p->s, &(struct iovec){ (void *)from, n }, 1, put);
}

#endif
