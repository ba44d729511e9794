/*
 * Our reader of request heads against a second strict one, made of regular expressions (reference.py): 60,000 changed
 * messages, and no unexplained difference in either direction.
 */
#include "feed.h"

#include <stdio.h>

enum { OPTION = 1, UPGRADE = 2, ODD_NAME = 4, MISREAD = 8 }; /* as in reference.py */

struct message {
	char framing[16];
	unsigned long long length;
	unsigned flags;
	size_t n;
	char *bytes; /* owned */
};

static bool next_message(FILE *from, struct message *m)
{
	if (fscanf(from, "%15s %llu %u %zu", m->framing, &m->length, &m->flags, &m->n) != 4)
		return false;
	assert_int_equal(fgetc(from), '\n');
	m->bytes = malloc(m->n + 1);
	assert_non_null(m->bytes);
	assert_int_equal(fread(m->bytes, 1, m->n, from), m->n);
	return true;
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

static void hold_to(const struct message *m)
{
	static const char *const words[] = { "none", "length", "chunked" };
	struct feed f, like = { .limits = FEED_LIMITS };

	feed_init(&f, &like, m->n);
	feed_to(&f, sp_str_of(m->bytes, m->n), m->n);
	if (f.rc == SP_H1_HEAD) {
		bool is_same = strcmp(m->framing, words[f.head.framing]) == 0 && f.head.length == m->length;

		if (!is_same)
			fail_msg("accepted (%s %llu), where the reference says %s %llu:\n%.*s", words[f.head.framing],
				 (unsigned long long)f.head.length, m->framing, m->length, (int)m->n, m->bytes);
	} else if (strcmp(m->framing, "refused") != 0 && !is_explained(f.reader.why, m->flags)) {
		fail_msg("refused (%s), where the reference says %s %llu:\n%.*s", sp_refuse_word(f.reader.why),
			 m->framing, m->length, (int)m->n, m->bytes);
	}
	feed_fini(&f);
}

static void test_reference(void **state)
{
	FILE *from = popen("tests/unit/http/reference.py 1 60000", "r");
	size_t count = 0, accepted = 0;
	struct message m;

	(void)state;
	assert_non_null(from);
	while (next_message(from, &m)) {
		hold_to(&m);
		count++;
		accepted += strcmp(m.framing, "refused") != 0;
		free(m.bytes);
	}
	assert_int_equal(pclose(from), 0);
	print_message("  %zu messages, %zu of them good\n", count, accepted);
	assert_int_equal(count, 60000);
	assert_true(accepted > 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_reference) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
