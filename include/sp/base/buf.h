/*
 * buf - a growing text buffer for start-up and slow paths (dumps, pages). Not for the path of the bytes.
 */
#ifndef SP_BASE_BUF_H
#define SP_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "sp/base/check.h"
#include "sp/base/str.h"

struct sp_buf {
	char *p;                        /* owned; NUL behind the n bytes once something was put */
	size_t n, room;
	bool is_failed;                 /* no memory once: later puts do nothing */
};

void sp_buf_init(struct sp_buf *buf);
void sp_buf_fini(struct sp_buf *buf);
void sp_buf_put(struct sp_buf *buf, struct sp_str s);
void sp_buf_printf(struct sp_buf *buf, const char *fmt, ...) SP_PRINTF(2, 3);
struct sp_str sp_buf_str(const struct sp_buf *buf);

#endif
