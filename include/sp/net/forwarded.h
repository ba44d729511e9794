/*
 * forwarded - the PROXY header, version 1 or 2, by which a balancer tells in front of all else whose connection it
 * passes on. Bytes to facts: no socket, no memory.
 *
 * Strict: one form of each thing, every length checked against what holds it. What is read is the longest prefix that
 * can be a header; the byte behind it is not looked at. Reading a part again with more behind it never changes an
 * answer other than SP_FORWARDED_MORE.
 */
#ifndef SP_NET_FORWARDED_H
#define SP_NET_FORWARDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sp/base/addr.h"

#define SP_FORWARDED_MAX 4096           /* version 2 with all its TLVs; version 1 is a line of at most 107 */

enum sp_forwarded_rc {
	SP_FORWARDED_NONE,              /* something else: not even the first bytes of a header */
	SP_FORWARDED_MORE,              /* so far it may be one */
	SP_FORWARDED_DONE,
	SP_FORWARDED_BAD                /* begins like a header, and is none */
};

struct sp_forwarded {
	size_t length;                  /* of the header: what is behind it belongs to the client */
	bool has_addresses;             /* false: LOCAL, UNKNOWN, or no internet addresses: the peer speaks for itself */
	struct sp_addr source, destination;     /* v4-mapped ones are v4; a port may be 0 */
};

SP_MUST_USE enum sp_forwarded_rc sp_forwarded_read(const uint8_t *bytes, size_t n, struct sp_forwarded *out);

#endif
