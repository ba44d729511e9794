/* The worker's half of the dialer, against a scripted one. */
#include "t.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "sp/base/check.h"
#include "sp/base/clock.h"
#include "sp/ipc/channel.h"
#include "sp/ipc/dial_remote.h"

static struct {
	struct sp_loop *loop;
	struct sp_dial *dial;
	int dialer; /* our end */
} t;

struct asker {
	struct sp_dial_ask ask;
	unsigned woken;
};

static void on_dialed(struct sp_wait *w)
{
	SP_HOLDER(w, struct asker, ask.wait)->woken++;
}

static struct asker new_asker(uint32_t backend)
{
	return (struct asker){ .ask = { .wait = { .wake = on_dialed }, .index = backend } };
}

static void connect_dialer(void)
{
	struct sp_err err = { "" };
	int fds[2];

	assert_true(sp_ipc_pair(fds, &err));
	if (t.dialer >= 0)
		close(t.dialer);
	t.dialer = fds[0];
	sp_dial_set_dialer(t.dial, fds[1]);
}

static struct sp_ipc_message take(void)
{
	struct sp_ipc_message m;

	assert_int_equal(sp_ipc_recv(t.dialer, SP_IPC_WORKER, SP_IPC_DIALER, &m), SP_IPC_DONE);
	assert_int_equal(m.type, SP_IPC_DIAL);
	return m;
}

static void answer(const struct sp_ipc_message *m)
{
	assert_int_equal(sp_ipc_send(t.dialer, SP_IPC_DIALER, SP_IPC_WORKER, m), SP_IPC_DONE);
	sp_loop_turn(t.loop, false);
	sp_loop_turn(t.loop, false);
}

static void test_answers(void **state)
{
	static const struct {
		const char *name;
		bool is_dialed;
		int error;
		uint32_t refused, want;
	} rows[] = {
		{ "a socket", true, 0, 0, SP_EGRESS_OK },
		{ "an errno", false, ENETUNREACH, SP_EGRESS_OK, SP_EGRESS_OK },
		{ "a verdict", false, 0, SP_EGRESS_LINK_LOCAL, SP_EGRESS_LINK_LOCAL },
		{ "a verdict that there is not", false, 0, 1000000, SP_EGRESS_OK },
	};

	(void)state;
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		struct asker a = new_asker(7);
		struct sp_ipc_message m;

		print_message("  %s\n", rows[i].name);
		assert_int_equal(sp_dial_ask(t.dial, &a.ask), SP_DIAL_LATER);
		m = take();
		assert_int_equal(m.body.dial.index, 7);
		m = (struct sp_ipc_message){ .type = rows[i].is_dialed ? SP_IPC_DIALED : SP_IPC_NOT_DIALED,
					     .body.not_dialed = { m.body.dial.id, rows[i].error, rows[i].refused },
					     .fd = rows[i].is_dialed ? STDERR_FILENO : -1 };
		answer(&m);
		assert_int_equal(a.woken, 1);
		assert_int_equal(a.ask.rc, rows[i].is_dialed ? SP_DIAL_DONE : SP_DIAL_FAILED);
		assert_int_equal(a.ask.error, rows[i].is_dialed ? 0 : rows[i].error);
		assert_int_equal(a.ask.refused, rows[i].want);
		assert_int_equal(a.ask.fd >= 0, rows[i].is_dialed);
		if (a.ask.fd >= 0)
			close(a.ask.fd);
	}
}

/* Who does not wait any more is not woken, and the socket that comes for it is closed. */
static void test_cancel(void **state)
{
	struct asker a = new_asker(1), b = new_asker(2);
	struct sp_ipc_message first, second;

	(void)state;
	assert_int_equal(sp_dial_ask(t.dial, &a.ask), SP_DIAL_LATER);
	assert_int_equal(sp_dial_ask(t.dial, &b.ask), SP_DIAL_LATER);
	first = take();
	second = take();
	sp_wait_cancel(&a.ask.wait);
	sp_wait_cancel(&a.ask.wait);
	answer(&(struct sp_ipc_message){
		.type = SP_IPC_DIALED, .body.dialed.id = first.body.dial.id, .fd = STDERR_FILENO });
	assert_int_equal(a.woken + b.woken, 0);
	answer(&(struct sp_ipc_message){
		.type = SP_IPC_DIALED, .body.dialed.id = second.body.dial.id, .fd = STDERR_FILENO });
	assert_int_equal(b.woken, 1);
	close(b.ask.fd);
}

static void test_too_many(void **state)
{
	enum { MANY = 300 };
	static struct asker all[MANY];
	unsigned later = 0;

	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		all[i] = new_asker(0);
		if (sp_dial_ask(t.dial, &all[i].ask) == SP_DIAL_LATER)
			later++;
		else
			assert_int_equal(all[i].ask.error, EAGAIN);
	}
	assert_int_equal(later, 256);
	for (size_t i = 0; i < later; i++)
		sp_wait_cancel(&all[i].ask.wait);
	assert_int_equal(sp_dial_ask(t.dial, &all[0].ask), SP_DIAL_LATER);
	sp_wait_cancel(&all[0].ask.wait);
}

/* The first death is made up for by the successor; the second fails what was asked. */
static void test_dialer_dies(void **state)
{
	struct asker a = new_asker(3);

	(void)state;
	assert_int_equal(sp_dial_ask(t.dial, &a.ask), SP_DIAL_LATER);
	for (int death = 1; death <= 2; death++) {
		assert_int_equal(take().body.dial.index, 3);
		close(t.dialer);
		t.dialer = -1;
		sp_loop_turn(t.loop, false);
		assert_int_equal(a.woken, death == 2);
		connect_dialer();
	}
	assert_int_equal(a.ask.rc, SP_DIAL_FAILED);
	assert_int_equal(a.ask.fd, -1);
}

static int set_up(void **state)
{
	struct sp_err err = { "" };

	(void)state;
	sp_clock_tick();
	t.loop = sp_loop_new(&err);
	t.dial = t.loop == NULL ? NULL : sp_dial_new_remote(t.loop, SP_IPC_WORKER, &err);
	t.dialer = -1;
	if (t.dial == NULL)
		return -1;
	connect_dialer();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	sp_dial_free(t.dial);
	sp_loop_free(t.loop);
	close(t.dialer);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_answers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cancel, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_too_many, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_dialer_dies, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("worker/dial", tests, NULL, NULL);
}
