#include "bind.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sp/base/log.h"
#include "sp/net/listen.h"
#include "takeover.h"
#include "unix_path.h"

struct sp_bound {
	const struct sp_conf_bind *conf; /* borrowed */
	size_t listener;
	int *fds; /* owned: ADDR one a worker, UNIX one, FD as many as were passed */
	uint16_t *ports; /* owned: the local port of each */
	size_t fd_count;
	ino_t inode; /* UNIX: the path that we made */
	uint32_t first_door; /* number of its first socket; the others follow */
	struct sp_bound *taken; /* borrowed: of the binds before, whose sockets these are; NULL: they are new */
};

static const char *bind_text(const struct sp_conf_bind *conf, char text[static SP_ADDR_TEXT])
{
	if (conf->kind != SP_BIND_FD)
		return sp_addr_text(&conf->addr, text);
	memcpy(text, "fd:", 4);
	if (conf->fd_name.n < SP_ADDR_TEXT - 4) {
		memcpy(text + 3, conf->fd_name.p, conf->fd_name.n);
		text[3 + conf->fd_name.n] = '\0';
	}
	return text;
}

static bool refuse(const struct sp_conf_bind *conf, const char *why, struct sp_err *err)
{
	char text[SP_ADDR_TEXT];

	return sp_err_set(err, "%s:%d: error: bind = %s: %s", conf->at.file, conf->at.line, bind_text(conf, text), why);
}

/* With SO_REUSEPORT a second gateway of the same user could bind what the first one serves and take half of its
 * clients. Binding without it fails when anybody listens there. */
