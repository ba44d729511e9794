#include "sp/net/dial.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sock.h"

static enum sp_dial_rc fail(struct sp_dial_ask *ask, int error)
{
	ask->rc = SP_DIAL_FAILED;
	ask->error = error;
	return SP_DIAL_FAILED;
}

static enum sp_dial_rc begin_connect(struct sp_dial_ask *ask, const struct sp_addr *addr, bool is_udp)
{
	struct sockaddr_storage sa;
	socklen_t n = sp_addr_to_sockaddr(addr, &sa);
	int fd = is_udp ? sp_sock_new_udp(addr->family) : sp_sock_new(addr->family);

	if (fd < 0)
		return fail(ask, errno);
	if (!is_udp)
		sp_sock_tune(fd, addr->family);
	if (connect(fd, (const struct sockaddr *)&sa, n) != 0 && errno != EINPROGRESS) {
		int error = errno;

		(void)close(fd);
		return fail(ask, error);
	}
	ask->fd = fd;
	ask->addr = *addr;
	ask->rc = SP_DIAL_DONE;
	return SP_DIAL_DONE;
}

/* verdict: of the rules on the very address that connect gets. */
static enum sp_dial_rc connect_if(enum sp_egress_verdict verdict, const struct sp_addr *addr, bool is_udp,
				  struct sp_dial_ask *ask)
{
	ask->fd = -1;
	ask->error = 0;
	ask->refused = SP_EGRESS_OK;
	if (addr->family == SP_ADDR_NONE)
		return fail(ask, EHOSTUNREACH);
	ask->refused = verdict;
	if (ask->refused != SP_EGRESS_OK)
		return fail(ask, 0);
	return begin_connect(ask, addr, is_udp);
}

enum sp_dial_rc sp_dial_connect(const struct sp_egress *egress, const struct sp_addr *to, struct sp_dial_ask *ask)
{
	struct sp_addr addr = sp_addr_fold(to);

	return connect_if(sp_egress_check(egress, &addr), &addr, false, ask);
}

enum sp_dial_rc sp_dial_resolver(const struct sp_egress *egress, const struct sp_addr *to, bool is_udp,
				 struct sp_dial_ask *ask)
{
	struct sp_addr addr = sp_addr_fold(to);

	return connect_if(sp_egress_check_resolver(egress, &addr), &addr, is_udp, ask);
}
