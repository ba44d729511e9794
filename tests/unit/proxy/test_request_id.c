/* request_id: ids that are valid and never the same, and what becomes of a traceparent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../../src/proxy/request_id.h"

#define TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static struct sp_request_ids make_ids(void)
{
	struct sp_request_ids ids;
	struct sp_err err = { "" };

	assert_true(sp_request_ids_init(&ids, &err));
	return ids;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, SP_REQUEST_ID_TEXT);
}

static void test_ids_differ(void **state)
{
	enum { IDS = 20000 };
	static char texts[IDS][SP_REQUEST_ID_TEXT];
	struct sp_request_ids one = make_ids(), two = make_ids();

	(void)state;
	for (size_t i = 0; i < IDS; i++) {
		struct sp_str id = sp_request_id_make(i % 2 == 0 ? &one : &two, texts[i]);

		assert_int_equal(id.n, 32);
		assert_ptr_equal(id.p, texts[i]);
		assert_int_equal(strspn(texts[i], "0123456789abcdef"), 32);
		assert_true(sp_request_id_is_valid(id));
	}
	qsort(texts, IDS, SP_REQUEST_ID_TEXT, compare);
	for (size_t i = 1; i < IDS; i++)
		assert_int_not_equal(compare(texts[i - 1], texts[i]), 0);
}

/* Two outputs of the keyed function for two numbers, as printf would write them. */
static void test_digits(void **state)
{
	struct sp_request_ids ids = make_ids();

	(void)state;
	for (size_t i = 0; i < 5000; i++) {
		uint64_t numbers[2] = { ids.counter, ids.counter + 1 }, out[2];
		char text[SP_REQUEST_ID_TEXT], one[SP_REQUEST_ID_TEXT], other[SP_REQUEST_ID_TEXT];

		for (size_t k = 0; k < 2; k++)
			out[k] = sp_siphash(&ids.key, &numbers[k], sizeof(numbers[k]));
		(void)snprintf(one, sizeof(one), "%016llx%016llx", (unsigned long long)out[0],
			       (unsigned long long)out[1]);
		(void)snprintf(other, sizeof(other), "%016llx%016llx", (unsigned long long)out[1],
			       (unsigned long long)out[0]);
		(void)sp_request_id_make(&ids, text);
		assert_true(strcmp(text, one) == 0 || strcmp(text, other) == 0);
	}
}

static void test_what_is_an_id(void **state)
{
	static const struct {
		struct sp_str text;
		bool want;
	} rows[] = {
		{ SP_STR("a"), true },
		{ SP_STR("4f1c0d9e-8b7a-6554-4f1c-0d9e8b7a6554"), true },
		{ SP_STR("A.Z_a-z.09"), true },
		{ SP_STR("1-67891233-abcdef012345678912345678"), true },
		{ SP_STR("0123456789012345678901234567890123456789012345678901234567890123"), true },
		{ SP_STR("01234567890123456789012345678901234567890123456789012345678901234"), false },
		{ SP_STR(""), false },
		{ SP_STR("a b"), false },
		{ SP_STR("a\"b"), false },
		{ SP_STR("a\nb"), false },
		{ SP_STR("a\0b"), false },
		{ SP_STR("a/b"), false },
		{ SP_STR("a=b"), false },
		{ SP_STR("a,b"), false },
		{ SP_STR("@"), false },
		{ SP_STR("["), false },
		{ SP_STR("`"), false },
		{ SP_STR("{"), false },
		{ SP_STR("\xc3\xa9"), false },
	};

	(void)state;
	for (size_t i = 0; i < SP_COUNT(rows); i++)
		assert_int_equal(sp_request_id_is_valid(rows[i].text), rows[i].want);
	assert_false(sp_request_id_is_valid(SP_STR_NONE));
}

