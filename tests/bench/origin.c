/*
 * origin - the backend of the benchmark: HTTP/1.1, kept alive, as fast as one core lets it be.
 *
 *   origin PORT
 *
 * .../b/N is answered with N bytes, .../k with ten fields as applications send them and 1 KiB, an upgrade with 101 and then
 * with all that came; anything else with 1 KiB. Bodies of requests, by length or chunked, are read and forgotten. It trusts
 * its peers: it is no example of how to parse.
 */
#include <ctype.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <sys/uio.h>

#include "net.h"

enum { HEAD_MAX = 16384, BLOCK = 256 * 1024 };
enum chunk { CHUNK_NONE, CHUNK_SIZE, CHUNK_EXT, CHUNK_DATA, CHUNK_DATA_END, CHUNK_TRAILER, CHUNK_TRAILER_LINE };

struct conn {
	int fd;
	bool is_answering, is_tunnel, is_last;
	enum chunk chunk;
	uint64_t body_left; /* of the request's, or of one chunk */
	char *held; /* owned: a part of a head, or NULL */
	size_t held_len;
	char head[1024]; /* of the answer */
	size_t head_len, head_sent;
	uint64_t answer_left; /* of the answer's body */
};

static const char ten_fields[] =
	"Date: Tue, 03 Mar 2026 10:00:00 GMT\r\nServer: app/2.4\r\nContent-Type: text/html; charset=utf-8\r\n"
	"Cache-Control: private, max-age=0, must-revalidate\r\nETag: \"5f3c-5b2a7d\"\r\nVary: Accept-Encoding, "
	"Cookie\r\n"
	"Set-Cookie: sid=0123456789abcdef0123456789abcdef; Path=/; HttpOnly; SameSite=Lax\r\n"
	"X-Request-Id: 7f2c1a9e-55aa-4c1e-9d0f-1f2e3d4c5b6a\r\nContent-Language: en\r\n";
