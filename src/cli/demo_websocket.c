/*
 * demo_websocket - an echo by RFC 6455, for the demo's origin.
 */
#include "demo.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/evp.h>

#define FRAME_MOST 65536U /* bytes of one frame; a longer one is refused with 1009 */

enum { OP_CONTINUATION = 0, OP_TEXT = 1, OP_BINARY = 2, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10 };
enum { CLOSE_PROTOCOL = 1002, CLOSE_TOO_BIG = 1009 };

struct peer {
	int fd;
	struct sp_str rest; /* read already */
};

struct frame {
	uint8_t first; /* FIN and opcode */
	uint64_t n;
	uint8_t payload[FRAME_MOST];
};

static bool read_exactly(struct peer *peer, void *to, size_t n)
{
	uint8_t *at = to;

	while (n > 0) {
		ssize_t got;

		if (peer->rest.n > 0) {
			got = (ssize_t)(peer->rest.n < n ? peer->rest.n : n);
			memcpy(at, peer->rest.p, (size_t)got);
			peer->rest = sp_str_of(peer->rest.p + got, peer->rest.n - (size_t)got);
		} else {
			got = recv(peer->fd, at, n, 0);
		}
		if (got <= 0)
			return false;
		at += got;
		n -= (size_t)got;
	}
	return true;
}

static bool send_frame(int fd, uint8_t first, const uint8_t *payload, size_t n)
{
	uint8_t head[10] = { first };
	size_t used = 2;

	if (n < 126) {
		head[1] = (uint8_t)n;
	} else if (n <= UINT16_MAX) {
		head[1] = 126;
		head[2] = (uint8_t)(n >> 8);
		head[3] = (uint8_t)n;
		used = 4;
	} else {
		head[1] = 127;
		for (int i = 0; i < 8; i++)
			head[2 + i] = (uint8_t)((uint64_t)n >> (56 - 8 * i));
		used = 10;
	}
	return sp_demo_send(fd, head, used) && sp_demo_send(fd, payload, n);
}

static bool refuse(int fd, unsigned code)
{
	const uint8_t payload[2] = { (uint8_t)(code >> 8), (uint8_t)code };

	(void)!send_frame(fd, 0x80 | OP_CLOSE, payload, sizeof(payload));
	return false;
}

static bool read_frame(struct peer *peer, struct frame *f)
{
	uint8_t head[2], more[8], mask[4];
	unsigned extra;

	if (!read_exactly(peer, head, sizeof(head)))
		return false;
	f->first = head[0];
	f->n = head[1] & 0x7fU;
	extra = f->n == 126 ? 2 : f->n == 127 ? 8 : 0;
	if ((head[0] & 0x70U) != 0 || (head[1] & 0x80U) == 0) /* an extension we did not agree to; no mask */
		return refuse(peer->fd, CLOSE_PROTOCOL);
	if (!read_exactly(peer, more, extra))
		return false;
	for (unsigned i = 0; i < extra; i++)
		f->n = i == 0 ? more[0] : f->n << 8 | more[i];
	if (f->n > FRAME_MOST)
		return refuse(peer->fd, CLOSE_TOO_BIG);
	if (!read_exactly(peer, mask, sizeof(mask)) || !read_exactly(peer, f->payload, (size_t)f->n))
		return false;
	for (size_t i = 0; i < f->n; i++)
		f->payload[i] ^= mask[i % 4];
	return true;
}

/* false: the conversation is over. */
static bool answer(struct peer *peer, const struct frame *f)
{
	switch (f->first & 0x0fU) {
	case OP_CONTINUATION:
	case OP_TEXT:
	case OP_BINARY: return send_frame(peer->fd, f->first, f->payload, (size_t)f->n);
	case OP_PING: return send_frame(peer->fd, 0x80 | OP_PONG, f->payload, (size_t)f->n);
	case OP_PONG: return true;
	case OP_CLOSE: (void)!send_frame(peer->fd, 0x80 | OP_CLOSE, f->payload, f->n >= 2 ? 2 : 0); return false;
	default: return refuse(peer->fd, CLOSE_PROTOCOL);
	}
}

static bool accept_handshake(int fd, struct sp_str key)
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	unsigned char digest[EVP_MAX_MD_SIZE], text[64];
	char joined[128], head[256];
	unsigned digest_n;
	int n;

	if (key.n == 0 || key.n > 64)
		return false;
	n = snprintf(joined, sizeof(joined), "%.*s%s", SP_STR_ARG(key), guid);
	if (EVP_Digest(joined, (size_t)n, digest, &digest_n, EVP_sha1(), NULL) != 1)
		return false;
	EVP_EncodeBlock(text, digest, (int)digest_n);
	n = snprintf(head, sizeof(head),
		     "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		     "Sec-WebSocket-Accept: %s\r\n\r\n",
		     (const char *)text);
	return sp_demo_send(fd, head, (size_t)n);
}

void sp_demo_websocket(int fd, struct sp_str key, struct sp_str rest)
{
	static struct frame frame; /* one connection a process */
	struct peer peer = { .fd = fd, .rest = rest };

	if (!accept_handshake(fd, key))
		return;
	while (read_frame(&peer, &frame))
		if (!answer(&peer, &frame))
			return;
}
