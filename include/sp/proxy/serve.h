/*
 * serve - what a generation serves: the configuration and all that workers need
 * of it, built by `build`, immutable afterwards.
 *
 * Counted: held once by the worker while it serves it, by each exchange while it
 * runs, by each listening and pool that is of it.
 */
#ifndef SP_PROXY_SERVE_H
#define SP_PROXY_SERVE_H

#include <stdint.h>

#include "sp/base/egress.h"
#include "sp/board/metrics.h"
#include "sp/conf/conf.h"
#include "sp/http/h1_read.h"
#include "sp/net/dial.h"
#include "sp/policy/policy.h"
#include "sp/proxy/route.h"
#include "sp/tls/client.h"
#include "sp/tls/tls.h"

struct sp_serve_listener {
	const struct sp_conf_listener *conf;    /* borrowed */
	struct sp_tls_listener *tls;            /* owned; NULL: plain text */
	struct sp_h1_limits limits;             /* for its requests */
	struct sp_chain_of_steps steps;
	uint64_t key;                           /* sp_name_key; 0 without a board, as the next */
	sp_cell *row;                           /* borrowed from the board: proxy/tally.h */
};

struct sp_serve {
	uint32_t holds;
	uint32_t number;                        /* of the generation, 1.. */
	const struct sp_conf *conf;             /* borrowed, unless it is owned */
	struct sp_conf *owned;                  /* owned: freed with the generation; NULL */
	struct sp_arena arena;                  /* owned: the arrays below */
	struct sp_serve_listener *listeners;    /* one for each of conf->listeners */
	struct sp_chain_of_steps *route_steps;  /* one for each of conf->routes, by its index */
	struct sp_router *router;               /* owned */
	struct sp_tls_client **pool_tls;        /* one for each of conf->pools, owned; NULL: plain text */
	struct sp_signer *signer;               /* owned */
	struct sp_dial *dial;                   /* owned; NULL when it only vets */
	/* of proxy/tally.h: in the arena, of rows on the board; NULL */
	sp_cell **route_rows;                   /* listener by listener, one for each route by its index, one for none; filled when first met */
	uint64_t *route_keys;                   /* sp_name_key of each route by its index */
	sp_cell **limit_rows;                   /* one for each of conf->limits */
	sp_cell **geo_rows;                     /* and of conf->geos */
	void (*free)(struct sp_serve *serve);   /* set by build: called when the last hold goes */
};

static inline struct sp_serve *sp_serve_hold(struct sp_serve *serve)
{
	serve->holds++;
	return serve;
}

static inline void sp_serve_release(struct sp_serve *serve)
{
	SP_ASSERT(serve->holds > 0);
	if (--serve->holds == 0)
		serve->free(serve);
}

#endif
