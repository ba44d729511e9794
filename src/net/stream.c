#include "sp/net/stream.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop_int.h"
#include "sock.h"
#include "sp/base/check.h"

#define CLIP_MAX 8 /* iovecs of a read that had to be cut to the budget */

/* The part of the wants that may be answered now. */
static unsigned satisfied(const struct sp_stream *s)
{
	unsigned what = 0;

	if ((s->want & SP_READ) != 0 && !s->has_ended && !s->is_held && (s->is_readable || s->has_inside))
		what |= SP_READ;
	if ((s->want & SP_WRITE) != 0 && (s->is_writable || s->is_write_lost))
		what |= SP_WRITE;
	if ((s->want & SP_GONE) != 0 && s->is_gone && !s->is_gone_told)
		what |= SP_GONE;
	return what;
}

/* Keeps the rule of the header: soon is linked if and only if a want is satisfied. */
static void settle(struct sp_stream *s)
{
	if (satisfied(s) != 0)
		sp_soon_add(s->loop, &s->soon);
	else
		sp_soon_cancel(&s->soon);
}

/* Last act: the owner may close us in it. Before it we are on the soon list again, in case the owner leaves
 * bytes; its own calls take us off. */
static void tell(struct sp_stream *s)
{
	unsigned what = satisfied(s);

	if ((what & SP_GONE) != 0)
		s->is_gone_told = true;
	settle(s);
	if (what != 0)
		s->on_ready(s, what);
}

static void on_soon(struct sp_soon *soon)
{
	struct sp_stream *s = SP_OBJ(SP_HOLDER(soon, struct sp_stream, soon), struct sp_stream, SP_STREAM_MAGIC);

	tell(s);
}

/* libevent says READ|WRITE without CLOSED for a reset, as it does for bytes that arrive while there is room to
 * write. Who reads will find out; who only waits for SP_GONE must be told, so ask the kernel then. */
static bool may_be_reset(const struct sp_stream *s, short what)
{
	return (what & (EV_READ | EV_WRITE | EV_CLOSED)) == (EV_READ | EV_WRITE) && (s->want & SP_READ) == 0 &&
	       (s->want & SP_GONE) != 0 && !s->is_gone_told && !s->is_connecting;
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	struct sp_stream *s = SP_OBJ(arg, struct sp_stream, SP_STREAM_MAGIC);

	sp_loop_woke(s->loop);
	if ((what & EV_READ) != 0)
		s->is_readable = true;
	if ((what & EV_WRITE) != 0)
		s->is_writable = true;
	if ((what & EV_CLOSED) != 0)
		s->is_gone = s->is_readable = true;
	else if (may_be_reset(s, what) && sp_sock_is_broken(fd))
		s->is_gone = true;
	if (s->ops->event != NULL)
		s->ops->event(s);
	tell(s);
}

/* A reset that came with the last bytes gives no event of its own, and the read that took the bytes looks like any
 * short read. To ask after each would cost a system call a read. So who read short is noted, and all noted are asked
 * together, once; a reset that comes later has its own event. */
enum { LOOK_MS = 250, LOOK_AT_ONCE = 256 };

static void look_at_some(struct sp_list *streams)
{
	struct sp_stream *asked[LOOK_AT_ONCE];
	struct pollfd p[LOOK_AT_ONCE];
	nfds_t n = 0;

	while (n < LOOK_AT_ONCE && !sp_list_is_empty(streams)) {
		struct sp_stream *s = SP_HOLDER(streams->next, struct sp_stream, doubt);

		sp_list_unlink(&s->doubt);
		asked[n] = s;
		p[n++] = (struct pollfd){ .fd = s->fd, .events = 0 };
	}
	if (poll(p, n, 0) <= 0)
		return;
	for (nfds_t i = 0; i < n; i++) {
		if ((p[i].revents & (POLLERR | POLLHUP)) == 0)
			continue;
		asked[i]->is_gone = asked[i]->is_readable = true;
		settle(asked[i]); /* told by the soon list: nobody is closed while we look */
	}
}

static void on_look(struct sp_deadline *deadline)
{
	struct sp_doubts *doubts = SP_HOLDER(deadline, struct sp_doubts, next_look);

	while (!sp_list_is_empty(&doubts->streams))
		look_at_some(&doubts->streams);
}

bool sp_doubts_init(struct sp_loop *loop)
{
	sp_list_init(&loop->doubts.streams);
	sp_deadline_init(&loop->doubts.next_look);
	loop->doubts.list = sp_loop_deadlines(loop, LOOK_MS);
	return loop->doubts.list != NULL;
}

static void note_doubt(struct sp_stream *s)
{
	struct sp_doubts *doubts = &s->loop->doubts;

	if (sp_list_is_linked(&s->doubt))
		return;
	sp_list_push(&doubts->streams, &s->doubt);
	if (!sp_deadline_is_set(&doubts->next_look))
		sp_deadline_set(&doubts->next_look, doubts->list, on_look);
}

