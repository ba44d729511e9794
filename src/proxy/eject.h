/*
 * eject - a backend that fails again and again is left out for a while, by what its requests met.
 *
 * Failures are: no connection, a connect or an answer that came too late, a
 * connection cut, a broken answer, and an answer of 502, 503 or 504. Any other
 * answer that came whole ends the row. A backend that is back is on probation:
 * its first failure puts it out again, for twice as long (to 32 times at most).
 * Never more than eject_max of a pool's backends are out at once.
 *
 * Each worker judges by its own exchanges: what it sees it acts on at once.
 */
#ifndef SP_PROXY_EJECT_H
#define SP_PROXY_EJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "why.h"

struct sp_backend;

struct sp_eject {                       /* zeroed: in, no failure */
	uint64_t failures;              /* in a row */
	uint64_t until_ms;              /* out until then; 0 = in */
	uint64_t back_ms;               /* when it came back; 0 = never was out */
	unsigned times;                 /* out so often without a good spell between */
};

/* An exchange failed at this backend, or had this status of it. Others than those above are not held against it. */
void sp_eject_failed(struct sp_backend *backend, enum sp_why why);
void sp_eject_answered(struct sp_backend *backend, unsigned status);
/* Is it left out now? Brings it back, with a line in the log, when its time is over. */
bool sp_eject_is_out(struct sp_backend *backend);

#endif
