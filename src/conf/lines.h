/*
 * lines - the reader that stands before inih and closes its traps.
 *
 * The packaged inih cuts a line at 199 bytes and parses the tail as a new one,
 * joins a line with a leading blank to the value before it, takes a blank and
 * `;` inside a value for a comment, cuts names at 49 bytes and lets `:` stand
 * for `=`. So every line is judged here first; what is kept goes to inih as
 * `[section]` or `key = 17`, where 17 is the number of the value that we hold.
 *
 * CR LF ends a line as LF does, a byte order mark may stand at the very front,
 * the last line needs no end. A CR elsewhere, NUL and other control bytes are
 * errors; a tab counts as a blank.
 */
#ifndef SP_CONF_LINES_H
#define SP_CONF_LINES_H

#include "doc.h"

#define SP_LINES_NAME_MAX 48
#define SP_LINES_VALUE_MAX 8192

/* Adds what `text` says to the doc, its errors to the doc's report. `text` and `file` must live as long as the doc. */
void sp_lines_read(struct sp_doc *doc, const char *file, struct sp_str text);

#endif