static void test_what_is_a_trace(void **state)
{
	static const struct {
		const char *text;
		bool want;
	} rows[] = {
		{ TRACE, true },
		{ "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", true },
		{ "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff", true },
		{ "", false },
		{ "00", false },
		{ "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0", false },
		{ TRACE "-", false },
		{ TRACE "-00", false },
		{ TRACE "0", false },
		{ "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false },
		{ "0x-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false },
		{ "00-00000000000000000000000000000000-b7ad6b7169203331-01", false },
		{ "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false },
		{ "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", false },
		{ "00-0af7651916cd43dd8448eb211c80319c-B7ad6b7169203331-01", false },
		{ "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01", false },
		{ "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0x", false },
		{ "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false },
		{ "00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01", false },
		{ "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331_01", false },
		{ "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true },
		{ "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what.the.future", true },
		{ "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01what", false },
	};

	(void)state;
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		print_message("  %s\n", rows[i].text);
		assert_int_equal(sp_trace_is_valid(sp_str(rows[i].text)), rows[i].want);
	}
	for (size_t n = 0; n < strlen(TRACE); n++)
		assert_false(sp_trace_is_valid(sp_str_of(TRACE, n)));
}

static size_t count(const struct sp_head *head, enum sp_field_id id)
{
	size_t n = 0;

	for (uint32_t i = 0; i < head->field_count; i++)
		n += head->fields[i].id == id && !head->fields[i].is_dropped;
	return n;
}

static void test_on_the_way(void **state)
{
	enum want { NOTHING, AS_IT_IS, STARTED };
	static const struct {
		const char *name, *parents[2], *trace_state;
		enum sp_conf_trace mode;
		enum want want;
	} rows[] = {
		{ "pass, none", { 0 }, NULL, SP_TRACE_PASS, NOTHING },
		{ "pass, valid", { TRACE }, "a=1", SP_TRACE_PASS, AS_IT_IS },
		{ "pass, invalid", { "00-0-0-0" }, "a=1", SP_TRACE_PASS, NOTHING },
		{ "pass, two", { TRACE, TRACE }, "a=1", SP_TRACE_PASS, NOTHING },
		{ "pass, tracestate alone", { 0 }, "a=1", SP_TRACE_PASS, NOTHING },
		{ "start, none", { 0 }, NULL, SP_TRACE_START, STARTED },
		{ "start, valid", { TRACE }, "a=1", SP_TRACE_START, AS_IT_IS },
		{ "start, invalid", { "00-0-0-0" }, "a=1", SP_TRACE_START, STARTED },
		{ "start, two", { TRACE, TRACE }, "a=1", SP_TRACE_START, STARTED },
	};
	struct sp_request_ids ids = make_ids();
	struct sp_arena arena;

	(void)state;
	sp_arena_init(&arena, NULL, 0, 0);
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		bool has_state = rows[i].want == AS_IT_IS && rows[i].trace_state != NULL;
		struct sp_head head;

		print_message("  %s\n", rows[i].name);
		sp_head_init(&head, true);
		for (size_t k = 0; k < 2 && rows[i].parents[k] != NULL; k++)
			assert_true(sp_head_add(&head, &arena, SP_STR("TraceParent"), sp_str(rows[i].parents[k])));
		if (rows[i].trace_state != NULL)
			assert_true(sp_head_add(&head, &arena, SP_STR("tracestate"), sp_str(rows[i].trace_state)));
		assert_true(sp_trace_apply(&head, &arena, rows[i].mode, &ids));
		assert_int_equal(count(&head, SP_F_TRACEPARENT), rows[i].want == NOTHING ? 0 : 1);
		assert_int_equal(count(&head, SP_F_TRACESTATE), has_state ? 1 : 0);
		if (rows[i].want == NOTHING)
			continue;
		assert_true(sp_trace_is_valid(sp_head_find(&head, SP_F_TRACEPARENT)->value));
		assert_int_equal(sp_str_eq(sp_head_find(&head, SP_F_TRACEPARENT)->value, SP_STR(TRACE)),
				 rows[i].want == AS_IT_IS);
	}
	sp_arena_fini(&arena);
}

static void test_no_memory(void **state)
{
	struct sp_request_ids ids = make_ids();
	struct sp_arena tiny;
	struct sp_head head;

	(void)state;
	sp_arena_init(&tiny, NULL, 0, 1);
	sp_head_init(&head, true);
	assert_true(sp_trace_apply(&head, &tiny, SP_TRACE_PASS, &ids));
	assert_false(sp_trace_apply(&head, &tiny, SP_TRACE_START, &ids));
	sp_arena_fini(&tiny);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ids_differ),    cmocka_unit_test(test_digits),
		cmocka_unit_test(test_what_is_an_id), cmocka_unit_test(test_what_is_a_trace),
		cmocka_unit_test(test_on_the_way),    cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
