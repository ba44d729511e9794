/* Questions of a worker: answered, answered by another, late, too many, asked anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <unistd.h>

#include "sp/base/check.h"
#include "sp/base/clock.h"
#include "sp/ipc/asker.h"

enum { MOST = 4, PATIENCE_MS = 40 };

struct question {
	struct sp_ask ask;
	uint32_t key;
	unsigned answers, failures;
};

static struct {
	struct sp_loop *loop;
	struct sp_asker asker;
	int peer;
} t;

static void fill(struct sp_ask *ask, struct sp_ipc_message *m)
{
	m->type = SP_IPC_SIGN;
	memset(&m->body, 0, sizeof(m->body));
	m->body.sign.key = SP_HOLDER(ask, struct question, ask)->key;
}

static void on_answer(struct sp_ask *ask, struct sp_ipc_message *answer)
{
	struct question *q = SP_HOLDER(ask, struct question, ask);

	if (answer == NULL)
		q->failures++;
	else
		q->answers++;
	if (answer != NULL)
		assert_int_equal(answer->body.is_signed.n, q->key); /* the peer answers so, below */
}

static struct question new_question(uint32_t key)
{
	return (struct question){ .ask = { .fill = fill, .on_answer = on_answer }, .key = key };
}

static void connect_peer(void)
{
	struct sp_err err = { .text = "" };
	int fds[2];

	assert_true(sp_ipc_pair(fds, &err));
	t.peer = fds[0];
	sp_asker_set_channel(&t.asker, fds[1]);
}

static void turns(unsigned n)
{
	while (n-- > 0)
		sp_loop_turn(t.loop, false);
}

/* Takes one question; its id. 0: there is none. */
static uint32_t take(uint32_t *key)
{
	struct sp_ipc_message m;

	if (sp_ipc_recv(t.peer, SP_IPC_WORKER, SP_IPC_KEEPER, &m) != SP_IPC_DONE)
		return 0;
	*key = m.body.sign.key;
	return m.body.sign.id;
}

static void reply(uint32_t id, uint32_t key)
{
	struct sp_ipc_message m = { .type = SP_IPC_SIGNED, .fd = -1 };

	memset(&m.body, 0, sizeof(m.body));
	m.body.is_signed.id = id;
	m.body.is_signed.n = key;
	assert_int_equal(sp_ipc_send(t.peer, SP_IPC_KEEPER, SP_IPC_WORKER, &m), SP_IPC_DONE);
}

static void reply_to_next(void)
{
	uint32_t key = 0, id = take(&key);

	reply(id, key);
}

static int set_up(void **state)
{
	struct sp_err err = { .text = "" };

	(void)state;
	sp_clock_tick();
	t.loop = sp_loop_new(&err);
	t.peer = -1;
	return t.loop != NULL && sp_asker_init(&t.asker, t.loop, SP_IPC_WORKER, SP_IPC_KEEPER, MOST, PATIENCE_MS) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	sp_asker_fini(&t.asker);
	sp_loop_free(t.loop);
	if (t.peer >= 0)
		close(t.peer);
	return 0;
}

static void test_any_order(void **state)
{
	struct question q[3];
	uint32_t ids[3], key = 0;

	(void)state;
	connect_peer();
	for (uint32_t i = 0; i < 3; i++) {
		q[i] = new_question(10 + i);
		assert_true(sp_asker_ask(&t.asker, &q[i].ask));
	}
	for (uint32_t i = 0; i < 3; i++) {
		ids[i] = take(&key);
		assert_int_equal(key, 10 + i);
	}
	sp_ask_cancel(&q[1].ask);
	sp_ask_cancel(&q[1].ask);
	for (uint32_t i = 3; i-- > 0;)
		reply(ids[i], 10 + i);
	reply(ids[0], 10);
	reply(ids[2] + 1, 99);
	turns(2);
	assert_int_equal(q[0].answers, 1);
	assert_int_equal(q[1].answers + q[1].failures, 0);
	assert_int_equal(q[2].answers, 1);
	assert_int_equal(t.asker.count, 0);
}

static void test_too_many(void **state)
{
	struct question q[MOST + 1];

	(void)state;
	connect_peer();
	for (uint32_t i = 0; i <= MOST; i++) {
		q[i] = new_question(i);
		assert_int_equal(sp_asker_ask(&t.asker, &q[i].ask), i < MOST);
	}
	sp_ask_cancel(&q[0].ask);
	assert_true(sp_asker_ask(&t.asker, &q[MOST].ask));
	for (uint32_t i = 1; i <= MOST; i++)
		sp_ask_cancel(&q[i].ask);
}

static void test_late(void **state)
{
	struct question with = new_question(1), without = new_question(2);

	(void)state;
	assert_true(sp_asker_ask(&t.asker, &without.ask)); /* nobody is there */
	connect_peer();
	assert_true(sp_asker_ask(&t.asker, &with.ask));
	for (int i = 0; i < 100 && with.failures == 0; i++)
		sp_loop_turn(t.loop, true);
	assert_int_equal(with.failures, 1);
	assert_int_equal(without.failures, 1);
	reply_to_next();
	reply_to_next();
	turns(2);
	assert_int_equal(with.answers + without.answers, 0);
}

/* What it asked is asked of the successor; what two have died of is asked no more. */
static void test_peer_dies(void **state)
{
	struct question q = new_question(5);
	uint32_t key = 0;

	(void)state;
	connect_peer();
	assert_true(sp_asker_ask(&t.asker, &q.ask));
	close(t.peer);
	turns(2);
	assert_int_equal(q.failures, 0);
	connect_peer();
	assert_int_not_equal(take(&key), 0);
	assert_int_equal(key, 5);
	close(t.peer);
	turns(2);
	assert_int_equal(q.failures, 1);
	connect_peer();
	assert_int_equal(take(&key), 0);
}

static void test_nonsense_ends_it(void **state)
{
	struct question q = new_question(5);

	(void)state;
	connect_peer();
	assert_true(sp_asker_ask(&t.asker, &q.ask));
	assert_int_equal(write(t.peer, "nonsense", 8), 8);
	turns(2);
	assert_int_equal(t.asker.channel.fd, -1);
	close(t.peer);
	connect_peer();
	reply_to_next();
	turns(2);
	assert_int_equal(q.answers, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_any_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_too_many, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_late, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_peer_dies, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nonsense_ends_it, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("ipc/asker", tests, NULL, NULL);
}
