/*
 * floor - the relay that parses nothing: what moving the bytes costs on this machine, and so what no gateway can undercut by much.
 *
 *   floor ORIGIN_PORT PLAIN_PORT [TLS_PORT CHAIN KEY]...
 *
 * Each client gets a backend connection of its own. One process, one event a descriptor, no timers, no log. TLS goes through
 * a BIO of our own: a read takes all that fits, and a short one is known to have emptied the socket; records are gathered and
 * leave by one send.
 */
#include <signal.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "net.h"

enum { BLOCK = 64 * 1024, GATHER = 2 * BLOCK, LISTENERS = 8 };

struct end {
	struct pair *pair;
	int fd;
	SSL *ssl; /* owned, or NULL: plain */
	bool can_read, saw_end;
	char *waiting; /* owned: bytes that the socket had no room for, or NULL */
	size_t from, to;
};

struct pair {
	struct end client, backend;
	bool is_dead;
	struct pair *next_dead;
};

struct listener {
	int fd;
	SSL_CTX *ctx; /* owned, or NULL: plain */
};

/* What an event points at: a listener below LISTENERS of them, an end elsewhere. */
static struct listener listeners[LISTENERS];
static size_t listener_count;
static uint16_t origin_port;
static int epoll_fd;
static char block[BLOCK], gathered[GATHER];
static size_t gathered_len;
static struct pair *dead;
static BIO_METHOD *bio_method;

static void bury(struct pair *p)
{
	if (p->is_dead)
		return;
	p->is_dead = true;
	gathered_len = 0; /* an alert that nobody will read */
	SSL_free(p->client.ssl);
	ERR_clear_error();
	close(p->client.fd);
	if (p->backend.fd >= 0)
		close(p->backend.fd);
	free(p->client.waiting);
	free(p->backend.waiting);
	p->next_dead = dead;
	dead = p;
}

/* --- bytes of one end; what TLS writes is gathered until flush --- */

static int bio_read(BIO *bio, char *to, int len)
{
	struct end *e = BIO_get_data(bio);
	ssize_t got;

	BIO_clear_retry_flags(bio);
	if (!e->can_read) {
		BIO_set_retry_read(bio);
		return -1;
	}
	got = recv(e->fd, to, (size_t)len, 0);
	if (got < len && !e->saw_end)
		e->can_read = false;
	if (got < 0 && errno == EAGAIN) {
		e->can_read = false;
		BIO_set_retry_read(bio);
	}
	return (int)got;
}

static int bio_write(BIO *bio, const char *from, int len)
{
	(void)bio;
	if (gathered_len + (size_t)len > GATHER)
		return -1;
	memcpy(gathered + gathered_len, from, (size_t)len);
	gathered_len += (size_t)len;
	return len;
}

static long bio_ctrl(BIO *bio, int what, long number, void *pointer)
{
	(void)bio, (void)number, (void)pointer;
	return what == BIO_CTRL_FLUSH;
}

static bool keep_waiting(struct end *e, const char *data, size_t len)
{
	if ((e->waiting = malloc(len)) == NULL)
		return false;
	memcpy(e->waiting, data, len);
	e->from = 0;
	e->to = len;
	return true;
}

static bool send_now(struct end *e, const char *data, size_t len)
{
	ssize_t sent = send(e->fd, data, len, MSG_NOSIGNAL);

	if (sent < 0 && errno != EAGAIN && errno != ENOTCONN)
		return false;
	sent = sent < 0 ? 0 : sent;
	return (size_t)sent == len || keep_waiting(e, data + sent, len - (size_t)sent);
}

/* What was gathered, behind what may wait already: that happens to a handshake alone, and is little. */
static bool flush(struct end *e)
{
	size_t len = gathered_len;
	char *more;

	gathered_len = 0;
	if (len == 0)
		return true;
	if (e->waiting == NULL)
		return send_now(e, gathered, len);
	if ((more = realloc(e->waiting, e->to + len)) == NULL)
		return false;
	memcpy(more + e->to, gathered, len);
	e->waiting = more;
	e->to += len;
	return true;
}

static bool send_waiting(struct end *e)
{
	ssize_t sent;

	if (e->waiting == NULL)
		return true;
	sent = send(e->fd, e->waiting + e->from, e->to - e->from, MSG_NOSIGNAL);
	if (sent < 0)
		return errno == EAGAIN || errno == ENOTCONN;
	e->from += (size_t)sent;
	if (e->from == e->to) {
		free(e->waiting);
		e->waiting = NULL;
	}
	return true;
}

