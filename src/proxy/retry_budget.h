/*
 * retry_budget - retries are at most a share of the requests, so that they cannot multiply the load of backends in trouble.
 *
 * Each request pays `percent` hundredths in, each retry takes one out; a bounded
 * rest is kept. Beside it SP_RETRY_FLOOR retries a second are always allowed,
 * so that a request now and then can be retried; 0 % is none at all.
 */
#ifndef SP_PROXY_RETRY_BUDGET_H
#define SP_PROXY_RETRY_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#define SP_RETRY_FLOOR 10               /* retries a second, and at once */

struct sp_retry_budget {                /* zeroed: nothing paid in, the whole floor there */
	uint64_t paid;                  /* in hundredths of a retry */
	uint64_t floor_us;              /* time up to which the floor is used */
};

void sp_retry_budget_pay(struct sp_retry_budget *budget, uint64_t percent);
bool sp_retry_budget_take(struct sp_retry_budget *budget, uint64_t percent);

#endif