static bool is_free(const struct sp_addr *addr, struct sp_err *err)
{
	struct sockaddr_storage sa;
	socklen_t n = sp_addr_to_sockaddr(addr, &sa);
	int on = 1, fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok;

	if (fd < 0)
		return sp_err_set(err, "%s", strerror(errno));
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (sa.ss_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	ok = bind(fd, (const struct sockaddr *)&sa, n) == 0 || sp_err_set(err, "%s", strerror(errno));
	close(fd);
	return ok;
}

static bool new_fds(struct sp_bound *b, size_t count)
{
	b->fds = calloc(count, sizeof(*b->fds));
	b->ports = calloc(count, sizeof(*b->ports));
	if (b->fds == NULL || b->ports == NULL)
		return false;
	b->fd_count = count;
	for (size_t i = 0; i < count; i++)
		b->fds[i] = -1;
	return true;
}

static bool open_own(struct sp_bound *b, size_t i, struct sp_err *err)
{
	struct sp_err why = { .text = "" };

	b->fds[i] = sp_listen_bind(&b->conf->addr, true, &why);
	b->ports[i] = b->conf->addr.port;
	return b->fds[i] >= 0 || refuse(b->conf, why.text, err);
}

static bool open_addr(struct sp_bound *b, unsigned workers, struct sp_err *err)
{
	struct sp_err why = { .text = "" };

	if (!new_fds(b, workers))
		return refuse(b->conf, "no memory", err);
	if (!is_free(&b->conf->addr, &why))
		return refuse(b->conf, why.text, err);
	for (size_t i = 0; i < workers; i++)
		if (!open_own(b, i, err))
			return false;
	return true;
}

static bool open_unix(struct sp_bound *b, struct sp_err *err)
{
	struct sp_err why = { .text = "" };

	if (!new_fds(b, 1))
		return refuse(b->conf, "no memory", err);
	b->fds[0] = sp_unix_path_listen(b->conf->addr.path, SP_UNIX_PATH_FOR_ALL, &b->inode, &why);
	return b->fds[0] >= 0 || refuse(b->conf, why.text, err);
}

/* A passed descriptor is what the supervisor says it is only after we looked. */
static bool adopt(int fd, uint16_t *port, const char **why)
{
	struct sockaddr_storage sa = { .ss_family = AF_UNSPEC };
	socklen_t n = sizeof(sa);
	int on = 1, listens = 0, type = 0, flags = fcntl(fd, F_GETFL);
	socklen_t size = sizeof(int);

	*why = "the passed descriptor is no listening stream socket";
	if (flags < 0 || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens == 0 ||
	    getsockname(fd, (struct sockaddr *)&sa, &n) != 0)
		return false;
	*why = "the passed descriptor cannot be set up";
	if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
		return false;
	*port = 0;
	if (sa.ss_family == AF_INET)
		*port = ntohs(((const struct sockaddr_in *)&sa)->sin_port);
	else if (sa.ss_family == AF_INET6)
		*port = ntohs(((const struct sockaddr_in6 *)&sa)->sin6_port);
	if (*port != 0)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return true;
}

static bool open_passed(struct sp_bound *b, const struct sp_passed *passed, struct sp_err *err)
{
	const char *why = NULL;
	size_t count = 0;

	for (size_t i = 0; i < passed->count; i++)
		count += sp_str_eq(passed->names[i], b->conf->fd_name) ? 1 : 0;
	if (count == 0)
		return refuse(b->conf, "the supervisor passed no descriptor of that name (LISTEN_FDNAMES)", err);
	if (!new_fds(b, count))
		return refuse(b->conf, "no memory", err);
	count = 0;
	for (size_t i = 0; i < passed->count; i++) {
		if (!sp_str_eq(passed->names[i], b->conf->fd_name))
			continue;
		if (!adopt(SP_PASSED_FIRST + (int)i, &b->ports[count], &why))
			return refuse(b->conf, why, err);
		b->fds[count++] = SP_PASSED_FIRST + (int)i;
	}
	return true;
}

/* Two owners of one descriptor would close it twice. */
static bool is_taken(const struct sp_binds *binds, const struct sp_bound *b)
{
	for (const struct sp_bound *other = binds->items; other < b; other++)
		if (other->conf->kind == SP_BIND_FD && sp_str_eq(other->conf->fd_name, b->conf->fd_name))
			return true;
	return false;
}

static bool open_bound(struct sp_bound *b, unsigned workers, const struct sp_passed *passed, struct sp_err *err)
{
	switch (b->conf->kind) {
	case SP_BIND_ADDR: return open_addr(b, workers, err);
	case SP_BIND_UNIX: return open_unix(b, err);
	case SP_BIND_FD: return open_passed(b, passed, err);
	}
	return refuse(b->conf, "not an address", err);
}

static void warn_unused(const struct sp_conf *conf, const struct sp_passed *passed)
{
	for (size_t i = 0; i < passed->count; i++) {
		bool is_used = false;

		for (size_t l = 0; l < conf->listener_count; l++)
			for (size_t k = 0; k < conf->listeners[l].bind_count; k++)
				is_used |= conf->listeners[l].binds[k].kind == SP_BIND_FD &&
					   sp_str_eq(conf->listeners[l].binds[k].fd_name, passed->names[i]);
		if (is_used)
			continue;
		sp_warn("passed_descriptor_unused", SP_KV_STR("name", passed->names[i]));
		close(SP_PASSED_FIRST + (int)i);
	}
}

/* The same place, bound already. */
static struct sp_bound *find_bound(const struct sp_binds *binds, const struct sp_conf_bind *conf)
{
	for (size_t i = 0; binds != NULL && i < binds->count; i++) {
		const struct sp_conf_bind *old = binds->items[i].conf;

		if (old->kind == conf->kind && (conf->kind == SP_BIND_FD ? sp_str_eq(old->fd_name, conf->fd_name)
									 : sp_addr_eq(&old->addr, &conf->addr)))
			return &binds->items[i];
	}
	return NULL;
}

static void take_over(struct sp_bound *b, struct sp_bound *old)
{
	b->taken = old;
	b->fds = old->fds;
	b->ports = old->ports;
	b->fd_count = old->fd_count;
	b->inode = old->inode;
	b->first_door = old->first_door;
}

/* Numbers that no socket of this program had. */
static uint32_t new_doors(size_t count)
{
	static uint32_t last;

	last += (uint32_t)count;
	return last - (uint32_t)count + 1;
}

bool sp_binds_open(struct sp_binds *binds, const struct sp_conf *conf, unsigned workers, const struct sp_passed *passed,
		   const struct sp_binds *before, struct sp_err *err)
{
	size_t count = 0;

	for (size_t i = 0; i < conf->listener_count; i++)
		count += conf->listeners[i].bind_count;
	*binds = (struct sp_binds){ .items = calloc(count > 0 ? count : 1, sizeof(struct sp_bound)),
				    .workers = workers };
	if (binds->items == NULL)
		return sp_err_set(err, "no memory for the listening sockets");
	for (size_t i = 0; i < conf->listener_count; i++) {
		for (size_t k = 0; k < conf->listeners[i].bind_count; k++) {
			struct sp_bound *b = &binds->items[binds->count++];

			b->listener = i;
			b->conf = &conf->listeners[i].binds[k];
			if (b->conf->kind == SP_BIND_FD && is_taken(binds, b)) {
				(void)refuse(b->conf, "an earlier bind has the descriptors of that name", err);
				goto fail;
			}
			if (find_bound(before, b->conf) != NULL) {
				take_over(b, find_bound(before, b->conf));
				continue;
			}
			if (!open_bound(b, workers, passed, err))
				goto fail;
			b->first_door = new_doors(b->fd_count);
		}
	}
	if (before == NULL)
		warn_unused(conf, passed);
	return true;
fail:
	sp_binds_close(binds);
	return false;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void sp_binds_close(struct sp_binds *binds)
{
	for (size_t i = 0; i < binds->count; i++) {
		struct sp_bound *b = &binds->items[i];

		if (b->taken != NULL)
			continue;
		if (b->conf->kind == SP_BIND_UNIX && b->fd_count > 0 && b->fds[0] >= 0)
			sp_unix_path_remove(b->conf->addr.path, b->inode);
		for (size_t k = 0; k < b->fd_count; k++)
			close_fd(&b->fds[k]);
		free(b->fds);
		free(b->ports);
	}
	free(binds->items);
	free(binds->places);
	*binds = (struct sp_binds){ .items = NULL };
}

size_t sp_binds_fresh(const struct sp_binds *binds)
{
	size_t fresh = 0;

	for (size_t i = 0; i < binds->count; i++)
		fresh += binds->items[i].taken == NULL ? 1 : 0;
	return fresh;
}

void sp_binds_replace(struct sp_binds *binds, struct sp_binds *by)
{
	for (size_t i = 0; i < by->count; i++) {
		struct sp_bound *old = by->items[i].taken;

		if (old == NULL)
			continue;
		by->items[i].taken = NULL; /* owned here from now on */
		old->fds = NULL;
		old->ports = NULL;
		old->fd_count = 0;
	}
	sp_binds_close(binds);
	*binds = *by;
	*by = (struct sp_binds){ .items = NULL };
}

size_t sp_binds_most(const struct sp_binds *binds)
{
	size_t n = 0;

	for (size_t i = 0; i < binds->count; i++)
		n += binds->items[i].fd_count;
	return n;
}

static bool is_of_worker(const struct sp_binds *binds, const struct sp_bound *b, size_t k, unsigned worker)
{
	switch (b->conf->kind) {
	case SP_BIND_ADDR: return k == worker - 1;
	case SP_BIND_UNIX: return true;
	case SP_BIND_FD: return sp_passed_is_of(k, b->fd_count, worker - 1, binds->workers);
	}
	return false;
}

size_t sp_binds_of(const struct sp_binds *binds, unsigned worker, struct sp_worker_socket *out)
{
	size_t n = 0;

	for (size_t i = 0; i < binds->count; i++) {
		const struct sp_bound *b = &binds->items[i];

		for (size_t k = 0; k < b->fd_count; k++)
			if (b->fds[k] >= 0 && is_of_worker(binds, b, k, worker))
				out[n++] = (struct sp_worker_socket){ .listener = b->listener,
								      .port = b->ports[k],
								      .fd = b->fds[k],
								      .door = b->first_door + (uint32_t)k };
	}
	return n;
}

void sp_binds_close_own(struct sp_binds *binds, unsigned worker)
{
	for (size_t i = 0; i < binds->count; i++)
		if (binds->items[i].conf->kind == SP_BIND_ADDR)
			close_fd(&binds->items[i].fds[worker - 1]);
}

bool sp_binds_open_own(struct sp_binds *binds, unsigned worker, struct sp_err *err)
{
	for (size_t i = 0; i < binds->count; i++) {
		struct sp_bound *b = &binds->items[i];

		if (b->conf->kind == SP_BIND_ADDR && b->fds[worker - 1] < 0 && !open_own(b, worker - 1, err))
			return false;
	}
	return true;
}

/* ---- from one program to the next */

static void place_text(const struct sp_conf_bind *conf, char place[static SP_HANDOVER_PLACE])
{
	if (conf->kind == SP_BIND_FD)
		(void)snprintf(place, SP_HANDOVER_PLACE, "fd:%.*s", SP_STR_ARG(conf->fd_name));
	else
		(void)sp_addr_text(&conf->addr, place);
}

void sp_binds_hand(const struct sp_binds *binds, struct sp_handing *handing)
{
	for (size_t i = 0; i < binds->count; i++) {
		const struct sp_bound *b = &binds->items[i];

		for (size_t k = 0; k < b->fd_count; k++) {
			struct sp_handed_row *row;

			if (b->fds[k] < 0)
				continue;
			row = sp_handing_add(handing, SP_HANDED_SOCKET, b->fds[k]);
			place_text(b->conf, row->is.socket.place);
			row->is.socket.index = (uint32_t)k;
			row->is.socket.inode = b->conf->kind == SP_BIND_UNIX ? b->inode : 0;
		}
	}
}

static bool read_place(const char *text, struct sp_conf_bind *place)
{
	struct sp_str rest = sp_str(text);

	*place = (struct sp_conf_bind){ .kind = SP_BIND_FD, .at = { .file = "handed over" } };
	if (sp_str_starts(rest, SP_STR("fd:"))) {
		place->fd_name = sp_str_of(text + 3, rest.n - 3);
		return place->fd_name.n > 0;
	}
	if (!sp_addr_parse(rest, 0, &place->addr))
		return false;
	place->kind = place->addr.family == SP_ADDR_UNIX ? SP_BIND_UNIX : SP_BIND_ADDR;
	return true;
}

/* A shared place has as many sockets as rows. */
static size_t sockets_of(const struct sp_conf_bind *place, const char *text, unsigned workers)
{
	const struct sp_handed_row *row;
	size_t count = 0;

	if (place->kind == SP_BIND_ADDR)
		return workers;
	if (place->kind == SP_BIND_UNIX)
		return 1;
	for (size_t at = 0; (row = sp_takeover_next(SP_HANDED_SOCKET, &at)) != NULL;)
		count += strcmp(row->is.socket.place, text) == 0 ? 1 : 0;
	return count;
}

/* NULL: no memory. */
static struct sp_bound *find_or_add(struct sp_binds *binds, const struct sp_handed_row *row,
				    const struct sp_conf_bind *place)
{
	struct sp_bound *b = find_bound(binds, place);

	if (b != NULL)
		return b;
	b = &binds->items[binds->count];
	binds->places[binds->count] = *place;
	b->conf = &binds->places[binds->count++];
	b->inode = (ino_t)row->is.socket.inode;
	if (!new_fds(b, sockets_of(place, row->is.socket.place, binds->workers)))
		return NULL;
	b->first_door = new_doors(b->fd_count);
	return b;
}

/* A socket of a worker that there is no more, or one that is not what it should be, is left behind, and closed. */
static void put_socket(struct sp_bound *b, struct sp_handed_row *row)
{
	const size_t k = row->is.socket.index;

	if (k >= b->fd_count || b->fds[k] >= 0)
		return;
	b->fds[k] = row->fd;
	row->fd = -1;
}

bool sp_binds_adopt(struct sp_binds *binds, unsigned workers, struct sp_err *err)
{
	struct sp_handed_row *row;
	size_t count = 0;

	for (size_t at = 0; sp_takeover_next(SP_HANDED_SOCKET, &at) != NULL;)
		count++;
	*binds = (struct sp_binds){ .items = calloc(count + 1, sizeof(struct sp_bound)),
				    .places = calloc(count + 1, sizeof(struct sp_conf_bind)),
				    .workers = workers };
	if (binds->items == NULL || binds->places == NULL)
		return sp_err_set(err, "no memory for the listening sockets");
	for (size_t at = 0; (row = sp_takeover_next(SP_HANDED_SOCKET, &at)) != NULL;) {
		const char *why = "its place cannot be read";
		struct sp_conf_bind place;
		struct sp_bound *b;
		uint16_t port = 0;

		if (!read_place(row->is.socket.place, &place) ||
		    (!sp_takeover_is_rehearsed() && !adopt(row->fd, &port, &why))) {
			sp_warn("handed_socket_refused", SP_KV_TEXT("place", row->is.socket.place), SP_KV_TEXT("why", why));
			continue;
		}
		b = find_or_add(binds, row, &place);
		if (b == NULL)
			return sp_err_set(err, "no memory for the listening sockets");
		if (row->is.socket.index < b->fd_count)
			b->ports[row->is.socket.index] = port;
		put_socket(b, row);
	}
	return true;
}
