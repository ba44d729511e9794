#include "sp/board/board.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sp/board/metrics.h"

#define MAGIC 0x73707264 /* "sprd" */
#define LAYOUT 9 /* another number whenever the meaning of a block changes */
#define PAGE 4096U
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* In front of every part. Written once by who made it, compared as a whole by who adopts it. */
struct header {
	uint32_t magic, layout;
	uint32_t part, index, workers;
	uint32_t reserved;
	uint64_t sizes[SP_BLOCK_COUNT];
};

struct part {
	enum sp_board_part is;
	int fd, read_fd; /* owned: the same memory to write and to read; -1 in a child */
	size_t bytes;
	void *mem; /* owned mapping, or NULL */
	bool may_write;
};

struct sp_board {
	size_t workers; /* of one bank */
	size_t first; /* number of the own bank's first worker part */
	size_t part_count;
	size_t at[SP_BLOCK_COUNT]; /* where each block begins in its part */
	struct part parts[SP_BOARD_FDS_MAX]; /* names, states, bank 0: worker 0.., bank 1 .. */
	struct sp_name_uses uses; /* the master's */
	bool is_held[SP_NAMES_MAX]; /* the master's: names that stood on a board when it was adopted */
};

static size_t aligned(size_t n, size_t align)
{
	return (n + align - 1) & ~(align - 1);
}

/* Where a block begins in its part; with SP_BLOCK_COUNT, how long the part is. */
static size_t offset_of(enum sp_board_part part, enum sp_board_block block)
{
	size_t at = sizeof(struct header);

	for (size_t i = 0; i < SP_BLOCK_COUNT; i++) {
		if (sp_board_blocks[i].part != part)
			continue;
		at = aligned(at, sp_board_blocks[i].align);
		if (i == block)
			return at;
		at += sp_board_blocks[i].size;
	}
	return aligned(at, PAGE);
}

static struct header header_of(const struct sp_board *board, size_t index)
{
	struct header header = { .magic = MAGIC,
				 .layout = LAYOUT,
				 .part = board->parts[index].is,
				 .index = (uint32_t)index,
				 .workers = (uint32_t)board->workers };

	for (size_t i = 0; i < SP_BLOCK_COUNT; i++)
		header.sizes[i] = sp_board_blocks[i].size;
	return header;
}

static struct sp_board *empty_board(size_t workers, struct sp_err *err)
{
	struct sp_board *board;

	if (workers == 0 || workers > SP_BOARD_WORKERS_MAX) {
		sp_err_set(err, "the board is for 1 to %d workers", SP_BOARD_WORKERS_MAX);
		return NULL;
	}
	board = calloc(1, sizeof(*board));
	if (board == NULL) {
		sp_err_set(err, "no memory for the board");
		return NULL;
	}
	board->workers = workers;
	board->part_count = SP_PART_WORKER + SP_BOARD_BANKS * workers;
	for (size_t i = 0; i < SP_BLOCK_COUNT; i++)
		board->at[i] = offset_of(sp_board_blocks[i].part, (enum sp_board_block)i);
	for (size_t i = 0; i < board->part_count; i++) {
		struct part *part = &board->parts[i];

		part->is = i < SP_PART_WORKER ? (enum sp_board_part)i : SP_PART_WORKER;
		part->bytes = offset_of(part->is, SP_BLOCK_COUNT);
		part->fd = part->read_fd = -1;
	}
	return board;
}

static bool map_part(struct part *part, bool may_write, struct sp_err *err)
{
	void *mem = mmap(NULL, part->bytes, may_write ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED,
			 may_write ? part->fd : part->read_fd, 0);

	if (mem == MAP_FAILED) {
		sp_err_set(err, "cannot map the board: %s", strerror(errno));
		return false;
	}
	part->mem = mem;
	part->may_write = may_write;
	return true;
}

