#include "bans.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sp/base/clock.h"
#include "sp/base/log.h"

enum {
	TICK_MS = 100,
	RECOUNT_MS = 5000,
	WRITE_AT_ONCE = 256, /* lines of a journal that is written anew: a pipe takes some thousand */
	JOURNAL_MOST = 8 << 20, /* of an old journal: its end counts */
};

/* ---- the journal: "ban ADDRESS UNTIL COUNT BY" with UNTIL in milliseconds since 1970, "unban ADDRESS" */

static bool write_line(struct sp_ban_keeper *k, const char *line, int n)
{
	if (k->journal_fd < 0)
		return true;
	if (n > 0 && write(k->journal_fd, line, (size_t)n) == n)
		return true;
	if (k->lost++ == 0)
		sp_warn("ban_journal_full", SP_KV_TEXT("lost", "a line; the ban holds, a restart may not know it"));
	return false;
}

static bool note_ban(struct sp_ban_keeper *k, const struct sp_ban *ban, uint64_t until_ms)
{
	const uint64_t wall = sp_wall_ms() + (until_ms - sp_now_ms());
	char ip[SP_ADDR_TEXT], line[256];
	int n = snprintf(line, sizeof(line), "ban %s %llu %u %s\n", sp_addr_ip_text(&ban->addr, ip),
			 (unsigned long long)wall, ban->count, ban->by);

	return write_line(k, line, n);
}

static void note_unban(struct sp_ban_keeper *k, const struct sp_addr *addr)
{
	char ip[SP_ADDR_TEXT], line[256];
	int n = snprintf(line, sizeof(line), "unban %s\n", sp_addr_ip_text(addr, ip));

	(void)write_line(k, line, n);
}

static void replay_ban(struct sp_ban_keeper *k, const struct sp_addr *addr, struct sp_str rest)
{
	struct sp_str until_text, count_text;
	uint64_t until, count, now = sp_wall_ms();

	if (!sp_str_split(&rest, ' ', &until_text) || !sp_str_split(&rest, ' ', &count_text) ||
	    !sp_str_u64(until_text, UINT64_MAX, &until) || !sp_str_u64(count_text, UINT32_MAX, &count))
		return;
	if (until > now && until - now <= SP_BAN_MOST_MS)
		sp_bans_set(k->bans, addr, sp_now_ms() + (until - now), (uint32_t)count,
			    rest.p == NULL ? SP_STR("") : rest);
}

void sp_ban_replay(struct sp_ban_keeper *k, struct sp_str text)
{
	struct sp_str line, word, ip;
	struct sp_addr addr;

	while (text.n > 0 && sp_str_split(&text, '\n', &line)) {
		if (!sp_str_split(&line, ' ', &word) || !sp_str_split(&line, ' ', &ip) || !sp_addr_parse_ip(ip, &addr))
			continue;
		if (sp_str_eq(word, SP_STR("unban")))
			sp_bans_set(k->bans, &addr, 0, 0, SP_STR(""));
		else if (sp_str_eq(word, SP_STR("ban")))
			replay_ban(k, &addr, line);
	}
}

static void read_old(struct sp_ban_keeper *k, int fd)
{
	off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END), from = size > JOURNAL_MOST ? size - JOURNAL_MOST : 0;
	char *text = size > 0 ? malloc((size_t)(size - from)) : NULL;
	ssize_t n = text == NULL ? 0 : pread(fd, text, (size_t)(size - from), from);

	if (n > 0)
		sp_ban_replay(k, sp_str_of(text, (size_t)n));
	free(text);
}

/* After a start the journal says again what holds, so that what lies before may be thrown away. */
static void write_some(struct sp_ban_keeper *k)
{
	struct sp_ban ban;
	uint64_t until;

	for (unsigned i = 0; k->is_writing_all && i < WRITE_AT_ONCE; i++) {
		size_t at = k->written;

		k->is_writing_all = sp_bans_next(k->bans, &at, sp_now_ms(), &ban, &until);
		if (k->is_writing_all && !note_ban(k, &ban, until))
			return; /* the same one again, with the next tick */
		k->written = at;
	}
}

/* ---- bans */

static bool is_trusted(const struct sp_ban_keeper *k, const struct sp_addr *addr)
{
	for (size_t i = 0; i < k->conf->gateway.trusted.count; i++)
		if (sp_cidr_has(&k->conf->gateway.trusted.items[i], addr))
			return true;
	return false;
}

/* limit: its key among names, 0 for an operator. */
static void put(struct sp_ban_keeper *k, const struct sp_addr *addr, uint64_t ms, uint32_t count, struct sp_str by,
		uint64_t limit)
{
	const uint64_t until = sp_now_ms() + ms;
	struct sp_ban ban;
	uint64_t is;

	sp_bans_set(k->bans, addr, until, count, by);
	if (!sp_bans_find(k->bans, addr, &ban, &is))
		return;
	sp_metrics_add(sp_metrics_row(k->metrics, SP_METRICS_LIMIT, limit, 0), SP_LIMIT_BANS, 1);
	sp_warn("banned", SP_KV_ADDR("client", addr), SP_KV_TEXT("by", ban.by), SP_KV_U64("seconds", ms / 1000),
		SP_KV_U64("times", count));
	(void)note_ban(k, &ban, until);
}

