/* page, form, metrics, report_html - what stands at [admin] bind, whatever is asked and whatever the board says. */
#include <stdlib.h>
#include <string.h>

#include "../../../../src/role/monitor/figures.h"
#include "../../../../src/role/monitor/form.h"
#include "../../../../src/role/monitor/metrics.h"
#include "../../../../src/role/monitor/page.h"
#include "../../../../src/role/monitor/report_html.h"
#include "../../../../src/role/monitor/status.h"
#include "../../../../src/role/monitor/watched.h"
#include "sp/board/recent.h"
#include "sp/http/h1_read.h"
#include "t.h"

static void test_form(void **state)
{
	static const struct {
		const char *body, *name, *value; /* NULL: there is none */
	} rows[] = {
		{ "a=1&b=2", "a", "1" },
		{ "a=1&b=2", "b", "2" },
		{ "a=1&a=2", "a", "1" },
		{ "a=1&b=2", "c", NULL },
		{ "", "a", NULL },
		{ "a", "a", NULL },
		{ "a=", "a", "" },
		{ "aa=1", "a", NULL },
		{ "a=%41+b%2b", "a", "A b+" },
		{ "a=1=2", "a", "1=2" },
		{ "a=%4", "a", NULL },
		{ "a=%", "a", NULL },
		{ "a=%zz", "a", NULL },
		{ "a=12345678", "a", "12345678" },
		{ "a=123456789", "a", NULL },
		{ "&&a=1&&", "a", "1" },
	};

	(void)state;
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		struct sp_str value;
		char room[8];

		print_message("  %s\n", rows[i].body);
		assert_int_equal(sp_form_find(sp_str(rows[i].body), rows[i].name, room, sizeof(room), &value),
				 rows[i].value != NULL);
		if (rows[i].value != NULL)
			assert_true(sp_str_eq(value, sp_str(rows[i].value)));
	}
}

static void test_openmetrics_is_asked(void **state)
{
	static const struct {
		const char *accept;
		bool is_open;
	} rows[] = {
		{ "", false },
		{ "*/*", false },
		{ "text/plain;version=0.0.4", false },
		{ "application/openmetrics-text", true },
		{ "text/plain, Application/OpenMetrics-Text ;version=1.0.0;q=0.5", true },
		{ "application/openmetrics-textual", false },
	};

	(void)state;
	for (size_t i = 0; i < SP_COUNT(rows); i++)
		assert_int_equal(sp_metrics_is_open_asked(sp_str(rows[i].accept)), rows[i].is_open);
}

static void test_html_is_text(void **state)
{
	struct sp_report report;
	struct sp_str html;

	(void)state;
	sp_report_init_html(&report, "secret");
	sp_report_table(&report, "bans");
	sp_report_row(&report);
	sp_report_text(&report, "address", SP_STR("<a href='x'>\"&"));
	sp_report_count(&report, "in_flight", 0);
	sp_report_text(&report, "state", SP_STR("up"));
	sp_report_text(&report, "time", SP_STR("2026-11-24T16:20:00.123Z"));
	sp_report_action(&report, "unban");
	sp_report_table(&report, "limits");
	html = sp_report_end(&report);
	assert_null(strstr(html.p, "<a href"));
	assert_non_null(
		strstr(html.p, "<th scope=\"row\" class=\"k-address\">&lt;a href=&#39;x&#39;&gt;&quot;&amp;</th>"));
	assert_non_null(strstr(html.p, "<td class=\"k-in-flight number zero\">0</td>"));
	assert_non_null(strstr(html.p, "<td class=\"k-state v-up\">up</td>"));
	assert_non_null(strstr(html.p, "<time datetime=\"2026-11-24T16:20:00.123Z\">2026-11-24 16:20:00</time>"));
	assert_non_null(strstr(html.p, "action=\"/unban\"><input type=\"hidden\" name=\"token\" value=\"secret\">"));
	assert_non_null(strstr(html.p, "<section id=\"limits\"><h2>limits</h2><p class=\"none\">none</p></section>"));
	sp_report_fini(&report);
}

static struct sp_conf_listener listeners[1] = { { .section.name = { "main", 4 } } };
static struct sp_conf_route routes[1] = { { .section.name = { "all", 3 } } };
static struct sp_conf conf = { .main_file = "a.ini",
			       .gateway.max_connections = 100,
			       .listeners = listeners,
			       .listener_count = 1,
			       .routes = routes,
			       .route_count = 1 };

static void write_all(struct sp_facts *facts, bool is_open, struct sp_buf *out)
{
	sp_buf_init(out);
	sp_figures_sum(facts->figures, facts->board);
	sp_metrics_write(facts, is_open, out);
	assert_false(out->is_failed);
}

