/* edit: what a head says after set, add and remove, the security fields and HSTS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sp/policy/edit.h"

enum { LIST = 4 };

struct pair {
	const char *name, *value;
};

static struct sp_arena arena;

static struct sp_head head_of(const struct pair *fields)
{
	struct sp_head head;

	sp_head_init(&head, false);
	for (size_t i = 0; i < LIST && fields[i].name != NULL; i++)
		assert_true(sp_head_add(&head, &arena, sp_str(fields[i].name), sp_str(fields[i].value)));
	return head;
}

/* "Name: value|Name: value" of what is not dropped. */
static const char *text_of(const struct sp_head *head)
{
	static char text[1024];
	size_t n = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < head->field_count; i++) {
		const struct sp_field *f = &head->fields[i];

		if (!f->is_dropped)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%.*s: %.*s", n > 0 ? "|" : "",
					      SP_STR_ARG(f->name), SP_STR_ARG(f->value));
	}
	return text;
}

static int setup(void **state)
{
	(void)state;
	sp_arena_init(&arena, NULL, 0, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sp_arena_fini(&arena);
	return 0;
}

static void test_edits(void **state)
{
	static const struct {
		const char *name;
		struct pair fields[LIST];
		struct {
			enum sp_conf_edit_verb verb;
			const char *name, *value;
		} edits[3];
		const char *want;
	} rows[] = {
		{ "nothing to do", { { "A", "1" } }, { { 0 } }, "A: 1" },
		{ "set a new one", { { "A", "1" } }, { { SP_EDIT_SET, "B", "2" } }, "A: 1|B: 2" },
		{ "set replaces all of the name",
		  { { "B", "0" }, { "A", "1" }, { "b", "9" } },
		  { { SP_EDIT_SET, "B", "2" } },
		  "A: 1|B: 2" },
		{ "add appends", { { "B", "0" } }, { { SP_EDIT_ADD, "B", "2" } }, "B: 0|B: 2" },
		{ "remove drops all, whatever the case",
		  { { "X-A", "0" }, { "A", "1" }, { "x-a", "9" } },
		  { { SP_EDIT_REMOVE, "X-a", NULL } },
		  "A: 1" },
		{ "remove what is not there", { { "A", "1" } }, { { SP_EDIT_REMOVE, "B", NULL } }, "A: 1" },
		{ "known names too",
		  { { "Cookie", "a" }, { "User-Agent", "b" } },
		  { { SP_EDIT_REMOVE, "cookie", NULL }, { SP_EDIT_SET, "user-agent", "c" } },
		  "user-agent: c" },
		{ "in file order: add, then set",
		  { { 0 } },
		  { { SP_EDIT_ADD, "A", "1" }, { SP_EDIT_ADD, "A", "2" }, { SP_EDIT_SET, "A", "3" } },
		  "A: 3" },
		{ "in file order: set, then add",
		  { { 0 } },
		  { { SP_EDIT_SET, "A", "3" }, { SP_EDIT_ADD, "A", "1" } },
		  "A: 3|A: 1" },
		{ "in file order: add, then remove",
		  { { 0 } },
		  { { SP_EDIT_ADD, "A", "1" }, { SP_EDIT_REMOVE, "A", NULL } },
		  "" },
		{ "a value is fixed text", { { 0 } }, { { SP_EDIT_SET, "A", "%s ${X} $host" } }, "A: %s ${X} $host" },
		{ "an empty value", { { "A", "1" } }, { { SP_EDIT_SET, "A", "" } }, "A: " },
		{ "a name that begins the same", { { "Abc", "1" } }, { { SP_EDIT_REMOVE, "Ab", NULL } }, "Abc: 1" },
	};

	(void)state;
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		struct sp_head head = head_of(rows[i].fields);
		struct sp_conf_edit edits[3];
		size_t n = 0;

		print_message("  %s\n", rows[i].name);
		for (; n < 3 && rows[i].edits[n].name != NULL; n++)
			edits[n] = (struct sp_conf_edit){
				.verb = rows[i].edits[n].verb,
				.name = sp_str(rows[i].edits[n].name),
				.value = rows[i].edits[n].value != NULL ? sp_str(rows[i].edits[n].value) : SP_STR_NONE,
			};
		assert_true(sp_edit_apply(&head, &arena, edits, n));
		assert_string_equal(text_of(&head), rows[i].want);
	}
}

