/*
 * recent - the last exchanges that went wrong, or were answered 5xx: a ring in each worker's part, written by it alone, read by the monitor.
 *
 * An entry is read as a whole or not at all: its sequence is odd while it is written. Any content is taken: texts are cut
 * and cleaned by who reads them, times and numbers stand for themselves.
 */
#ifndef SP_BOARD_RECENT_H
#define SP_BOARD_RECENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "sp/base/check.h"
#include "sp/base/str.h"

enum { SP_RECENT_ENTRIES = 32 };

struct sp_recent_error { /* texts: NUL-terminated printable ASCII, cut */
	uint64_t wall_ms;
	uint64_t listener, route; /* sp_name_key of each; 0: none */
	uint32_t status; /* 0: closed without an answer */
	uint8_t cause, at; /* indexes of sp_metrics_cause_words, sp_metrics_at_words */
	char id[40], client[48], method[12], host[72], path[128], rule[96];
};

enum { SP_RECENT_WORDS = (sizeof(struct sp_recent_error) + 7) / 8 };

struct sp_recent {
	_Atomic uint32_t count; /* of all that were written: the next goes to ring[count % SP_RECENT_ENTRIES] */
	struct {
		_Atomic uint32_t seq;
		_Atomic uint64_t words[SP_RECENT_WORDS];
	} ring[SP_RECENT_ENTRIES];
};

void sp_recent_add(struct sp_recent *own, const struct sp_recent_error *error);
/* Copies at most n-1 bytes of `from`; what is not printable ASCII becomes '?'. */
void sp_recent_text(char *to, size_t n, struct sp_str from);

/* age: 0 is the last one. False: there is none, or it is being written. */
SP_MUST_USE bool sp_recent_get(const struct sp_recent *recent, uint32_t age, struct sp_recent_error *error);

#endif
