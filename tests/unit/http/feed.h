/*
 * feed - a head given to the reader whole, byte by byte and cut at every place; the answer must be the same.
 * Bytes that have not "arrived" yet are 0xff in the buffer, so that looking ahead shows.
 */
#ifndef SP_TEST_HTTP_FEED_H
#define SP_TEST_HTTP_FEED_H

#include <stdarg.h>
#include <stdio.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "sp/http/h1_read.h"

#define TEXT(literal)                                                                                                  \
	{                                                                                                              \
		(literal), sizeof(literal) - 1                                                                         \
	}

struct feed {
	struct sp_h1_limits limits;
	enum sp_method answers; /* for answers: the request's method */
	bool is_answer;
	/* the outcome */
	struct sp_arena arena;
	struct sp_h1_reader reader;
	struct sp_head head;
	enum sp_h1_rc rc;
	size_t used;
	char *bytes; /* owned */
};

#define FEED_LIMITS                                                                                                    \
	{                                                                                                              \
		.head_max = 16384, .field_max = 100, .target_max = 8192, .underscore = SP_NAME_UNDERSCORE_DROP         \
	}

static inline void feed_init(struct feed *f, const struct feed *like, size_t n)
{
	*f = *like;
	sp_arena_init(&f->arena, NULL, 0, 0);
	sp_h1_reader_init(&f->reader, &f->limits, &f->arena);
	f->bytes = malloc(n > 0 ? n : 1);
	assert_non_null(f->bytes);
	memset(f->bytes, 0xff, n);
}

static inline void feed_fini(struct feed *f)
{
	free(f->bytes);
	sp_arena_fini(&f->arena);
}

/* The first n bytes of text have arrived. */
static inline void feed_to(struct feed *f, struct sp_str text, size_t n)
{
	memcpy(f->bytes, text.p, n);
	if (f->is_answer)
		f->rc = sp_h1_read_response(&f->reader, f->bytes, n, f->answers, &f->head, &f->used);
	else
		f->rc = sp_h1_read_request(&f->reader, f->bytes, n, &f->head, &f->used);
}

static inline void feed_same_str(struct sp_str a, struct sp_str b)
{
	assert_int_equal(a.n, b.n);
	if (a.n > 0)
		assert_memory_equal(a.p, b.p, a.n);
}

static inline void feed_same_head(const struct sp_head *a, const struct sp_head *b)
{
	assert_int_equal(a->minor, b->minor);
	assert_int_equal(a->method, b->method);
	assert_int_equal(a->status, b->status);
	assert_int_equal(a->framing, b->framing);
	assert_int_equal(a->has_length, b->has_length);
	assert_int_equal(a->length, b->length);
	assert_int_equal(a->is_keep_alive, b->is_keep_alive);
	assert_int_equal(a->has_upgrade, b->has_upgrade);
	assert_int_equal(a->expects_continue, b->expects_continue);
	assert_int_equal(a->has_odd_path, b->has_odd_path);
	assert_int_equal(a->bytes, b->bytes);
	feed_same_str(a->path, b->path);
	feed_same_str(a->query, b->query);
	feed_same_str(a->host, b->host);
	feed_same_str(a->reason, b->reason);
	assert_int_equal(a->field_count, b->field_count);
	for (uint32_t i = 0; i < a->field_count; i++) {
		assert_int_equal(a->fields[i].id, b->fields[i].id);
		assert_int_equal(a->fields[i].is_dropped, b->fields[i].is_dropped);
		feed_same_str(a->fields[i].name, b->fields[i].name);
		feed_same_str(a->fields[i].value, b->fields[i].value);
	}
}

static inline void feed_same_outcome(const struct feed *a, const struct feed *b)
{
	assert_int_equal(a->rc, b->rc);
	assert_int_equal(a->reader.why, b->reader.why);
	if (a->rc != SP_H1_HEAD)
		return;
	assert_int_equal(a->used, b->used);
	feed_same_head(&a->head, &b->head);
}

/* Whole into *whole, which the caller gives to feed_fini; the other ways are compared with it. */
static inline void feed_all_ways(struct feed *whole, const struct feed *like, struct sp_str text)
{
	struct feed f;

	feed_init(whole, like, text.n);
	feed_to(whole, text, text.n);

	feed_init(&f, like, text.n);
	f.rc = SP_H1_MORE;
	for (size_t n = 1; n <= text.n && f.rc == SP_H1_MORE; n++)
		feed_to(&f, text, n);
	feed_same_outcome(whole, &f);
	feed_fini(&f);

	for (size_t cut = 1; cut < text.n; cut++) {
		feed_init(&f, like, text.n);
		feed_to(&f, text, cut);
		if (f.rc == SP_H1_MORE)
			feed_to(&f, text, text.n);
		feed_same_outcome(whole, &f);
		feed_fini(&f);
	}
}

struct feed_case {
	const char *name;
	struct sp_str head;
	enum sp_refuse want; /* NONE: accepted */
};

static inline void feed_case(const struct feed *like, const struct feed_case *c)
{
	struct feed f;

	feed_all_ways(&f, like, c->head);
	if (f.reader.why != c->want || f.rc != (c->want == SP_REFUSE_NONE ? SP_H1_HEAD : SP_H1_REFUSED))
		fail_msg("%s: rc %d, %s instead of %s", c->name, f.rc, sp_refuse_word(f.reader.why),
			 sp_refuse_word(c->want));
	feed_fini(&f);
}

static inline void feed_cases(const struct feed *like, const struct feed_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++)
		feed_case(like, &cases[i]);
	print_message("  %zu heads\n", count);
}

#endif
