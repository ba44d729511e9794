/* admin - the socket of the commands over generations; orders - what a monitor asks for, and what it may not do to us. */
#include "../../../src/master/admin.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../../src/conf/doc.h"
#include "../../../src/master/orders.h"
#include "../../../src/master/reload.h"
#include "sp/base/clock.h"
#include "sp/base/log.h"
#include "t.h"

static char folder[64], path[2][128];
static const struct sp_ids ids = { .must_change = false };

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/admin-XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	for (int i = 0; i < 2; i++)
		(void)snprintf(path[i], sizeof(path[i]), "%s/run/%d.sock", folder, i);
	return 0;
}

static int teardown(void **state)
{
	char run[128];

	(void)state;
	(void)snprintf(run, sizeof(run), "%s/run", folder);
	(void)rmdir(run);
	return rmdir(folder);
}

static struct sp_conf conf_of(const char *socket)
{
	return (struct sp_conf){ .main_file = "a.ini", .admin.socket = sp_str(socket) };
}

static bool is_there(const char *at)
{
	struct stat st;

	return lstat(at, &st) == 0;
}

static void test_over_generations(void **state)
{
	struct sp_conf first = conf_of(path[0]), second = conf_of(path[1]), off = conf_of("off");
	struct sp_admin_socket now = { .fd = -1 }, next;
	struct sp_err err = { "" };
	struct stat st;
	int fd;

	(void)state;
	assert_true(sp_admin_open(&now, &first, &ids, NULL, &err));
	assert_int_equal(stat(path[0], &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	fd = now.fd;

	assert_true(sp_admin_open(&next, &first, &ids, &now, &err)); /* the same: given up, then taken */
	sp_admin_close(&next);
	assert_true(is_there(path[0]) && sp_admin_open(&next, &first, &ids, &now, &err));
	sp_admin_replace(&now, &next);
	assert_true(is_there(path[0]) && now.fd == fd);

	assert_true(sp_admin_open(&next, &second, &ids, &now, &err)); /* another: given up, then taken */
	assert_true(is_there(path[0]) && is_there(path[1]));
	sp_admin_close(&next);
	assert_true(is_there(path[0]) && !is_there(path[1]));
	assert_true(sp_admin_open(&next, &second, &ids, &now, &err));
	sp_admin_replace(&now, &next);
	assert_true(!is_there(path[0]) && is_there(path[1]));

	assert_int_equal(unlink(path[1]), 0); /* somebody removed it */
	assert_true(sp_admin_open(&next, &second, &ids, &now, &err));
	sp_admin_replace(&now, &next);
	assert_true(is_there(path[1]));

	assert_true(sp_admin_open(&next, &off, &ids, &now, &err));
	sp_admin_replace(&now, &next);
	assert_true(!is_there(path[1]) && now.fd == -1);
	sp_admin_close(&now);
}

static void test_where_it_cannot_be(void **state)
{
	const struct sp_conf_set set = { .key = "socket", .at = { "a.ini", 7 } };
	struct sp_conf conf = conf_of("/nowhere/at/all.sock");
	struct sp_admin_socket admin;
	struct sp_err err = { "" };

	(void)state;
	assert_true(sp_admin_open(&admin, &conf, &ids, NULL, &err)); /* the default: only warned of */
	assert_int_equal(admin.fd, -1);
	conf.admin.section.sets = &set;
	conf.admin.section.set_count = 1;
	assert_false(sp_admin_open(&admin, &conf, &ids, NULL, &err));
	assert_non_null(strstr(err.text, "a.ini:7: error: socket = /nowhere/at/all.sock: its folder cannot be made: "));
}

/* ---- orders */

static struct sp_master m;
static struct sp_edition edition = { .number = 3 };
static struct sp_slot *slots[SP_ROLES];
static int monitor; /* its end of the channel */

static void on_message(struct sp_channel *ch, struct sp_ipc_message *message)
{
	(void)ch, (void)message;
}

static void on_end(struct sp_channel *ch, enum sp_ipc_rc why)
{
	(void)ch, (void)why;
}

static int orders_setup(void **state)
{
	struct sp_err err = { "" };
	int fds[2];

	(void)state;
	sp_log_level(SP_LOG_ERROR);
	sp_clock_set(5000000, 0);
	m = (struct sp_master){ .state = SP_MASTER_SERVING, .edition = &edition };
	m.loop = sp_loop_new(&err);
	for (unsigned i = 0; i < SP_ROLES; i++)
		slots[i] = sp_slot_new(&m, SP_IPC_MONITOR, 0, &edition);
	m.slots = slots;
	slots[0]->pid = 1;
	slots[0]->is_ready = true;
	slots[0]->channel.on_message = on_message;
	slots[0]->channel.on_end = on_end;
	if (!sp_ipc_pair(fds, &err))
		return -1;
	sp_channel_open(&slots[0]->channel, m.loop, fds[0], SP_IPC_MASTER, SP_IPC_MONITOR);
	monitor = fds[1];
	return sp_reload_open(&m, &err) ? 0 : -1;
}

static int orders_teardown(void **state)
{
	(void)state;
	sp_orders_close(&m);
	sp_reload_close(&m);
	for (unsigned i = 0; i < SP_ROLES; i++)
		sp_slot_free(slots[i]);
	sp_loop_free(m.loop);
	close(monitor);
	return 0;
}

/* Gives an order as the channel would; returns the caller's end of the connection that goes along. */
static int order(uint32_t what)
{
	struct sp_ipc_message message = { .type = SP_IPC_COMMAND, .body.command.order = what };
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	message.fd = fds[0];
	sp_orders_take(&m, &message);
	if (message.fd >= 0)
		close(message.fd);
	return fds[1];
}

static struct sp_ipc_message receive(void)
{
	struct sp_ipc_message got = { .type = SP_IPC_NONE, .fd = -1 };

	if (sp_ipc_recv(monitor, SP_IPC_MASTER, SP_IPC_MONITOR, &got) != SP_IPC_DONE)
		got.type = SP_IPC_NONE;
	return got;
}

static void expect_outcome(const char *want)
{
	struct sp_ipc_message caller = receive(), outcome = receive();
	char text[100] = "";

	assert_int_equal(caller.type, SP_IPC_CALLER);
	assert_int_equal(outcome.type, SP_IPC_OUTCOME);
	assert_int_equal(caller.body.caller.id, outcome.body.outcome.id);
	assert_int_equal(outcome.body.outcome.result, SP_IPC_RESULT_REFUSED);
	assert_int_equal(outcome.body.outcome.generation, 3);
	assert_true(read(outcome.fd, text, sizeof(text) - 1) >= 0);
	assert_string_equal(text, want);
	close(caller.fd);
	close(outcome.fd);
}

static bool is_closed(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

static void test_order(void **state)
{
	int caller = order(SP_IPC_ORDER_CONFIRM);

	(void)state;
	expect_outcome("no reload waits to be confirmed\n");
	assert_true(is_closed(caller));
	close(caller);
	m.state = SP_MASTER_DRAINING;
	caller = order(SP_IPC_ORDER_RELOAD);
	expect_outcome("the gateway is starting or ending\n");
	close(caller);
}

/* It waits for the next monitor, and ends with us. */
static void test_nobody_to_hear(void **state)
{
	int callers[2];

	(void)state;
	slots[0]->is_ready = false;
	callers[0] = order(SP_IPC_ORDER_CONFIRM);
	assert_int_equal(receive().type, SP_IPC_NONE);
	assert_false(is_closed(callers[0]));
	slots[0]->is_ready = true;
	sp_orders_deliver(&m);
	expect_outcome("no reload waits to be confirmed\n");
	slots[0]->is_ready = false;
	callers[1] = order(SP_IPC_ORDER_CONFIRM);
	sp_orders_close(&m);
	assert_true(is_closed(callers[0]) && is_closed(callers[1]));
	close(callers[0]);
	close(callers[1]);
}

static void test_hostile(void **state)
{
	int callers[40], unknown = order(12345);

	(void)state;
	assert_true(is_closed(unknown));
	close(unknown);
	slots[0]->is_ready = false; /* nothing is given back: all places are taken, and then the rate is over */
	for (size_t i = 0; i < SP_COUNT(callers); i++)
		callers[i] = order(SP_IPC_ORDER_CONFIRM);
	for (size_t i = 0; i < SP_COUNT(callers); i++) {
		assert_int_equal(is_closed(callers[i]), i >= SP_ORDERS);
		close(callers[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_over_generations, setup, teardown),
		cmocka_unit_test(test_where_it_cannot_be),
		cmocka_unit_test_setup_teardown(test_order, orders_setup, orders_teardown),
		cmocka_unit_test_setup_teardown(test_nobody_to_hear, orders_setup, orders_teardown),
		cmocka_unit_test_setup_teardown(test_hostile, orders_setup, orders_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
