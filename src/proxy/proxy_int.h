/*
 * proxy_int - what the files of this folder share of a worker's proxy.
 */
#ifndef SP_PROXY_PROXY_INT_H
#define SP_PROXY_PROXY_INT_H

#include "sp/base/chunk.h"
#include "sp/base/list.h"
#include "sp/base/slab.h"
#include "sp/proxy/proxy.h"
#include "sp/proxy/serve.h"

#include "access.h"
#include "listening.h"
#include "pool.h"
#include "request_id.h"

struct sp_proxy {
	struct sp_loop *loop;           /* borrowed */
	struct sp_serve *serve;         /* one hold */
	struct sp_listening *listenings;        /* owned; one for each listener */
	struct sp_pool **pools;         /* owned; one for each pool of the configuration, in its order */
	size_t pool_count;
	struct sp_chunk_pool *chunks;   /* owned, as the slabs */
	struct sp_slab *clients, *exchanges, *conns;
	struct sp_access *access;       /* owned */
	struct sp_request_ids ids;
	struct sp_list all;             /* of struct sp_client */
	size_t client_count;
	uint64_t health_tokens_us;      /* the health paths' own rate limit: time up to which it is used */
	bool is_health_red, is_draining;
	bool has_path_rules;            /* some route looks at paths: odd spellings are refused then */
	void (*on_drained)(void *arg);
	void *drained_arg;
};

/* A client of that listener is there: onto the list at `link`. */
void sp_proxy_client_came(struct sp_proxy *proxy, const struct sp_listening *listening, struct sp_list *link);
/* The client at `link` has closed: takes it off the list, tells on_drained after the last. */
void sp_proxy_client_gone(struct sp_proxy *proxy, struct sp_list *link);

#endif
