/*
 * backoff - how long a dead worker's place stays empty: the first restart is at
 * once, then 100 ms doubling to 5 s; who lived long enough starts anew.
 */
#ifndef SP_MASTER_BACKOFF_H
#define SP_MASTER_BACKOFF_H

#include <stdint.h>

struct sp_backoff {
	unsigned deaths; /* in a row */
};

/* It died after lived_ms: wait so many milliseconds. */
uint64_t sp_backoff_next(struct sp_backoff *backoff, uint64_t lived_ms);

#endif
