/*
 * watched - the backends as the monitor sees them: what operators, checks and
 * name servers say of each, and what follows for everybody (a row on the board,
 * board/backends.h).
 *
 * What stands on the board when a monitor begins is taken over: states outlive
 * reloads and the monitor itself.
 */
#ifndef SP_ROLE_MONITOR_WATCHED_H
#define SP_ROLE_MONITOR_WATCHED_H

#include <stdbool.h>
#include <stdint.h>

#include "sp/base/addr.h"
#include "sp/base/egress.h"
#include "sp/board/backends.h"
#include "sp/board/board.h"
#include "sp/board/metrics.h"
#include "sp/conf/conf.h"

struct sp_watched_addr {
	struct sp_addr addr; /* with the backend's port */
	bool is_up; /* by its checks; without any always */
	bool is_known; /* a check has decided, or it is taken over */
	uint64_t good, bad; /* checks in a row */
	char last[SP_BACKEND_WHY]; /* "ok", or what the last one found; empty: none yet */
	uint64_t last_ms; /* sp_now_ms() of that */
	uint64_t next_ms; /* of the next check */
	bool is_probed; /* one is under way */
};

struct sp_watched {
	const struct sp_conf_pool *pool; /* borrowed, as the next */
	const struct sp_conf_backend *backend;
	bool has_slot, has_row;
	bool is_decided; /* a check or a name server has spoken, or it is taken over */
	uint32_t slot;
	bool is_drained; /* by an operator */
	int32_t weight; /* of an operator; -1: the configuration's */
	enum sp_backend_is is;
	char why[SP_BACKEND_WHY];
	uint64_t since_ms;
	struct sp_watched_addr *addrs; /* owned: one, or of a name up to SP_BACKEND_ADDRS */
	uint32_t addr_count;
};

struct sp_watch_list {
	struct sp_board *board; /* borrowed; NULL: none */
	struct sp_metrics *metrics; /* borrowed: the monitor's part of the board; NULL: none */
	struct sp_watched *items; /* owned; by the index of the backend */
	size_t count;
	bool is_begun;
};

/* false: no memory. conf and board are borrowed. */
SP_MUST_USE bool sp_watch_list_init(struct sp_watch_list *list, const struct sp_conf *conf, struct sp_board *board);
void sp_watch_list_fini(struct sp_watch_list *list);
/* This process is the writer from now on: takes over what stands there, and writes the first rows. Once; later calls do
 * nothing. */
void sp_watch_list_begin(struct sp_watch_list *list);

/* Something of it has changed: judged anew, told in the log, written on the board. */
void sp_watched_publish(struct sp_watch_list *list, struct sp_watched *w);
void sp_watched_count_check(struct sp_watch_list *list, const struct sp_watched *w, bool is_good);
void sp_watched_count_refused(struct sp_watch_list *list, enum sp_egress_verdict why); /* an address of a name's answer */
struct sp_watched_addr *sp_watched_find_addr(struct sp_watched *w, const struct sp_addr *addr); /* NULL: it is gone */
/* The addresses of a name: those that were there keep their state. Returns whether they are others than before. */
bool sp_watched_set_addrs(struct sp_watched *w, const struct sp_addr *addrs, uint32_t count);

#endif
