/* answer, report, facts - what is said to a request, by what the master told. */
#include "../../../../src/role/monitor/answer.h"
#include "../../../../src/role/monitor/report.h"
#include "../../../../src/role/monitor/watched.h"
#include "t.h"

static struct sp_facts facts;
static struct sp_watch_list watched; /* of no backends */
static struct sp_conf conf = { .main_file = "a.ini" };

/* Asks; returns whether the master is to carry it out. */
static bool ask(const char *line, struct sp_buf *out, struct sp_ipc_message *order)
{
	char room[1024];
	struct sp_json request;
	struct sp_ban_keeper bans = { .journal_fd = -1 };
	struct sp_asking asking = { .facts = &facts, .bans = &bans, .request = &request, .out = out };
	bool is_masters;

	sp_buf_init(out);
	assert_null(sp_json_read(sp_str(line), room, &request));
	is_masters = sp_answer_request(&asking);
	*order = asking.order;
	return is_masters;
}

static void tell_gateway(void)
{
	struct sp_ipc_message m = { .type = SP_IPC_GATEWAY, .fd = -1 };

	m.body.gateway.generation = 7;
	assert_true(sp_facts_take(&facts, &m));
}

static struct sp_ipc_message process(uint32_t index, uint32_t count)
{
	struct sp_ipc_message m = { .type = SP_IPC_PROCESS, .fd = -1 };

	m.body.process.index = index;
	m.body.process.count = count;
	m.body.process.role = SP_IPC_WORKER;
	m.body.process.worker = index;
	m.body.process.pid = 100 + (int32_t)index;
	return m;
}

static int setup(void **state)
{
	(void)state;
	memset(&facts, 0, sizeof(facts));
	facts.conf = &conf;
	facts.watched = &watched;
	tell_gateway();
	return 0;
}

/* Whatever the master says: a row that cannot be is no row. */
static void test_facts(void **state)
{
	struct sp_ipc_message m = process(1, 3), other = { .type = SP_IPC_STOP, .fd = -1 };

	(void)state;
	assert_true(sp_facts_take(&facts, &m));
	assert_int_equal(facts.process_count, 3);
	m = process(3, 3);
	assert_true(sp_facts_take(&facts, &m));
	m = process(0, SP_FACTS_PROCESSES + 1);
	assert_true(sp_facts_take(&facts, &m));
	m = process(2, 3);
	m.body.process.level.layer[0].state = 200;
	assert_true(sp_facts_take(&facts, &m));
	assert_int_equal(facts.process_count, 3);
	assert_int_equal(facts.processes[1].type, SP_IPC_PROCESS);
	assert_int_equal(facts.processes[2].type, SP_IPC_NONE);
	assert_false(sp_facts_take(&facts, &other));
}

static void test_status(void **state)
{
	struct sp_ipc_message m = process(1, 2), order;
	struct sp_buf out;

	(void)state;
	assert_true(sp_facts_take(&facts, &m));
	assert_false(ask("{\"command\":\"status\"}", &out, &order));
	assert_non_null(strstr(out.p, "\"generation\":7"));
	assert_non_null(strstr(out.p, "{\"process\":\"worker 1\",\"pid\":101,"));
	assert_non_null(strstr(out.p, "}\n{\"outcome\":\"done\"}\n"));
	sp_buf_fini(&out);
	assert_false(ask("{\"command\":\"status\",\"format\":\"text\"}", &out, &order));
	assert_true(sp_str_starts(sp_buf_str(&out), SP_STR("{\"line\":\"version ")));
	sp_buf_fini(&out);
}

static void test_orders(void **state)
{
	struct sp_ipc_message order;
	struct sp_buf out;

	(void)state;
	assert_true(ask("{\"command\":\"reload\",\"confirm_s\":90}", &out, &order));
	assert_string_equal(out.p, "{\"progress\":\"passed on\",\"generation\":7}\n");
	assert_int_equal(order.type, SP_IPC_COMMAND);
	assert_int_equal(order.body.command.order, SP_IPC_ORDER_RELOAD);
	assert_int_equal(order.body.command.confirm_s, 90);
	sp_buf_fini(&out);
	assert_true(ask("{\"command\":\"confirm\"}", &out, &order));
	assert_int_equal(order.body.command.order, SP_IPC_ORDER_CONFIRM);
	sp_buf_fini(&out);
}

