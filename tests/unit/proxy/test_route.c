/* route: rows for each rule of choice, then thousands of generated configurations against a router that is slow
 * and obvious. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sp/base/arena.h"
#include "sp/proxy/route.h"

enum { ROUTES = 4000, LIST = 3, TEXT = 64 };

/* ---- a configuration by hand ---- */

struct built {
	struct sp_conf conf;
	struct sp_conf_route routes[ROUTES];
	struct sp_conf_host_rule hosts[ROUTES][LIST];
	struct sp_conf_path_rule paths[ROUTES][LIST];
	struct sp_str methods[ROUTES][LIST];
	char texts[ROUTES][2 * LIST + 1][TEXT];
	char names[ROUTES][TEXT];
};

static struct built built;

static void clear(void)
{
	memset(&built, 0, sizeof(built));
	built.conf.routes = built.routes;
}

static struct sp_conf_route *add_route(void)
{
	size_t i = built.conf.route_count++;
	struct sp_conf_route *route = &built.routes[i];

	assert_true(i < ROUTES);
	snprintf(built.names[i], TEXT, "r%zu", i);
	route->index = (uint32_t)i;
	route->section = (struct sp_conf_section){ .type = "route",
						   .name = sp_str(built.names[i]),
						   .at = { "test.ini", (int)i + 1 } };
	route->hosts = built.hosts[i];
	route->paths = built.paths[i];
	route->methods = built.methods[i];
	return route;
}

/* "*.example.com", "*", "example.com" */
static void add_host(struct sp_conf_route *route, const char *text)
{
	struct sp_conf_host_rule *rule = &built.hosts[route->index][route->host_count];
	char *copy = built.texts[route->index][route->host_count++];

	snprintf(copy, TEXT, "%s", text);
	rule->is_wildcard = copy[0] == '*';
	rule->name = sp_str(copy + (rule->is_wildcard ? (copy[1] == '.' ? 2 : 1) : 0));
}

/* A star at the end makes it a prefix. */
static void add_path(struct sp_conf_route *route, const char *text)
{
	struct sp_conf_path_rule *rule = &built.paths[route->index][route->path_count];
	char *copy = built.texts[route->index][LIST + route->path_count++];
	size_t n = strlen(text);

	snprintf(copy, TEXT, "%s", text);
	rule->is_prefix = n > 0 && copy[n - 1] == '*';
	rule->path = sp_str_of(copy, n - (rule->is_prefix ? 1 : 0));
}

static void add_method(struct sp_conf_route *route, const char *text)
{
	built.methods[route->index][route->method_count++] = sp_str(text);
}

/* ---- rows ---- */

struct rule {
	const char *host, *path, *method; /* NULL: none given */
	int priority;
};

struct row {
	const char *name;
	struct rule rules[4];
	const char *host, *path, *method;
	enum sp_route_rc rc;
	int want; /* index of the route, -1: none */
};

