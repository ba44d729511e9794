/*
 * demo_origin - the web server behind the demo's gateway. One process a
 * connection, blocking: simple, and slow pages hold up nobody.
 */
#include "demo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <signal.h>

#include "sp/base/arena.h"
#include "sp/base/buf.h"
#include "sp/http/chunked.h"
#include "sp/http/h1_read.h"

#define CONNECTIONS_MAX 512
#define HEAD_MAX 65536U
#define ECHO_MAX 65536U /* bytes of a body that /echo shows */
#define BYTES_MAX (1ULL << 30)
#define PATIENCE_S 300 /* for the peer's next byte */
#define SLOW_S 3
#define EVENTS 60

struct conn {
	int fd;
	size_t n;
	char bytes[HEAD_MAX];
};

struct request {
	struct sp_head head;
	struct sp_str raw; /* the head as it came */
	struct sp_buf body; /* its first ECHO_MAX bytes */
};

static const char page[] =
	"<!doctype html><html lang=en><meta charset=utf-8><title>sallyport demo</title>"
	"<style>body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem;color:#222}"
	"code,pre{background:#f2f2f2;padding:.1em .3em;border-radius:3px}pre{padding:.8em;overflow:auto}</style>"
	"<h1>It works.</h1>"
	"<p>This page comes from a small origin server on a loopback port. You reached it through sallyport.</p><ul>"
	"<li><a href=/echo>/echo</a> the request as the origin got it"
	"<li><a href=/slow>/slow</a> an answer after three seconds"
	"<li><a href=/bytes/1000000>/bytes/1000000</a> so many bytes"
	"<li><a href=/events>/events</a> server-sent events, one a second"
	"<li><code>/ws</code> a WebSocket echo: <button id=b>say hello</button> <span id=o></span></ul>"
	"<h2>What the origin heard</h2><pre id=e></pre>"
	"<script>fetch('/echo').then(r=>r.text()).then(t=>document.getElementById('e').textContent=t);"
	"document.getElementById('b').onclick=()=>{const o=document.getElementById('o'),"
	"w=new WebSocket(location.origin.replace(/^http/,'ws')+'/ws');"
	"w.onopen=()=>w.send('hello at '+new Date().toISOString());"
	"w.onmessage=m=>{o.textContent='echo: '+m.data;w.close()};w.onerror=()=>o.textContent='refused'}</script>";

bool sp_demo_send(int fd, const void *bytes, size_t n)
{
	const char *at = bytes;

	while (n > 0) {
		ssize_t put = send(fd, at, n, MSG_NOSIGNAL);

		if (put <= 0)
			return false;
		at += put;
		n -= (size_t)put;
	}
	return true;
}

static bool send_head(int fd, unsigned status, const char *type, const char *framing)
{
	char head[512];
	int n = snprintf(head, sizeof(head),
			 "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nServer: sallyport-demo-origin\r\n%s\r\n\r\n", status,
			 status == 200 ? "OK" : "No", type, framing);

	return n > 0 && (size_t)n < sizeof(head) && sp_demo_send(fd, head, (size_t)n);
}

static bool send_text(int fd, const struct sp_head *to, unsigned status, const char *type, struct sp_str body)
{
	char framing[64];

	snprintf(framing, sizeof(framing), "Content-Length: %zu", body.n);
	return send_head(fd, status, type, framing) && (to->method == SP_M_HEAD || sp_demo_send(fd, body.p, body.n));
}

static bool send_echo(int fd, const struct request *r)
{
	struct sp_buf text;
	bool ok;

	sp_buf_init(&text);
	sp_buf_put(&text, r->raw);
	sp_buf_put(&text, sp_buf_str(&r->body));
	ok = !text.is_failed && send_text(fd, &r->head, 200, "text/plain; charset=utf-8", sp_buf_str(&text));
	sp_buf_fini(&text);
	return ok;
}

