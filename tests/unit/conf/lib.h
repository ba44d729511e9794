/*
 * lib - for the tests of conf: a configuration from text or from files of a folder that goes away again.
 */
#ifndef SP_TESTS_CONF_LIB_H
#define SP_TESTS_CONF_LIB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sp/conf/dump.h"
#include "sp/conf/read.h"

/* What sp_conf_report_print says of it; the caller frees. */
static inline char *print_report(const struct sp_conf_report *report, const char *file)
{
	char *text = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&text, &n);

	assert_non_null(to);
	sp_conf_report_print(report, file, to);
	assert_int_equal(fclose(to), 0);
	return text;
}

/* Reads a text that must be good (warnings are fine). */
static inline struct sp_conf *read_good(struct sp_str text)
{
	struct sp_conf_report report;
	struct sp_conf *conf;
	char *said;

	sp_conf_report_init(&report);
	conf = sp_conf_read_text("t.ini", text, &report);
	said = print_report(&report, "t.ini");
	if (conf == NULL)
		fail_msg("refused:\n%s", said);
	free(said);
	sp_conf_report_fini(&report);
	return conf;
}

/* A broken or doubtful text, and exactly what is said of it. */
struct broken {
	const char *name, *text;
	size_t n;
	bool is_complete; /* nothing is put behind it, so that what is missing is said too */
	const char *want;
};

#define PART(s) (s), sizeof(s) - 1, false
#define WHOLE(s) (s), sizeof(s) - 1, true

static inline void check_broken(const struct broken *rows, size_t count)
{
	static const char rest[] = "\n[listener:base]\nbind = 127.0.0.1:1\n[route:base]\nrespond = 200 ok\n";

	(void)unsetenv("SP_TEST_NONE");
	(void)unsetenv("CREDENTIALS_DIRECTORY");
	for (size_t i = 0; i < count; i++) {
		struct sp_conf_report report;
		struct sp_conf *conf;
		char text[1024], *said;
		size_t n = rows[i].n;

		print_message("  %s\n", rows[i].name);
		memcpy(text, rows[i].text, n);
		if (!rows[i].is_complete) {
			memcpy(text + n, rest, sizeof(rest) - 1);
			n += sizeof(rest) - 1;
		}
		sp_conf_report_init(&report);
		conf = sp_conf_read_text("t.ini", sp_str_of(text, n), &report);
		said = print_report(&report, "t.ini");
		assert_string_equal(said, rows[i].want);
		assert_int_equal(conf == NULL, report.errors > 0);
		free(said);
		sp_conf_free(conf);
		sp_conf_report_fini(&report);
	}
}

static inline char *dump_text(const struct sp_conf *conf)
{
	char *text = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&text, &n);

	assert_non_null(to);
	sp_conf_dump(conf, to);
	assert_int_equal(fclose(to), 0);
	return text;
}

struct folder {
	char path[64];
};

static inline void folder_make(struct folder *f)
{
	(void)snprintf(f->path, sizeof(f->path), "/tmp/sp-conf-XXXXXX");
	assert_non_null(mkdtemp(f->path));
}

static inline void folder_remove(struct folder *f)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "rm -rf -- '%s'", f->path);
	assert_int_equal(system(command), 0);
}

static inline void folder_write(const struct folder *f, const char *name, const char *text, mode_t mode)
{
	char path[256];
	FILE *to;

	(void)snprintf(path, sizeof(path), "%s/%s", f->path, name);
	to = fopen(path, "w");
	assert_non_null(to);
	assert_true(fputs(text, to) >= 0);
	assert_int_equal(fclose(to), 0);
	assert_int_equal(chmod(path, mode), 0);
}

#endif