#define NOSNIFF "X-Content-Type-Options: nosniff"
#define DENY "X-Frame-Options: DENY"
#define REFERRER "Referrer-Policy: strict-origin-when-cross-origin"

static void test_security(void **state)
{
	static const struct {
		struct pair fields[LIST];
		const char *want;
	} rows[] = {
		{ { { 0 } }, NOSNIFF "|" DENY "|" REFERRER },
		{ { { "x-frame-options", "SAMEORIGIN" } }, "x-frame-options: SAMEORIGIN|" NOSNIFF "|" REFERRER },
		{ { { "Referrer-Policy", "no-referrer" }, { "X-Content-Type-Options", "nosniff" } },
		  "Referrer-Policy: no-referrer|X-Content-Type-Options: nosniff|" DENY },
	};

	(void)state;
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		struct sp_head head = head_of(rows[i].fields);

		assert_true(sp_edit_security(&head, &arena));
		assert_string_equal(text_of(&head), rows[i].want);
	}
}

/* What `remove` took away is none of the backend's any more: the gateway's own comes instead. */
static void test_security_after_remove(void **state)
{
	struct pair fields[LIST] = { { "X-Frame-Options", "SAMEORIGIN" } };
	struct sp_head head = head_of(fields);

	(void)state;
	sp_head_drop(&head, SP_F_X_FRAME_OPTIONS);
	assert_true(sp_edit_security(&head, &arena));
	assert_string_equal(text_of(&head), NOSNIFF "|" DENY "|" REFERRER);
}

static void test_hsts(void **state)
{
	static const struct {
		struct pair fields[LIST];
		uint64_t seconds;
		bool has_subdomains, has_preload;
		const char *want;
	} rows[] = {
		{ { { 0 } }, 0, true, true, "" },
		{ { { 0 } }, 31536000, false, false, "Strict-Transport-Security: max-age=31536000" },
		{ { { 0 } }, 7, true, false, "Strict-Transport-Security: max-age=7; includeSubDomains" },
		{ { { 0 } },
		  UINT64_MAX,
		  true,
		  true,
		  "Strict-Transport-Security: max-age=18446744073709551615; includeSubDomains; preload" },
		{ { { "strict-transport-security", "max-age=0" } },
		  60,
		  false,
		  false,
		  "strict-transport-security: max-age=0" },
	};

	(void)state;
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		struct sp_conf_tls tls = { .hsts = rows[i].seconds,
					   .has_hsts_subdomains = rows[i].has_subdomains,
					   .has_hsts_preload = rows[i].has_preload };
		struct sp_head head = head_of(rows[i].fields);

		assert_true(sp_edit_hsts(&head, &arena, &tls));
		assert_string_equal(text_of(&head), rows[i].want);
	}
}

static void test_no_memory(void **state)
{
	static const struct sp_conf_edit edit = { .verb = SP_EDIT_SET, .name = { "A", 1 }, .value = { "1", 1 } };
	static const struct sp_conf_tls tls = { .hsts = 1 };
	struct sp_arena tiny;
	struct sp_head head;

	(void)state;
	sp_arena_init(&tiny, NULL, 0, 1);
	sp_head_init(&head, false);
	assert_false(sp_edit_apply(&head, &tiny, &edit, 1));
	assert_false(sp_edit_security(&head, &tiny));
	assert_false(sp_edit_hsts(&head, &tiny, &tls));
	assert_string_equal(text_of(&head), "");
	sp_arena_fini(&tiny);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edits),
		cmocka_unit_test(test_security),
		cmocka_unit_test(test_security_after_remove),
		cmocka_unit_test(test_hsts),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
