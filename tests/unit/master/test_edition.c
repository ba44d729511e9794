/* The names of a configuration and their slots: kept while an edition with them lives, free afterwards. */
#include "t.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../../src/master/reload.h"
#include "sp/conf/read.h"

static struct sp_edition *edition_of(const char *text)
{
	char folder[] = "/tmp/edition-XXXXXX", path[64];
	struct sp_conf_report report;
	struct sp_err err = { "" };
	struct sp_edition *edition;
	struct sp_conf *conf;
	FILE *file;

	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/a.ini", folder);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fchmod(fileno(file), 0600) == 0 && fputs(text, file) >= 0 && fclose(file) == 0);
	sp_conf_report_init(&report);
	conf = sp_conf_read(path, &report);
	sp_conf_report_print(&report, path, stderr);
	sp_conf_report_fini(&report);
	assert_true(unlink(path) == 0 && rmdir(folder) == 0);
	assert_non_null(conf);
	edition = sp_edition_new(conf, 1, &err);
	assert_non_null(edition);
	return edition;
}

#define LISTENER(name, port) "[listener:" name "]\nbind = 127.0.0.1:" port "\n"
#define POOL(backends) "[egress]\nallow = 127.0.0.0/8\n[route:all]\npool = app\n[pool:app]\nbackend = " backends "\n"

static bool has(const struct sp_board *board, enum sp_name_kind kind, const char *of, const char *name, uint32_t *slot)
{
	return sp_board_slot(board, kind, sp_str(of), sp_str(name), slot);
}

static void test_slots_stay_over_editions(void **state)
{
	struct sp_err err = { "" };
	struct sp_board *board = sp_board_new(1, &err);
	struct sp_edition *first = edition_of(LISTENER("a", "18080") LISTENER("b", "18081") POOL("127.0.0.1:9001, 127.0.0.1:9002"));
	struct sp_edition *second = edition_of(LISTENER("b", "18081") LISTENER("c", "18082") POOL("127.0.0.1:9002"));
	uint32_t b, backend, slot;

	(void)state;
	assert_non_null(board);
	assert_true(sp_edition_name(first, board, &err));
	assert_true(sp_edition_name(first, board, &err)); /* handed out again: it counts once */
	assert_true(has(board, SP_NAME_LISTENER, "", "b", &b));
	assert_true(has(board, SP_NAME_BACKEND, "app", "127.0.0.1:9002", &backend));
	assert_false(has(board, SP_NAME_LISTENER, "", "c", &slot));
	assert_true(sp_edition_name(second, board, &err));
	assert_true(has(board, SP_NAME_LISTENER, "", "a", &slot));
	sp_edition_free(first);
	assert_false(has(board, SP_NAME_LISTENER, "", "a", &slot));
	assert_false(has(board, SP_NAME_BACKEND, "app", "127.0.0.1:9001", &slot));
	assert_true(has(board, SP_NAME_LISTENER, "", "b", &slot) && slot == b);
	assert_true(has(board, SP_NAME_BACKEND, "app", "127.0.0.1:9002", &slot) && slot == backend);
	sp_edition_free(second);
	assert_false(has(board, SP_NAME_LISTENER, "", "b", &slot));
	sp_board_free(board);
}

/* What was given before the room was gone is taken back. */
static void test_no_room(void **state)
{
	struct sp_err err = { "" };
	struct sp_board *board = sp_board_new(1, &err);
	struct sp_edition *edition = edition_of(LISTENER("a", "18080") LISTENER("b", "18081") POOL("127.0.0.1:9001"));
	uint32_t slot;
	char name[16];

	(void)state;
	assert_non_null(board);
	for (unsigned i = 1; i < SP_LISTENERS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "other-%u", i);
		assert_true(sp_board_name(board, SP_NAME_LISTENER, SP_STR(""), sp_str(name), &slot, &err));
	}
	assert_false(sp_edition_name(edition, board, &err));
	assert_non_null(strstr(err.text, "no room"));
	assert_false(has(board, SP_NAME_LISTENER, "", "a", &slot) || has(board, SP_NAME_LISTENER, "", "b", &slot));
	assert_true(has(board, SP_NAME_LISTENER, "", "other-1", &slot));
	sp_edition_free(edition);
	sp_board_free(board);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slots_stay_over_editions),
		cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
