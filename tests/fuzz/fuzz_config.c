/*
 * fuzz_config - a configuration text.
 *
 * It is read, or refused with reasons that name a file and a line. What was
 * read can be dumped, the dump reads again, and reads as the same.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sp/conf/dump.h"
#include "sp/conf/read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sp_conf *read_text(struct sp_str text)
{
	struct sp_conf_report report;
	struct sp_conf *conf;

	sp_conf_report_init(&report);
	conf = sp_conf_read_text("t.ini", text, &report);
	SP_ASSERT((conf == NULL) == (report.errors > 0));
	for (const struct sp_conf_message *m = report.first; m != NULL; m = m->next)
		SP_ASSERT(m->text[0] != '\0' && m->at.file != NULL && m->at.line >= 0);
	sp_conf_report_fini(&report);
	return conf;
}

/* The caller frees. */
static char *dump(const struct sp_conf *conf)
{
	char *text = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&text, &n);

	SP_ASSERT(to != NULL);
	sp_conf_dump(conf, to);
	SP_ASSERT(fclose(to) == 0);
	return text;
}

static void check_again(const struct sp_conf *conf, const struct sp_conf *again)
{
	SP_ASSERT(again->listener_count == conf->listener_count && again->route_count == conf->route_count);
	SP_ASSERT(again->pool_count == conf->pool_count && again->backend_count == conf->backend_count);
	SP_ASSERT(again->egress.allow_count == conf->egress.allow_count);
	for (size_t i = 0; i < conf->route_count; i++) {
		SP_ASSERT(again->routes[i].path_count == conf->routes[i].path_count);
		SP_ASSERT(again->routes[i].respond_status == conf->routes[i].respond_status);
		SP_ASSERT(sp_str_eq(again->routes[i].respond_text, conf->routes[i].respond_text));
	}
}

/* Files that a text names are opened and read. Those of the machine's kernel are not the fuzzer's. */
static bool names_a_device(const uint8_t *data, size_t size)
{
	return memmem(data, size, "/dev", 4) != NULL || memmem(data, size, "/proc", 5) != NULL ||
	       memmem(data, size, "/sys", 4) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sp_conf *conf, *again;
	char *exact, *text;

	if (names_a_device(data, size))
		return 0;
	exact = malloc(size > 0 ? size : 1); /* of that size, so that a sanitizer sees a byte too many */
	SP_ASSERT(exact != NULL);
	memcpy(exact, data, size);
	conf = read_text(sp_str_of(exact, size));
	if (conf != NULL) {
		text = dump(conf);
		again = read_text(sp_str(text));
		SP_ASSERT(again != NULL);
		check_again(conf, again);
		sp_conf_free(again);
		free(text);
	}
	sp_conf_free(conf);
	free(exact);
	return 0;
}
