/*
 * The conformance cases in process: heads by the reader, chunks by the decoder, cut at every place (a long message at
 * some), with one outcome each; what must be refused is, what is valid passes.
 */
#include "feed.h"

#include <stdio.h>

#include "sp/http/chunked.h"

enum { EVERY_CUT = 1500, WORD = 64, HEAD_SEEN = 17000 };

struct corpus_case {
	char side[WORD], want[WORD], underscore[WORD], method[WORD], where[WORD];
	size_t n;
	char *bytes; /* owned */
};

static bool next_case(FILE *from, struct corpus_case *c)
{
	if (fscanf(from, "%63s %63s %63s %63s %63s %zu", c->side, c->want, c->underscore, c->method, c->where, &c->n) !=
	    6)
		return false;
	assert_int_equal(fgetc(from), '\n');
	c->bytes = malloc(c->n + 1);
	assert_non_null(c->bytes);
	assert_int_equal(fread(c->bytes, 1, c->n, from), c->n);
	return true;
}

/* Every cut of a short text; of a long one its beginning, its end and some between. */
static size_t next_cut(size_t cut, size_t n)
{
	if (cut < EVERY_CUT || cut + 100 > n)
		return cut + 1;
	return cut + (n - cut - 100 > 997 ? 997 : n - cut - 100 + 1);
}

static struct feed like_of(const struct corpus_case *c)
{
	struct feed like = { .limits = FEED_LIMITS, .is_answer = strcmp(c->side, "answer") == 0 };

	like.answers = strcmp(c->method, "HEAD") == 0 ? SP_M_HEAD : SP_M_GET;
	if (strcmp(c->underscore, "reject") == 0)
		like.limits.underscore = SP_NAME_UNDERSCORE_REJECT;
	if (strcmp(c->underscore, "pass") == 0)
		like.limits.underscore = SP_NAME_UNDERSCORE_PASS;
	return like;
}

/* The head at the front of text, cut everywhere; *f is for the caller to end. */
static void read_head(const struct feed *like, struct sp_str text, struct feed *f)
{
	struct feed pieces;

	if (text.n > HEAD_SEEN)
		text.n = HEAD_SEEN;
	feed_init(f, like, text.n);
	feed_to(f, text, text.n);
	for (size_t cut = 1; cut < text.n; cut = next_cut(cut, text.n)) {
		feed_init(&pieces, like, text.n);
		feed_to(&pieces, text, cut);
		if (pieces.rc == SP_H1_MORE)
			feed_to(&pieces, text, text.n);
		feed_same_outcome(f, &pieces);
		feed_fini(&pieces);
	}
}

struct body {
	enum sp_chunked_rc rc;
	size_t used, n;
	char *bytes; /* owned */
};

static struct body decode(struct sp_str text, size_t cut)
{
	struct body b = { .rc = SP_CHUNKED_MORE, .bytes = malloc(text.n + 1) };
	struct sp_chunked c;

	assert_non_null(b.bytes);
	sp_chunked_init(&c);
	for (size_t end = cut; b.rc == SP_CHUNKED_MORE && b.used < text.n; end = text.n) {
		size_t used, n;

		memcpy(b.bytes + b.n, text.p + b.used, end - b.used);
		b.rc = sp_chunked_decode(&c, (uint8_t *)b.bytes + b.n, end - b.used, &used, &n);
		b.used += used;
		b.n += n;
	}
	return b;
}

/* Returns what the decoder says, and in *used how far it read. */
static enum sp_chunked_rc read_chunks(struct sp_str text, size_t *used)
{
	struct body whole = decode(text, text.n);

	for (size_t cut = 1; cut < text.n; cut = next_cut(cut, text.n)) {
		struct body pieces = decode(text, cut);

		assert_int_equal(pieces.rc, whole.rc);
		assert_int_equal(pieces.used, whole.used);
		assert_int_equal(pieces.n, whole.n);
		assert_memory_equal(pieces.bytes, whole.bytes, whole.n);
		free(pieces.bytes);
	}
	free(whole.bytes);
	*used = whole.used;
	return whole.rc;
}

enum outcome { READ, REFUSED, JUDGED_LATER, CUT_SHORT };

/* One message; *text goes on behind it. */
static enum outcome read_message(const struct feed *like, struct sp_str *text, bool *is_final)
{
	enum outcome outcome = READ;
	size_t used = 0;
	struct feed f;

	read_head(like, *text, &f);
	*is_final = f.rc == SP_H1_HEAD && (!like->is_answer || f.head.status >= 200);
	if (f.rc != SP_H1_HEAD) {
		outcome = f.rc == SP_H1_REFUSED ? REFUSED : CUT_SHORT;
	} else {
		*text = sp_str_of(text->p + f.used, text->n - f.used);
		if (f.head.framing == SP_BODY_CHUNKED) {
			enum sp_chunked_rc rc = read_chunks(*text, &used);

			outcome = rc == SP_CHUNKED_END ? READ : rc == SP_CHUNKED_BAD ? REFUSED : CUT_SHORT;
		} else if (f.head.framing == SP_BODY_LENGTH) {
			used = f.head.length < text->n ? (size_t)f.head.length : text->n;
		} else if (f.head.framing == SP_BODY_CLOSE) {
			used = text->n;
		}
		*text = sp_str_of(text->p + used, text->n - used);
		if (outcome == READ && (f.head.has_encoded_slash || f.head.has_odd_path))
			outcome = JUDGED_LATER; /* by the route */
	}
	feed_fini(&f);
	return outcome;
}

static void run_case(const struct corpus_case *c)
{
	struct feed like = like_of(c);
	struct sp_str text = sp_str_of(c->bytes, c->n);
	enum outcome outcome = READ;
	bool is_final = false;

	while (text.n > 0 && outcome == READ && !(like.is_answer && is_final))
		outcome = read_message(&like, &text, &is_final);
	if (strcmp(c->want, "passes") == 0 && outcome != READ && outcome != JUDGED_LATER)
		fail_msg("%s: a valid one is refused (%d)", c->where, outcome);
	if (strcmp(c->want, "refused") == 0 && outcome == READ)
		fail_msg("%s: a malformed one passes", c->where);
}

static void test_corpus(void **state)
{
	FILE *from = popen("tests/conformance/run.py --export", "r");
	struct corpus_case c;
	size_t requests = 0, answers = 0;

	(void)state;
	assert_non_null(from);
	while (next_case(from, &c)) {
		run_case(&c);
		*(strcmp(c.side, "answer") == 0 ? &answers : &requests) += 1;
		free(c.bytes);
	}
	assert_int_equal(pclose(from), 0);
	print_message("  %zu requests, %zu answers\n", requests, answers);
	assert_true(requests >= 500 && answers >= 150);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_corpus) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
