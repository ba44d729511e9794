/*
 * http_feed - heads for the fuzzers: read whole and in pieces with one outcome, written anew, compared.
 */
#ifndef SP_FUZZ_HTTP_FEED_H
#define SP_FUZZ_HTTP_FEED_H

#include <stdlib.h>
#include <string.h>

#include "sp/base/chain.h"
#include "sp/http/h1_read.h"
#include "sp/http/h1_write.h"
#include "sp/http/hop.h"

struct feed {
	struct sp_h1_limits limits;
	bool is_answer;
	enum sp_method method; /* of the request, for answers */
	struct sp_arena arena;
	struct sp_h1_reader reader;
	struct sp_head head;
	enum sp_h1_rc rc;
	size_t used;
	char *bytes; /* owned; exactly n, so that a sanitizer sees one byte too many */
	size_t n;
};

static inline void feed_open(struct feed *f, const struct feed *like, size_t n)
{
	*f = *like;
	sp_arena_init(&f->arena, NULL, 0, 0);
	sp_h1_reader_init(&f->reader, &f->limits, &f->arena);
	f->n = n;
	f->bytes = malloc(n > 0 ? n : 1);
	SP_ASSERT(f->bytes != NULL);
}

static inline void feed_close(struct feed *f)
{
	free(f->bytes);
	sp_arena_fini(&f->arena);
}

/* Pieces end at `first` and then every `step` bytes. What has not arrived is 0xff. */
static inline void feed_run(struct feed *f, const char *text, size_t first, size_t step)
{
	size_t n = first < f->n ? first : f->n, done = 0;

	memset(f->bytes, 0xff, f->n);
	for (;;) {
		memcpy(f->bytes + done, text + done, n - done);
		done = n;
		f->rc = f->is_answer ? sp_h1_read_response(&f->reader, f->bytes, n, f->method, &f->head, &f->used)
				     : sp_h1_read_request(&f->reader, f->bytes, n, &f->head, &f->used);
		if (f->rc != SP_H1_MORE || n == f->n)
			return;
		n = step < f->n - n ? n + step : f->n;
	}
}

/* What a reader would act on is the same. */
static inline void feed_same_meaning(const struct sp_head *a, const struct sp_head *b)
{
	SP_ASSERT(a->method == b->method && a->status == b->status && a->framing == b->framing);
	SP_ASSERT(a->has_length == b->has_length && (!a->has_length || a->length == b->length));
	SP_ASSERT(sp_str_eq(a->path, b->path) && sp_str_eq(a->query, b->query) && sp_str_eq(a->host, b->host));
	SP_ASSERT(sp_str_eq(a->method_text, b->method_text) && sp_str_eq(a->reason, b->reason) && a->port == b->port);
	SP_ASSERT(a->has_encoded_slash == b->has_encoded_slash && a->has_odd_path == b->has_odd_path &&
		  a->has_path_parameter == b->has_path_parameter);
}

static inline void feed_same_outcome(const struct feed *a, const struct feed *b)
{
	SP_ASSERT(a->rc == b->rc && a->reader.why == b->reader.why);
	if (a->rc != SP_H1_HEAD)
		return;
	SP_ASSERT(a->used == b->used && a->head.field_count == b->head.field_count);
	SP_ASSERT(a->head.is_keep_alive == b->head.is_keep_alive && a->head.has_upgrade == b->head.has_upgrade);
	feed_same_meaning(&a->head, &b->head);
	for (uint32_t i = 0; i < a->head.field_count; i++) {
		const struct sp_field *x = &a->head.fields[i], *y = &b->head.fields[i];

		SP_ASSERT(x->id == y->id && x->is_dropped == y->is_dropped);
		SP_ASSERT(sp_str_eq(x->name, y->name) && sp_str_eq(x->value, y->value));
	}
}

/* Reads text whole into *whole (feed_close it), then twice in pieces, and compares. The pieces of the first time are
 * bytes, of a long text somewhat more, or the fuzzer would look at little else. */