#define FOUND(i) SP_ROUTE_FOUND, i
static const struct row rows[] = {
	{ "no route at all", { { 0 } }, "a", "/", "GET", SP_ROUTE_NO_HOST, -1 },
	{ "nothing given takes all", { { "*", "/*", NULL, 0 } }, "a.b", "/x", "GET", FOUND(0) },
	{ "unknown host", { { "a.com", "/*", NULL, 0 } }, "b.com", "/", "GET", SP_ROUTE_NO_HOST, -1 },
	{ "empty host, no star", { { "a.com", "/*", NULL, 0 } }, "", "/", "GET", SP_ROUTE_NO_HOST, -1 },
	{ "empty host, star", { { "*", "/*", NULL, 0 } }, "", "/", "GET", FOUND(0) },
	{ "unknown path", { { "a.com", "/x", NULL, 0 } }, "a.com", "/", "GET", SP_ROUTE_NO_PATH, -1 },
	{ "asterisk form is no path", { { "a.com", "/*", NULL, 0 } }, "a.com", "*", "OPTIONS", SP_ROUTE_NO_PATH, -1 },
	{ "exact before wildcard before star",
	  { { "*", "/*", NULL, 9 }, { "*.a.com", "/*", NULL, 9 }, { "b.a.com", "/*", NULL, 0 } },
	  "b.a.com",
	  "/",
	  "GET",
	  FOUND(2) },
	{ "longest wildcard",
	  { { "*.com", "/*", NULL, 9 }, { "*.b.a.com", "/*", NULL, 0 }, { "*.a.com", "/*", NULL, 9 } },
	  "x.y.b.a.com",
	  "/",
	  "GET",
	  FOUND(1) },
	{ "a wildcard is any depth", { { "*.com", "/*", NULL, 0 } }, "d.c.b.a.com", "/", "GET", FOUND(0) },
	{ "a wildcard is not the name itself",
	  { { "*.a.com", "/*", NULL, 0 } },
	  "a.com",
	  "/",
	  "GET",
	  SP_ROUTE_NO_HOST,
	  -1 },
	{ "nor a name that only ends so",
	  { { "*.a.com", "/*", NULL, 0 } },
	  "ba.com",
	  "/",
	  "GET",
	  SP_ROUTE_NO_HOST,
	  -1 },
	{ "nor with an empty label", { { "*.a.com", "/*", NULL, 0 } }, "..a.com", "/", "GET", SP_ROUTE_NO_HOST, -1 },
	{ "host levels do not fall back",
	  { { "*", "/*", NULL, 0 }, { "a.com", "/x", NULL, 0 } },
	  "a.com",
	  "/y",
	  "GET",
	  SP_ROUTE_NO_PATH,
	  -1 },
	{ "longest prefix",
	  { { "*", "/*", NULL, 0 }, { "*", "/api/v1/*", NULL, 0 }, { "*", "/api/*", NULL, 0 } },
	  "a",
	  "/api/v1/x",
	  "GET",
	  FOUND(1) },
	{ "a prefix ends where its star is", { { "*", "/api/*", NULL, 0 } }, "a", "/api", "GET", SP_ROUTE_NO_PATH, -1 },
	{ "and holds its own end", { { "*", "/api/*", NULL, 0 } }, "a", "/api/", "GET", FOUND(0) },
	{ "bytes, not segments", { { "*", "/api*", NULL, 0 } }, "a", "/apis", "GET", FOUND(0) },
	{ "exact before a prefix of its length",
	  { { "*", "/a*", NULL, 0 }, { "*", "/a", NULL, 0 } },
	  "a",
	  "/a",
	  "GET",
	  FOUND(1) },
	{ "exact is exact", { { "*", "/a", NULL, 0 } }, "a", "/a/", "GET", SP_ROUTE_NO_PATH, -1 },
	{ "paths keep their case", { { "*", "/A", NULL, 0 } }, "a", "/a", "GET", SP_ROUTE_NO_PATH, -1 },
	{ "file order", { { "*", "/a/*", NULL, 0 }, { "*", "/a/*", NULL, 0 } }, "a", "/a/b", "GET", FOUND(0) },
	{ "priority before length",
	  { { "*", "/*", NULL, 1 }, { "*", "/a/*", NULL, 0 } },
	  "a",
	  "/a/b",
	  "GET",
	  FOUND(0) },
	{ "priority before exact", { { "*", "/a", NULL, 0 }, { "*", "/a*", NULL, 1 } }, "a", "/a", "GET", FOUND(1) },
	{ "negative priority", { { "*", "/*", NULL, 0 }, { "*", "/a", NULL, -1 } }, "a", "/a", "GET", FOUND(0) },
	{ "priority does not cross hosts",
	  { { "*", "/*", NULL, 9 }, { "a", "/*", NULL, 0 } },
	  "a",
	  "/",
	  "GET",
	  FOUND(1) },
	{ "another method goes on", { { "*", "/*", NULL, 0 }, { "*", "/a", "GET", 0 } }, "a", "/a", "POST", FOUND(0) },
	{ "method among equals", { { "*", "/a", "GET", 0 }, { "*", "/a", "POST", 0 } }, "a", "/a", "POST", FOUND(1) },
	{ "no method left",
	  { { "*", "/*", "GET", 0 }, { "*", "/a", "POST", 0 } },
	  "a",
	  "/a",
	  "PUT",
	  SP_ROUTE_NO_METHOD,
	  1 },
	{ "GET is not HEAD", { { "*", "/*", "GET", 0 } }, "a", "/", "HEAD", SP_ROUTE_NO_METHOD, 0 },
	{ "methods keep their case", { { "*", "/*", "GET", 0 } }, "a", "/", "get", SP_ROUTE_NO_METHOD, 0 },
	{ "an address as host", { { "[::1]", "/*", NULL, 0 } }, "[::1]", "/", "GET", FOUND(0) },
};

