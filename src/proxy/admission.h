/*
 * admission - whether a client address is let in, as counted over all workers.
 *
 * The worker's own share of the counts is written here; the others' are read. Unix peers have no address: they pass.
 */
#ifndef SP_PROXY_ADMISSION_H
#define SP_PROXY_ADMISSION_H

#include "sp/board/addrs.h"
#include "sp/board/bans.h"
#include "sp/board/board.h"
#include "sp/policy/admit.h"
#include "sp/proxy/proxy.h"

#include "listening.h"
#include "notice.h"

struct sp_admission {
	const struct sp_board *board;           /* borrowed */
	struct sp_addrs *own;                   /* borrowed: our part of it; NULL: nothing is counted */
	const struct sp_bans *bans;             /* borrowed, as it */
	bool is_per_addr;                       /* the peer's address, or its PROXY header, is the client's */
	struct sp_notices *notices;             /* borrowed */
};

void sp_admission_init(struct sp_admission *a, const struct sp_proxy_env *env, struct sp_notices *notices);
void sp_admission_follow(struct sp_admission *a, const struct sp_conf *conf);  /* what is served from now on */

/* Asks, and notes a refusal. is_believed: a trusted peer that has not named its client: its own address has no cap. */
SP_MUST_USE bool sp_admission_ask(struct sp_admission *a, const struct sp_listening *listening, const struct sp_addr *addr,
                                  bool is_believed);
/* Counts a connection of that address until sp_admission_left; 0: it could not be counted, or has no cap. */
uint64_t sp_admission_came(struct sp_admission *a, const struct sp_listening *listening, const struct sp_addr *addr);
void sp_admission_left(struct sp_admission *a, uint64_t hash);          /* 0 is fine, as below */
void sp_admission_shook(struct sp_admission *a, uint64_t hash);         /* begins a TLS handshake */

#endif