static bool send_bytes(int fd, const struct request *r)
{
	static const char alphabet[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-\n";
	const size_t line = sizeof(alphabet) - 1, prefix = sizeof("/bytes/") - 1;
	struct sp_str digits = sp_str_of(r->head.path.p + prefix, r->head.path.n - prefix);
	char block[16384], framing[64];
	uint64_t left;

	if (!sp_str_u64(digits, BYTES_MAX, &left))
		return send_text(fd, &r->head, 404, "text/plain", SP_STR("/bytes/N, N up to a GiB\n"));
	snprintf(framing, sizeof(framing), "Content-Length: %llu", (unsigned long long)left);
	if (!send_head(fd, 200, "application/octet-stream", framing))
		return false;
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = alphabet[i % line];
	for (size_t n; left > 0 && r->head.method != SP_M_HEAD; left -= n) {
		n = left < sizeof(block) ? (size_t)left : sizeof(block);
		if (!sp_demo_send(fd, block, n))
			return false;
	}
	return true;
}

static bool send_events(int fd, const struct request *r)
{
	char text[64], line[SP_CHUNK_LINE_MAX];

	if (!send_head(fd, 200, "text/event-stream", "Cache-Control: no-store\r\nTransfer-Encoding: chunked"))
		return false;
	if (r->head.method == SP_M_HEAD)
		return true;
	for (int i = 1; i <= EVENTS; i++) {
		int n = snprintf(text, sizeof(text), "id: %d\ndata: tick %d of %d\n\n", i, i, EVENTS);

		if (!sp_demo_send(fd, line, sp_chunk_line(line, (uint32_t)n)) || !sp_demo_send(fd, text, (size_t)n) ||
		    !sp_demo_send(fd, "\r\n", 2))
			return false;
		sleep(1);
	}
	return sp_demo_send(fd, SP_CHUNK_LAST, sizeof(SP_CHUNK_LAST) - 1);
}

/* true: the connection can go on. */
static bool answer(struct conn *c, const struct request *r, struct sp_str rest)
{
	const struct sp_field *key = sp_head_find(&r->head, SP_F_SEC_WEBSOCKET_KEY);
	struct sp_str path = r->head.path;

	if (sp_str_eq(path, SP_STR("/")))
		return send_text(c->fd, &r->head, 200, "text/html; charset=utf-8", sp_str(page));
	if (sp_str_eq(path, SP_STR("/echo")))
		return send_echo(c->fd, r);
	if (sp_str_eq(path, SP_STR("/slow"))) {
		sleep(SLOW_S);
		return send_text(c->fd, &r->head, 200, "text/plain", SP_STR("after three seconds\n"));
	}
	if (sp_str_starts(path, SP_STR("/bytes/")))
		return send_bytes(c->fd, r);
	if (sp_str_eq(path, SP_STR("/events")))
		return send_events(c->fd, r);
	if (sp_str_eq(path, SP_STR("/ws")) && r->head.has_upgrade && key != NULL) {
		sp_demo_websocket(c->fd, key->value, rest);
		return false;
	}
	return send_text(c->fd, &r->head, 404, "text/plain", SP_STR("the demo's origin has no such page\n"));
}

static bool receive(struct conn *c)
{
	ssize_t got;

	if (c->n == sizeof(c->bytes))
		return false;
	got = recv(c->fd, c->bytes + c->n, sizeof(c->bytes) - c->n, 0);
	if (got <= 0)
		return false;
	c->n += (size_t)got;
	return true;
}

static void keep(struct request *r, const uint8_t *bytes, size_t n)
{
	size_t room = r->body.n < ECHO_MAX ? ECHO_MAX - r->body.n : 0;

	if (n > 0 && room > 0)
		sp_buf_put(&r->body, sp_str_of((const char *)bytes, n < room ? n : room));
}

/* Bytes behind the head to the body's end. *left: bytes in c->bytes behind `used` that are not the body's. */
static bool read_body(struct conn *c, struct request *r, size_t used, size_t *left)
{
	struct sp_chunked chunked;
	uint64_t due = r->head.framing == SP_BODY_LENGTH ? r->head.length : 0;
	bool is_chunked = r->head.framing == SP_BODY_CHUNKED, is_over = !is_chunked && due == 0;

	sp_chunked_init(&chunked);
	for (;;) {
		uint8_t *at = (uint8_t *)c->bytes + used;
		size_t n = c->n - used, eaten = n, body = n;

		if (is_over) {
			*left = n;
			return true;
		}
		if (is_chunked) {
			enum sp_chunked_rc rc = sp_chunked_decode(&chunked, at, n, &eaten, &body);

			if (rc == SP_CHUNKED_BAD)
				return false;
			is_over = rc == SP_CHUNKED_END;
		} else {
			body = eaten = n < due ? n : (size_t)due;
			due -= eaten;
			is_over = due == 0;
		}
		keep(r, at, body);
		memmove(at, at + eaten, n - eaten);
		c->n -= eaten;
		if (!is_over && !receive(c))
			return false;
	}
}

/* One request and its answer; true: another may come. */
static bool serve_one(struct conn *c, struct sp_arena *arena)
{
	static const struct sp_h1_limits limits = { .head_max = HEAD_MAX - 4096,
						    .field_max = 200,
						    .target_max = 16384,
						    .underscore = SP_NAME_UNDERSCORE_PASS };
	struct sp_h1_reader reader;
	struct request r;
	enum sp_h1_rc rc;
	size_t used, left = 0;
	bool goes_on;

	sp_h1_reader_init(&reader, &limits, arena);
	while ((rc = sp_h1_read_request(&reader, c->bytes, c->n, &r.head, &used)) == SP_H1_MORE)
		if (!receive(c))
			return false;
	if (rc == SP_H1_REFUSED) {
		sp_head_init(&r.head, true);
		(void)!send_text(c->fd, &r.head, 400, "text/plain", SP_STR("the demo's origin cannot read this\n"));
		return false;
	}
	r.raw = sp_str_of(c->bytes, used);
	sp_buf_init(&r.body);
	goes_on = read_body(c, &r, used, &left) && answer(c, &r, sp_str_of(c->bytes + used, left)) &&
		  r.head.is_keep_alive;
	sp_buf_fini(&r.body);
	memmove(c->bytes, c->bytes + used, left);
	c->n = left;
	return goes_on;
}

_Noreturn static void serve(int fd)
{
	static struct conn c;
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	struct sp_arena arena;
	bool goes_on;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	c.fd = fd;
	do {
		sp_arena_init(&arena, NULL, 0, 0);
		goes_on = serve_one(&c, &arena);
		sp_arena_fini(&arena);
	} while (goes_on);
	_exit(0);
}

_Noreturn void sp_demo_origin(int listen_fd)
{
	unsigned running = 0;

	for (;;) {
		int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
		pid_t pid = -1;

		while (running > 0 && waitpid(-1, NULL, WNOHANG) > 0)
			running--;
		if (fd < 0)
			continue;
		if (running < CONNECTIONS_MAX)
			pid = fork();
		if (pid == 0) {
			close(listen_fd);
			serve(fd);
		}
		running += pid > 0 ? 1 : 0;
		close(fd);
	}
}