const char *sp_ban_put(struct sp_ban_keeper *k, const struct sp_addr *addr, uint64_t ms, struct sp_str by)
{
	if (k->bans == NULL)
		return "there is no memory that the workers share";
	if (is_trusted(k, addr))
		return "it is trusted: with it everybody behind it would be banned";
	put(k, addr, ms, 1, by, 0);
	return NULL;
}

const char *sp_ban_lift(struct sp_ban_keeper *k, const struct sp_addr *addr)
{
	struct sp_ban ban;
	uint64_t until;

	if (k->bans == NULL || !sp_bans_find(k->bans, addr, &ban, &until) || until <= sp_now_ms())
		return "it is not banned";
	sp_bans_set(k->bans, addr, 0, 0, SP_STR(""));
	sp_info("ban_lifted", SP_KV_ADDR("client", addr), SP_KV_TEXT("by", ban.by));
	note_unban(k, addr);
	return NULL;
}

/* ---- what workers ask for */

static const struct sp_conf_limit *limit_of(const struct sp_ban_keeper *k, uint64_t hash)
{
	for (size_t i = 0; i < k->conf->limit_count; i++)
		if (k->conf->limits[i].ban > 0 && sp_bans_hash_name(k->conf->limits[i].section.name) == hash)
			return &k->conf->limits[i];
	return NULL;
}

/* Who comes again soon after has the double. */
static uint64_t length_of(const struct sp_conf_limit *limit, uint32_t count)
{
	uint64_t ms = limit->ban;

	for (uint32_t i = 1; i < count && ms < limit->ban_max; i++)
		ms *= 2;
	return limit->ban_max != 0 && ms > limit->ban_max ? limit->ban_max : ms;
}

static void judge(struct sp_ban_keeper *k, const struct sp_ban_ask *ask)
{
	const struct sp_conf_limit *limit = limit_of(k, ask->limit);
	uint64_t until = 0, now = sp_now_ms();
	struct sp_ban before = { .count = 0 };
	char by[SP_BAN_BY];

	if (limit == NULL || is_trusted(k, &ask->addr))
		return;
	if (sp_bans_find(k->bans, &ask->addr, &before, &until) && until > now)
		return;
	if (now - until > limit->ban_max)
		before.count = 0;
	(void)snprintf(by, sizeof(by), "limit:%.*s", SP_STR_ARG(limit->section.name));
	put(k, &ask->addr, length_of(limit, before.count + 1), before.count + 1, sp_str(by),
	    sp_name_key(SP_NAME_LIMIT, SP_STR(""), limit->section.name));
}

static void hear(struct sp_ban_keeper *k)
{
	for (size_t i = 0; i < sp_board_workers(k->board); i++) {
		const struct sp_ban_asks *asks = sp_board_read(k->board, SP_BLOCK_BAN_ASKS, i);
		struct sp_ban_ask ask;

		for (unsigned n = 0; n < SP_BAN_ASKS && sp_bans_asked(asks, &k->seen[i], &ask); n++)
			judge(k, &ask);
	}
}

static void on_tick(struct sp_deadline *deadline)
{
	struct sp_ban_keeper *k = SP_HOLDER(deadline, struct sp_ban_keeper, tick);

	hear(k);
	write_some(k);
	if (sp_now_ms() >= k->recount_ms) {
		sp_bans_recount(k->bans, sp_now_ms());
		k->recount_ms = sp_now_ms() + RECOUNT_MS;
	}
	sp_deadline_set(&k->tick, sp_loop_deadlines(k->loop, TICK_MS), on_tick);
}

/* ---- its life */

bool sp_ban_keeper_start(struct sp_ban_keeper *k, struct sp_loop *loop, const struct sp_conf *conf,
			 struct sp_board *board, const int *old, size_t old_count, int journal_fd)
{
	*k = (struct sp_ban_keeper){ .loop = loop, .conf = conf, .board = board, .journal_fd = journal_fd };
	sp_deadline_init(&k->tick);
	k->bans = board == NULL ? NULL : sp_board_write(board, SP_BLOCK_BANS, 0);
	k->metrics = board == NULL ? NULL : sp_board_write(board, SP_BLOCK_METRICS_MONITOR, 0);
	if (k->bans == NULL)
		return true; /* a monitor of the unit tests */
	if (atomic_load_explicit(&k->bans->is_loaded, memory_order_relaxed) == 0) {
		for (size_t i = 0; i < old_count; i++)
			read_old(k, old[i]);
		sp_bans_recount(k->bans, sp_now_ms());
		atomic_store_explicit(&k->bans->is_loaded, 1, memory_order_relaxed);
		k->is_writing_all = true;
	}
	/* What was asked of a monitor that is gone was heard, or is asked again. */
	for (size_t i = 0; i < sp_board_workers(board); i++) {
		const struct sp_ban_asks *asks = sp_board_read(board, SP_BLOCK_BAN_ASKS, i);

		k->seen[i] = atomic_load_explicit(&asks->count, memory_order_relaxed);
	}
	for (size_t i = 0; i < old_count; i++)
		if (old[i] >= 0)
			(void)close(old[i]);
	if (sp_loop_deadlines(loop, TICK_MS) == NULL)
		return false;
	sp_deadline_set(&k->tick, sp_loop_deadlines(loop, TICK_MS), on_tick);
	return true;
}

void sp_ban_keeper_stop(struct sp_ban_keeper *k)
{
	if (k->loop != NULL)
		sp_deadline_clear(&k->tick);
}
