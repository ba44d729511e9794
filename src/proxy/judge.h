/*
 * judge - the POLICY step: health paths, the listener's rules, the route, the
 * route's rules, and the head as the backend will be sent it (spec 4.3 to 4.6).
 */
#ifndef SP_PROXY_JUDGE_H
#define SP_PROXY_JUDGE_H

#include "exchange.h"

/* CONNECT: x->route, x->pool and x->host_out are set. ANSWER: x->why, x->answer_status say what. POLICY: a policy waits. */
enum sp_exchange_state sp_judge(struct sp_exchange *x);
/* The Host for the backend that was chosen (spec [pool] host). false: no memory. */
SP_MUST_USE bool sp_judge_host(struct sp_exchange *x);

#endif