static void build_row(const struct row *row)
{
	clear();
	for (size_t i = 0; i < SP_COUNT(row->rules) && row->rules[i].host != NULL; i++) {
		struct sp_conf_route *route = add_route();

		if (strcmp(row->rules[i].host, "*") != 0 || i % 2 != 0)
			add_host(route, row->rules[i].host); /* none = "*" */
		if (strcmp(row->rules[i].path, "/*") != 0 || i % 2 != 0)
			add_path(route, row->rules[i].path);
		if (row->rules[i].method != NULL)
			add_method(route, row->rules[i].method);
		route->priority = row->rules[i].priority;
	}
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		const struct row *row = &rows[i];
		const struct sp_conf_route *route = NULL;
		struct sp_router *router;

		print_message("  %s\n", row->name);
		build_row(row);
		router = sp_router_new(&built.conf);
		assert_non_null(router);
		assert_int_equal(
			sp_router_find(router, sp_str(row->host), sp_str(row->path), sp_str(row->method), &route),
			row->rc);
		assert_int_equal(route == NULL ? -1 : (int)route->index, row->want);
		sp_router_free(router);
	}
}

static void test_slices_without_end(void **state)
{
	static const char bytes[] = "a.comXX/api/v1GETX";
	const struct sp_conf_route *route;
	struct sp_router *router;

	(void)state;
	clear();
	add_host(add_route(), "a.com");
	add_path(&built.routes[0], "/api/v1");
	add_method(&built.routes[0], "GET");
	router = sp_router_new(&built.conf);
	assert_int_equal(
		sp_router_find(router, sp_str_of(bytes, 5), sp_str_of(bytes + 7, 7), sp_str_of(bytes + 14, 3), &route),
		SP_ROUTE_FOUND);
	assert_int_equal(sp_router_find(router, SP_STR_NONE, SP_STR_NONE, SP_STR_NONE, &route), SP_ROUTE_NO_HOST);
	assert_int_equal(sp_router_find(router, sp_str("a.com"), SP_STR_NONE, SP_STR_NONE, &route), SP_ROUTE_NO_PATH);
	sp_router_free(router);
	sp_router_free(NULL);
}

static void test_allow(void **state)
{
	struct sp_arena arena;
	struct sp_router *router;
	struct sp_str allow;

	(void)state;
	clear();
	add_path(add_route(), "/*");
	add_method(&built.routes[0], "GET");
	add_path(add_route(), "/a");
	add_method(&built.routes[1], "POST");
	add_method(&built.routes[1], "GET");
	add_path(add_route(), "/b");
	add_method(&built.routes[2], "PUT");
	router = sp_router_new(&built.conf);
	sp_arena_init(&arena, NULL, 0, 0);
	allow = sp_router_allow(router, sp_str("x"), sp_str("/a"), &arena);
	assert_true(sp_str_eq(allow, SP_STR("GET, POST")));
	allow = sp_router_allow(router, sp_str("x"), sp_str("/ab"), &arena);
	assert_true(sp_str_eq(allow, SP_STR("GET")));
	sp_arena_fini(&arena);
	sp_router_free(router);
}

/* ---- the slow and obvious router ---- */

static bool host_fits(const struct sp_conf_host_rule *rule, struct sp_str host)
{
	if (rule->name.n == 0)
		return true;
	if (!rule->is_wildcard)
		return sp_str_eq(rule->name, host);
	return host.n > rule->name.n + 1 && host.p[host.n - rule->name.n - 1] == '.' && sp_str_ends(host, rule->name);
}

static int host_rank(const struct sp_conf_host_rule *rule)
{
	if (rule->name.n == 0)
		return 0;
	return rule->is_wildcard ? (int)rule->name.n : 1000;
}

static bool path_fits(const struct sp_conf_path_rule *rule, struct sp_str path)
{
	return rule->is_prefix ? sp_str_starts(path, rule->path) : sp_str_eq(path, rule->path);
}

static bool method_fits(const struct sp_conf_route *route, struct sp_str method)
{
	for (size_t i = 0; i < route->method_count; i++) {
		if (sp_str_eq(route->methods[i], method))
			return true;
	}
	return route->method_count == 0;
}

