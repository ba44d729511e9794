/*
 * pool - the backends of one pool and the connections to them, kept open for reuse.
 *
 * The pool owns every connection it makes, idle or lent. A borrower holds a
 * lease and gives it back exactly once. Lending never waits: with nothing to
 * lend it says why, and the caller decides, for a place in the pool's queue, say.
 */
#ifndef SP_PROXY_POOL_H
#define SP_PROXY_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sp/base/list.h"
#include "sp/board/metrics.h"
#include "sp/conf/conf.h"
#include "sp/net/deadline.h"
#include "sp/proxy/proxy.h"
#include "sp/tls/client.h"

#include "crowd.h"
#include "eject.h"
#include "end.h"
#include "queue.h"
#include "retry_budget.h"

struct sp_exchange;
struct sp_proxy;
struct sp_pool;
struct sp_serve;

#define SP_STICKY_TEXT 33               /* 128 bits in hexadecimal, with NUL */

struct sp_backend {                     /* one backend, as this worker sees it */
	const struct sp_conf_backend *conf;     /* borrowed */
	struct sp_pool *pool;
	struct sp_list idle;            /* of connections, the last used first */
	uint64_t key;                   /* of its names, there */
	uint32_t slot;                  /* on the board; SP_CROWD_NO_SLOT: it has none */
	uint64_t inflight;              /* leases out of this worker */
	uint64_t load;                  /* of the choice under way: leases out of all workers */
	int64_t smooth;                 /* round_robin: current weight */
	uint64_t identity;              /* a hash of its name: the same in every worker, at every start */
	struct sp_crowd_state state;    /* what holds for all workers, … */
	uint64_t state_ms;              /* … as it was known then */
	uint32_t next_addr;             /* of a name: where the turn is */
	struct sp_eject eject;
	struct sp_tls_server tls;       /* the session that it gave last */
	sp_cell *row;                   /* borrowed from the board: its counts; NULL */
	char token[SP_STICKY_TEXT];     /* its sticky cookie's value; empty unless balance = cookie */
};

struct sp_lease {                       /* the right to send one exchange; inside a connection */
	struct sp_end *end;             /* what speaks to the backend */
	struct sp_backend *backend;
	bool is_reused;                 /* the connection has served before */
	bool is_ready;                  /* it stands; else the end tells sp_exchange_ready or _failed */
	bool is_clean;                  /* the end has sent and read all: the connection may serve again */
	bool is_out;
};

enum sp_pool_rc {
	SP_POOL_LENT,
	SP_POOL_DOWN,                   /* no backend left to try */
	SP_POOL_FULL,                   /* those there are stand at max_inflight */
	SP_POOL_REFUSED,                /* no connection could be begun to the one that was chosen */
	SP_POOL_MEMORY,
};

enum sp_lease_end { SP_LEASE_REUSE, SP_LEASE_CLOSE };

struct sp_pool_want {
	uint64_t tried;                 /* bit i: not backend i */
	bool is_fresh;                  /* no connection that has served before */
	bool has_hash;                  /* balance = hash: the request has that key; … */
	uint64_t hash;                  /* … by sp_balance_hash */
	struct sp_str sticky;           /* balance = cookie: its value, or empty */
	struct sp_exchange *x;          /* borrowed: whose request it is; noted in it: why there is no connection */
	const struct sp_backend *chosen;        /* set: the backend that was chosen, also when refused; NULL */
};

/* What a pool's connections need of it; the deadline lists are the loop's, NULL = none. */
struct sp_pool {
	const struct sp_conf_pool *conf;        /* borrowed: of `of` */
	struct sp_serve *of;            /* one hold on the generation that declares it, the last one that does */
	size_t users;                   /* exchanges that were given it */
	bool is_past;                   /* no generation that is served has it: freed with its last exchange */
	struct sp_list past;            /* in proxy->past_pools when it is */
	struct sp_proxy *proxy;         /* borrowed */
	struct sp_backend *backends;    /* owned; conf->backend_count */
	struct sp_backend **among;      /* owned: room for the candidates of a choice */
	struct sp_queue queue;
	struct sp_retry_budget budget;
	sp_cell *row;                   /* borrowed from the board: its counts; NULL */
	uint64_t random;                /* random_two */
	struct sp_list all;             /* of connections, idle or lent */
	size_t idle_count;
	struct sp_list idle_order;      /* idle connections, the longest idle first */
	size_t next;                    /* where the search for the next backend begins */
	struct sp_deadline_list *connect, *answer, *read, *idle;
};

/* conf is of the generation, proxy is borrowed. NULL: no memory. */
SP_MUST_USE struct sp_pool *sp_pool_new(struct sp_proxy *proxy, struct sp_serve *of, const struct sp_conf_pool *conf);
void sp_pool_free(struct sp_pool *pool);                /* closes all its connections; NULL is fine */

/* The next generation declares the same pool (sp_conf_pool_is_same): connections, counts and choices stay. */
void sp_pool_adopt(struct sp_pool *pool, struct sp_serve *of, const struct sp_conf_pool *conf);
/* No generation declares it any more: idle connections are closed, lent ones when they come back. */
void sp_pool_retire(struct sp_pool *pool);
bool sp_pool_is_over(const struct sp_pool *pool);       /* retired, and nobody has anything of it */

/* An exchange is given the pool, and gives it back at its end. */
static inline struct sp_pool *sp_pool_use(struct sp_pool *pool)
{
	pool->users++;
	return pool;
}

SP_MUST_USE enum sp_pool_rc sp_pool_lend(struct sp_pool *pool, struct sp_pool_want *want, struct sp_lease **out);
void sp_lease_give_back(struct sp_lease *lease, enum sp_lease_end how);
bool sp_pool_is_usable(const struct sp_pool *pool);     /* at least one backend that may be asked */
bool sp_backend_is_usable(struct sp_backend *backend);  /* up, not ejected */
/* In hundredths of `weight`: less while slow_start lasts, never 0. */
uint64_t sp_backend_weight(const struct sp_backend *backend);
size_t sp_backend_index(const struct sp_backend *backend);

#endif
