/*
 * chunked - our own strict chunk decoder and encoder (RFC 9112 7.1).
 *
 * size = 1 to 8 hex digits, CRLF; data; CRLF. A chunk line is at most 64 bytes;
 * extensions are refused unless plain `;token[=token]` within that, and dropped.
 * Trailers are read within limits (8 KiB, 32 fields) and dropped; ones that are
 * no valid fields are refused.
 */
#ifndef SP_HTTP_CHUNKED_H
#define SP_HTTP_CHUNKED_H

#include <stddef.h>
#include <stdint.h>

#include "sp/base/check.h"
#include "sp/http/refuse.h"

enum sp_chunked_rc { SP_CHUNKED_MORE, SP_CHUNKED_END, SP_CHUNKED_BAD };

struct sp_chunked {
	uint64_t left;                  /* of the chunk under way */
	uint16_t line;                  /* bytes of the line under way */
	uint16_t trailer_bytes;
	uint8_t trailer_fields;
	uint8_t digits;
	uint8_t state;
	enum sp_refuse why;             /* after BAD: SP_REFUSE_CHUNK or SP_REFUSE_TRAILER */
};

void sp_chunked_init(struct sp_chunked *c);
/* Decodes in place: the body bytes of bytes[0..n) are moved to its front, *body of them; *used input bytes were
 * read (n unless END or BAD). */
SP_MUST_USE enum sp_chunked_rc sp_chunked_decode(struct sp_chunked *c, uint8_t *bytes, size_t n, size_t *used,
                                                 size_t *body);

#define SP_CHUNK_LINE_MAX 12
/* "1a2b\r\n" for n > 0 bytes that follow; returns its length. */
size_t sp_chunk_line(char out[static SP_CHUNK_LINE_MAX], uint32_t n);
#define SP_CHUNK_LAST "0\r\n\r\n"

#endif
