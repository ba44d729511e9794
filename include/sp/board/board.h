/*
 * board - memory that the processes share, made by the master before the first fork.
 *
 * It consists of parts, each a sealed memfd of its own; a process maps each with the right of its role and no other:
 *
 *   part      written by   read by
 *   names     master       all      config name -> slot, so that numbers keep their place over a reload; what workers
 *                                   counted who are gone; what the kernel says of each process
 *   states    monitor      all      what holds for everybody: states of backends, bans; what the monitor counts
 *   limits    workers      all      how much of its rate each client has used
 *   worker i  worker i     all      counters; the master zeroes them when worker i died, behind
 *                                   adding its metrics to those of all that are gone
 *
 * The keeper and the logger map none. A part holds blocks: one row each in src/board/blocks.c. A block works on raw
 * memory of its size, has no pointer in it, starts as zeros, and its readers take any content: a compromised process
 * may have written it.
 *
 * There is a bank of worker parts for each of SP_BOARD_BANKS programs: when a new one is executed in place its workers
 * take the next bank, while those of the program before finish in theirs; all of them see and sum all banks that are
 * used. A worker is called by its number in the own program's bank; the numbers behind, below sp_board_workers, are the
 * other banks'.
 */
#ifndef SP_BOARD_BOARD_H
#define SP_BOARD_BOARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sp/base/err.h"
#include "sp/base/str.h"
#include "sp/board/names.h"

enum {
	SP_BOARD_WORKERS_MAX = 256,
	SP_BOARD_BANKS = 4,
	SP_BOARD_PARTS_MAX = SP_BOARD_BANKS * SP_BOARD_WORKERS_MAX,
	SP_BOARD_FDS_MAX = 3 + SP_BOARD_PARTS_MAX,
};

enum sp_board_part { SP_PART_NAMES, SP_PART_STATES, SP_PART_LIMITS, SP_PART_WORKER, SP_PART_COUNT };

enum sp_board_block { SP_BLOCK_BANKS, SP_BLOCK_NAMES, SP_BLOCK_PROCESSES, SP_BLOCK_BACKENDS, SP_BLOCK_BANS, SP_BLOCK_LIMITS, SP_BLOCK_COUNTERS, SP_BLOCK_ADDRS, SP_BLOCK_BAN_ASKS,
                      SP_BLOCK_METRICS_PAST, SP_BLOCK_METRICS_MONITOR, SP_BLOCK_METRICS, SP_BLOCK_RECENT, SP_BLOCK_COUNT };

struct sp_board_banks {
	_Atomic uint32_t used;  /* SP_BIT(bank); the master's: in the others nobody lives, and reading them would make memory of them */
};

struct sp_board_row {
	const char *name;
	enum sp_board_part part;
	size_t size;            /* bytes */
	size_t align;           /* a power of two, at most a page */
};

extern const struct sp_board_row sp_board_blocks[SP_BLOCK_COUNT];

struct sp_board;

/* --- the master's --- */

/* workers: 1..SP_BOARD_WORKERS_MAX. NULL, with *err set, on failure. */
SP_MUST_USE struct sp_board *sp_board_new(size_t workers, struct sp_err *err);
void sp_board_free(struct sp_board *board);             /* unmaps and closes here; NULL is fine */

/* The descriptors to hand to a program that is executed in place: fds has room for SP_BOARD_FDS_MAX. They stay the
 * board's (close-on-exec). Returns their number. */
size_t sp_board_fds(const struct sp_board *board, int *fds);

/* Takes a board over from sp_board_fds of another program; bank: the own one, in which nobody may live any more.
 * Refused when its layout, sizes or seals are not what this program makes; the descriptors stay the caller's then, and
 * are the board's otherwise. The names that stand there keep their slots until sp_board_forget_names. */
SP_MUST_USE struct sp_board *sp_board_adopt(const int *fds, size_t n, size_t workers, unsigned bank, struct sp_err *err);
void sp_board_forget_names(struct sp_board *board);     /* those of an adopted board that no edition here has */
unsigned sp_board_bank(const struct sp_board *board);
/* Banks in which workers of programs before still count: SP_BIT of each; all others but the own one are left out. */
void sp_board_use_banks(struct sp_board *board, uint32_t banks);

/* A worker's part (0-based) by a number that is the same in every program; the other way round, it is zeroed. */
size_t sp_board_part_of(const struct sp_board *board, size_t worker);
void sp_board_part_died(struct sp_board *board, size_t part);   /* one that is none is ignored */

/* Finds or takes the slot of a name (of: the pool of a backend, otherwise empty) and counts a use of it by the
 * configuration that is being added. False: the kind is full. drop takes the use back; sweep frees what has none. */
SP_MUST_USE bool sp_board_name(struct sp_board *board, enum sp_name_kind kind, struct sp_str of, struct sp_str name,
                               uint32_t *slot, struct sp_err *err);
void sp_board_name_drop(struct sp_board *board, enum sp_name_kind kind, uint32_t slot);
void sp_board_names_sweep(struct sp_board *board);

void sp_board_worker_died(struct sp_board *board, size_t worker);       /* keeps its metrics, zeroes its part */

/* --- a child's, once, right after the fork --- */

enum sp_board_role { SP_BOARD_NONE, SP_BOARD_READER, SP_BOARD_MONITOR, SP_BOARD_WORKER };

/* Drops all inherited mappings, maps what the role may, closes the descriptors. worker: 0-based, of a worker only.
 * After a failure nothing is mapped. */
SP_MUST_USE bool sp_board_enter(struct sp_board *board, enum sp_board_role role, size_t worker, struct sp_err *err);

/* --- all --- */

size_t sp_board_workers(const struct sp_board *board);  /* parts of workers, in all used banks: what a sum runs over */

/* A block's memory, NULL when this process does not map it. worker: for blocks of SP_PART_WORKER, otherwise 0. */
const void *sp_board_read(const struct sp_board *board, enum sp_board_block block, size_t worker);
/* The same to write; NULL when this process may only read it. */
void *sp_board_write(struct sp_board *board, enum sp_board_block block, size_t worker);

/* False: no such name, or this process does not map the names. */
SP_MUST_USE bool sp_board_slot(const struct sp_board *board, enum sp_name_kind kind, struct sp_str of, struct sp_str name,
                               uint32_t *slot);

#endif
