/*
 * budget - memory of one worker's connections and requests: what of memory_max is used, and what goes back to the kernel.
 */
#ifndef SP_PROXY_BUDGET_H
#define SP_PROXY_BUDGET_H

#include <stdbool.h>
#include <stddef.h>

#include "sp/net/deadline.h"

struct sp_proxy;

enum { SP_BUDGET_REQUESTS = 90, SP_BUDGET_CONNECTIONS = 100 };  /* percent from which new ones are refused */

struct sp_budget {
	size_t most;                    /* bytes; 0 = no budget */
	size_t clients_peak, fat_peak, chunks_peak;     /* since memory was last given back; fat: clients that are not slim */
	struct sp_deadline_list *second;        /* borrowed from the loop */
	struct sp_deadline tick;        /* set while there are clients, or memory to give back */
};

/* False: no memory. */
SP_MUST_USE bool sp_budget_init(struct sp_budget *budget, struct sp_loop *loop, size_t most);
void sp_budget_fini(struct sp_budget *budget);
bool sp_budget_is_over(const struct sp_proxy *proxy, unsigned percent);
void sp_budget_watch(struct sp_proxy *proxy);           /* a client came */

#endif
