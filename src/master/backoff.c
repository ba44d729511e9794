#include "backoff.h"

#define FIRST_MS 100U
#define MOST_MS 5000U
#define LONG_ENOUGH_MS 10000U /* twice the longest wait: such a death is no part of a row */

uint64_t sp_backoff_next(struct sp_backoff *backoff, uint64_t lived_ms)
{
	uint64_t wait = FIRST_MS;

	if (lived_ms >= LONG_ENOUGH_MS)
		backoff->deaths = 0;
	backoff->deaths++;
	if (backoff->deaths == 1)
		return 0;
	for (unsigned i = 2; i < backoff->deaths && wait < MOST_MS; i++)
		wait *= 2;
	return wait < MOST_MS ? wait : MOST_MS;
}
