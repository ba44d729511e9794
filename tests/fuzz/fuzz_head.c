/*
 * fuzz_head - a request head. Byte 0 chooses limits, byte 1 a cut, the rest is read.
 *
 * How it was cut does not matter; what ours accepts http-parser reads alike,
 * but for the differences named; what is written reads back the same.
 */
#include <stdint.h>

#include "http_feed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* http-parser takes Proxy-Connection for Connection. */
static bool is_explained(const struct feed *f)
{
	return feed_is_any_misread(f) || sp_head_find(&f->head, SP_F_PROXY_CONNECTION) != NULL;
}

static void check_accepted(struct feed *f, bool is_upgrade_kept, bool is_peer_trusted)
{
	struct sp_hop hop = { .client_ip = SP_STR("192.0.2.1"),
			      .port = 443,
			      .is_tls = true,
			      .request_id = SP_STR("id"),
			      .is_upgrade_kept = is_upgrade_kept,
			      .is_peer_trusted = is_peer_trusted };
	struct sp_chunk_pool *pool = sp_chunk_pool_new(16);
	struct sp_chain chain;

	SP_ASSERT(pool != NULL);
	sp_chain_init(&chain, pool);
	SP_ASSERT(sp_hop_request(&f->head, &f->arena, &hop));
	/* what stays of a 1.0 request's Upgrade is nothing, and POST says its empty body */
	if (f->head.framing == SP_BODY_NONE &&
	    (f->head.method == SP_M_POST || f->head.method == SP_M_PUT || f->head.method == SP_M_PATCH)) {
		f->head.framing = SP_BODY_LENGTH;
		f->head.has_length = true;
		f->head.length = 0;
	}
	SP_ASSERT(sp_h1_write_request(&chain, &f->head, f->head.host_text));
	feed_reads_back(f, &chain);
	sp_chain_clear(&chain);
	sp_chunk_pool_free(pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct feed like = { .limits = { 16384, 100, 8192, SP_NAME_UNDERSCORE_DROP } }, f;

	if (size < 2)
		return 0;
	like.limits.underscore = (enum sp_underscore)((data[0] & 3) % 3);
	if ((data[0] & 4) != 0)
		like.limits = (struct sp_h1_limits){ 128, 6, 32, like.limits.underscore };
	feed_all_ways(&f, &like, (const char *)data + 2, size - 2, data[1]);
	if (f.rc == SP_H1_REFUSED && f.reader.why == SP_REFUSE_SECOND_OPINION)
		SP_ASSERT(is_explained(&f));
	if (f.rc == SP_H1_HEAD)
		check_accepted(&f, (data[0] & 8) != 0, (data[0] & 16) != 0);
	feed_close(&f);
	return 0;
}