/* A descriptor that was opened to read gives mappings that mprotect cannot make writable. */
static bool reopen(struct part *part, struct sp_err *err)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", part->fd);
	part->read_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (part->read_fd < 0)
		sp_err_set(err, "cannot open the board to read: %s", strerror(errno));
	return part->read_fd >= 0;
}

static bool make_part(struct part *part, struct sp_err *err)
{
	part->fd = memfd_create("board", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (part->fd < 0 || ftruncate(part->fd, (off_t)part->bytes) != 0 || fcntl(part->fd, F_ADD_SEALS, SEALS) != 0)
		return sp_err_set(err, "cannot make the board: %s", strerror(errno));
	return reopen(part, err) && map_part(part, true, err);
}

struct sp_board *sp_board_new(size_t workers, struct sp_err *err)
{
	struct sp_board *board = empty_board(workers, err);

	for (size_t i = 0; board != NULL && i < board->part_count; i++) {
		struct header header = header_of(board, i);

		if (!make_part(&board->parts[i], err)) {
			sp_board_free(board);
			return NULL;
		}
		memcpy(board->parts[i].mem, &header, sizeof(header));
	}
	if (board != NULL)
		sp_board_use_banks(board, 0);
	return board;
}

static void unmap_all(struct sp_board *board)
{
	for (size_t i = 0; i < board->part_count; i++) {
		if (board->parts[i].mem != NULL)
			munmap(board->parts[i].mem, board->parts[i].bytes);
		board->parts[i].mem = NULL;
		board->parts[i].may_write = false;
	}
}

static void close_all(struct sp_board *board)
{
	for (size_t i = 0; i < board->part_count; i++) {
		if (board->parts[i].fd >= 0)
			close(board->parts[i].fd);
		if (board->parts[i].read_fd >= 0)
			close(board->parts[i].read_fd);
		board->parts[i].fd = board->parts[i].read_fd = -1;
	}
}

void sp_board_free(struct sp_board *board)
{
	if (board == NULL)
		return;
	unmap_all(board);
	close_all(board);
	free(board);
}

size_t sp_board_fds(const struct sp_board *board, int *fds)
{
	for (size_t i = 0; i < board->part_count; i++)
		fds[i] = board->parts[i].fd;
	return board->part_count;
}

static bool adopt_part(struct sp_board *board, size_t index, struct sp_err *err)
{
	struct part *part = &board->parts[index];
	const struct header want = header_of(board, index);
	struct stat st;

	if (fstat(part->fd, &st) != 0 || (size_t)st.st_size != part->bytes || fcntl(part->fd, F_GET_SEALS) != SEALS)
		return sp_err_set(err, "the board that was handed over has another size or no seals");
	if (!reopen(part, err) || !map_part(part, true, err))
		return false;
	if (part->is !=
	    SP_PART_NAMES) /* others could write there; the names, which come first, have shown the layout */
		memcpy(part->mem, &want, sizeof(want));
	return memcmp(part->mem, &want, sizeof(want)) == 0 ||
	       sp_err_set(err, "the board that was handed over has another layout");
}

/* Given back rather than written where that is possible: a part is large, and little of it is ever touched. */
static void zero_part(struct part *part)
{
	SP_ASSERT(part->mem != NULL && part->may_write);
	memset((char *)part->mem + sizeof(struct header), 0, PAGE - sizeof(struct header));
	if (part->bytes > PAGE && fallocate(part->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE,
					    (off_t)(part->bytes - PAGE)) != 0)
		memset((char *)part->mem + PAGE, 0, part->bytes - PAGE);
}

/* Of a worker that is gone: what it counted is kept. Who sums meanwhile does so again. */
static void clear_worker(struct sp_board *board, struct part *part)
{
	struct sp_metrics *past = sp_board_write(board, SP_BLOCK_METRICS_PAST, 0);
	uint32_t folds = atomic_load_explicit(&past->folds, memory_order_relaxed) & ~1U;

	atomic_store_explicit(&past->folds, folds + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	sp_metrics_fold(past, (const void *)((const char *)part->mem + board->at[SP_BLOCK_METRICS]), false);
	zero_part(part);
	atomic_store_explicit(&past->folds, folds + 2, memory_order_release);
}

void sp_board_use_banks(struct sp_board *board, uint32_t banks)
{
	struct sp_board_banks *all = sp_board_write(board, SP_BLOCK_BANKS, 0);

	SP_ASSERT(all != NULL);
	atomic_store_explicit(&all->used, banks | SP_BIT(sp_board_bank(board)), memory_order_relaxed);
}

static void hold_names(struct sp_board *board)
{
	const struct sp_names *names = sp_board_read(board, SP_BLOCK_NAMES, 0);

	for (size_t i = 0; i < SP_NAMES_MAX; i++) {
		board->is_held[i] = atomic_load_explicit(&names->keys[i], memory_order_relaxed) != 0;
		board->uses.of[i] += board->is_held[i] ? 1U : 0U;
	}
}

void sp_board_forget_names(struct sp_board *board)
{
	for (size_t i = 0; i < SP_NAMES_MAX; i++) {
		board->uses.of[i] -= board->is_held[i] ? 1U : 0U;
		board->is_held[i] = false;
	}
	sp_board_names_sweep(board);
}

struct sp_board *sp_board_adopt(const int *fds, size_t n, size_t workers, unsigned bank, struct sp_err *err)
{
	struct sp_board *board = empty_board(workers, err);
	const struct sp_board_banks *banks;

	if (board == NULL)
		return NULL;
	SP_ASSERT(bank < SP_BOARD_BANKS);
	board->first = bank * workers;
	if (n != board->part_count) {
		sp_err_set(err, "the board that was handed over is for another number of workers");
		goto fail;
	}
	for (size_t i = 0; i < n; i++) {
		board->parts[i].fd = fds[i];
		if (!adopt_part(board, i, err))
			goto fail;
	}
	for (size_t i = 0; i < workers; i++)
		clear_worker(board, &board->parts[SP_PART_WORKER + board->first + i]);
	banks = sp_board_read(board, SP_BLOCK_BANKS, 0);
	sp_board_use_banks(board, atomic_load_explicit(&banks->used, memory_order_relaxed));
	hold_names(board);
	return board;
fail:
	for (size_t i = 0; i < board->part_count; i++)
		board->parts[i].fd = -1; /* the caller's */
	sp_board_free(board);
	return NULL;
}

static uint32_t other_banks(const struct sp_board *board)
{
	const struct sp_board_banks *banks = sp_board_read(board, SP_BLOCK_BANKS, 0);
	const uint32_t used = banks == NULL ? 0 : atomic_load_explicit(&banks->used, memory_order_relaxed);

	return used & (SP_BIT(SP_BOARD_BANKS) - 1) & ~SP_BIT(sp_board_bank(board));
}

/* The own one, then the others that are used, then those that are not: these are empty, but there, so that it does not
 * matter when one is given up while somebody sums. */
static size_t bank_at(const struct sp_board *board, size_t n)
{
	const uint32_t used = other_banks(board);
	const size_t own = sp_board_bank(board);

	for (size_t k = 1; n > 0 && k < 2 * SP_BOARD_BANKS; k++) {
		const size_t bank = (own + k) % SP_BOARD_BANKS;

		if (bank != own && ((used & SP_BIT(bank)) != 0) == (k < SP_BOARD_BANKS) && --n == 0)
			return bank;
	}
	return own;
}

/* Of a worker by its number in the own program: see sp_board_workers. */
static size_t index_of(const struct sp_board *board, size_t worker)
{
	if (worker < board->workers) /* a request asks for these */
		return SP_PART_WORKER + board->first + worker;
	return SP_PART_WORKER + bank_at(board, worker / board->workers) * board->workers + worker % board->workers;
}

void sp_board_worker_died(struct sp_board *board, size_t worker)
{
	SP_ASSERT(worker < board->workers);
	sp_board_part_died(board, sp_board_part_of(board, worker));
}

size_t sp_board_part_of(const struct sp_board *board, size_t worker)
{
	return index_of(board, worker) - SP_PART_WORKER;
}

void sp_board_part_died(struct sp_board *board, size_t part)
{
	if (part >= board->part_count - SP_PART_WORKER)
		return;
	clear_worker(board, &board->parts[SP_PART_WORKER + part]);
}

unsigned sp_board_bank(const struct sp_board *board)
{
	return (unsigned)(board->first / board->workers);
}

static bool may_write(const struct sp_board *board, enum sp_board_role role, size_t worker, size_t index)
{
	return (role == SP_BOARD_MONITOR && index == SP_PART_STATES) ||
	       (role == SP_BOARD_WORKER && (index == SP_PART_LIMITS || index == index_of(board, worker)));
}

bool sp_board_enter(struct sp_board *board, enum sp_board_role role, size_t worker, struct sp_err *err)
{
	bool is_mapped = true;

	SP_ASSERT(role != SP_BOARD_WORKER || worker < board->workers);
	unmap_all(board);
	for (size_t i = 0; role != SP_BOARD_NONE && is_mapped && i < board->part_count; i++)
		is_mapped = map_part(&board->parts[i], may_write(board, role, worker, i), err);
	if (!is_mapped)
		unmap_all(board);
	close_all(board);
	return is_mapped;
}

size_t sp_board_workers(const struct sp_board *board)
{
	return board->workers * (1 + (size_t)__builtin_popcount(other_banks(board)));
}

static const struct part *part_of(const struct sp_board *board, enum sp_board_block block, size_t worker)
{
	const enum sp_board_part part = sp_board_blocks[block].part;

	SP_ASSERT(part == SP_PART_WORKER ? worker < SP_BOARD_BANKS * board->workers : worker == 0);
	return &board->parts[part == SP_PART_WORKER ? index_of(board, worker) : (size_t)part];
}

const void *sp_board_read(const struct sp_board *board, enum sp_board_block block, size_t worker)
{
	const struct part *part = part_of(board, block, worker);

	return part->mem == NULL ? NULL : (const char *)part->mem + board->at[block];
}

void *sp_board_write(struct sp_board *board, enum sp_board_block block, size_t worker)
{
	const struct part *part = part_of(board, block, worker);

	return !part->may_write ? NULL : (char *)part->mem + board->at[block];
}

bool sp_board_name(struct sp_board *board, enum sp_name_kind kind, struct sp_str of, struct sp_str name, uint32_t *slot,
		   struct sp_err *err)
{
	struct sp_names *names = sp_board_write(board, SP_BLOCK_NAMES, 0);

	SP_ASSERT(names != NULL);
	if (sp_names_add(names, &board->uses, kind, sp_name_key(kind, of, name), slot))
		return true;
	return sp_err_set(err, "no room on the board for '%.*s': too many names, with those of configurations in use",
			  SP_STR_ARG(name));
}

void sp_board_name_drop(struct sp_board *board, enum sp_name_kind kind, uint32_t slot)
{
	sp_names_drop(&board->uses, kind, slot);
}

void sp_board_names_sweep(struct sp_board *board)
{
	struct sp_names *names = sp_board_write(board, SP_BLOCK_NAMES, 0);

	SP_ASSERT(names != NULL);
	sp_names_sweep(names, &board->uses);
}

bool sp_board_slot(const struct sp_board *board, enum sp_name_kind kind, struct sp_str of, struct sp_str name,
		   uint32_t *slot)
{
	const struct sp_names *names = sp_board_read(board, SP_BLOCK_NAMES, 0);

	return names != NULL && sp_names_slot(names, kind, sp_name_key(kind, of, name), slot);
}
