#include "retry_budget.h"

#include "sp/base/clock.h"

#define ONE 100U
#define KEPT (100U * ONE)               /* what a quiet time may save up */
#define EACH_US (1000000U / SP_RETRY_FLOOR)
#define BURST_US 1000000U

void sp_retry_budget_pay(struct sp_retry_budget *budget, uint64_t percent)
{
	budget->paid = budget->paid + percent > KEPT ? KEPT : budget->paid + percent;
}

static bool take_of_floor(struct sp_retry_budget *budget)
{
	uint64_t now = sp_now_us() + BURST_US;          /* so that it cannot be less than the burst */

	if (budget->floor_us + BURST_US < now)
		budget->floor_us = now - BURST_US;
	if (budget->floor_us + EACH_US > now)
		return false;
	budget->floor_us += EACH_US;
	return true;
}

bool sp_retry_budget_take(struct sp_retry_budget *budget, uint64_t percent)
{
	if (budget->paid >= ONE) {
		budget->paid -= ONE;
		return true;
	}
	return percent > 0 && take_of_floor(budget);
}
