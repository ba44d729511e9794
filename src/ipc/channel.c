#include "sp/ipc/channel.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sp/base/check.h"

#define CHANNEL_MAGIC 0x4368616eU
#define TURN_MESSAGES 16 /* read at most a turn: one process cannot hold up the others */
#define FDS_MAX 4 /* that a control buffer takes, so that too many are seen and closed */

struct header {
	uint16_t type;
	uint16_t size; /* of the body */
	uint32_t zero; /* so that a body with 64-bit numbers follows without a gap */
};

struct packet {
	struct header header;
	union sp_ipc_body body;
};

_Static_assert(offsetof(struct packet, body) == sizeof(struct header), "a header and its body are sent as one");

#define SIZE(member) sizeof(((union sp_ipc_body *)0)->member)

enum {
	ASKED = SP_IPC_KEEPER | SP_IPC_DIALER, /* whom … */
	ASKING = SP_IPC_WORKER | SP_IPC_MONITOR, /* … these ask */
	CHILDREN = SP_IPC_WORKER | ASKED | SP_IPC_LOGGER | SP_IPC_MONITOR,
};

static const struct {
	const char *name;
	uint16_t size;
	bool has_fd;
	unsigned senders, receivers;
} table[SP_IPC_COUNT] = {
	[SP_IPC_READY] = { "ready", SIZE(ready), false, CHILDREN, SP_IPC_MASTER },
	[SP_IPC_HEALTH] = { "health", SIZE(health), false, SP_IPC_MASTER, SP_IPC_WORKER },
	[SP_IPC_DRAIN] = { "drain", SIZE(drain), false, SP_IPC_MASTER, SP_IPC_WORKER },
	[SP_IPC_FINISH] = { "finish", 0, false, SP_IPC_MASTER, SP_IPC_WORKER },
	[SP_IPC_STOP] = { "stop", 0, false, SP_IPC_MASTER, CHILDREN },
	[SP_IPC_TICKETS] = { "tickets", SIZE(tickets), false, SP_IPC_MASTER, SP_IPC_WORKER },
	[SP_IPC_LOG] = { "log", SIZE(log), true, SP_IPC_MASTER, SP_IPC_LOGGER },
	[SP_IPC_CHALLENGES] = { "challenges", SIZE(challenges), true, SP_IPC_MASTER, SP_IPC_WORKER },
	[SP_IPC_PEER] = { "peer", SIZE(peer), true, SP_IPC_MASTER, ASKING | ASKED },
	[SP_IPC_DOOR] = { "door", SIZE(door), true, SP_IPC_MASTER, SP_IPC_WORKER },
	[SP_IPC_BUNDLE] = { "bundle", SIZE(bundle), true, SP_IPC_MASTER, SP_IPC_WORKER },
	[SP_IPC_PREPARED] = { "prepared", SIZE(prepared), false, SP_IPC_WORKER, SP_IPC_MASTER },
	[SP_IPC_REFUSED] = { "refused", SIZE(refused), false, SP_IPC_WORKER, SP_IPC_MASTER },
	[SP_IPC_COMMIT] = { "commit", SIZE(commit), false, SP_IPC_MASTER, SP_IPC_WORKER },
	[SP_IPC_ROLLBACK] = { "rollback", SIZE(rollback), false, SP_IPC_MASTER, SP_IPC_WORKER },
	[SP_IPC_MOVED] = { "moved", SIZE(moved), false, SP_IPC_WORKER, SP_IPC_MASTER },
	[SP_IPC_SIGN] = { "sign", SIZE(sign), false, ASKING, SP_IPC_KEEPER },
	[SP_IPC_SIGNED] = { "signed", SIZE(is_signed), false, SP_IPC_KEEPER, ASKING },
	[SP_IPC_DIAL] = { "dial", SIZE(dial), false, ASKING, SP_IPC_DIALER },
	[SP_IPC_DIALED] = { "dialed", SIZE(dialed), true, SP_IPC_DIALER, ASKING },
	[SP_IPC_CONFINED] = { "confined", SIZE(confined), false, CHILDREN, SP_IPC_MASTER },
	[SP_IPC_PROC] = { "proc", SIZE(proc), true, CHILDREN, SP_IPC_MASTER },
	[SP_IPC_ADMIN] = { "admin", 0, true, SP_IPC_MASTER, SP_IPC_MONITOR },
	[SP_IPC_PAGE] = { "page", 0, true, SP_IPC_MASTER, SP_IPC_MONITOR },
	[SP_IPC_GATEWAY] = { "gateway", SIZE(gateway), false, SP_IPC_MASTER, SP_IPC_MONITOR },
	[SP_IPC_PROCESS] = { "process", SIZE(process), false, SP_IPC_MASTER, SP_IPC_MONITOR },
	[SP_IPC_COMMAND] = { "command", SIZE(command), true, SP_IPC_MONITOR, SP_IPC_MASTER },
	[SP_IPC_CALLER] = { "caller", SIZE(caller), true, SP_IPC_MASTER, SP_IPC_MONITOR },
	[SP_IPC_OUTCOME] = { "outcome", SIZE(outcome), true, SP_IPC_MASTER, SP_IPC_MONITOR },
	[SP_IPC_DROPPED] = { "dropped", SIZE(dropped), false, SP_IPC_LOGGER, SP_IPC_MASTER },
	[SP_IPC_NOT_DIALED] = { "not_dialed", SIZE(not_dialed), false, SP_IPC_DIALER, ASKING },
};

