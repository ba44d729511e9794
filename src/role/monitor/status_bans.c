#include "status.h"

#include "sp/base/addr.h"
#include "sp/base/clock.h"
#include "sp/board/bans.h"

void sp_status_bans(const struct sp_facts *facts, struct sp_report *report)
{
	const struct sp_bans *bans = facts->board == NULL ? NULL : sp_board_read(facts->board, SP_BLOCK_BANS, 0);
	char text[SP_ADDR_TEXT];
	struct sp_ban ban;
	uint64_t until;

	sp_report_table(report, "bans");
	for (size_t at = 0; bans != NULL && sp_bans_next(bans, &at, sp_now_ms(), &ban, &until);) {
		sp_report_row(report);
		sp_report_text(report, "address", sp_str(sp_addr_ip_text(&ban.addr, text)));
		sp_report_wall(report, "until", sp_wall_ms() + (until - sp_now_ms()));
		sp_report_seconds(report, "left_s", (until - sp_now_ms()) / 1000);
		sp_report_count(report, "times", ban.count);
		sp_report_text(report, "by", sp_str(ban.by));
		sp_report_action(report, "unban");
	}
}
