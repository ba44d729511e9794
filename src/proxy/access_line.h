/*
 * access_line - a record to the bytes of its line. Pure: no descriptor, no clock.
 */
#ifndef SP_PROXY_ACCESS_LINE_H
#define SP_PROXY_ACCESS_LINE_H

#include <stddef.h>

#include "access.h"

#define SP_ACCESS_LINE_MAX 4096U /* PIPE_BUF: a pipe takes a line whole or not at all */

/* The text of the second of the last line, so that lines of one second share it. Zeroed before its first use. */
struct sp_access_time {
	uint64_t json_s, clf_s;
	char json[20]; /* "2026-11-24T16:20:00." */
	char clf[26]; /* "24/Nov/2026:16:20:00 +0000" */
};

/* Writes the line and its newline; returns its length, at most SP_ACCESS_LINE_MAX. */
size_t sp_access_line(char to[static SP_ACCESS_LINE_MAX], const struct sp_conf_log *conf,
		      const struct sp_access_record *record, struct sp_access_time *time);

#endif
