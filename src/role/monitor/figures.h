/*
 * figures - the metrics summed over the board, as pages and scrapes want them: by names of the configuration, of which
 * a sum knows the keys alone.
 */
#ifndef SP_ROLE_MONITOR_FIGURES_H
#define SP_ROLE_MONITOR_FIGURES_H

#include "sp/board/metrics.h"
#include "sp/conf/conf.h"

struct sp_figures {
	const struct sp_conf *conf; /* borrowed */
	struct sp_metrics *sum; /* owned; NULL: no memory, or no board */
	struct sp_metrics *spare; /* owned: where the next sum is made */
	uint64_t *listener_keys, *route_keys; /* owned: of conf->listeners and conf->routes */
	int64_t *expiry; /* owned: of each certificate by its index, in seconds since 1970; 0: unknown */
};

/* Reads certificates, so before the sandbox is closed. False: no memory; end it all the same. */
SP_MUST_USE bool sp_figures_init(struct sp_figures *figures, const struct sp_conf *conf, const struct sp_board *board);
void sp_figures_fini(struct sp_figures *figures);
void sp_figures_sum(struct sp_figures *figures, const struct sp_board *board); /* as it is now */

/* The name of a listener or route by its key: empty for key 0. False: the configuration has none such. */
SP_MUST_USE bool sp_figures_listener(const struct sp_figures *figures, uint64_t key, struct sp_str *name);
SP_MUST_USE bool sp_figures_route(const struct sp_figures *figures, uint64_t key, struct sp_str *name);

/* Adds n cells, from the first one on, of all rows of that route (0: of requests without one) to `to`. */
void sp_figures_of_route(const struct sp_figures *figures, uint64_t key, unsigned first, size_t n, uint64_t *to);
/* Requests in all cells of SP_ROUTE_REQUESTS. */
uint64_t sp_figures_hits(const struct sp_figures *figures, uint64_t route_key);

#endif
