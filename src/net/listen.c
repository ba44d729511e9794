#include "sp/net/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "sock.h"
#include "sp/base/check.h"
#include "sp/base/log.h"
#include "sp/net/deadline.h"

enum { ACCEPTS_A_TURN = 32, RETRY_MS = 100, BACKLOG = 4096 };

struct sp_listen {
	uint32_t magic;
	int fd; /* owned */
	int reserve; /* owned: a descriptor to give up when there is no other; -1 = none */
	struct sp_loop *loop; /* borrowed */
	struct event event; /* level-triggered: what the budget leaves comes again by itself */
	struct sp_deadline retry;
	sp_listen_cb *on_accept;
	void *arg;
	uint64_t shed;
	bool is_paused; /* by its owner */
	bool is_starved; /* no descriptors; retry is set */
};

#define LISTEN_MAGIC 0x4c73746eU

/* The event is registered while neither we nor the owner want rest. */
static void follow(struct sp_listen *l)
{
	if (l->is_paused || l->is_starved)
		event_del(&l->event);
	else
		(void)event_add(&l->event, NULL);
}

static void on_retry(struct sp_deadline *deadline)
{
	struct sp_listen *l = SP_HOLDER(deadline, struct sp_listen, retry);

	l->is_starved = false;
	follow(l);
}

static void shed_one(struct sp_listen *l)
{
	int fd;

	if (l->reserve >= 0)
		(void)close(l->reserve);
	fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0) {
		(void)close(fd);
		l->shed++;
	}
	l->reserve = fcntl(l->fd, F_DUPFD_CLOEXEC, 0);
}

static void starve(struct sp_listen *l, int why)
{
	sp_warn("accept_paused", SP_KV_ERRNO("why", why), SP_KV_U64("shed", l->shed));
	shed_one(l);
	l->is_starved = true;
	follow(l);
	sp_deadline_set(&l->retry, sp_loop_deadlines(l->loop, RETRY_MS), on_retry);
}

static bool is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* false: nothing more to accept now. */
static bool accept_one(struct sp_listen *l)
{
	struct sockaddr_storage sa = { .ss_family = AF_UNSPEC };
	struct sp_addr peer = { .family = SP_ADDR_UNIX }; /* a client of a Unix socket has no name */
	socklen_t n = sizeof(sa);
	int fd = accept4(l->fd, (struct sockaddr *)&sa, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0 && is_shortage(errno))
		starve(l, errno);
	if (fd < 0)
		return errno == ECONNABORTED || errno == EINTR || errno == EPROTO; /* that one is gone already */
	if (n >= sizeof(sa.ss_family) && sa.ss_family != AF_UNIX &&
	    !sp_addr_from_sockaddr((struct sockaddr *)&sa, n, &peer)) {
		(void)close(fd);
		return true;
	}
	l->on_accept(l->arg, fd, &peer);
	return true;
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	struct sp_listen *l = SP_OBJ(arg, struct sp_listen, LISTEN_MAGIC);

	(void)fd, (void)what;
	sp_loop_woke(l->loop);
	for (int i = 0; i < ACCEPTS_A_TURN && !l->is_paused && !l->is_starved; i++) {
		if (!accept_one(l))
			return;
	}
}

struct sp_listen *sp_listen_new(struct sp_loop *loop, int fd, sp_listen_cb *on_accept, void *arg, struct sp_err *err)
{
	struct sp_listen *l = calloc(1, sizeof(*l));

	/* The list is made now, so that setting it later cannot fail. */
	if (l == NULL || sp_loop_deadlines(loop, RETRY_MS) == NULL) {
		sp_err_set(err, "no memory for a listener");
		goto fail;
	}
	*l = (struct sp_listen){ .magic = LISTEN_MAGIC, .fd = fd, .loop = loop, .on_accept = on_accept, .arg = arg };
	sp_deadline_init(&l->retry);
	if (event_assign(&l->event, sp_loop_base(loop), fd, EV_READ | EV_PERSIST, on_event, l) != 0 ||
	    event_add(&l->event, NULL) != 0) {
		sp_err_set(err, "cannot watch a listening socket");
		goto fail;
	}
	l->reserve = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return l;
fail:
	free(l);
	return NULL;
}

void sp_listen_pause(struct sp_listen *listen)
{
	listen->is_paused = true;
	follow(listen);
}

void sp_listen_resume(struct sp_listen *listen)
{
	listen->is_paused = false;
	follow(listen);
}

uint64_t sp_listen_shed(const struct sp_listen *listen)
{
	return listen->shed;
}

void sp_listen_free(struct sp_listen *listen)
{
	if (listen == NULL)
		return;
	event_del(&listen->event);
	sp_deadline_clear(&listen->retry);
	if (listen->reserve >= 0)
		(void)close(listen->reserve);
	(void)close(listen->fd);
	listen->magic = 0;
	free(listen);
}

/* A socket file that nobody answers behind stops us from binding; one that is served must stay. */
static void remove_dead_path(const struct sp_addr *addr, const struct sockaddr_storage *sa, socklen_t n)
{
	struct stat st;
	int fd;

	if (addr->path[0] == '\0' || lstat(addr->path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return;
	fd = sp_sock_new(SP_ADDR_UNIX);
	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)sa, n) != 0 && errno == ECONNREFUSED)
		(void)unlink(addr->path);
	(void)close(fd);
}

static bool bind_and_listen(int fd, const struct sp_addr *addr, bool is_reuseport)
{
	const int on = 1;
	struct sockaddr_storage sa;
	socklen_t n = sp_addr_to_sockaddr(addr, &sa);

	if (addr->family == SP_ADDR_UNIX)
		remove_dead_path(addr, &sa, n);
	else if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0)
		return false;
	if (addr->family == SP_ADDR_V6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0)
		return false;
	if (is_reuseport && addr->family != SP_ADDR_UNIX &&
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0)
		return false;
	sp_sock_tune(fd, addr->family);
	return bind(fd, (const struct sockaddr *)&sa, n) == 0 && listen(fd, BACKLOG) == 0;
}

int sp_listen_bind(const struct sp_addr *addr, bool is_reuseport, struct sp_err *err)
{
	char text[SP_ADDR_TEXT];
	int fd = sp_sock_new(addr->family);

	if (fd >= 0 && bind_and_listen(fd, addr, is_reuseport))
		return fd;
	sp_err_set(err, "cannot listen on %s: %s", sp_addr_text(addr, text), strerror(errno));
	if (fd >= 0)
		(void)close(fd);
	return -1;
}
