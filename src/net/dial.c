#include "sp/net/dial.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sock.h"
#include "sp/base/check.h"

struct local_dial {
	struct sp_dial dial; /* first */
	struct sp_egress egress; /* what it points at is borrowed */
	const struct sp_dial_to *to; /* borrowed */
	size_t count;
};

static enum sp_dial_rc fail(struct sp_dial_ask *ask, int error)
{
	ask->rc = SP_DIAL_FAILED;
	ask->error = error;
	return SP_DIAL_FAILED;
}

static enum sp_dial_rc begin_connect(struct sp_dial_ask *ask, const struct sp_addr *addr)
{
	struct sockaddr_storage sa;
	socklen_t n = sp_addr_to_sockaddr(addr, &sa);
	int fd = sp_sock_new(addr->family);

	if (fd < 0)
		return fail(ask, errno);
	sp_sock_tune(fd, addr->family);
	if (connect(fd, (const struct sockaddr *)&sa, n) != 0 && errno != EINPROGRESS) {
		int error = errno;

		(void)close(fd);
		return fail(ask, error);
	}
	ask->fd = fd;
	ask->rc = SP_DIAL_DONE;
	return SP_DIAL_DONE;
}

static enum sp_dial_rc local_ask(struct sp_dial *dial, struct sp_dial_ask *ask)
{
	struct local_dial *d = (struct local_dial *)dial;
	struct sp_addr addr;

	ask->fd = -1;
	ask->error = 0;
	ask->refused = SP_EGRESS_OK;
	if (ask->backend >= d->count)
		return fail(ask, EINVAL);
	/* The rules see the very address that connect gets: folded once, used for both. */
	addr = sp_addr_fold(&d->to[ask->backend].addr);
	if (addr.family == SP_ADDR_NONE)
		return fail(ask, EHOSTUNREACH);
	ask->refused = sp_egress_check(&d->egress, &addr);
	if (ask->refused != SP_EGRESS_OK)
		return fail(ask, 0);
	return begin_connect(ask, &addr);
}

static void local_free(struct sp_dial *dial)
{
	free(dial);
}

struct sp_dial *sp_dial_new_local(const struct sp_egress *egress, const struct sp_dial_to *to, size_t count,
				  struct sp_err *err)
{
	struct local_dial *d = malloc(sizeof(*d));

	if (d == NULL) {
		sp_err_set(err, "no memory for the dialer");
		return NULL;
	}
	*d = (struct local_dial){
		.dial = { .ask = local_ask, .free = local_free },
		.egress = *egress,
		.to = to,
		.count = count,
	};
	return &d->dial;
}