/* Of the host rules of `route` that fit, the best rank; -1: none. */
static int best_rank(const struct sp_conf_route *route, struct sp_str host)
{
	int best = route->host_count == 0 ? 0 : -1;

	for (size_t i = 0; i < route->host_count; i++) {
		if (host_fits(&route->hosts[i], host) && host_rank(&route->hosts[i]) > best)
			best = host_rank(&route->hosts[i]);
	}
	return best;
}

/* The longest of its path rules that fit, doubled, one more when exact; -1: none. */
static int best_path(const struct sp_conf_route *route, struct sp_str path)
{
	int best = route->path_count == 0 ? 2 : -1;

	for (size_t i = 0; i < route->path_count; i++) {
		int length = (int)route->paths[i].path.n * 2 + (route->paths[i].is_prefix ? 0 : 1);

		if (path_fits(&route->paths[i], path) && length > best)
			best = length;
	}
	return best;
}

static bool is_better(const struct sp_conf_route *a, const struct sp_conf_route *b, struct sp_str path)
{
	if (b == NULL || a->priority != b->priority)
		return b == NULL || a->priority > b->priority;
	return best_path(a, path) > best_path(b, path);
}

static enum sp_route_rc slow_find(struct sp_str host, struct sp_str path, struct sp_str method,
				  const struct sp_conf_route **out)
{
	const struct sp_conf_route *by_path = NULL;
	int rank = -1;

	*out = NULL;
	for (size_t i = 0; i < built.conf.route_count; i++)
		rank = best_rank(&built.routes[i], host) > rank ? best_rank(&built.routes[i], host) : rank;
	if (rank < 0)
		return SP_ROUTE_NO_HOST;
	for (size_t i = 0; i < built.conf.route_count; i++) {
		const struct sp_conf_route *route = &built.routes[i];

		if (best_rank(route, host) != rank || best_path(route, path) < 0)
			continue;
		if (is_better(route, by_path, path))
			by_path = route;
		if (method_fits(route, method) && is_better(route, *out, path))
			*out = route;
	}
	if (*out != NULL)
		return SP_ROUTE_FOUND;
	*out = by_path;
	return by_path != NULL ? SP_ROUTE_NO_METHOD : SP_ROUTE_NO_PATH;
}

/* ---- generated configurations ---- */

static uint64_t seed = 0x9e3779b97f4a7c15U;

static unsigned pick(unsigned below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed >> 33) % below;
}

static const char *const method_names[] = { "GET", "POST", "PUT" };

static const char *make_host(char *to, unsigned letters)
{
	size_t n = 0;

	for (unsigned labels = 1 + pick(3); labels > 0; labels--) {
		to[n++] = (char)('a' + pick(letters));
		to[n++] = '.';
	}
	to[n - 1] = '\0';
	return to;
}

static const char *make_path(char *to, unsigned longest)
{
	static const char letters[] = "/ab";
	size_t n = 0;

	to[n++] = '/';
	for (unsigned left = pick(longest); left > 0; left--)
		to[n++] = letters[pick(3)];
	to[n] = '\0';
	return to;
}

static void generate_route(unsigned letters, unsigned longest)
{
	struct sp_conf_route *route = add_route();
	char text[TEXT], whole[TEXT + 2];

	for (unsigned n = pick(LIST); n > 0; n--) {
		snprintf(whole, sizeof(whole), "%s%s", pick(3) == 0 ? "*." : "", make_host(text, letters));
		add_host(route, pick(8) == 0 ? "*" : whole);
	}
	for (unsigned n = pick(LIST); n > 0; n--) {
		snprintf(whole, sizeof(whole), "%s%s", make_path(text, longest), pick(2) == 0 ? "*" : "");
		add_path(route, whole);
	}
	for (unsigned n = pick(2) == 0 ? pick(LIST) : 0; n > 0; n--)
		add_method(route, method_names[pick(3)]);
	route->priority = pick(4) == 0 ? (int)pick(3) - 1 : 0;
}

static void compare_one(const struct sp_router *router, struct sp_str host, struct sp_str path, struct sp_str method)
{
	const struct sp_conf_route *fast = NULL, *slow = NULL;
	enum sp_route_rc rc = sp_router_find(router, host, path, method, &fast);

	assert_int_equal(rc, slow_find(host, path, method, &slow));
	assert_ptr_equal(fast, slow);
}