static void test_figures(void **state)
{
	struct sp_err err = { .text = "" };
	struct sp_board *board = sp_board_new(2, &err);
	struct sp_figures figures;
	struct sp_watch_list watched;
	struct sp_facts facts = { .conf = &conf, .board = board, .figures = &figures, .watched = &watched };
	const uint64_t listener = sp_name_key(SP_NAME_LISTENER, SP_STR(""), SP_STR("main"));
	const uint64_t route = sp_name_key(SP_NAME_ROUTE, SP_STR(""), SP_STR("all"));
	const unsigned cell = SP_ROUTE_REQUESTS + SP_M_GET * SP_METRICS_CODES + sp_metrics_code(200);
	struct sp_buf out;

	(void)state;
	assert_true(sp_watch_list_init(&watched, &conf, board));
	assert_true(sp_figures_init(&figures, &conf, board));
	for (size_t i = 0; i < 2; i++)
		sp_metrics_add(
			sp_metrics_row(sp_board_write(board, SP_BLOCK_METRICS, i), SP_METRICS_ROUTE, listener, route),
			cell, 2 + i);
	/* Of names that are gone: kept, not shown. */
	sp_metrics_add(sp_metrics_row(sp_board_write(board, SP_BLOCK_METRICS, 0), SP_METRICS_ROUTE, listener, 17), cell,
		       9);
	write_all(&facts, false, &out);
	assert_non_null(strstr(
		out.p,
		"\nsallyport_http_requests_total{listener=\"main\",route=\"all\",method=\"GET\",code=\"200\"} 5\n"));
	assert_non_null(strstr(out.p, "# TYPE sallyport_http_requests_total counter\n"));
	assert_null(strstr(out.p, "} 9\n"));
	assert_int_equal(sp_figures_hits(&figures, route), 5);
	sp_buf_fini(&out);
	write_all(&facts, true, &out);
	assert_non_null(strstr(out.p, "# TYPE sallyport_http_requests counter\n"));
	assert_string_equal(out.p + out.n - 6, "# EOF\n");
	sp_buf_fini(&out);
	sp_figures_fini(&figures);
	sp_watch_list_fini(&watched);
	sp_board_free(board);
}

/* A worker that was taken over writes what it likes: all of it is taken, and what comes out is well-formed. */
static void test_any_board(void **state)
{
	struct sp_err err = { .text = "" };
	struct sp_board *board = sp_board_new(1, &err);
	struct sp_figures figures;
	struct sp_watch_list watched;
	struct sp_facts facts = { .conf = &conf, .board = board, .figures = &figures, .watched = &watched };
	struct sp_metrics *metrics = sp_board_write(board, SP_BLOCK_METRICS, 0);
	struct sp_recent *recent = sp_board_write(board, SP_BLOCK_RECENT, 0);
	struct sp_report report;
	struct sp_buf out;

	(void)state;
	srandom(7);
	assert_true(sp_watch_list_init(&watched, &conf, board));
	assert_true(sp_figures_init(&figures, &conf, board));
	for (unsigned turn = 0; turn < 3; turn++) {
		for (size_t i = 0; i < sizeof(*recent); i++)
			((uint8_t *)recent)[i] = (uint8_t)random();
		for (size_t i = 0; i < SP_RECENT_ENTRIES; i++)
			recent->ring[i].seq &= ~1U;
		for (size_t i = 0; i < sizeof(*metrics) / 4; i++)
			((uint32_t *)metrics)[i] = (uint32_t)random();
		write_all(&facts, false, &out);
		for (size_t i = 0; i < out.n; i++)
			assert_true(out.p[i] == '\n' || (out.p[i] >= ' ' && out.p[i] <= '~'));
		sp_buf_fini(&out);
		sp_report_init_html(&report, "secret");
		sp_status_report(&facts, &report);
		assert_null(memchr(sp_report_end(&report).p, '\1', report.out.n));
		sp_report_fini(&report);
		sp_board_worker_died(board, 0);
	}
	sp_figures_fini(&figures);
	sp_watch_list_fini(&watched);
	sp_board_free(board);
}

static unsigned judged(const char *text)
{
	static const struct sp_h1_limits limits = { 8192, 64, 1024, SP_NAME_UNDERSCORE_DROP };
	struct sp_h1_reader reader;
	struct sp_arena arena;
	struct sp_head head;
	size_t used;
	unsigned status;

	sp_arena_init(&arena, NULL, 0, 0);
	sp_h1_reader_init(&reader, &limits, &arena);
	print_message("  %.60s\n", text);
	assert_int_equal(sp_h1_read_request(&reader, text, strlen(text), &head, &used), SP_H1_HEAD);
	status = sp_web_judge(&head);
	sp_arena_fini(&arena);
	return status;
}

static void test_judge(void **state)
{
	(void)state;
	assert_int_equal(judged("GET / HTTP/1.1\r\nHost: localhost:9180\r\n\r\n"), 0);
	assert_int_equal(judged("GET / HTTP/1.1\r\nHost: [2001:db8::1]\r\n\r\n"), 0);
	assert_int_equal(judged("GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n"), 0);
	assert_int_equal(judged("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"), 421);
	assert_int_equal(judged("PUT / HTTP/1.1\r\nHost: localhost\r\n\r\n"), 405);
	assert_int_equal(judged("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n"), 403);
	assert_int_equal(
		judged("POST / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost:1\r\nContent-Length: 1\r\n\r\n"),
		403);
	assert_int_equal(judged("POST / HTTP/1.1\r\nHost: localhost:1\r\nOrigin: http://localhost:1\r\nContent-Length: "
				"1\r\n\r\n"),
			 0);
	assert_int_equal(judged("POST / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nTransfer-Encoding: "
				"chunked\r\n\r\n"),
			 411);
	assert_int_equal(judged("POST / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nContent-Length: "
				"1025\r\n\r\n"),
			 413);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_form),         cmocka_unit_test(test_openmetrics_is_asked),
		cmocka_unit_test(test_html_is_text), cmocka_unit_test(test_figures),
		cmocka_unit_test(test_any_board),    cmocka_unit_test(test_judge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
