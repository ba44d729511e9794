/* What one program hands over to the next: written and read again, and every way in which bytes can be none of it. */
#include "t.h"

#include <stdlib.h>
#include <string.h>

#include "../../../src/master/handover.h"

enum { HEADER = 16, PREFIX = 16 };

static void fill(struct sp_handing *handing)
{
	struct sp_handed_row *row = sp_handing_add(handing, SP_HANDED_MASTER, -1);

	row->is.master.pid = 77;
	row->is.master.set = 3;
	row->is.master.generation = 9;
	row->is.master.workers = 2;
	row = sp_handing_add(handing, SP_HANDED_SECRETS, -1);
	memset(&row->is.secrets, 0x5a, sizeof(row->is.secrets));
	row = sp_handing_add(handing, SP_HANDED_SOCKET, 5);
	strcpy(row->is.socket.place, "127.0.0.1:443");
	row = sp_handing_add(handing, SP_HANDED_BOARD, 6);
	row->is.board.index = 1;
	row = sp_handing_add(handing, SP_HANDED_PIPE, 7);
	row->is.pipe.log = SP_IPC_LOG_ERROR;
	row = sp_handing_add(handing, SP_HANDED_CHILD, 8);
	row->is.child.pid = 78;
	strcpy(row->is.child.name, "worker 1");
	row->is.child.stop_n = (uint32_t)sp_ipc_pack(SP_IPC_STOP, row->is.child.stop);
	row->is.child.finish_n = (uint32_t)sp_ipc_pack(SP_IPC_FINISH, row->is.child.finish);
}

static uint8_t *written(struct sp_handing *handing, size_t *n)
{
	struct sp_err err = { "" };
	uint8_t *bytes = sp_handover_write(handing->rows, handing->count, n, &err);

	assert_non_null(bytes);
	return bytes;
}

/* Copied to memory of just that size, so that a sanitizer sees what is read behind it. */
static bool is_read(const uint8_t *bytes, size_t n, struct sp_err *err)
{
	uint8_t *copy = malloc(n + 1);
	size_t count;
	struct sp_handed_row *rows;

	assert_non_null(copy);
	memcpy(copy + 1, bytes, n);
	err->text[0] = '\0';
	rows = sp_handover_read(copy + 1, n, &count, err);
	assert_true((rows != NULL) == (err->text[0] == '\0') && (rows != NULL) == (count > 0));
	free(rows);
	free(copy);
	return rows != NULL;
}

static void test_there_and_back(void **state)
{
	struct sp_handing handing = { .rows = NULL };
	struct sp_err err = { "" };
	struct sp_handed_row *rows;
	size_t n, count;
	uint8_t *bytes;

	(void)state;
	fill(&handing);
	bytes = written(&handing, &n);
	rows = sp_handover_read(bytes, n, &count, &err);
	assert_string_equal(err.text, "");
	assert_int_equal(count, handing.count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(rows[i].kind, handing.rows[i].kind);
		assert_int_equal(rows[i].fd, handing.rows[i].fd);
		assert_memory_equal(&rows[i].is, &handing.rows[i].is, sizeof(rows[i].is));
	}
	free(rows);
	free(bytes);
	sp_handing_free(&handing);
}

static void test_cut_anywhere(void **state)
{
	struct sp_handing handing = { .rows = NULL };
	struct sp_err err;
	size_t n;
	uint8_t *bytes;

	(void)state;
	fill(&handing);
	bytes = written(&handing, &n);
	for (size_t i = 0; i < n; i++)
		assert_false(is_read(bytes, i, &err));
	assert_true(is_read(bytes, n, &err));
	bytes = realloc(bytes, n + 1);
	assert_non_null(bytes);
	bytes[n] = 0;
	assert_false(is_read(bytes, n + 1, &err));
	assert_non_null(strstr(err.text, "bytes follow"));
	free(bytes);
	sp_handing_free(&handing);
}

