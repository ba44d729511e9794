/*
 * h1_read - bytes to a head that one strict reading accepts (RFC 9112), or a refusal.
 *
 * scan.c reads each byte once; gate.c, target.c and framing.c judge; of a
 * request, http-parser must agree. Incremental: call again with the same first
 * byte and more bytes behind. The slices of the head point into `bytes`, so
 * when the bytes move, init again (reading starts over).
 */
#ifndef SP_HTTP_H1_READ_H
#define SP_HTTP_H1_READ_H

#include "sp/base/arena.h"
#include "sp/http/head.h"
#include "sp/http/refuse.h"

enum sp_underscore { SP_NAME_UNDERSCORE_DROP, SP_NAME_UNDERSCORE_REJECT, SP_NAME_UNDERSCORE_PASS };

struct sp_h1_limits {
	uint32_t head_max;              /* bytes of the whole head, blank line included */
	uint32_t field_max;             /* number of fields */
	uint32_t target_max;            /* bytes of the request target */
	enum sp_underscore underscore;
};

enum sp_h1_rc { SP_H1_MORE, SP_H1_HEAD, SP_H1_REFUSED };

struct sp_h1_reader {
	const struct sp_h1_limits *limits;      /* borrowed */
	struct sp_arena *arena;         /* borrowed: fields, normalised path */
	enum sp_refuse why;             /* after SP_H1_REFUSED */
	uint32_t seen;                  /* scanned so far */
	uint32_t at;                    /* where the token under way starts */
	uint32_t name_at, name_length;  /* of the field whose value is under way */
	uint8_t state;
	uint8_t odd;                    /* kinds of bytes in the name under way */
	uint8_t skipped;                /* empty lines before a request line: at most 2 */
};

void sp_h1_reader_init(struct sp_h1_reader *r, const struct sp_h1_limits *limits, struct sp_arena *arena);

/* On SP_H1_HEAD, *used is the length of the head; what stands behind it is body or the next message.
 * head->is_request etc. are set here (sp_head_init is called inside). */
SP_MUST_USE enum sp_h1_rc sp_h1_read_request(struct sp_h1_reader *r, const char *bytes, size_t n, struct sp_head *head,
                                             size_t *used);
/* method: of the request that this answers (HEAD has no body). 1xx are heads of their own. */
SP_MUST_USE enum sp_h1_rc sp_h1_read_response(struct sp_h1_reader *r, const char *bytes, size_t n, enum sp_method method,
                                              struct sp_head *head, size_t *used);

#endif
