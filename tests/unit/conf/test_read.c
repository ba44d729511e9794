/*
 * Good configurations and what they yield.
 */
#include "lib.h"

static const char full[] = "[gateway]\n"
			   "workers = 3\n"
			   "behind = nlb\n"
			   "trusted = 10.0.0.0/16, @balancers\n"
			   "trusted = fd00::/8\n"
			   "health_path = /health%2dz\n"
			   "ready_pools = app\n"
			   "drain_timeout = 1h30m\n"
			   "[addresses:balancers]\n"
			   "cidr = 192.168.1.0/24\n"
			   "cidr = 192.168.2.7\n"
			   "[egress]\n"
			   "allow = 10.0.0.0/8:80-90, 127.0.0.0/8, [fd00::1]:443, fd00:1::/32:8080, @balancers:81\n"
			   "[log]\n"
			   "access = logs/access.log\n"
			   "format = combined\n"
			   "level = warn\n"
			   "redact = token, sid\n"
			   "[listener:web]\n"
			   "bind = 0.0.0.0:8080, [::]:8080\n"
			   "bind = unix:/run/web.sock, fd:web\n"
			   "min_rate = 60/m\n"
			   "body_max = none\n"
			   "methods = GET HEAD, POST\n"
			   "methods = GET\n"
			   "underscore_headers = reject\n"
			   "[listener:plain]\n"
			   "bind = 127.0.0.1:8081\n"
			   "redirect = https\n"
			   "access_log = off\n"
			   "client_idle = 20s\n"
			   "[pool:app]\n"
			   "backend = 10.0.0.1, 10.0.0.2:81 weight=5\n"
			   "backend = [fd00::1]:443\n"
			   "balance = round_robin\n"
			   "host = App.Internal\n"
			   "max_inflight = 9\n"
			   "[route:api]\n"
			   "host = Example.com, *.Example.com\n"
			   "host = *\n"
			   "path = /api/*, /%61%2f\n"
			   "method = GET\n"
			   "pool = app\n"
			   "priority = -5\n"
			   "timeout = 90s\n"
			   "body_max = 1m\n"
			   "strip_prefix = /api\n"
			   "request_header = set X-A: b, c\n"
			   "request_header = remove X-B\n"
			   "response_header = add X-C: d\n"
			   "upgrade = websocket\n"
			   "[backend:spare]\n"
			   "pool = app\n"
			   "address = 10.0.0.9:82\n"
			   "weight = 7\n"
			   "down = yes\n"
			   "[route:one]\n"
			   "to = 10.0.0.3:83\n"
			   "[route:away]\n"
			   "host = [fd00::2]\n"
			   "redirect = 301 https://example.com/x\n"
			   "[route:said]\n"
			   "respond = 404 not here\n";

static struct sp_conf *conf;

static int setup(void **state)
{
	(void)state;
	conf = read_good(sp_str(full));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sp_conf_free(conf);
	return 0;
}

#define ASSERT_TEXT(s, want) assert_true(sp_str_eq((s), sp_str(want)))

static void test_gateway(void **state)
{
	const struct sp_conf_gateway *g = &conf->gateway;
	char text[SP_ADDR_TEXT];

	(void)state;
	assert_int_equal(g->config_version, 1);
	assert_int_equal(g->workers, 3);
	assert_int_equal(g->behind, SP_BEHIND_NLB);
	assert_int_equal(g->max_connections, 20000);
	ASSERT_TEXT(g->user, "sallyport");
	ASSERT_TEXT(g->health_path, "/health-z");
	assert_int_equal(g->drain_delay, 20000); /* what goes with a balancer */
	assert_int_equal(g->drain_timeout, 5400000);
	assert_int_equal(g->trusted.count, 4);
	assert_string_equal(sp_cidr_text(&g->trusted.items[1], text), "192.168.1.0/24");
	assert_int_equal(g->trusted.ats[1].line, 4);
	assert_int_equal(g->trusted.ats[3].line, 5);
	assert_int_equal(sp_conf_at(&g->section, "behind").line, 3);
	assert_string_equal(sp_conf_at(&g->section, "behind").file, "t.ini");
	assert_null(sp_conf_at(&g->section, "user").file);
	assert_int_equal(g->ready_pools.count, 1);
}

