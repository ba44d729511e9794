/*
 * answer - an answer of our own: errors, redirects, fixed texts, health.
 */
#ifndef SP_PROXY_ANSWER_H
#define SP_PROXY_ANSWER_H

#include "exchange.h"

/* Fills x->response and the pipe towards the client, by x->why, x->answer_status and the route. false: no memory. */
SP_MUST_USE bool sp_answer_make(struct sp_exchange *x);

#endif