const char *sp_ipc_type_name(enum sp_ipc_type type)
{
	return (unsigned)type < SP_IPC_COUNT && table[type].name != NULL ? table[type].name : "unknown";
}

const char *sp_ipc_role_name(enum sp_ipc_role role)
{
	switch (role) {
	case SP_IPC_MASTER: return "master";
	case SP_IPC_WORKER: return "worker";
	case SP_IPC_KEEPER: return "keeper";
	case SP_IPC_DIALER: return "dialer";
	case SP_IPC_LOGGER: return "logger";
	case SP_IPC_MONITOR: return "monitor";
	}
	return "unknown";
}

static bool may_go(unsigned type, enum sp_ipc_role from, enum sp_ipc_role to)
{
	return (table[type].senders & (unsigned)from) != 0 && (table[type].receivers & (unsigned)to) != 0;
}

bool sp_ipc_pair(int fds[2], struct sp_err *err)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0)
		return sp_err_set(err, "cannot make a channel between processes: %s", strerror(errno));
	return true;
}

enum sp_ipc_rc sp_ipc_send(int fd, enum sp_ipc_role from, enum sp_ipc_role to, const struct sp_ipc_message *m)
{
	SP_ASSERT(m->type > SP_IPC_NONE && m->type < SP_IPC_COUNT);
	SP_ASSERT(may_go(m->type, from, to));
	SP_ASSERT(table[m->type].has_fd == (m->fd >= 0));

	struct packet packet = { .header = { (uint16_t)m->type, table[m->type].size, 0 }, .body = m->body };
	struct iovec v = { &packet, sizeof(packet.header) + table[m->type].size };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr msg = { .msg_iov = &v, .msg_iovlen = 1 };
	ssize_t n;

	if (m->fd >= 0) {
		memset(&control, 0, sizeof(control));
		control.align = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
						  .cmsg_level = SOL_SOCKET,
						  .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(&control.align), &m->fd, sizeof(int));
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
	}
	do
		n = sendmsg(fd, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return SP_IPC_DONE;
	return errno == EAGAIN || errno == ENOBUFS ? SP_IPC_AGAIN : SP_IPC_EOF;
}

size_t sp_ipc_pack(enum sp_ipc_type type, uint8_t bytes[static SP_IPC_PACKED])
{
	const struct header header = { (uint16_t)type, 0, 0 };

	_Static_assert(sizeof(header) <= SP_IPC_PACKED, "a message without body fits");
	SP_ASSERT(type > SP_IPC_NONE && type < SP_IPC_COUNT && table[type].size == 0 && !table[type].has_fd);
	memcpy(bytes, &header, sizeof(header));
	return sizeof(header);
}