static void test_egress(void **state)
{
	const struct sp_conf_egress *e = &conf->egress;
	struct sp_egress rules = sp_conf_egress_rules(conf);

	(void)state;
	assert_true(e->has_allow);
	assert_int_equal(e->allow_count, 6);
	assert_int_equal(e->allow[0].port_from, 80);
	assert_int_equal(e->allow[0].port_to, 90);
	assert_int_equal(e->allow[1].port_from, 0);
	assert_int_equal(e->allow[2].cidr.bits, 128);
	assert_int_equal(e->allow[2].port_to, 443);
	assert_int_equal(e->allow[3].cidr.bits, 32);
	assert_int_equal(e->allow[3].port_from, 8080);
	assert_int_equal(e->allow[5].port_from, 81);
	assert_int_equal(e->allow_ats[5].line, 13);
	assert_int_equal(rules.literal_count, 5);
	assert_int_equal(rules.own_count, 4); /* with the status page */
}

static void test_log(void **state)
{
	char *folder = realpath(".", NULL);
	char want[4200];

	(void)state;
	(void)snprintf(want, sizeof(want), "%s/logs/access.log", folder);
	free(folder);
	ASSERT_TEXT(conf->log.access, want);
	ASSERT_TEXT(conf->log.error, "stderr");
	assert_int_equal(conf->log.format, SP_LOG_FORMAT_COMBINED);
	assert_int_equal(conf->log.level, SP_LOG_WARN);
	assert_int_equal(conf->log.redact.count, 2);
	ASSERT_TEXT(conf->log.redact.items[1].text, "sid");
}

static void test_listeners(void **state)
{
	const struct sp_conf_listener *web = &conf->listeners[0], *plain = &conf->listeners[1];

	(void)state;
	assert_int_equal(conf->listener_count, 2);
	ASSERT_TEXT(web->section.name, "web");
	assert_int_equal(web->bind_count, 4);
	assert_int_equal(web->binds[1].addr.family, SP_ADDR_V6);
	assert_int_equal(web->binds[2].kind, SP_BIND_UNIX);
	assert_string_equal(web->binds[2].addr.path, "/run/web.sock");
	assert_int_equal(web->binds[3].kind, SP_BIND_FD);
	ASSERT_TEXT(web->binds[3].fd_name, "web");
	assert_int_equal(web->binds[3].at.line, 21);
	assert_int_equal(web->client_idle, 300000); /* behind nlb */
	assert_int_equal(plain->client_idle, 20000);
	assert_int_equal(web->min_rate, 1000);
	assert_int_equal(plain->min_rate, 500000);
	assert_int_equal(web->body_max, 0);
	assert_int_equal(plain->body_max, 10 << 20);
	assert_int_equal(web->header_max, 16384);
	assert_int_equal(web->method_count, 3);
	assert_int_equal(plain->method_count, 7);
	ASSERT_TEXT(plain->methods[6], "OPTIONS");
	assert_int_equal(web->underscore_headers, SP_UNDERSCORE_REJECT);
	assert_int_equal(web->tls_count, 0);
	assert_false(web->is_redirect_https);
	assert_true(plain->is_redirect_https);
	assert_true(web->has_access_log);
	assert_false(plain->has_access_log);
}

