/* From files to what workers serve, and what only building shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../../src/cli/demo.h"
#include "sp/build/generation.h"
#include "sp/proxy/serve.h"

#define HEAD "[egress]\nallow = 127.0.0.0/8\n"
#define PLAIN "[listener:a]\nbind = 127.0.0.1:18080\n"
#define ROUTE "[route:r]\nhost = example.com\nto = 127.0.0.1:8001\n"
#define TLS(cert, key) "[listener:s]\nbind = 127.0.0.1:18443\ncert = " cert "\nkey_file = " key "\n"

static char folder[64], ini[96];

static char *in_folder(const char *name, char path[static 96])
{
	snprintf(path, 96, "%s/%s", folder, name);
	return path;
}

static bool make_pair(const char *chain, const char *key)
{
	struct sp_err err = { .text = "" };
	char chain_path[96], key_path[96];

	return sp_demo_cert(in_folder(chain, chain_path), in_folder(key, key_path), &err);
}

static int make_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/generation-XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	in_folder("sallyport.ini", ini);
	return make_pair("a.pem", "a.key") && make_pair("b.pem", "b.key") ? 0 : -1;
}

static int remove_folder(void **state)
{
	static const char *const names[] = { "sallyport.ini", "a.pem", "a.key", "b.pem", "b.key" };
	char path[96];

	(void)state;
	for (size_t i = 0; i < SP_COUNT(names); i++)
		unlink(in_folder(names[i], path));
	return rmdir(folder);
}

static struct sp_conf *read_text(const char *text, struct sp_conf_report *report)
{
	int fd = open(ini, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	sp_conf_report_init(report);
	return sp_conf_read(ini, report);
}

static void test_vet(void **state)
{
	static const struct {
		const char *name, *text;
		size_t errors, warnings;
		int line; /* of the first message */
	} rows[] = {
		{ "plain", HEAD PLAIN ROUTE, 0, 0, 0 },
		{ "only a redirect", PLAIN "[route:r]\nhost = *\nredirect = 301 https://example.com/\n", 0, 0, 0 },
		{ "a pair", HEAD TLS("a.pem", "a.key") ROUTE, 0, 1, 5 },
		{ "a key of another certificate", HEAD TLS("a.pem", "b.key") ROUTE, 1, 0, 5 },
		{ "a key where the certificate should be", HEAD TLS("a.key", "a.key") ROUTE, 1, 0, 5 },
		{ "a certificate where the key should be", HEAD TLS("a.pem", "a.pem") ROUTE, 1, 0, 5 },
		{ "a hidden route", HEAD PLAIN ROUTE "[route:s]\nhost = example.com\nto = 127.0.0.1:8002\n", 0, 1, 8 },
	};

	(void)state;
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		struct sp_conf_report report;
		struct sp_conf *conf = read_text(rows[i].text, &report);

		print_message("  %s\n", rows[i].name);
		if (conf != NULL)
			sp_generation_vet(conf, &report);
		sp_conf_report_print(&report, ini, stderr);
		assert_int_equal(report.errors, rows[i].errors);
		assert_int_equal(report.warnings, rows[i].warnings);
		if (report.first != NULL)
			assert_int_equal(report.first->at.line, rows[i].line);
		sp_conf_free(conf);
		sp_conf_report_fini(&report);
	}
}

static void test_what_is_served(void **state)
{
	struct sp_conf_report report;
	struct sp_conf *conf = read_text(HEAD PLAIN "header_max = 4k\nheader_count_max = 17\nuri_max = 2k\n"
						    "underscore_headers = reject\n" TLS("a.pem", "a.key") ROUTE
					 "[route:s]\nhost = b.example.com\npool = two\n"
					 "[pool:two]\nbackend = 127.0.0.1:8002, 127.0.0.1:8003\n",
					 &report);
	struct sp_err err = { .text = "" };
	struct sp_serve *serve;

	(void)state;
	sp_conf_report_print(&report, ini, stderr);
	assert_non_null(conf);
	serve = sp_generation_new(conf, 7, &err);
	assert_non_null(serve);
	assert_int_equal(serve->number, 7);
	assert_null(serve->listeners[0].tls);
	assert_non_null(serve->listeners[1].tls);
	assert_ptr_equal(serve->listeners[1].conf, &conf->listeners[1]);
	assert_int_equal(serve->listeners[0].limits.head_max, 4096);
	assert_int_equal(serve->listeners[0].limits.field_max, 17);
	assert_int_equal(serve->listeners[0].limits.target_max, 2048);
	assert_int_equal(serve->listeners[0].limits.underscore, SP_NAME_UNDERSCORE_REJECT);
	assert_int_equal(serve->listeners[1].limits.underscore, SP_NAME_UNDERSCORE_DROP);
	assert_int_equal(conf->backend_count, 3);
	for (size_t p = 0; p < conf->pool_count; p++) {
		for (size_t b = 0; b < conf->pools[p].backend_count; b++) {
			const struct sp_conf_backend *backend = &conf->pools[p].backends[b];

			assert_true(sp_addr_eq(&serve->dial_to[backend->index].addr, &backend->addr));
		}
	}

	/* An exchange may hold it longer than the worker does. */
	(void)sp_serve_hold(serve);
	sp_serve_release(serve);
	assert_int_equal(serve->holds, 1);
	sp_serve_release(serve);
	sp_conf_free(conf);
	sp_conf_report_fini(&report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vet),
		cmocka_unit_test(test_what_is_served),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
