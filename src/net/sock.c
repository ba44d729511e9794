#include "sock.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

/* Seconds without a byte before the kernel asks, between its questions, and how many stay unanswered; and the
 * milliseconds that sent bytes may stay unacknowledged. Our own deadlines are shorter wherever one runs. */
enum { KEEP_IDLE_S = 60, KEEP_EVERY_S = 10, KEEP_COUNT = 6, USER_TIMEOUT_MS = 60000 };

int sp_sock_new(enum sp_addr_family family)
{
	int domain = family == SP_ADDR_V4 ? AF_INET : family == SP_ADDR_V6 ? AF_INET6 : AF_UNIX;

	return socket(domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

int sp_sock_new_udp(enum sp_addr_family family)
{
	return socket(family == SP_ADDR_V6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static void set_int(int fd, int level, int name, int value)
{
	/* Each of these only tunes: where the kernel refuses one, the connection still works. */
	(void)setsockopt(fd, level, name, &value, sizeof(value));
}

void sp_sock_tune(int fd, enum sp_addr_family family)
{
	if (family == SP_ADDR_UNIX)
		return;
	set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S);
	set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEP_EVERY_S);
	set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEP_COUNT);
	set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
}

int sp_sock_error(int fd)
{
	int error = 0;
	socklen_t n = sizeof(error);

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) == 0 ? error : errno;
}

bool sp_sock_is_broken(int fd)
{
	struct pollfd p = { .fd = fd, .events = 0 };

	return poll(&p, 1, 0) == 1 && (p.revents & (POLLERR | POLLHUP)) != 0;
}

const char *sp_sock_why(int error)
{
	switch (error) {
	case ECONNRESET:
	case EPIPE: return "reset";
	case ECONNREFUSED: return "refused";
	case ETIMEDOUT: return "timed_out";
	case EHOSTUNREACH:
	case ENETUNREACH: return "unreachable";
	default: return "socket_error";
	}
}