static enum sp_io read_lost(struct sp_stream *s, int error)
{
	s->error = error;
	s->why = sp_sock_why(error);
	s->is_read_lost = s->is_write_lost = true;
	s->is_gone = true;
	return SP_IO_FAILED;
}

/* What the peer sent before may still be read: a backend that answers early and closes. So reading goes on. */
static enum sp_io write_lost(struct sp_stream *s, int error)
{
	s->error = error;
	s->why = sp_sock_why(error);
	s->is_write_lost = true;
	s->is_gone = s->is_readable = true;
	return SP_IO_FAILED;
}

static size_t sum(const struct iovec *v, int n)
{
	size_t bytes = 0;

	for (int i = 0; i < n; i++)
		bytes += v[i].iov_len;
	return bytes;
}

enum sp_io sp_stream_recv(struct sp_stream *s, const struct iovec *v, int n, size_t *got)
{
	ssize_t r;

	*got = 0;
	if (!s->is_readable)
		return SP_IO_AGAIN;
	do {
		r = n == 1 ? recv(s->fd, v[0].iov_base, v[0].iov_len, 0) : readv(s->fd, v, n);
	} while (r < 0 && errno == EINTR);
	if (r > 0) {
		*got = (size_t)r;
		/* Drained, unless the end is behind these bytes: it came with their event and gives no other. */
		if (!s->is_gone && *got < sum(v, n)) {
			s->is_readable = false;
			note_doubt(s);
		}
		return SP_IO_DONE;
	}
	if (r == 0) {
		s->is_gone = true;
		return SP_IO_EOF;
	}
	if (errno != EAGAIN)
		return read_lost(s, errno);
	s->is_readable = false;
	return SP_IO_AGAIN;
}

enum sp_io sp_stream_peek(struct sp_stream *s, void *to, size_t room, size_t *got)
{
	ssize_t r;

	*got = 0;
	if (!sp_stream_is_open(s) || s->is_read_lost)
		return SP_IO_FAILED;
	if (!s->is_readable)
		return SP_IO_AGAIN;
	do {
		r = recv(s->fd, to, room, MSG_PEEK);
	} while (r < 0 && errno == EINTR);
	if (r > 0) {
		*got = (size_t)r;
		return SP_IO_DONE;
	}
	if (r == 0) {
		s->is_gone = true;
		return SP_IO_EOF;
	}
	if (errno != EAGAIN)
		return read_lost(s, errno);
	s->is_readable = false;
	settle(s);
	return SP_IO_AGAIN;
}

/* Bytes that come now make an event of their own, also behind others that nobody took. */
bool sp_stream_await_more(struct sp_stream *s)
{
	if (s->is_gone)
		return false;
	s->is_readable = false;
	note_doubt(s);
	settle(s);
	return true;
}

enum sp_io sp_stream_send(struct sp_stream *s, const struct iovec *v, int n, size_t *put)
{
	ssize_t r;

	*put = 0;
	if (s->is_write_lost)
		return SP_IO_FAILED;
	if (!s->is_writable)
		return SP_IO_AGAIN;
	do {
		if (n == 1)
			r = send(s->fd, v[0].iov_base, v[0].iov_len, MSG_NOSIGNAL);
		else
			r = sendmsg(s->fd, &(struct msghdr){ .msg_iov = (struct iovec *)v, .msg_iovlen = (size_t)n },
				    MSG_NOSIGNAL);
	} while (r < 0 && errno == EINTR);
	if (r < 0 && errno != EAGAIN)
		return write_lost(s, errno);
	if (r < 0) {
		s->is_writable = false;
		return SP_IO_AGAIN;
	}
	*put = (size_t)r;
	if (*put < sum(v, n))
		s->is_writable = false; /* the kernel is full: it will tell when there is room */
	return SP_IO_DONE;
}

static enum sp_io plain_handshake(struct sp_stream *s)
{
	(void)s;
	return SP_IO_DONE;
}

static enum sp_io plain_finish(struct sp_stream *s)
{
	return shutdown(s->fd, SHUT_WR) == 0 ? SP_IO_DONE : write_lost(s, errno);
}

static void plain_nothing(struct sp_stream *s)
{
	(void)s;
}

static const struct sp_stream_ops plain_ops = {
	.read = sp_stream_recv,
	.write = sp_stream_send,
	.handshake = plain_handshake,
	.finish = plain_finish,
	.slim = plain_nothing,
	.close = plain_nothing,
};

bool sp_stream_open(struct sp_stream *s, struct sp_loop *loop, int fd, bool is_connecting,
		    void (*on_ready)(struct sp_stream *s, unsigned what))
{
	*s = (struct sp_stream){
		.magic = SP_STREAM_MAGIC,
		.fd = fd,
		.ops = &plain_ops,
		.loop = loop,
		.on_ready = on_ready,
		.is_writable = !is_connecting, /* tried at once; bytes to read are told by the first event */
		.is_connecting = is_connecting,
	};
	sp_soon_init(&s->soon, on_soon);
	sp_list_init(&s->doubt);
	if (event_assign(&s->event, sp_loop_base(loop), fd, EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST,
			 on_event, s) == 0 &&
	    event_add(&s->event, NULL) == 0)
		return true;
	s->fd = -1;
	(void)close(fd);
	return false;
}

