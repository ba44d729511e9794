/*
 * answer_bans - ban, unban and bans.
 */
#include "answer.h"
#include "bans.h"
#include "report.h"
#include "sp/base/clock.h"

static const char *find_address(const struct sp_asking *asking, struct sp_addr *addr)
{
	const struct sp_json_member *address = sp_json_find(asking->request, "address");

	if (address == NULL || address->is_number || !sp_addr_parse_ip(address->text, addr))
		return "address has to be an IPv4 or IPv6 address";
	return NULL;
}

const char *sp_answer_ban(struct sp_asking *asking)
{
	const struct sp_json_member *seconds = sp_json_find(asking->request, "seconds");
	const struct sp_json_member *reason = sp_json_find(asking->request, "reason");
	struct sp_addr addr;
	const char *why = find_address(asking, &addr);

	if (why != NULL)
		return why;
	if (seconds == NULL || !seconds->is_number || seconds->number == 0 || seconds->number > SP_BAN_MOST_MS / 1000)
		return "seconds has to be a number, at most a year's";
	return sp_ban_put(asking->bans, &addr, seconds->number * 1000,
			  reason != NULL && !reason->is_number && reason->text.n > 0 ? reason->text : SP_STR("operator"));
}

const char *sp_answer_unban(struct sp_asking *asking)
{
	struct sp_addr addr;
	const char *why = find_address(asking, &addr);

	return why != NULL ? why : sp_ban_lift(asking->bans, &addr);
}

static void put_bans(const struct sp_asking *asking, struct sp_report *report)
{
	const struct sp_ban_keeper *k = asking->bans;
	char text[SP_ADDR_TEXT];
	struct sp_ban ban;
	uint64_t until;

	sp_report_table(report, "bans");
	for (size_t at = 0; k->bans != NULL && sp_bans_next(k->bans, &at, sp_now_ms(), &ban, &until);) {
		sp_report_row(report);
		sp_report_text(report, "address", sp_str(sp_addr_ip_text(&ban.addr, text)));
		sp_report_wall(report, "until", sp_wall_ms() + (until - sp_now_ms()));
		sp_report_seconds(report, "left_s", (until - sp_now_ms()) / 1000);
		sp_report_count(report, "times", ban.count);
		sp_report_text(report, "by", sp_str(ban.by));
	}
}

const char *sp_answer_bans(struct sp_asking *asking)
{
	return sp_answer_report(asking, put_bans);
}