static void test_refused(void **state)
{
	static const char *const requests[] = {
		"{}",
		"{\"command\":1}",
		"{\"command\":\"\"}",
		"{\"command\":\"statu\"}",
		"{\"command\":\"status\",\"confirm_s\":1}",
		"{\"command\":\"status\",\"format\":1}",
		"{\"command\":\"reload\",\"confirm_s\":0}",
		"{\"command\":\"reload\",\"confirm_s\":86401}",
		"{\"command\":\"reload\",\"confirm_s\":\"5\"}",
		"{\"command\":\"confirm\",\"confirm_s\":5}",
	};

	(void)state;
	for (size_t i = 0; i < SP_COUNT(requests); i++) {
		struct sp_ipc_message order;
		struct sp_buf out;

		print_message("  %s\n", requests[i]);
		assert_false(ask(requests[i], &out, &order));
		assert_true(sp_str_starts(sp_buf_str(&out), SP_STR("{\"outcome\":\"refused\",\"why\":\"")));
		sp_buf_fini(&out);
	}
}

static void test_outcome(void **state)
{
	struct sp_ipc_message m = { .type = SP_IPC_OUTCOME, .fd = -1 };
	struct sp_buf out;

	(void)state;
	m.body.outcome.generation = 8;
	m.body.outcome.confirm_s = 5;
	sp_buf_init(&out);
	sp_answer_put_outcome(&out, &m, SP_STR("one\ntwo \"2\"\n"));
	assert_string_equal(out.p, "{\"line\":\"one\"}\n{\"line\":\"two \\\"2\\\"\"}\n"
				   "{\"outcome\":\"done\",\"generation\":8,\"confirm_s\":5}\n");
	sp_buf_fini(&out);
	sp_buf_init(&out);
	m.body.outcome.result = 77; /* what is not known is no success */
	sp_answer_put_outcome(&out, &m, SP_STR("why"));
	assert_string_equal(out.p, "{\"reason\":\"why\"}\n{\"outcome\":\"refused\",\"generation\":8}\n");
	sp_buf_fini(&out);
}

static void fill(struct sp_report *report)
{
	sp_report_section(report, "one");
	sp_report_text(report, "name", SP_STR("a \"b\""));
	sp_report_seconds(report, "uptime_s", 3661);
	sp_report_table(report, "rows");
	for (uint64_t i = 0; i < 2; i++) {
		sp_report_row(report);
		sp_report_count(report, "number", i * 1000);
		sp_report_yes(report, "is_odd", i == 1);
		sp_report_text(report, "nothing", SP_STR(""));
	}
	sp_report_table(report, "empty");
}

static void test_report(void **state)
{
	struct sp_report report;

	(void)state;
	sp_report_init(&report, true);
	fill(&report);
	assert_true(sp_str_eq(sp_report_end(&report),
			      SP_STR("{\"one\":{\"name\":\"a \\\"b\\\"\",\"uptime_s\":3661},\"rows\":["
				     "{\"number\":0,\"is_odd\":false,\"nothing\":null},"
				     "{\"number\":1000,\"is_odd\":true,\"nothing\":null}],\"empty\":[]}\n")));
	sp_report_fini(&report);
	sp_report_init(&report, false);
	fill(&report);
	assert_true(sp_str_eq(sp_report_end(&report), SP_STR("name    a \"b\"\n"
							     "uptime  1h1m\n"
							     "\n"
							     "number  is odd  nothing\n"
							     "0       no      -\n"
							     "1000    yes     -\n")));
	sp_report_fini(&report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_facts, setup),   cmocka_unit_test_setup(test_status, setup),
		cmocka_unit_test_setup(test_orders, setup),  cmocka_unit_test_setup(test_refused, setup),
		cmocka_unit_test_setup(test_outcome, setup), cmocka_unit_test_setup(test_report, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