enum sp_io sp_stream_connected(struct sp_stream *s)
{
	int error;

	if (!sp_stream_is_open(s))
		return SP_IO_FAILED;
	if (!s->is_connecting)
		return s->is_write_lost ? SP_IO_FAILED : SP_IO_DONE;
	if (!s->is_writable)
		return SP_IO_AGAIN;
	s->is_connecting = false;
	error = sp_sock_error(s->fd);
	if (error == 0)
		return SP_IO_DONE;
	s->is_gone_told = true;
	return read_lost(s, error);
}

void sp_stream_want(struct sp_stream *s, unsigned what)
{
	if (!sp_stream_is_open(s))
		return;
	s->want = what;
	settle(s);
}

static void renew_turn(struct sp_stream *s)
{
	uint64_t phase = sp_loop_phase(s->loop);

	if (s->turn == phase)
		return;
	s->turn = phase;
	s->turn_left = SP_STREAM_TURN;
}

/* The first `most` bytes of v in out; returns their number of iovecs. */
static int clip(const struct iovec *v, int n, size_t most, struct iovec out[CLIP_MAX])
{
	int used = 0;

	while (used < n && used < CLIP_MAX && most > 0) {
		out[used] = v[used];
		if (out[used].iov_len > most)
			out[used].iov_len = most;
		most -= out[used].iov_len;
		used++;
	}
	return used;
}

/* The end was told by this very answer: SP_GONE would say it twice, SP_READ again and again. */
static void note_end(struct sp_stream *s)
{
	s->has_ended = true;
	s->is_gone = s->is_gone_told = true;
	s->is_readable = s->has_inside = false;
}

enum sp_io sp_stream_read(struct sp_stream *s, const struct iovec *v, int n, size_t *got)
{
	struct iovec cut[CLIP_MAX];
	enum sp_io rc = SP_IO_AGAIN;
	size_t room;

	*got = 0;
	if (!sp_stream_is_open(s))
		return SP_IO_FAILED;
	if (s->is_read_lost) { /* perhaps behind bytes that were read before */
		note_end(s);
		settle(s);
		return SP_IO_FAILED;
	}
	if (s->has_ended)
		return SP_IO_EOF;
	renew_turn(s);
	room = sum(v, n);
	if (room > s->turn_left) {
		n = clip(v, n, s->turn_left, cut);
		v = cut;
		room = s->turn_left;
	}
	if (room > 0 && !s->is_held && (s->is_readable || s->has_inside))
		rc = s->ops->read(s, v, n, got);
	s->turn_left -= (uint32_t)*got;
	if (rc == SP_IO_EOF || rc == SP_IO_FAILED)
		note_end(s);
	settle(s);
	return rc;
}

enum sp_io sp_stream_write(struct sp_stream *s, const struct iovec *v, int n, size_t *put)
{
	enum sp_io rc;

	*put = 0;
	if (!sp_stream_is_open(s) || s->is_write_lost)
		return SP_IO_FAILED;
	rc = s->ops->write(s, v, n, put);
	if (rc == SP_IO_FAILED)
		s->is_gone_told = true; /* by this answer */
	settle(s);
	return rc;
}

enum sp_io sp_stream_handshake(struct sp_stream *s)
{
	enum sp_io rc;

	if (!sp_stream_is_open(s) || s->is_read_lost)
		return SP_IO_FAILED;
	rc = s->ops->handshake(s);
	if (rc == SP_IO_FAILED) {
		s->is_read_lost = s->is_write_lost = true;
		note_end(s);
	}
	settle(s);
	return rc;
}

enum sp_io sp_stream_finish(struct sp_stream *s)
{
	enum sp_io rc;

	if (!sp_stream_is_open(s) || s->is_write_lost)
		return SP_IO_FAILED;
	rc = s->ops->finish(s);
	settle(s);
	return rc;
}

void sp_stream_slim(struct sp_stream *s)
{
	if (!sp_stream_is_open(s))
		return;
	s->ops->slim(s);
	settle(s);
}

void sp_stream_close(struct sp_stream *s)
{
	if (!sp_stream_is_open(s))
		return;
	s->want = 0;
	sp_soon_cancel(&s->soon);
	sp_list_unlink(&s->doubt);
	event_del(&s->event);
	s->ops->close(s);
	s->unsent = 0;
	(void)close(s->fd);
	s->fd = -1;
}

void sp_stream_reset(struct sp_stream *s)
{
	const struct linger cut = { .l_onoff = 1, .l_linger = 0 };

	if (!sp_stream_is_open(s))
		return;
	(void)setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &cut, sizeof(cut));
	sp_stream_close(s);
}
