/*
 * hop - what ends at a hop and what we add to it (RFC 9110 7.6).
 */
#ifndef SP_HTTP_HOP_H
#define SP_HTTP_HOP_H

#include "sp/base/addr.h"
#include "sp/base/arena.h"
#include "sp/http/head.h"

struct sp_hop {                         /* what a forwarded request is told about its way here */
	struct sp_str client_ip;        /* text of the client's address */
	struct sp_str peer_ip;          /* of the trusted peer: what is appended; empty = client_ip */
	bool is_peer_trusted;           /* append to X-Forwarded-For instead of setting it */
	bool is_tls;
	uint16_t port;                  /* of the listener */
	struct sp_str request_id;
	bool is_upgrade_kept;           /* a WebSocket route: Connection: upgrade and Upgrade go on */
};

/* Drops Connection and every field it names, Keep-Alive, Proxy-Connection, Proxy-*, TE, Trailer, Upgrade,
 * HTTP2-Settings, Proxy, Expect; removes forwarding fields of untrusted peers; sets X-Forwarded-For, -Proto, -Host,
 * -Port, X-Request-Id, Via. All in the arena. false: no memory. */
SP_MUST_USE bool sp_hop_request(struct sp_head *head, struct sp_arena *arena, const struct sp_hop *hop);
/* Drops the hop-by-hop fields of an answer and Server; adds Via and, where missing, Date. */
SP_MUST_USE bool sp_hop_response(struct sp_head *head, struct sp_arena *arena, bool is_upgrade_kept);

#endif
