/*
 * top_table - what `top` shows, as tables of texts: what stands in two statuses, one a while after the other.
 */
#ifndef SP_CLI_TOP_TABLE_H
#define SP_CLI_TOP_TABLE_H

#include "top_status.h"

enum sp_top_style { SP_TOP_PLAIN, SP_TOP_GOOD, SP_TOP_ODD, SP_TOP_BAD, SP_TOP_DIM, SP_TOP_HEAD, SP_TOP_STYLES };

struct sp_top_pair { /* all borrowed */
	const struct sp_top_status *now, *before; /* before: NULL, there is none */
	struct sp_arena *arena; /* where all texts go */
};

struct sp_top_column {
	const char *title;
	bool is_right; /* a number */
	uint8_t rank; /* 0: is always there; else the highest goes first where the terminal is narrow */
};

struct sp_top_table {
	const struct sp_top_column *columns;
	size_t column_count, row_count, room;
	const char **cells; /* row after row */
	enum sp_top_style *styles; /* of each row */
	uint64_t *weights; /* of each row: the largest first, where they are not all shown */
	struct sp_arena *arena;
};

enum sp_top_kind { /* in the order on the screen */
		   SP_TOP_POOLS,
		   SP_TOP_LIMITS,
		   SP_TOP_BANS,
		   SP_TOP_ROUTES,
		   SP_TOP_LISTENERS,
		   SP_TOP_PROCESSES,
		   SP_TOP_ERRORS,
		   SP_TOP_TABLES
};

void sp_top_table(const struct sp_top_pair *pair, enum sp_top_kind kind, struct sp_top_table *table);

/* Between the two, in microseconds; 0: there is no before. */
uint64_t sp_top_between(const struct sp_top_pair *pair);

#endif
