/*
 * Our reader and decoder against a second strict reading, made of regular expressions (reference.py): 60,000 changed
 * messages of each kind, and no unexplained difference in either direction.
 */
#include "feed.h"

#include <stdio.h>

#include "sp/http/chunked.h"

enum { OPTION = 1, UPGRADE = 2, ODD_NAME = 4, MISREAD = 8 }; /* as in reference.py */
enum { COUNT = 60000 };

struct message {
	char word[16]; /* what the reference says: refused, or how the body is framed */
	unsigned long long number;
	unsigned flags;
	size_t n;
	char *bytes; /* owned */
};

static bool next_message(FILE *from, struct message *m)
{
	if (fscanf(from, "%15s %llu %u %zu", m->word, &m->number, &m->flags, &m->n) != 4)
		return false;
	assert_int_equal(fgetc(from), '\n');
	m->bytes = malloc(m->n + 1);
	assert_non_null(m->bytes);
	assert_int_equal(fread(m->bytes, 1, m->n, from), m->n);
	return true;
}

static bool is_refused(const struct message *m)
{
	return strcmp(m->word, "refused") == 0;
}

/* Rules beyond the grammars, and where http-parser stands in the way. */
static bool is_explained(enum sp_refuse why, unsigned flags)
{
	switch (why) {
	case SP_REFUSE_CONNECTION: return (flags & OPTION) != 0;
	case SP_REFUSE_UPGRADE: return (flags & UPGRADE) != 0;
	case SP_REFUSE_FIELD_NAME: return (flags & ODD_NAME) != 0;
	case SP_REFUSE_SECOND_OPINION: return (flags & (MISREAD | UPGRADE)) != 0;
	default: return false;
	}
}

static void hold_head(const struct message *m, bool is_answer)
{
	static const char *const words[] = { "none", "length", "chunked", "close" };
	struct feed f, like = { .limits = FEED_LIMITS, .is_answer = is_answer, .answers = SP_M_GET };

	feed_init(&f, &like, m->n);
	feed_to(&f, sp_str_of(m->bytes, m->n), m->n);
	if (f.rc == SP_H1_HEAD && (strcmp(m->word, words[f.head.framing]) != 0 || f.head.length != m->number))
		fail_msg("read as %s %llu, where the reference says %s %llu:\n%.*s", words[f.head.framing],
			 (unsigned long long)f.head.length, m->word, m->number, (int)m->n, m->bytes);
	if (f.rc != SP_H1_HEAD && !is_refused(m) && !is_explained(f.reader.why, m->flags))
		fail_msg("refused (%s), where the reference says %s %llu:\n%.*s", sp_refuse_word(f.reader.why), m->word,
			 m->number, (int)m->n, m->bytes);
	feed_fini(&f);
}

static void hold_request(const struct message *m)
{
	hold_head(m, false);
}

static void hold_answer(const struct message *m)
{
	hold_head(m, true);
}

static void hold_chunks(const struct message *m)
{
	struct sp_chunked c;
	size_t used, body;
	enum sp_chunked_rc rc;

	sp_chunked_init(&c);
	rc = sp_chunked_decode(&c, (uint8_t *)m->bytes, m->n, &used, &body);
	assert_int_equal(rc == SP_CHUNKED_END, !is_refused(m));
	if (rc != SP_CHUNKED_END)
		return;
	assert_int_equal(used, m->number);
	assert_int_equal(body, m->flags);
}

static void hold_all(const char *kind, void (*hold)(const struct message *m))
{
	char command[64];
	size_t count = 0, good = 0;
	struct message m;
	FILE *from;

	snprintf(command, sizeof(command), "tests/unit/http/reference.py %s 1 %d", kind, COUNT);
	from = popen(command, "r");
	assert_non_null(from);
	while (next_message(from, &m)) {
		count++;
		good += !is_refused(&m);
		hold(&m);
		free(m.bytes);
	}
	assert_int_equal(pclose(from), 0);
	print_message("  %zu %s, %zu of them good\n", count, kind, good);
	assert_int_equal(count, COUNT);
	assert_true(good > COUNT / 6);
}

static void test_requests(void **state)
{
	(void)state;
	hold_all("requests", hold_request);
}

static void test_answers(void **state)
{
	(void)state;
	hold_all("answers", hold_answer);
}

static void test_chunks(void **state)
{
	(void)state;
	hold_all("chunks", hold_chunks);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_requests), cmocka_unit_test(test_answers),
					    cmocka_unit_test(test_chunks) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