static void test_pools(void **state)
{
	const struct sp_conf_pool *app = &conf->pools[0], *one = &conf->pools[1];

	(void)state;
	assert_int_equal(conf->pool_count, 2);
	assert_int_equal(conf->backend_count, 5);
	assert_int_equal(app->backend_count, 4);
	assert_int_equal(app->backends[0].addr.port, 80);
	ASSERT_TEXT(app->backends[1].name, "10.0.0.2:81");
	ASSERT_TEXT(app->backends[1].host, "10.0.0.2");
	assert_int_equal(app->backends[1].weight, 5);
	ASSERT_TEXT(app->backends[2].host, "[fd00::1]");
	ASSERT_TEXT(app->backends[3].name, "spare");
	assert_int_equal(app->backends[3].weight, 7);
	assert_int_equal(app->backends[3].max_inflight, 9);
	assert_true(app->backends[3].is_down);
	assert_int_equal(app->backends[3].index, 3);
	assert_int_equal(app->balance, SP_BALANCE_ROUND_ROBIN);
	assert_int_equal(app->host, SP_HOST_NAME);
	ASSERT_TEXT(app->host_name, "app.internal");
	ASSERT_TEXT(one->section.name, "route:one");
	assert_int_equal(one->backends[0].index, 4);
	assert_int_equal(one->backends[0].weight, 1);
	assert_int_equal(one->answer_timeout, 30000);
	assert_int_equal(one->keepalive, 64);
	assert_int_equal(one->when_all_down, 503);
}

static void test_routes(void **state)
{
	const struct sp_conf_route *api = &conf->routes[0];

	(void)state;
	assert_int_equal(conf->route_count, 4);
	assert_int_equal(api->host_count, 3);
	ASSERT_TEXT(api->hosts[0].name, "example.com");
	assert_false(api->hosts[0].is_wildcard);
	ASSERT_TEXT(api->hosts[1].name, "example.com");
	assert_true(api->hosts[1].is_wildcard);
	assert_true(api->hosts[2].is_wildcard);
	assert_int_equal(api->hosts[2].name.n, 0);
	assert_int_equal(api->path_count, 2);
	ASSERT_TEXT(api->paths[0].path, "/api/");
	assert_true(api->paths[0].is_prefix);
	ASSERT_TEXT(api->paths[1].path, "/a%2F");
	assert_false(api->paths[1].is_prefix);
	assert_ptr_equal(api->pool, &conf->pools[0]);
	assert_int_equal(api->priority, -5);
	assert_int_equal(api->timeout, 90000);
	assert_int_equal(api->body_max, 1 << 20);
	assert_int_equal(api->request_edit_count, 2);
	ASSERT_TEXT(api->request_edits[0].value, "b, c");
	assert_int_equal(api->request_edits[1].verb, SP_EDIT_REMOVE);
	ASSERT_TEXT(api->request_edits[1].name, "X-B");
	assert_int_equal(api->response_edit_count, 1);
	assert_int_equal(api->response_edits[0].verb, SP_EDIT_ADD);
	assert_true(api->is_websocket);
	assert_true(api->has_security_headers);
	assert_ptr_equal(conf->routes[1].pool, &conf->pools[1]);
	assert_int_equal(conf->routes[1].path_count, 1);
	assert_int_equal(conf->routes[1].paths[0].path.n, 1);
	assert_true(conf->routes[1].paths[0].is_prefix);
	assert_true(conf->routes[1].body_max == UINT64_MAX);
	assert_int_equal(conf->routes[2].redirect_status, 301);
	ASSERT_TEXT(conf->routes[2].redirect_url, "https://example.com/x");
	ASSERT_TEXT(conf->routes[2].hosts[0].name, "[fd00::2]");
	assert_int_equal(conf->routes[3].respond_status, 404);
	ASSERT_TEXT(conf->routes[3].respond_text, "not here");
	assert_int_equal(conf->routes[3].index, 3);
}