/* Of each row one number is changed. */
static void test_nonsense(void **state)
{
	static const struct {
		const char *name;
		size_t row;
		size_t at; /* of the row's prefix and body */
		int32_t value;
		const char *why; /* NULL: it is read all the same */
	} cases[] = {
		{ "no pid", 0, PREFIX + 0, 0, "makes no sense" },
		{ "no generation", 0, PREFIX + 8, 0, "makes no sense" },
		{ "no workers", 0, PREFIX + 12, 0, "makes no sense" },
		{ "a master with a descriptor", 0, 8, 4, "descriptor 4" },
		{ "another size", 0, 4, 12, "has 12 bytes" },
		{ "a size beyond the end", 5, 4, 100000, "cut" },
		{ "a size of 4 GiB", 5, 4, -1, "cut" },
		{ "an unknown kind", 5, 0, 99, NULL },
		{ "kind 0", 5, 0, 0, NULL },
		{ "the master as another kind", 0, 0, 99, "who hands over" },
		{ "two sets of secrets", 3, 0, SP_HANDED_SECRETS, "bytes" },
		{ "a socket that is none", 2, 8, -1, "descriptor -1" },
		{ "stderr as a socket", 2, 8, 2, "descriptor 2" },
		{ "a descriptor that cannot be", 2, 8, 0x7fffffff, "descriptor 2147483647" },
		{ "one descriptor for two", 2, 8, 6, "twice" },
		{ "no place", 2, PREFIX + 12, 0, "makes no sense" },
		{ "a log that is none", 4, PREFIX + 0, SP_IPC_LOG_COUNT, "makes no sense" },
		{ "init as a child", 5, PREFIX + 0, 1, "makes no sense" },
		{ "a whole group as a child", 5, PREFIX + 0, -1, "makes no sense" },
		{ "an end that is none", 5, PREFIX + 8, 3, "makes no sense" },
		{ "no name", 5, PREFIX + 16, 0, "makes no sense" },
		{ "too long a message", 5, PREFIX + 48, 65, "makes no sense" },
		{ "no message to stop it", 5, PREFIX + 52, 0, "makes no sense" },
	};
	(void)state;
	for (size_t i = 0; i < SP_COUNT(cases); i++) {
		struct sp_handing handing = { .rows = NULL };
		struct sp_err err;
		size_t n, at = HEADER;
		uint8_t *bytes;

		print_message("  %s\n", cases[i].name);
		fill(&handing);
		bytes = written(&handing, &n);
		for (size_t k = 0; k < cases[i].row; k++) {
			uint32_t size;

			memcpy(&size, bytes + at + 4, sizeof(size));
			at += PREFIX + size;
		}
		memcpy(bytes + at + cases[i].at, &cases[i].value, sizeof(cases[i].value));
		assert_true(is_read(bytes, n, &err) == (cases[i].why == NULL));
		if (cases[i].why != NULL && strstr(err.text, cases[i].why) == NULL)
			fail_msg("%s", err.text);
		free(bytes);
		sp_handing_free(&handing);
	}
}

static void test_texts_end(void **state)
{
	struct sp_handing handing = { .rows = NULL };
	struct sp_err err;
	size_t n;
	uint8_t *bytes;

	(void)state;
	fill(&handing);
	memset(handing.rows[2].is.socket.place, 'a', SP_HANDOVER_PLACE);
	bytes = written(&handing, &n);
	assert_false(is_read(bytes, n, &err));
	free(bytes);
	handing.rows[2].is.socket.place[SP_HANDOVER_PLACE - 1] = '\0';
	memset(handing.rows[5].is.child.name, 'a', SP_HANDOVER_NAME);
	bytes = written(&handing, &n);
	assert_false(is_read(bytes, n, &err));
	free(bytes);
	sp_handing_free(&handing);
}

static void test_header(void **state)
{
	struct sp_handing handing = { .rows = NULL };
	struct sp_err err;
	size_t n;
	uint8_t *bytes;

	(void)state;
	fill(&handing);
	bytes = written(&handing, &n);
	bytes[4]++;
	assert_false(is_read(bytes, n, &err));
	assert_non_null(strstr(err.text, "has format 2, this program knows 1: restart instead"));
	bytes[4]--;
	bytes[0]++;
	assert_false(is_read(bytes, n, &err));
	bytes[0]--;
	for (int rows = 0; rows < 256; rows++) {
		bytes[8] = (uint8_t)rows;
		assert_true(is_read(bytes, n, &err) == (rows == 6));
	}
	memset(bytes + 8, 0xff, 4);
	assert_false(is_read(bytes, n, &err));
	assert_non_null(strstr(err.text, "4294967295 rows"));
	free(bytes);
	sp_handing_free(&handing);
}

static void test_too_many(void **state)
{
	struct sp_handing handing = { .rows = NULL };
	struct sp_err err = { "" };
	size_t n;

	(void)state;
	for (int i = 0; i <= SP_HANDOVER_ROWS; i++)
		(void)sp_handing_add(&handing, SP_HANDED_BOARD, 3 + i);
	assert_null(sp_handover_write(handing.rows, handing.count, &n, &err));
	assert_non_null(strstr(err.text, "too many"));
	sp_handing_free(&handing);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_nonsense),       cmocka_unit_test(test_texts_end),
		cmocka_unit_test(test_header),         cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
