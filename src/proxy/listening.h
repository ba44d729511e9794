/*
 * listening - a worker's view of one listener: what it serves, and the deadline
 * lists of its durations, looked up once.
 */
#ifndef SP_PROXY_LISTENING_H
#define SP_PROXY_LISTENING_H

#include "sp/base/list.h"
#include "sp/net/deadline.h"
#include "sp/proxy/challenge.h"
#include "sp/proxy/serve.h"

#define SP_PACE_MS 5000                 /* grace of min_rate, and the time over which it is measured */

#define SP_AGES 16

struct sp_listening {
	size_t client_count;
	bool is_past;                           /* of an earlier generation: freed with its last client */
	struct sp_list link;                    /* in proxy->past_listenings when it is */
	struct sp_serve *of;                    /* one hold on the generation */
	size_t handshake_count;                 /* in flight */
	struct sp_challenges *challenges;       /* owned; NULL: none were handed down */
	const struct sp_serve_listener *serve;  /* borrowed from the generation */
	struct sp_deadline_list *ages[SP_AGES]; /* likewise; connection_max_age, spread; NULL: none */
	struct sp_deadline_list *handshake, *header, *idle, *pace, *linger, *slim;      /* borrowed from the loop; idle: NULL = none */
};

#endif
