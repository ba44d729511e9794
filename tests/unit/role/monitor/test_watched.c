/* watched - what checks, name servers and operators say of a backend, and the row that follows from it. */
#include <stdio.h>
#include <string.h>

#include "../../../../src/role/monitor/watched.h"
#include "sp/base/clock.h"
#include "t.h"

enum { PLAIN, CHECKED, NAMED, BACKENDS };

static struct sp_conf_backend backends[BACKENDS];
static struct sp_conf_pool pools[2];
static struct sp_conf conf = { .pools = pools, .pool_count = 2, .backend_count = BACKENDS };
static struct sp_board *board;
static struct sp_watch_list list;

static struct sp_addr addr(const char *text)
{
	struct sp_addr out;

	assert_true(sp_addr_parse(sp_str(text), 80, &out));
	return out;
}

static bool row(unsigned i, struct sp_backend_state *state)
{
	const struct sp_watched *w = &list.items[i];

	return sp_backend_get(sp_board_read(board, SP_BLOCK_BACKENDS, 0), w->slot,
			      sp_name_key(SP_NAME_BACKEND, w->pool->section.name, w->backend->name), state);
}

static void begin(void)
{
	assert_true(sp_watch_list_init(&list, &conf, board));
	sp_watch_list_begin(&list);
}

static int set_up(void **state)
{
	static const char *const names[BACKENDS] = { "10.0.0.1:80", "10.0.0.2:80", "app.internal:80" };
	struct sp_err err = { .text = "" };

	(void)state;
	memset(pools, 0, sizeof(pools));
	board = sp_board_new(1, &err);
	assert_non_null(board);
	for (unsigned i = 0; i < BACKENDS; i++) {
		backends[i] = (struct sp_conf_backend){ .index = i, .name = sp_str(names[i]), .weight = 1 };
		if (i != NAMED)
			backends[i].addr = addr(names[i]);
	}
	backends[NAMED].host = SP_STR("app.internal");
	backends[NAMED].addr.port = 80;
	pools[0] = (struct sp_conf_pool){ .section.name = SP_STR("plain"), .backends = backends, .backend_count = 1 };
	pools[1] = (struct sp_conf_pool){ .section.name = SP_STR("checked"),
					  .backends = backends + 1,
					  .backend_count = 2,
					  .check.kind = SP_CHECK_HTTP };
	for (unsigned i = 0; i < BACKENDS; i++) {
		uint32_t slot;

		assert_true(sp_board_name(board, SP_NAME_BACKEND, pools[i == PLAIN ? 0 : 1].section.name,
					  backends[i].name, &slot, &err));
	}
	begin();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	sp_watch_list_fini(&list);
	sp_board_free(board);
	return 0;
}

/* Nothing is said of what nobody looks at: it is used. A checked one is down until it is checked, a name until it is resolved. */
static void test_beginning(void **state)
{
	struct sp_backend_state is;

	(void)state;
	assert_false(row(PLAIN, &is));
	assert_true(row(CHECKED, &is));
	assert_int_equal(is.is, SP_BACKEND_DOWN);
	assert_string_equal(is.why, "not checked yet");
	assert_int_equal(is.is_healthy, 0);
	assert_true(row(NAMED, &is));
	assert_int_equal(is.is, SP_BACKEND_DOWN);
	assert_string_equal(is.why, "not resolved");
	assert_int_equal(is.addr_count, 0);
}

static void say(unsigned i, bool is_up, const char *last)
{
	struct sp_watched_addr *a = &list.items[i].addrs[0];

	a->is_up = is_up;
	a->is_known = true;
	(void)snprintf(a->last, sizeof(a->last), "%s", last);
	sp_watched_publish(&list, &list.items[i]);
}

/* What is up at the start begins with its whole share; what comes back later begins at that moment (slow_start). */
static void test_up_and_down(void **state)
{
	struct sp_backend_state is;

	(void)state;
	sp_clock_set(5000000, 0);
	say(CHECKED, true, "ok");
	assert_true(row(CHECKED, &is));
	assert_int_equal(is.is, SP_BACKEND_UP);
	assert_int_equal(is.since_ms, 0);
	assert_string_equal(is.why, "");
	say(CHECKED, false, "status 500");
	assert_true(row(CHECKED, &is));
	assert_int_equal(is.is, SP_BACKEND_DOWN);
	assert_string_equal(is.why, "status 500");
	sp_clock_set(9000000, 0);
	say(CHECKED, true, "ok");
	assert_true(row(CHECKED, &is));
	assert_int_equal(is.since_ms, 9000);
}

/* An operator's word is above the checks', and both are kept. */
static void test_drained(void **state)
{
	struct sp_backend_state is;

	(void)state;
	say(CHECKED, true, "ok");
	list.items[CHECKED].is_drained = true;
	sp_watched_publish(&list, &list.items[CHECKED]);
	assert_true(row(CHECKED, &is));
	assert_int_equal(is.is, SP_BACKEND_DRAIN);
	assert_int_equal(is.is_healthy, 1);
	say(CHECKED, false, "status 500");
	assert_true(row(CHECKED, &is));
	assert_int_equal(is.is, SP_BACKEND_DRAIN);
	assert_int_equal(is.is_healthy, 0);
	list.items[CHECKED].is_drained = false;
	sp_watched_publish(&list, &list.items[CHECKED]);
	assert_true(row(CHECKED, &is));
	assert_int_equal(is.is, SP_BACKEND_DOWN);
}