static inline void feed_all_ways(struct feed *whole, const struct feed *like, const char *text, size_t n, size_t cut)
{
	struct feed piecewise;

	feed_open(whole, like, n);
	feed_run(whole, text, n, n);
	feed_open(&piecewise, like, n);
	feed_run(&piecewise, text, 1, n / 512 + 1);
	feed_same_outcome(whole, &piecewise);
	feed_close(&piecewise);
	feed_open(&piecewise, like, n);
	feed_run(&piecewise, text, cut, n);
	feed_same_outcome(whole, &piecewise);
	feed_close(&piecewise);
}

static inline bool feed_is_written_by_model(const struct sp_field *f, bool is_answer)
{
	return f->is_dropped || f->id == SP_F_CONTENT_LENGTH || f->id == SP_F_TRANSFER_ENCODING ||
	       (is_answer ? f->id == SP_F_CONNECTION : f->id == SP_F_HOST);
}

/*
 * Where http-parser is known to be wrong about a field that ours reads: it stops at a tab in the values that it
 * understands, and a name that only begins with "Transfer-Encoding" counts as that.
 */
static inline bool feed_is_misread(const struct feed *f, const struct sp_field *field)
{
	static const enum sp_field_id read_by_both[] = { SP_F_CONNECTION, SP_F_PROXY_CONNECTION, SP_F_CONTENT_LENGTH,
							 SP_F_TRANSFER_ENCODING };
	const struct sp_str coding = SP_STR("Transfer-Encoding");
	const char *end = memchr(field->name.p, '\n', f->n - (size_t)(field->name.p - f->bytes));

	for (size_t k = 0; k < SP_COUNT(read_by_both); k++)
		if (field->id == read_by_both[k] && memchr(field->name.p, '\t', (size_t)(end - field->name.p)) != NULL)
			return true;
	return field->name.n > coding.n && sp_str_eq_nocase(sp_str_of(field->name.p, coding.n), coding);
}

static inline bool feed_is_any_misread(const struct feed *f)
{
	for (uint32_t i = 0; i < f->head.field_count; i++)
		if (feed_is_misread(f, &f->head.fields[i]))
			return true;
	return false;
}

/* The written head says what the model said: the same fields in the same order, and nothing else. */
static inline void feed_reads_back(const struct feed *f, struct sp_chain *chain)
{
	struct feed again, like = { .limits = { UINT32_MAX, UINT32_MAX, UINT32_MAX, SP_NAME_UNDERSCORE_PASS } };
	struct iovec v[16];
	size_t n = chain->bytes, at = 0;
	int pieces = sp_chain_peek(chain, n, v, 16);
	char *text = malloc(n);
	uint32_t next = 0;

	SP_ASSERT(text != NULL);
	for (int i = 0; i < pieces; i++) {
		memcpy(text + at, v[i].iov_base, v[i].iov_len);
		at += v[i].iov_len;
	}
	like.is_answer = f->is_answer;
	like.method = f->method;
	feed_open(&again, &like, n);
	feed_run(&again, text, n, n);
	if (again.rc == SP_H1_REFUSED && again.reader.why == SP_REFUSE_SECOND_OPINION && feed_is_any_misread(&again)) {
		feed_close(&again); /* with an Upgrade, which is gone now, http-parser had not looked */
		free(text);
		return;
	}
	SP_ASSERT(again.rc == SP_H1_HEAD && again.used == n);
	feed_same_meaning(&f->head, &again.head);
	for (uint32_t i = 0; i < f->head.field_count; i++) {
		const struct sp_field *x = &f->head.fields[i], *y;

		if (feed_is_written_by_model(x, f->is_answer))
			continue;
		while (next < again.head.field_count &&
		       feed_is_written_by_model(&again.head.fields[next], f->is_answer))
			next++;
		SP_ASSERT(next < again.head.field_count);
		y = &again.head.fields[next++];
		SP_ASSERT(sp_str_eq(x->name, y->name) && sp_str_eq(x->value, y->value));
	}
	for (; next < again.head.field_count; next++)
		SP_ASSERT(feed_is_written_by_model(&again.head.fields[next], f->is_answer));
	feed_close(&again);
	free(text);
}

#endif