/* One value each, and the value as the dump tells it. */
static const struct {
	const char *text, *want;
} values[] = {
	{ "[gateway]\nworkers = auto\n", "\nworkers = auto\n" },
	{ "[gateway]\r\nworkers = 2\r\n", "\nworkers = 2\n" },
	{ "\xef\xbb\xbf[gateway]\nworkers=2\n", "\nworkers = 2\n" },
	{ "[gateway]\nworkers\t=\t2\t\n", "\nworkers = 2\n" },
	{ "[gateway]\n  # a comment\n\t; another\nworkers = 2\n", "\nworkers = 2\n" },
	{ "[gateway]\nworkers = ${SP_TEST_TWO}\n", "\nworkers = 2\n" },
	{ "[gateway]\nworkers = ${SP_TEST_TWO}4\n", "\nworkers = 24\n" },
	{ "[gateway]\nworkers = ${SP_TEST_NONE:-7}\n", "\nworkers = 7\n" },
	{ "[gateway]\nworkers = ${SP_TEST_EMPTY:-7}\n", "\nworkers = 7\n" },
	{ "[route:a]\nrespond = 200 $${x} $5;a=b\n", "\nrespond = 200 $${x} $5;a=b\n" },
	{ "[route:a]\nrespond = 200\n", "\nrespond = 200\n" },
	{ "[route:a]\nrespond = 200 a # b: c = d [e]\n", "\nrespond = 200 a # b: c = d [e]\n" },
	{ "[gateway]\nbehind = alb\n", "# default for what it is behind\ndrain_delay = 20s\n" },
	{ "[gateway]\nbehind = cloudfront\n", "# default for what it is behind\nclient_idle = 75s\n" },
	{ "[log]\naccess = off\n", "\naccess = off\n" },
	{ "[log]\naccess = /var/log/a.log\n", "\naccess = /var/log/a.log\n" },
	{ "[egress]\nallow = 0.0.0.0/0\npublic = yes\n[route:a]\nto = 8.8.8.8\n", "\nto = 8.8.8.8\n" },
	{ "[egress]\nallow = 127.0.0.1\n[route:a]\nto = 127.0.0.1:9\n", "\nto = 127.0.0.1:9\n" },
	{ "[route:a]\nto = 100.64.0.1:80\n", "\nto = 100.64.0.1:80\n" },
	{ "[route:a]\nto = fd00::10\n", "\nto = fd00::10\n" },
	{ "[route:a.b_c-1]\nrespond = 204\n", "\n[route:a.b_c-1]\n" },
	{ "[pool:a]\nbackend = 10.0.0.1 weight=256\n[route:a]\npool = a\n", "\nbackend = 10.0.0.1 weight=256\n" },
};

static void test_values(void **state)
{
	static const char rest[] = "\n[listener:base]\nbind = 127.0.0.1:1\n[route:base]\nrespond = 200 ok\n";

	(void)state;
	assert_int_equal(setenv("SP_TEST_TWO", "2", 1), 0);
	assert_int_equal(setenv("SP_TEST_EMPTY", "", 1), 0);
	assert_int_equal(unsetenv("SP_TEST_NONE"), 0);
	for (size_t i = 0; i < SP_COUNT(values); i++) {
		struct sp_conf *made;
		char text[1024], *dump;

		(void)snprintf(text, sizeof(text), "%s%s", values[i].text, rest);
		made = read_good(sp_str(text));
		dump = dump_text(made);
		if (strstr(dump, values[i].want) == NULL)
			fail_msg("not in it: %s\n%s", values[i].want, dump);
		free(dump);
		sp_conf_free(made);
	}
}

/* Without the lines that say where a value is from. */
static void drop_comments(char *text)
{
	char *to = text;

	for (char *line = text; *line != '\0';) {
		size_t n = strcspn(line, "\n");

		n += line[n] == '\n' ? 1 : 0;
		if (line[0] != '#') {
			memmove(to, line, n);
			to += n;
		}
		line += n;
	}
	*to = '\0';
}

static void test_round_trip(void **state)
{
	char *first = dump_text(conf), *second;
	struct sp_conf *again = read_good(sp_str(first));

	(void)state;
	second = dump_text(again);
	drop_comments(first);
	drop_comments(second);
	assert_string_equal(first, second);
	free(first);
	free(second);
	sp_conf_free(again);
}

static void test_dump_says_where(void **state)
{
	char *dump = dump_text(conf);

	(void)state;
	assert_non_null(strstr(dump, "\n# t.ini:2\nworkers = 3\n# default\nuser = sallyport\n"));
	assert_non_null(
		strstr(dump, "\n# t.ini:4\ntrusted = 10.0.0.0/16, @balancers\n# t.ini:5\ntrusted = fd00::/8\n"));
	free(dump);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gateway),
		cmocka_unit_test(test_egress),
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_listeners),
		cmocka_unit_test(test_pools),
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_dump_says_where),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
