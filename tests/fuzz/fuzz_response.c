/*
 * fuzz_response - an answer head. Byte 0 chooses the request's method and limits, byte 1 a cut, the rest is read.
 *
 * How it was cut does not matter; http-parser, which has no say about answers
 * in the gateway, reads what ours accepts alike; what is written reads back.
 */
#include <http_parser.h>
#include <stdint.h>

#include "http_feed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct opinion {
	const struct sp_head *head;
	uint32_t names;
	bool is_complete;
};

static int on_name(http_parser *parser, const char *at, size_t n)
{
	struct opinion *o = parser->data;
	const struct sp_field *f = &o->head->fields[o->names++];

	SP_ASSERT(o->names <= o->head->field_count && f->name.p == at && f->name.n == n);
	return 0;
}

static int on_complete(http_parser *parser)
{
	struct opinion *o = parser->data;

	o->is_complete = true;
	SP_ASSERT(o->names == o->head->field_count && parser->status_code == o->head->status);
	SP_ASSERT(parser->http_major == 1 && parser->http_minor == o->head->minor);
	return 1; /* no body here */
}

static void check_second_opinion(const struct feed *f, const struct sp_head *head)
{
	static const http_parser_settings settings = { .on_header_field = on_name, .on_headers_complete = on_complete };
	struct opinion opinion = { .head = head };
	const struct sp_field *coding = sp_head_find(head, SP_F_TRANSFER_ENCODING);
	const struct sp_field *length = sp_head_find(head, SP_F_CONTENT_LENGTH);
	http_parser parser;

	http_parser_set_max_header_size(UINT32_MAX);
	http_parser_init(&parser, HTTP_RESPONSE);
	parser.data = &opinion;
	http_parser_execute(&parser, &settings, f->bytes, f->used);
	if (feed_is_any_misread(f))
		return;
	SP_ASSERT(HTTP_PARSER_ERRNO(&parser) == HPE_OK && opinion.is_complete);
	SP_ASSERT(((parser.flags & F_CHUNKED) != 0) == (coding != NULL));
	if (head->has_length)
		SP_ASSERT(parser.content_length == head->length);
	else
		SP_ASSERT(length == NULL || parser.content_length == 0);
}

static void check_accepted(struct feed *f, bool is_upgrade_kept)
{
	enum sp_h1_connection connection = SP_H1_CONN_DEFAULT;
	struct sp_chunk_pool *pool = sp_chunk_pool_new(16);
	struct sp_chain chain;

	SP_ASSERT(pool != NULL);
	sp_chain_init(&chain, pool);
	check_second_opinion(f, &f->head);
	SP_ASSERT(sp_hop_response(&f->head, &f->arena, is_upgrade_kept));
	if (is_upgrade_kept && f->head.has_upgrade)
		connection = SP_H1_CONN_UPGRADE;
	SP_ASSERT(sp_h1_write_response(&chain, &f->head, connection));
	feed_reads_back(f, &chain);
	sp_chain_clear(&chain);
	sp_chunk_pool_free(pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct feed like = { .limits = { 16384, 100, 8192, SP_NAME_UNDERSCORE_DROP }, .is_answer = true }, f;

	if (size < 2)
		return 0;
	like.method = (data[0] & 1) != 0 ? SP_M_HEAD : SP_M_GET;
	if ((data[0] & 4) != 0)
		like.limits = (struct sp_h1_limits){ 128, 6, 32, like.limits.underscore };
	feed_all_ways(&f, &like, (const char *)data + 2, size - 2, data[1]);
	if (f.rc == SP_H1_HEAD)
		check_accepted(&f, (data[0] & 8) != 0);
	feed_close(&f);
	return 0;
}
