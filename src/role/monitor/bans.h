/*
 * bans - the monitor's side of bans: it hears what workers and operators ask for, writes the board, and keeps a journal
 * from which they come back after a restart.
 *
 * A worker may have been taken over: it can only name an address and a limit that has a ban, and gets what the configuration
 * says of that limit. Who is trusted is never banned.
 */
#ifndef SP_ROLE_MONITOR_BANS_H
#define SP_ROLE_MONITOR_BANS_H

#include "sp/board/bans.h"
#include "sp/board/board.h"
#include "sp/board/metrics.h"
#include "sp/conf/conf.h"
#include "sp/net/deadline.h"
#include "sp/net/loop.h"

struct sp_ban_keeper {
	struct sp_loop *loop;           /* borrowed, as the next three */
	const struct sp_conf *conf;
	const struct sp_board *board;
	struct sp_bans *bans;           /* NULL: there is no board */
	struct sp_metrics *metrics;     /* what we count; NULL as well */
	int journal_fd;                 /* where lines go: a pipe to the logger that never waits; -1: none */
	uint64_t lost;                  /* lines that found no room in it */
	bool is_writing_all;            /* every ban goes to the journal once more, … */
	size_t written;                 /* … this one next */
	uint64_t recount_ms;
	struct sp_deadline tick;
	uint32_t seen[SP_BOARD_PARTS_MAX];      /* asks of each worker's part */
};

/* old: what a program before left in the journal, read here; -1: nothing. False: no memory. */
SP_MUST_USE bool sp_ban_keeper_start(struct sp_ban_keeper *k, struct sp_loop *loop, const struct sp_conf *conf,
				     struct sp_board *board, const int *old, size_t old_count, int journal_fd);
void sp_ban_keeper_stop(struct sp_ban_keeper *k);

/* By an operator: so long from now. NULL: done; else why not. */
const char *sp_ban_put(struct sp_ban_keeper *k, const struct sp_addr *addr, uint64_t ms, struct sp_str by);
const char *sp_ban_lift(struct sp_ban_keeper *k, const struct sp_addr *addr);

/* For tests and fuzzers: what a journal says; lines that make no sense are passed over. */
void sp_ban_replay(struct sp_ban_keeper *k, struct sp_str text);

#endif
