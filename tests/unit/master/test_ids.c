/* Whom the workers become. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../../src/master/ids.h"
#include "sp/conf/read.h"

#define REST "[listener:a]\nbind = 127.0.0.1:18080\n[route:r]\nhost = *\nrespond = 200 ok\n"
#define NOBODY_HAS_THIS "no-such-one"

static struct sp_conf *read_text(const char *text, struct sp_conf_report *report)
{
	char folder[] = "/tmp/ids-XXXXXX", path[64];
	struct sp_conf *conf;
	int fd;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/a.ini", folder);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	sp_conf_report_init(report);
	conf = sp_conf_read(path, report);
	sp_conf_report_print(report, path, stderr);
	unlink(path);
	rmdir(folder);
	return conf;
}

static void test_find(void **state)
{
	const bool has_default = getpwnam("sallyport") != NULL;
	const struct {
		const char *name, *gateway;
		uid_t self;
		bool ok, must_change, is_fallback;
		const char *user, *key, *text;
	} rows[] = {
		{ "not root", "", 1000, true, false, false, NULL, NULL, NULL },
		{ "not root, and a name nobody has", "user = " NOBODY_HAS_THIS "\n", 1000, true, false, false, NULL,
		  NULL, NULL },
		{ "a name", "user = daemon\n", 0, true, true, false, "daemon", NULL, NULL },
		{ "a name and a group", "user = daemon\ngroup = nogroup\n", 0, true, true, false, "daemon", NULL,
		  NULL },
		{ "the default", "", 0, true, true, !has_default, has_default ? "sallyport" : "nobody", NULL, NULL },
		{ "a name nobody has", "user = " NOBODY_HAS_THIS "\n", 0, false, true, false, NULL, "user",
		  "user = no-such-one: no such user" },
		{ "a group nobody has", "user = daemon\ngroup = " NOBODY_HAS_THIS "\n", 0, false, true, false, NULL,
		  "group", "group = no-such-one: no such group" },
		{ "root", "user = root\n", 0, false, true, false, NULL, "user",
		  "user = root: workers never run as root" },
		{ "root's group", "user = daemon\ngroup = root\n", 0, false, true, false, NULL, "group",
		  "group = root: workers never run in root's group" },
	};

	(void)state;
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		struct sp_conf_report report;
		struct sp_err err = { .text = "" };
		struct sp_ids ids;
		const char *key;
		char text[512];
		struct sp_conf *conf;

		print_message("  %s\n", rows[i].name);
		snprintf(text, sizeof(text), "[gateway]\n%s" REST, rows[i].gateway);
		conf = read_text(text, &report);
		assert_non_null(conf);
		assert_int_equal(sp_ids_find(&conf->gateway, rows[i].self, &ids, &key, &err), rows[i].ok);
		assert_int_equal(ids.must_change, rows[i].must_change);
		if (rows[i].ok) {
			assert_int_equal(ids.is_fallback, rows[i].is_fallback);
			if (rows[i].user != NULL)
				assert_int_equal(ids.of[SP_ROLE_WORKER].uid, getpwnam(rows[i].user)->pw_uid);
			for (unsigned role = SP_ROLE_KEEPER; rows[i].must_change && role < SP_ROLE_WORKER; role++) {
				assert_int_not_equal(ids.of[role].uid, 0);
				assert_int_not_equal(ids.of[role].gid, 0);
				assert_true(ids.of[role].is_own == (ids.of[role].uid != ids.of[SP_ROLE_WORKER].uid));
			}
		} else {
			assert_string_equal(key, rows[i].key);
			assert_string_equal(err.text, rows[i].text);
		}
		sp_conf_free(conf);
		sp_conf_report_fini(&report);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_find) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