enum sp_ipc_rc sp_ipc_send_packed(int fd, const uint8_t *bytes, size_t n)
{
	ssize_t sent;

	do
		sent = send(fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	if (sent >= 0)
		return SP_IPC_DONE;
	return errno == EAGAIN || errno == ENOBUFS ? SP_IPC_AGAIN : SP_IPC_EOF;
}

/* All descriptors that came: the first to *fd, the others closed. Returns their number. */
static unsigned take_fds(struct msghdr *msg, int *fd)
{
	unsigned count = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
			int got;

			memcpy(&got, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (count++ == 0)
				*fd = got;
			else
				close(got);
		}
	}
	return count;
}

static bool fits_table(const struct packet *packet, size_t n, int flags, unsigned fds, enum sp_ipc_role from,
		       enum sp_ipc_role to)
{
	const struct header *h = &packet->header;

	return n >= sizeof(*h) && (flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 && h->type > SP_IPC_NONE &&
	       h->type < SP_IPC_COUNT && may_go(h->type, from, to) && h->size == table[h->type].size &&
	       n == sizeof(*h) + h->size && fds == (table[h->type].has_fd ? 1U : 0U);
}

enum sp_ipc_rc sp_ipc_recv(int fd, enum sp_ipc_role from, enum sp_ipc_role to, struct sp_ipc_message *m)
{
	struct packet packet;
	struct iovec v = { &packet, sizeof(packet) };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control;
	struct msghdr msg = {
		.msg_iov = &v, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)
	};
	ssize_t n;

	memset(&packet, 0, sizeof(packet));
	m->fd = -1;
	do
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? SP_IPC_AGAIN : SP_IPC_EOF;
	if (n == 0 && msg.msg_controllen == 0)
		return SP_IPC_EOF;

	unsigned fds = take_fds(&msg, &m->fd);

	if (!fits_table(&packet, (size_t)n, msg.msg_flags, fds, from, to)) {
		if (m->fd >= 0)
			close(m->fd);
		m->fd = -1;
		return SP_IPC_BAD;
	}
	m->type = (enum sp_ipc_type)packet.header.type;
	m->body = packet.body;
	return SP_IPC_DONE;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct sp_channel *ch = SP_OBJ(arg, struct sp_channel, CHANNEL_MAGIC);

	(void)what;
	sp_loop_woke(ch->loop);
	for (int i = 0; i < TURN_MESSAGES && ch->fd == fd; i++) {
		struct sp_ipc_message m;
		enum sp_ipc_rc rc = sp_ipc_recv(ch->fd, ch->peer, ch->self, &m);

		if (rc == SP_IPC_AGAIN)
			return;
		if (rc != SP_IPC_DONE) {
			sp_channel_close(ch);
			ch->on_end(ch, rc);
			return;
		}
		ch->on_message(ch, &m);
		if (m.fd >= 0)
			close(m.fd);
	}
}

void sp_channel_open(struct sp_channel *ch, struct sp_loop *loop, int fd, enum sp_ipc_role self, enum sp_ipc_role peer)
{
	SP_ASSERT(ch->on_message != NULL && ch->on_end != NULL);
	ch->magic = CHANNEL_MAGIC;
	ch->fd = fd;
	ch->loop = loop;
	ch->self = self;
	ch->peer = peer;
	SP_ASSERT(event_assign(&ch->event, sp_loop_base(loop), fd, EV_READ | EV_PERSIST, on_readable, ch) == 0);
	SP_ASSERT(event_add(&ch->event, NULL) == 0);
}

enum sp_ipc_rc sp_channel_send(struct sp_channel *ch, const struct sp_ipc_message *m)
{
	if (ch->fd < 0)
		return SP_IPC_EOF;
	return sp_ipc_send(ch->fd, ch->self, ch->peer, m);
}

void sp_channel_close(struct sp_channel *ch)
{
	if (ch->magic != CHANNEL_MAGIC || ch->fd < 0)
		return;
	(void)event_del(&ch->event);
	close(ch->fd);
	ch->fd = -1;
}
