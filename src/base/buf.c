/*
 * buf - a growing text buffer for start-up and slow paths.
 */
#include "sp/base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define ROOM_FIRST ((size_t)256)

void sp_buf_init(struct sp_buf *buf)
{
	*buf = (struct sp_buf){ 0 };
}

void sp_buf_fini(struct sp_buf *buf)
{
	free(buf->p);
	sp_buf_init(buf);
}

/* Room for n more bytes and a NUL. */
static bool make_room(struct sp_buf *buf, size_t n)
{
	size_t room = buf->room > 0 ? buf->room : ROOM_FIRST;
	char *p;

	if (buf->is_failed)
		return false;
	if (n < buf->room - buf->n)
		return true;
	while (room <= SIZE_MAX / 4 && room - buf->n <= n)
		room *= 2;
	p = room - buf->n > n ? realloc(buf->p, room) : NULL;
	if (p == NULL) {
		buf->is_failed = true;
		return false;
	}
	buf->p = p;
	buf->room = room;
	return true;
}

void sp_buf_put(struct sp_buf *buf, struct sp_str s)
{
	if (!make_room(buf, s.n))
		return;
	if (s.n > 0)
		memcpy(buf->p + buf->n, s.p, s.n);
	buf->n += s.n;
	buf->p[buf->n] = '\0';
}

void sp_buf_printf(struct sp_buf *buf, const char *fmt, ...)
{
	va_list args, again;
	int n;

	va_start(args, fmt);
	va_copy(again, args);
	n = vsnprintf(NULL, 0, fmt, args);
	if (n < 0)
		buf->is_failed = true;
	else if (make_room(buf, (size_t)n)) {
		vsnprintf(buf->p + buf->n, (size_t)n + 1, fmt, again);
		buf->n += (size_t)n;
	}
	va_end(again);
	va_end(args);
}

struct sp_str sp_buf_str(const struct sp_buf *buf)
{
	return sp_str_of(buf->p, buf->n);
}