static const char upgrade[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
			      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

static int epoll_fd;
static char block[BLOCK], input[BLOCK];

static void drop(struct conn *c)
{
	close(c->fd);
	free(c->held);
	free(c);
}

static void begin_answer(struct conn *c, const char *line, size_t len)
{
	const char *size = memmem(line, len, "/b/", 3);
	bool is_k = memmem(line, len, "/k ", 3) != NULL;

	c->answer_left = size == NULL ? 1024 : strtoull(size + 3, NULL, 10);
	c->head_len = (size_t)snprintf(c->head, sizeof(c->head), "HTTP/1.1 200 OK\r\n%sContent-Length: %llu\r\n%s\r\n",
				       is_k ? ten_fields : "Content-Type: text/plain\r\n",
				       (unsigned long long)c->answer_left, c->is_last ? "Connection: close\r\n" : "");
}

/* What the head says of the body and of the connection; the answer is made now and sent behind the body. */
static void on_head(struct conn *c, const char *head, size_t len)
{
	const char *line = head, *end = head + len, *next;

	for (; line < end && (next = memchr(line, '\n', (size_t)(end - line))) != NULL; line = next + 1) {
		if (strncasecmp(line, "content-length:", 15) == 0)
			c->body_left = strtoull(line + 15, NULL, 10);
		else if (strncasecmp(line, "transfer-encoding:", 18) == 0)
			c->chunk = CHUNK_SIZE;
		else if (strncasecmp(line, "upgrade:", 8) == 0)
			c->is_tunnel = true;
		else if (strncasecmp(line, "connection: close", 17) == 0)
			c->is_last = true;
	}
	c->head_sent = 0;
	if (c->is_tunnel) {
		memcpy(c->head, upgrade, sizeof(upgrade) - 1);
		c->head_len = sizeof(upgrade) - 1;
		c->answer_left = 0;
	} else {
		next = memchr(head, '\n', len);
		begin_answer(c, head, next == NULL ? len : (size_t)(next - head));
	}
}

/* Bytes of a chunked body; returns how many were of it. */
static size_t skip_chunks(struct conn *c, const char *data, size_t len)
{
	size_t i = 0;

	while (i < len && c->chunk != CHUNK_NONE) {
		char byte = data[i];

		if (c->chunk == CHUNK_DATA) {
			uint64_t part = len - i < c->body_left ? len - i : c->body_left;

			i += part;
			c->body_left -= part;
			if (c->body_left == 0)
				c->chunk = CHUNK_DATA_END;
			continue;
		}
		i++;
		if (c->chunk == CHUNK_SIZE && isxdigit((unsigned char)byte)) {
			c->body_left = c->body_left * 16 +
				       (uint64_t)(isdigit((unsigned char)byte) ? byte - '0' : (byte | 32) - 'a' + 10);
		} else if (byte == '\n') {
			switch (c->chunk) {
			case CHUNK_DATA_END: c->chunk = CHUNK_SIZE; break;
			case CHUNK_TRAILER: c->chunk = CHUNK_NONE; break;
			case CHUNK_TRAILER_LINE: c->chunk = CHUNK_TRAILER; break;
			default: c->chunk = c->body_left == 0 ? CHUNK_TRAILER : CHUNK_DATA; break;
			}
		} else if (c->chunk == CHUNK_SIZE) {
			c->chunk = CHUNK_EXT;
		} else if (c->chunk == CHUNK_TRAILER && byte != '\r') {
			c->chunk = CHUNK_TRAILER_LINE;
		}
	}
	return i;
}

static size_t skip_body(struct conn *c, const char *data, size_t len)
{
	uint64_t part = len < c->body_left ? len : c->body_left;

	if (c->chunk != CHUNK_NONE)
		return skip_chunks(c, data, len);
	c->body_left -= part;
	return part;
}

static bool wants_body(const struct conn *c)
{
	return c->chunk != CHUNK_NONE || c->body_left > 0;
}

/* false: this is none of our peers. */
static bool on_bytes(struct conn *c, const char *data, size_t len)
{
	const char *end;
	size_t used;

	if (wants_body(c)) {
		used = skip_body(c, data, len);
		c->is_answering = !wants_body(c);
		return used == len;
	}
	if (c->held != NULL || memmem(data, len, "\r\n\r\n", 4) == NULL) {
		if (c->held_len + len > HEAD_MAX || (c->held == NULL && (c->held = malloc(HEAD_MAX)) == NULL))
			return false;
		memcpy(c->held + c->held_len, data, len);
		c->held_len += len;
		data = c->held;
		len = c->held_len;
	}
	if ((end = memmem(data, len, "\r\n\r\n", 4)) == NULL)
		return true;
	used = (size_t)(end + 4 - data);
	on_head(c, data, used);
	used += wants_body(c) ? skip_body(c, data + used, len - used) : 0;
	c->is_answering = !wants_body(c);
	if (data == c->held) {
		free(c->held);
		c->held = NULL;
		c->held_len = 0;
	}
	return used == len;
}

/* 1: all is sent, 0: later, -1: the peer is gone. */
static int send_answer(struct conn *c)
{
	while (c->head_sent < c->head_len || c->answer_left > 0) {
		struct iovec part[2] = { { c->head + c->head_sent, c->head_len - c->head_sent },
					 { block, c->answer_left < BLOCK ? c->answer_left : BLOCK } };
		ssize_t sent = writev(c->fd, part, 2);
		size_t of_head;

		if (sent < 0)
			return errno == EAGAIN ? 0 : -1;
		of_head = (size_t)sent < part[0].iov_len ? (size_t)sent : part[0].iov_len;
		c->head_sent += of_head;
		c->answer_left -= (size_t)sent - of_head;
	}
	c->is_answering = false;
	return c->is_last ? -1 : 1;
}

/* An echo that does not fit is the end of a tunnel: the load waits for each. */
static bool echo(struct conn *c, size_t len)
{
	return send(c->fd, input, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static void on_ready(struct conn *c)
{
	for (;;) {
		ssize_t got;
		int how;

		if (c->is_answering && (how = send_answer(c)) <= 0) {
			if (how < 0)
				drop(c);
			return;
		}
		got = recv(c->fd, input, sizeof(input), 0);
		if (got < 0 && errno == EAGAIN)
			return;
		if (got <= 0 || !(c->is_tunnel ? echo(c, (size_t)got) : on_bytes(c, input, (size_t)got))) {
			drop(c);
			return;
		}
	}
}

static void on_accept(int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct conn *c = calloc(1, sizeof(*c));

		if (c == NULL)
			die("calloc");
		c->fd = fd;
		no_delay(fd);
		watch(epoll_fd, fd, c);
	}
}

int main(int argc, char **argv)
{
	struct epoll_event events[BATCH];
	int listener;

	if (argc != 2) {
		fprintf(stderr, "origin PORT\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	want_descriptors();
	memset(block, 'x', sizeof(block));
	if ((epoll_fd = epoll_create1(EPOLL_CLOEXEC)) < 0)
		die("epoll_create1");
	listener = listen_at(port_of(argv[1]));
	watch(epoll_fd, listener, NULL);
	for (;;) {
		int count = epoll_wait(epoll_fd, events, BATCH, -1);

		for (int i = 0; i < count; i++) {
			if (events[i].data.ptr == NULL)
				on_accept(listener);
			else
				on_ready(events[i].data.ptr);
		}
	}
}
