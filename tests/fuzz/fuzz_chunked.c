/*
 * fuzz_chunked - a chunked body. Byte 0 is where it is cut, the rest is decoded.
 *
 * How it was cut does not matter; what ours reads to its end http-parser reads
 * to the same end with the same bytes, but for trailers, of which it has other
 * ideas; bytes encoded by us decode to themselves.
 */
#include <http_parser.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sp/base/check.h"
#include "sp/http/chunked.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct body {
	enum sp_chunked_rc rc;
	enum sp_refuse why;
	size_t used, n;
	uint8_t *bytes; /* owned */
};

static void decode(struct body *b, const uint8_t *data, size_t size, size_t first, size_t step)
{
	struct sp_chunked c;
	size_t piece = first;

	sp_chunked_init(&c);
	*b = (struct body){ .rc = SP_CHUNKED_MORE, .bytes = malloc(size + 1) };
	SP_ASSERT(b->bytes != NULL);
	while (b->used < size && b->rc == SP_CHUNKED_MORE) {
		size_t n = piece > 0 && piece < size - b->used ? piece : size - b->used, used, body;
		uint8_t *copy = malloc(n);

		SP_ASSERT(copy != NULL);
		memcpy(copy, data + b->used, n);
		b->rc = sp_chunked_decode(&c, copy, n, &used, &body);
		SP_ASSERT(used <= n && body <= used && (b->rc != SP_CHUNKED_MORE || used == n));
		memcpy(b->bytes + b->n, copy, body);
		free(copy);
		b->used += used;
		b->n += body;
		piece = step;
	}
	b->why = b->rc == SP_CHUNKED_BAD ? c.why : SP_REFUSE_NONE;
	SP_ASSERT(b->rc != SP_CHUNKED_BAD || c.why == SP_REFUSE_CHUNK || c.why == SP_REFUSE_TRAILER);
}

static void same(const struct body *a, const struct body *b)
{
	SP_ASSERT(a->rc == b->rc && a->why == b->why && a->used == b->used && a->n == b->n);
	SP_ASSERT(a->n == 0 || memcmp(a->bytes, b->bytes, a->n) == 0);
}

struct opinion {
	const struct body *ours;
	size_t n;
	bool is_complete;
};

static int on_body(http_parser *parser, const char *at, size_t n)
{
	struct opinion *o = parser->data;

	SP_ASSERT(o->n + n <= o->ours->n && memcmp(o->ours->bytes + o->n, at, n) == 0);
	o->n += n;
	return 0;
}

static int on_complete(http_parser *parser)
{
	struct opinion *o = parser->data;

	o->is_complete = true;
	http_parser_pause(parser, 1);
	return 0;
}

static void check_second_opinion(const struct body *ours, const uint8_t *data)
{
	static const char head[] = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
	static const http_parser_settings settings = { .on_body = on_body, .on_message_complete = on_complete };
	struct opinion opinion = { .ours = ours };
	http_parser parser;

	http_parser_set_max_header_size(UINT32_MAX);
	http_parser_init(&parser, HTTP_REQUEST);
	parser.data = &opinion;
	SP_ASSERT(http_parser_execute(&parser, &settings, head, sizeof(head) - 1) == sizeof(head) - 1);
	http_parser_execute(&parser, &settings, (const char *)data, ours->used);
	SP_ASSERT(opinion.n == ours->n);
	SP_ASSERT(opinion.is_complete || (parser.flags & F_TRAILING) != 0);
}

static void check_round_trip(const struct body *ours)
{
	size_t room = ours->n * 16 + 64, n = 0, at = 0;
	uint8_t *text = malloc(room);
	struct body again;

	SP_ASSERT(text != NULL);
	for (size_t piece = 1; at < ours->n; at += piece, piece = piece * 2 % 61) {
		piece = piece == 0 ? 1 : piece;
		piece = piece < ours->n - at ? piece : ours->n - at;
		n += sp_chunk_line((char *)text + n, (uint32_t)piece);
		memcpy(text + n, ours->bytes + at, piece);
		memcpy(text + n + piece, "\r\n", 2);
		n += piece + 2;
	}
	memcpy(text + n, SP_CHUNK_LAST, sizeof(SP_CHUNK_LAST) - 1);
	n += sizeof(SP_CHUNK_LAST) - 1;
	SP_ASSERT(n <= room);
	decode(&again, text, n, 0, 0);
	SP_ASSERT(again.rc == SP_CHUNKED_END && again.used == n && again.n == ours->n);
	SP_ASSERT(ours->n == 0 || memcmp(again.bytes, ours->bytes, ours->n) == 0);
	free(again.bytes);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct body whole, cut;

	if (size < 1)
		return 0;
	decode(&whole, data + 1, size - 1, 0, 0);
	decode(&cut, data + 1, size - 1, 1, 1);
	same(&whole, &cut);
	free(cut.bytes);
	decode(&cut, data + 1, size - 1, data[0], data[0] % 7);
	same(&whole, &cut);
	free(cut.bytes);
	if (whole.rc == SP_CHUNKED_END)
		check_second_opinion(&whole, data + 1);
	check_round_trip(&whole);
	free(whole.bytes);
	return 0;
}
