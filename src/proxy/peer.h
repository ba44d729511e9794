/*
 * peer - who the client is, and whose word counts for it (spec 4.4).
 */
#ifndef SP_PROXY_PEER_H
#define SP_PROXY_PEER_H

#include <stdbool.h>

#include "sp/base/addr.h"
#include "sp/conf/conf.h"
#include "sp/http/head.h"

bool sp_peer_is_trusted(const struct sp_conf_cidrs *trusted, const struct sp_addr *addr);
/* The peer; behind a trusted one, X-Forwarded-For walked from the right over `trusted` to the first address that is
 * not. What is no address ends the walk: what stands to the left of it is nobody's word. */
struct sp_addr sp_peer_client(const struct sp_conf_cidrs *trusted, const struct sp_addr *peer, const struct sp_head *head);

#endif
