/*
 * proxy_int - what the files of this folder share of a worker's proxy.
 */
#ifndef SP_PROXY_PROXY_INT_H
#define SP_PROXY_PROXY_INT_H

#include "sp/base/chunk.h"
#include "sp/base/list.h"
#include "sp/base/slab.h"
#include "sp/board/metrics.h"
#include "sp/board/recent.h"
#include "sp/proxy/proxy.h"
#include "sp/proxy/serve.h"

#include "access.h"
#include "admission.h"
#include "budget.h"
#include "listening.h"
#include "notice.h"
#include "pool.h"
#include "request_id.h"

struct sp_proxy {
	struct sp_loop *loop;           /* borrowed */
	struct sp_serve *serve;         /* one hold */
	struct sp_listening **listenings;       /* owned; one for each listener */
	struct sp_pool **pools;         /* owned; one for each pool of the configuration, in its order */
	size_t pool_count;
	struct sp_list past_listenings, past_pools;     /* of earlier generations: freed when nobody uses them */
	struct sp_flush sweep;
	struct sp_board *board;         /* borrowed; NULL: none */
	struct sp_limits *limits;       /* borrowed: the board's, as the next two */
	const struct sp_bans *bans;
	struct sp_ban_asks *ban_asks;   /* our part's */
	struct sp_metrics *metrics;     /* our part's, as the next */
	struct sp_recent *recent;
	unsigned worker, worker_count;
	struct sp_chunk_pool *chunks;   /* owned, as the slabs */
	struct sp_slab *clients, *exchanges, *conns;
	struct sp_access *access;       /* owned */
	struct sp_request_ids ids;
	struct sp_notices notices;
	struct sp_admission admission;
	struct sp_budget budget;
	struct sp_list all;             /* of struct sp_client */
	struct sp_list idle;            /* of those that rest between two requests; the oldest first */
	size_t client_count, slim_count;        /* slim: those with TLS that rest without buffers */
	unsigned next_age;              /* which of a listening's ages the next client gets */
	uint64_t health_tokens_us;      /* the health paths' own rate limit: time up to which it is used */
	bool is_health_red, is_draining;
	bool has_path_rules;            /* some route looks at paths: odd spellings are refused then, … */
	bool has_client_cert_headers;   /* some [tls] tells backends of client certificates */
	bool has_exact_rules;           /* … and where one names a whole path, "/path;x" too */
	struct sp_witness *witness;     /* borrowed: told of each rule that requests meet; NULL in the live gateway */
	void (*on_drained)(void *arg);
	void *drained_arg;
};

/* A client of that listener is there: onto the list at `link`. */
void sp_proxy_client_came(struct sp_proxy *proxy, struct sp_listening *listening, struct sp_list *link);
/* The client at `link` has closed: takes it off the list, tells on_drained after the last. */
void sp_proxy_client_gone(struct sp_proxy *proxy, struct sp_list *link);

/* move.c: from generation to generation. */
void sp_proxy_sweep(struct sp_proxy *proxy);    /* frees what is past and over */
void sp_proxy_free_sets(struct sp_proxy *proxy);        /* the last ones, when no client is left */
/* The listener of the same name that is served now; NULL: there is none. */
struct sp_listening *sp_proxy_successor(const struct sp_proxy *proxy, const struct sp_listening *listening);
/* What became of a pool of that generation; to be given back by users--. NULL: it is served no more. */
struct sp_pool *sp_proxy_use_pool(struct sp_proxy *proxy, const struct sp_serve *of, const struct sp_conf_pool *conf);
/* By what index today's dialer knows the backend; false: its configuration has no such address. */
bool sp_proxy_dial_index(const struct sp_proxy *proxy, const struct sp_backend *backend, uint32_t *index);

#endif
