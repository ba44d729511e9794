/*
 * fuzz_bans - a journal of bans: whatever it says, and what it makes is bounded and comes back the same when it is written and
 * read again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../src/role/monitor/bans.h"
#include "sp/base/check.h"
#include "sp/base/clock.h"

#define NOW_US 1000000000ULL
#define WALL_MS 1700000000000ULL

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sp_bans *bans;

static size_t count_all(struct sp_bans *of)
{
	struct sp_ban ban;
	uint64_t until;
	size_t at = 0, n = 0;

	while (sp_bans_next(of, &at, NOW_US / 1000, &ban, &until)) {
		SP_ASSERT(strlen(ban.by) < SP_BAN_BY && until - NOW_US / 1000 <= SP_BAN_MOST_MS);
		n++;
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sp_ban_keeper k = { .journal_fd = -1 };
	char *text = malloc(size + 1); /* exactly its bytes */

	if (bans == NULL)
		bans = calloc(1, sizeof(*bans));
	SP_ASSERT(bans != NULL && text != NULL);
	sp_clock_set(NOW_US, WALL_MS);
	k.bans = bans;
	memcpy(text, data, size);
	sp_ban_replay(&k, sp_str_of(text, size));
	if (atomic_load(&bans->in_force) > 0) {
		SP_ASSERT(count_all(bans) <= size / 8 + 1); /* "ban ::1 …" */
		memset(bans, 0, sizeof(*bans));
	}
	free(text);
	return 0;
}
