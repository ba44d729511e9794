/*
 * A reload that has to be confirmed: a master in this process, with keeper and dialer of its own, its one worker
 * away just now.
 */
#include "t.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../../src/master/reload.h"
#include "../../../src/master/watch.h"
#include "sp/base/clock.h"

static char folder[64], path[96];

static void write_ini(const char *more)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fchmod(fileno(file), 0600), 0);
	(void)fprintf(file, "[gateway]\nworkers = 1\nsandbox = off\n[admin]\nsocket = admin.sock\nbind = off\n[listener:a]\nbind = unix:%s/s\n[route:a]\n"
			    "respond = 200\n%s", folder, more);
	assert_int_equal(fclose(file), 0);
}

#define ROUTE_B "[route:b]\npath = /b\nrespond = 204\n"
#define ROUTE_C "[route:c]\npath = /c\nrespond = 204\n"

static struct sp_conf *read_conf(void)
{
	struct sp_conf_report report;
	struct sp_conf *conf;

	sp_conf_report_init(&report);
	conf = sp_conf_read(path, &report);
	assert_non_null(conf);
	sp_conf_report_fini(&report);
	return conf;
}

static struct sp_master m;

static void make_slots(void)
{
	static const enum sp_ipc_role roles[] = { SP_IPC_LOGGER, SP_IPC_KEEPER, SP_IPC_DIALER, SP_IPC_MONITOR,
						    SP_IPC_WORKER };

	m.slots = calloc(SP_COUNT(roles), sizeof(struct sp_slot *));
	assert_non_null(m.slots);
	for (unsigned i = 0; i < SP_COUNT(roles); i++) {
		m.slots[i] = sp_slot_new(&m, roles[i], roles[i] == SP_IPC_WORKER ? 1 : 0, m.edition);
		assert_non_null(m.slots[i]);
	}
}

static int setup(void **state)
{
	const struct sp_passed nothing = { .count = 0 };
	struct sp_err err = { "" };
	const char *key;

	(void)state;
	strcpy(folder, "/tmp/reload-XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/a.ini", folder);
	write_ini("");
	m = (struct sp_master){ .workers = 1, .signal_fd = -1, .empty_root = -1, .notify.fd = -1,
				.admin.fd = -1, .page.fd = -1, .state = SP_MASTER_SERVING, .edition = sp_edition_new(read_conf(), 1, &err) };
	assert_non_null(m.edition);
	m.conf = m.edition->conf;
	assert_true(sp_ids_find(&m.conf->gateway, geteuid(), &m.ids, &key, &err));
	m.loop = sp_loop_new(&err);
	m.board = sp_board_new(1, &err);
	assert_true(sp_logs_open(&m.logs, m.conf, &err));
	sigemptyset(&m.signals);
	assert_true(sp_edition_name(m.edition, m.board, &err) && sp_reload_open(&m, &err) &&
		    sp_webroots_open(&m.webroots, m.conf, m.loop, &err) &&
		    sp_binds_open(&m.binds, m.conf, 1, &nothing, NULL, &err) && sp_watch_open(&m, &err));
	make_slots();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sp_webroots_close(&m.webroots);
	sp_watch_close(&m);
	sp_reload_close(&m);
	sp_slots_end_role(&m, SP_IPC_MONITOR);
	sp_slots_end_role(&m, SP_IPC_DIALER);
	sp_slots_end_role(&m, SP_IPC_KEEPER);
	sp_slots_free(&m);
	sp_binds_close(&m.binds);
	sp_admin_close(&m.admin);
	sp_loop_free(m.loop);
	sp_logs_close(&m.logs);
	sp_edition_free(m.edition);
	sp_board_free(m.board);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
	(void)unlink(path);
	return rmdir(folder);
}

static int outcomes; /* so far */
static bool is_done;
static char text[4096];

static void on_outcome(void *arg, const struct sp_reload_outcome *outcome)
{
	assert_ptr_equal(arg, &m);
	outcomes++;
	is_done = outcome->is_done;
	(void)snprintf(text, sizeof(text), "%s", outcome->text);
}

/* A signal would wake the loop; here a look now and then does. */
static void turn(void)
{
	sp_slots_reap(&m);
	sp_loop_turn(m.loop, false);
	usleep(500);
	sp_clock_tick();
}

static void rest(unsigned ms)
{
	for (uint64_t end = sp_now_ms() + ms; sp_now_ms() < end;)
		turn();
}

static void until_generation(uint32_t number)
{
	for (int i = 0; i < 40000 && m.edition->number != number; i++)
		turn();
	assert_int_equal(m.edition->number, number);
}

static void reload(uint64_t confirm_ms, bool should_be_done)
{
	int before = outcomes;
	bool is_begun = false;

	/* A return may still be ending what it followed. */
	for (int i = 0; i < 40000 && !(is_begun = sp_reload_begin(&m, confirm_ms, on_outcome, &m)); i++)
		turn();
	assert_true(is_begun);
	assert_false(sp_reload_begin(&m, 0, on_outcome, &m) && should_be_done); /* one at a time */
	for (int i = 0; i < 40000 && outcomes == before; i++)
		turn();
	assert_int_equal(outcomes, before + 1);
	assert_int_equal(is_done, should_be_done);
}

static void test_not_confirmed(void **state)
{
	(void)state;
	write_ini(ROUTE_B);
	reload(200, true);
	assert_string_equal(strstr(text, "+ [route:b]") == NULL ? text : "", "");
	assert_int_equal(m.conf->route_count, 2);
	until_generation(3); /* the one before, anew */
	assert_int_equal(m.conf->route_count, 1);
	assert_false(sp_reload_confirm(&m));
	rest(500);
	assert_int_equal(m.edition->number, 3);
}

static void test_confirmed(void **state)
{
	(void)state;
	assert_false(sp_reload_confirm(&m));
	write_ini(ROUTE_B);
	reload(1000, true);
	assert_true(sp_reload_confirm(&m));
	rest(1500);
	assert_int_equal(m.edition->number, 2);
	assert_int_equal(m.conf->route_count, 2);
}

/* What returns is what was confirmed last, however often one tries. */
static void test_two_trials(void **state)
{
	(void)state;
	write_ini(ROUTE_B);
	reload(60000, true);
	write_ini(ROUTE_B ROUTE_C);
	reload(200, true);
	assert_int_equal(m.conf->route_count, 3);
	until_generation(4);
	assert_int_equal(m.conf->route_count, 1);
}

/* An order without a condition confirms; one that is refused does not. */
static void test_an_order_confirms(void **state)
{
	(void)state;
	write_ini(ROUTE_B);
	reload(1000, true);
	write_ini("[route:b]\nnonsense\n");
	assert_true(sp_reload_begin(&m, 0, on_outcome, &m)); /* refused at once */
	assert_false(is_done);
	assert_non_null(strstr(text, "generation 2 keeps running"));
	until_generation(3);
	assert_int_equal(m.conf->route_count, 1);
	write_ini(ROUTE_B);
	reload(1000, true);
	write_ini(ROUTE_B ROUTE_C);
	reload(0, true);
	assert_false(sp_reload_confirm(&m));
	rest(1500);
	assert_int_equal(m.conf->route_count, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_not_confirmed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_confirmed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_two_trials, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_order_confirms, setup, teardown),
	};

	sp_clock_tick();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