/* Addresses that stay keep what is known of them; never more than the board has room for. */
static void test_addresses(void **state)
{
	struct sp_addr first[2] = { addr("10.0.0.3"), addr("10.0.0.4") }, later[2] = { addr("10.0.0.5"), addr("10.0.0.4") };
	struct sp_addr many[SP_BACKEND_ADDRS + 4];
	struct sp_watched *w = &list.items[NAMED];
	struct sp_backend_state is;

	(void)state;
	assert_true(sp_watched_set_addrs(w, first, 2));
	assert_false(sp_watched_set_addrs(w, first, 2));
	sp_watched_find_addr(w, &first[1])->is_up = true;
	sp_watched_publish(&list, w);
	assert_true(row(NAMED, &is));
	assert_int_equal(is.is, SP_BACKEND_UP);
	assert_int_equal(is.addr_count, 2);
	assert_int_equal(is.addrs[0].is_usable, 0);
	assert_int_equal(is.addrs[1].is_usable, 1);
	assert_true(sp_watched_set_addrs(w, later, 2));
	assert_null(sp_watched_find_addr(w, &first[0]));
	assert_true(sp_watched_find_addr(w, &first[1])->is_up);
	assert_false(sp_watched_find_addr(w, &later[0])->is_up);
	for (unsigned i = 0; i < SP_COUNT(many); i++) {
		many[i] = addr("10.0.1.0");
		many[i].ip[3] = (uint8_t)i;
	}
	assert_true(sp_watched_set_addrs(w, many, SP_COUNT(many)));
	assert_int_equal(w->addr_count, SP_BACKEND_ADDRS);
	assert_true(sp_watched_set_addrs(w, many, 0));
	sp_watched_publish(&list, w);
	assert_true(row(NAMED, &is));
	assert_int_equal(is.is, SP_BACKEND_DOWN);
}

/* The next monitor goes on where this one stopped. */
static void test_taken_over(void **state)
{
	struct sp_addr two[2] = { addr("10.0.0.3"), addr("10.0.0.4") };
	struct sp_watched *w = &list.items[NAMED];
	struct sp_backend_state is;

	(void)state;
	assert_true(sp_watched_set_addrs(w, two, 2));
	sp_watched_find_addr(w, &two[0])->is_up = true;
	sp_watched_publish(&list, w);
	say(CHECKED, false, "status 500");
	list.items[CHECKED].weight = 7;
	list.items[CHECKED].is_drained = true;
	sp_watched_publish(&list, &list.items[CHECKED]);
	sp_watch_list_fini(&list);
	begin();
	w = &list.items[NAMED];
	assert_int_equal(w->addr_count, 2);
	assert_true(sp_watched_find_addr(w, &two[0])->is_up);
	assert_false(sp_watched_find_addr(w, &two[1])->is_up);
	assert_int_equal(w->addrs[0].addr.port, 80);
	assert_true(list.items[CHECKED].is_drained);
	assert_int_equal(list.items[CHECKED].weight, 7);
	assert_true(row(CHECKED, &is));
	assert_int_equal(is.is, SP_BACKEND_DRAIN);
	assert_int_equal(is.is_healthy, 0);
}

/* In the monitor's part, beside what workers counted in theirs. */
static void test_counted(void **state)
{
	const struct sp_metrics *own = sp_board_read(board, SP_BLOCK_METRICS_MONITOR, 0);
	const uint64_t key = sp_name_key(SP_NAME_BACKEND, SP_STR("checked"), backends[CHECKED].name);
	struct sp_watch_list nowhere = { .board = NULL };

	(void)state;
	sp_watched_count_check(&list, &list.items[CHECKED], true);
	sp_watched_count_check(&list, &list.items[CHECKED], false);
	sp_watched_count_check(&list, &list.items[CHECKED], false);
	sp_watched_count_refused(&list, SP_EGRESS_LINK_LOCAL);
	sp_watched_count_refused(&list, SP_EGRESS_LINK_LOCAL);
	sp_watched_count_refused(&nowhere, SP_EGRESS_LINK_LOCAL);
	assert_int_equal(sp_metrics_get(sp_metrics_find(own, SP_METRICS_BACKEND, key, 0), SP_BACKEND_CHECKS_GOOD), 1);
	assert_int_equal(sp_metrics_get(sp_metrics_find(own, SP_METRICS_BACKEND, key, 0), SP_BACKEND_CHECKS_BAD), 2);
	assert_int_equal(sp_metrics_get(sp_metrics_find(own, SP_METRICS_GATEWAY, 0, 0), SP_GATEWAY_EGRESS + SP_EGRESS_LINK_LOCAL), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_beginning, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_up_and_down, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_drained, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_addresses, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_taken_over, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_counted, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("role/monitor/watched", tests, NULL, NULL);
}
