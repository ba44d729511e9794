/*
 * blocks - what lies in which part: a new block is one row here. A change of a block's size or order is another
 * layout; the header of the board shows it.
 */
#include "sp/board/addrs.h"
#include "sp/board/backends.h"
#include "sp/board/bans.h"
#include "sp/board/board.h"
#include "sp/board/counters.h"
#include "sp/board/limits.h"
#include "sp/board/metrics.h"
#include "sp/board/names.h"
#include "sp/board/processes.h"
#include "sp/board/recent.h"

#define BLOCK(text, where, type)                                                                                       \
	{                                                                                                              \
		.name = (text), .part = (where), .size = sizeof(type), .align = 64                                     \
	}

const struct sp_board_row sp_board_blocks[SP_BLOCK_COUNT] = {
	[SP_BLOCK_BANKS] = BLOCK("banks", SP_PART_NAMES, struct sp_board_banks),
	[SP_BLOCK_NAMES] = BLOCK("names", SP_PART_NAMES, struct sp_names),
	[SP_BLOCK_PROCESSES] = BLOCK("processes", SP_PART_NAMES, struct sp_processes),
	[SP_BLOCK_BACKENDS] = BLOCK("backends", SP_PART_STATES, struct sp_backends),
	[SP_BLOCK_BANS] = BLOCK("bans", SP_PART_STATES, struct sp_bans),
	[SP_BLOCK_LIMITS] = BLOCK("limits", SP_PART_LIMITS, struct sp_limits),
	[SP_BLOCK_COUNTERS] = BLOCK("counters", SP_PART_WORKER, struct sp_counters),
	[SP_BLOCK_ADDRS] = BLOCK("addrs", SP_PART_WORKER, struct sp_addrs),
	[SP_BLOCK_BAN_ASKS] = BLOCK("ban_asks", SP_PART_WORKER, struct sp_ban_asks),
	[SP_BLOCK_METRICS_PAST] = BLOCK("metrics_past", SP_PART_NAMES, struct sp_metrics),
	[SP_BLOCK_METRICS_MONITOR] = BLOCK("metrics_monitor", SP_PART_STATES, struct sp_metrics),
	[SP_BLOCK_METRICS] = BLOCK("metrics", SP_PART_WORKER, struct sp_metrics),
	[SP_BLOCK_RECENT] = BLOCK("recent", SP_PART_WORKER, struct sp_recent),
};
