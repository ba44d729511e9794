/*
 * refuse - why a message was not accepted, and the status that says so.
 * One word for logs, one status for the client; an answer that is refused is always 502.
 */
#ifndef SP_HTTP_REFUSE_H
#define SP_HTTP_REFUSE_H

#include <stdint.h>

enum sp_refuse {
	SP_REFUSE_NONE,
	SP_REFUSE_LINE_END,             /* bare CR or LF */
	SP_REFUSE_CONTROL,              /* NUL or a control byte */
	SP_REFUSE_START_LINE,           /* not `token SP target SP HTTP/1.x`, HTTP/0.9 */
	SP_REFUSE_METHOD,               /* 400 no token; 501 CONNECT, TRACE, or unknown to us */
	SP_REFUSE_METHOD_UNKNOWN,       /* 501 */
	SP_REFUSE_VERSION,              /* 505 */
	SP_REFUSE_PREFACE,              /* 505: HTTP/2 */
	SP_REFUSE_TARGET,
	SP_REFUSE_TARGET_TOO_LONG,      /* 414 */
	SP_REFUSE_PATH,
	SP_REFUSE_HOST,
	SP_REFUSE_FIELD_NAME,
	SP_REFUSE_FIELD_VALUE,
	SP_REFUSE_FOLD,
	SP_REFUSE_UNDERSCORE,
	SP_REFUSE_HEAD_TOO_LARGE,       /* 431 */
	SP_REFUSE_TOO_MANY_FIELDS,      /* 431 */
	SP_REFUSE_LENGTH,
	SP_REFUSE_CODING,               /* 501 for a known other coding */
	SP_REFUSE_FRAMING,              /* Content-Length with Transfer-Encoding, either twice */
	SP_REFUSE_CONNECTION,           /* names Host, framing or forwarding fields */
	SP_REFUSE_EXPECT,               /* 417 */
	SP_REFUSE_UPGRADE,
	SP_REFUSE_CHUNK,
	SP_REFUSE_TRAILER,
	SP_REFUSE_BODY_TOO_LARGE,       /* 413 */
	SP_REFUSE_STATUS,               /* of an answer: not 100..599, 101 unasked */
	SP_REFUSE_SECOND_OPINION,       /* http-parser reads it differently */
	SP_REFUSE_MEMORY,               /* 503 */
	SP_REFUSE_COUNT
};

uint16_t sp_refuse_status(enum sp_refuse why);          /* for a request: 400 to 505 */
const char *sp_refuse_word(enum sp_refuse why);         /* "line_end", … */

#endif