/* Bytes read, 0 for none yet, -1 at the end. */
static ssize_t take(struct end *e)
{
	size_t len = 0, got;
	ssize_t n;

	if (e->ssl == NULL) {
		n = recv(e->fd, block, BLOCK, 0);
		if (n < BLOCK && !e->saw_end)
			e->can_read = false;
		if (n < 0 && errno == EAGAIN) {
			e->can_read = false;
			return 0;
		}
		return n > 0 ? n : -1;
	}
	while (len < BLOCK) {
		int rc = SSL_read_ex(e->ssl, block + len, BLOCK - len, &got);

		if (rc == 1) {
			len += got;
			continue;
		}
		if (SSL_get_error(e->ssl, rc) != SSL_ERROR_WANT_READ) {
			ERR_clear_error();
			return len > 0 ? (ssize_t)len : -1;
		}
		break;
	}
	return flush(e) ? (ssize_t)len : -1;
}

static bool give(struct end *e, size_t len)
{
	size_t sent;

	if (e->ssl == NULL)
		return send_now(e, block, len);
	for (size_t at = 0; at < len; at += sent)
		if (SSL_write_ex(e->ssl, block + at, len - at, &sent) != 1)
			return false;
	return flush(e);
}

static bool pump(struct end *from, struct end *to)
{
	while ((from->can_read || (from->ssl != NULL && SSL_has_pending(from->ssl))) && to->waiting == NULL) {
		ssize_t got = take(from);

		if (got == 0)
			return true;
		if (got < 0 || !give(to, (size_t)got))
			return false;
	}
	return true;
}

static void on_ready(struct end *e, uint32_t what)
{
	struct pair *p = e->pair;

	if (p->is_dead)
		return;
	if ((what & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
		e->saw_end = true;
	if ((what & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
		e->can_read = true;
	if (!send_waiting(e) || !pump(&p->client, &p->backend) || !pump(&p->backend, &p->client))
		bury(p);
}

/* --- connections --- */

static bool add_tls(struct end *e, SSL_CTX *ctx)
{
	BIO *bio = BIO_new(bio_method);

	e->ssl = SSL_new(ctx);
	if (bio == NULL || e->ssl == NULL)
		return false;
	BIO_set_data(bio, e);
	BIO_set_init(bio, 1);
	SSL_set_bio(e->ssl, bio, bio);
	SSL_set_accept_state(e->ssl);
	return true;
}

static void on_accept(const struct listener *l)
{
	int fd;

	while ((fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct pair *p = calloc(1, sizeof(*p));

		if (p == NULL)
			die("calloc");
		no_delay(fd);
		p->client = (struct end){ .pair = p, .fd = fd };
		p->backend = (struct end){ .pair = p, .fd = connect_to(origin_port, -1) };
		if (p->backend.fd < 0 || (l->ctx != NULL && !add_tls(&p->client, l->ctx))) {
			bury(p);
			continue;
		}
		watch(epoll_fd, fd, &p->client);
		watch(epoll_fd, p->backend.fd, &p->backend);
	}
}

static SSL_CTX *make_ctx(const char *chain, const char *key)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (ctx == NULL || SSL_CTX_use_certificate_chain_file(ctx, chain) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1) {
		ERR_print_errors_fp(stderr);
		exit(1);
	}
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_default_read_buffer_len(ctx, 32768);
	SSL_CTX_set_num_tickets(ctx, 1);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	return ctx;
}

static void add_listener(const char *port, SSL_CTX *ctx)
{
	struct listener *l = &listeners[listener_count++];

	*l = (struct listener){ listen_at(port_of(port)), ctx };
	watch(epoll_fd, l->fd, l);
}

static bool is_listener(const void *whose)
{
	return (uintptr_t)whose >= (uintptr_t)listeners && (uintptr_t)whose < (uintptr_t)(listeners + LISTENERS);
}

static void free_dead(void)
{
	struct pair *p;

	while ((p = dead) != NULL) {
		dead = p->next_dead;
		free(p);
	}
}

static volatile sig_atomic_t is_over;

static void on_signal(int number)
{
	(void)number;
	is_over = 1;
}

int main(int argc, char **argv)
{
	struct epoll_event events[BATCH];

	if (argc < 3 || argc % 3 != 0 || argc / 3 > LISTENERS) {
		fprintf(stderr, "floor ORIGIN_PORT PLAIN_PORT [TLS_PORT CHAIN KEY]...\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	want_descriptors();
	bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "floor");
	if (bio_method == NULL || BIO_meth_set_read(bio_method, bio_read) != 1 ||
	    BIO_meth_set_write(bio_method, bio_write) != 1 || BIO_meth_set_ctrl(bio_method, bio_ctrl) != 1 ||
	    (epoll_fd = epoll_create1(EPOLL_CLOEXEC)) < 0)
		die("floor");
	origin_port = port_of(argv[1]);
	add_listener(argv[2], NULL);
	for (int i = 3; i + 2 < argc; i += 3)
		add_listener(argv[i], make_ctx(argv[i + 1], argv[i + 2]));
	while (!is_over) {
		int count = epoll_wait(epoll_fd, events, BATCH, -1);

		for (int i = 0; i < count; i++) {
			if (is_listener(events[i].data.ptr))
				on_accept(events[i].data.ptr);
			else
				on_ready(events[i].data.ptr, events[i].events);
		}
		free_dead();
	}
	return 0;
}
