/*
 * bytes - what a byte may be part of, as one table for the whole layer (RFC 9110 5.6, RFC 3986 2).
 */
#ifndef SP_HTTP_BYTES_H
#define SP_HTTP_BYTES_H

#include <stdbool.h>
#include <stdint.h>

#include "sp/base/str.h"

enum {
	SP_BYTE_TOKEN = 1 << 0, /* tchar */
	SP_BYTE_ALNUM = 1 << 1,
	SP_BYTE_DIGIT = 1 << 2,
	SP_BYTE_HEX = 1 << 3,
	SP_BYTE_VALUE = 1 << 4, /* HTAB, SP, visible, obs-text */
	SP_BYTE_URI = 1 << 5, /* may stand in a target: the URI set without `#`; `%` included */
	SP_BYTE_UNRESERVED = 1 << 6,
	SP_BYTE_SEGMENT = 1 << 7, /* in a path, says nothing but itself: not `%`, `/`, `;`, `?` */
	SP_BYTE_PLAIN_NAME = 1 << 8, /* in a field name that nobody takes for another: letters, digits, "-" */
	SP_BYTE_HOST = 1 << 9, /* in a label of a host name: those and "_" */
};

extern const uint16_t sp_bytes[256];

static inline bool sp_byte_is(char c, unsigned kind)
{
	return (sp_bytes[(uint8_t)c] & kind) != 0;
}

/* Every byte of s is of that kind, and there is one. */
static inline bool sp_bytes_are(struct sp_str s, unsigned kind)
{
	for (size_t i = 0; i < s.n; i++)
		if (!sp_byte_is(s.p[i], kind))
			return false;
	return s.n > 0;
}

/* 0 to 15; the caller knows that it is a hex digit. */
static inline unsigned sp_hex_value(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

#endif
