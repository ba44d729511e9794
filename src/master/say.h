/*
 * say - what a child of ours found, which it wrote to memory, and how that comes into the log.
 */
#ifndef SP_MASTER_SAY_H
#define SP_MASTER_SAY_H

#include "sp/base/log.h"

/* What was written to that memory, its first 64 KiB at most: owned by the caller (free), or NULL where there is nothing.
 * fd is closed. */
char *sp_said(int fd, size_t *n);
/* Every line is an event of its own, with the line as its text. */
void sp_say(enum sp_log_level level, const char *event, struct sp_str text);

#endif
