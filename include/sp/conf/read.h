/*
 * read - files to a struct sp_conf, or to a list of errors.
 *
 * All errors of one run are collected, each with file:line and a suggestion
 * where one is near (spec 3). Nothing is bound, connected or written.
 */
#ifndef SP_CONF_READ_H
#define SP_CONF_READ_H

#include <stdbool.h>
#include <stdio.h>

#include "sp/conf/conf.h"

enum sp_conf_severity { SP_CONF_ERROR, SP_CONF_WARNING };

struct sp_conf_message {
	enum sp_conf_severity severity;
	struct sp_conf_at at;           /* line 0: of the file as a whole */
	const char *text;               /* without file, line and severity */
	struct sp_conf_message *next;
};

struct sp_conf_report {
	struct sp_arena arena;          /* owned: the messages */
	struct sp_conf_message *first, **last;
	size_t errors, warnings;
};

void sp_conf_report_init(struct sp_conf_report *report);
void sp_conf_report_fini(struct sp_conf_report *report);
/* gcc style, sorted by file and line, then the count: "sallyport.ini: 3 errors, 1 warning". Nothing when empty. */
void sp_conf_report_print(const struct sp_conf_report *report, const char *main_file, FILE *to);

/* Adds a message; the text is copied into the report. */
void sp_conf_report_add(struct sp_conf_report *report, enum sp_conf_severity severity, struct sp_conf_at at,
                        const char *fmt, ...) SP_PRINTF(4, 5);

/* NULL when the report holds an error. Frees with sp_conf_free. What it was read from is conf->bundle_fd. */
SP_MUST_USE struct sp_conf *sp_conf_read(const char *main_file, struct sp_conf_report *report);
/* Where the commands reach the gateway of these files: [admin] socket, whatever else is wrong with them. The report may
 * hold errors all the same; false: it says why there is none. */
SP_MUST_USE bool sp_conf_find_socket(const char *main_file, char *path, size_t room, struct sp_conf_report *report);
/* The files of a running configuration once more. What a confined process may not ask (the addresses of this host)
 * stays as it was. */
SP_MUST_USE struct sp_conf *sp_conf_read_again(const struct sp_conf *before, struct sp_conf_report *report);
/* The same configuration from its bundle, mapped until the configuration is freed: no file is opened, no key is there
 * (key_fd -1). fd is borrowed for the call. */
SP_MUST_USE struct sp_conf *sp_conf_read_bundle(int fd, struct sp_conf_report *report);
/* The same text, with these files (certificates, keys) as they are on the disk now; keys of others are copies of the
 * descriptors that `before` has. */
SP_MUST_USE struct sp_conf *sp_conf_read_fresh(const struct sp_conf *before, const char *const *paths, size_t count,
                                               struct sp_conf_report *report);
/* The same from memory, for tests and the demo: `name` stands for the file in messages, relative paths are relative to
 * the working directory, `include` is refused. Files that the text names (certificates) are read and checked. */
SP_MUST_USE struct sp_conf *sp_conf_read_text(const char *name, struct sp_str text, struct sp_conf_report *report);
void sp_conf_free(struct sp_conf *conf);        /* NULL is fine; credentials are cleansed, key files closed */

#endif