static void compare_many(unsigned routes, unsigned letters, unsigned longest, unsigned asks)
{
	static const char *const methods[] = { "GET", "POST", "PUT", "DELETE" };
	struct sp_router *router;
	char host[TEXT], path[TEXT];

	clear();
	while (routes-- > 0)
		generate_route(letters, longest);
	router = sp_router_new(&built.conf);
	assert_non_null(router);
	while (asks-- > 0)
		compare_one(router, sp_str(make_host(host, letters + 1)), sp_str(make_path(path, longest + 2)),
			    sp_str(methods[pick(4)]));
	sp_router_free(router);
}

static void test_small_ones_agree(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3000; i++)
		compare_many(1 + pick(20), 2, 4, 60);
}

static void test_large_ones_agree(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++)
		compare_many(ROUTES - 1, 26, 14, 500);
}

/* ---- routes that can never match ---- */

static bool is_answer(size_t index, const struct sp_conf_host_rule *host, const struct sp_conf_path_rule *rule,
		      const char *method)
{
	const struct sp_conf_route *out;
	char name[TEXT + 4], path[TEXT + 4];

	/* "zz" and "~" stand in no rule: nothing more specific than this one fits. */
	snprintf(name, sizeof(name), "%s%.*s", host->is_wildcard ? (host->name.n > 0 ? "zz." : "zz") : "",
		 SP_STR_ARG(host->name));
	snprintf(path, sizeof(path), "%.*s%s", SP_STR_ARG(rule->path), rule->is_prefix ? "~" : "");
	return slow_find(sp_str(name), sp_str(path), sp_str(method), &out) == SP_ROUTE_FOUND && out->index == index;
}

/* Is there a request that this route answers? */
static bool has_witness(size_t index)
{
	static const struct sp_conf_host_rule any = { .is_wildcard = true };
	static const struct sp_conf_path_rule all = { .path = { "/", 1 }, .is_prefix = true };
	static const char *const methods[] = { "GET", "POST", "PUT", "DELETE" };
	const struct sp_conf_route *route = &built.routes[index];

	for (size_t h = 0; h < (route->host_count > 0 ? route->host_count : 1); h++) {
		for (size_t p = 0; p < (route->path_count > 0 ? route->path_count : 1); p++) {
			for (size_t m = 0; m < SP_COUNT(methods); m++) {
				if (is_answer(index, route->host_count > 0 ? &route->hosts[h] : &any,
					      route->path_count > 0 ? &route->paths[p] : &all, methods[m]))
					return true;
			}
		}
	}
	return false;
}

static bool is_warned(const struct sp_conf_report *report, size_t index)
{
	for (const struct sp_conf_message *m = report->first; m != NULL; m = m->next) {
		if (m->at.line == (int)index + 1)
			return true;
	}
	return false;
}

static void test_vet_agrees(void **state)
{
	size_t hidden = 0;

	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		struct sp_conf_report report;

		clear();
		for (unsigned n = 1 + pick(15); n > 0; n--)
			generate_route(2, 3);
		sp_conf_report_init(&report);
		sp_router_vet(&built.conf, &report);
		for (size_t r = 0; r < built.conf.route_count; r++)
			assert_int_equal(is_warned(&report, r), !has_witness(r));
		hidden += report.warnings;
		assert_int_equal(report.errors, 0);
		sp_conf_report_fini(&report);
	}
	assert_true(hidden > 500);
}

static void test_vet_names_both(void **state)
{
	struct sp_conf_report report;

	(void)state;
	clear();
	add_path(add_route(), "/api/*");
	add_path(add_route(), "/api/v1");
	add_path(add_route(), "/api/*");
	built.routes[0].priority = 0;
	sp_conf_report_init(&report);
	sp_router_vet(&built.conf, &report);
	assert_int_equal(report.warnings, 1);
	assert_int_equal(report.first->at.line, 3);
	assert_string_equal(
		report.first->text,
		"[route:r2] can never match: [route:r0] (test.ini:1) is asked before it for the same hosts, "
		"paths and methods [route-hidden]");
	sp_conf_report_fini(&report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_slices_without_end),
		cmocka_unit_test(test_allow),
		cmocka_unit_test(test_small_ones_agree),
		cmocka_unit_test(test_large_ones_agree),
		cmocka_unit_test(test_vet_agrees),
		cmocka_unit_test(test_vet_names_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
