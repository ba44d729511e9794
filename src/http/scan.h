/*
 * scan - our own strict reading of a head's bytes: line ends, tokens, field bytes.
 *
 * A byte is read once, or twice in a line that came in pieces; what was found is
 * in the head as slices of the input. No meaning is looked at here but the
 * shape of the start line. What a head of given bytes gets does not depend on
 * how they were cut.
 */
#ifndef SP_HTTP_SCAN_H
#define SP_HTTP_SCAN_H

#include "sp/http/h1_read.h"

enum { SP_SCAN_METHOD_MAX = 32, SP_SCAN_NAME_MAX = 128 };

enum sp_scan_rc { SP_SCAN_MORE, SP_SCAN_DONE, SP_SCAN_BAD };

/* After DONE the head ends at reader->seen. After BAD, reader->why says it. */
SP_MUST_USE enum sp_scan_rc sp_scan_request(struct sp_h1_reader *r, struct sp_str bytes, struct sp_head *head);
SP_MUST_USE enum sp_scan_rc sp_scan_response(struct sp_h1_reader *r, struct sp_str bytes, struct sp_head *head);

#endif
