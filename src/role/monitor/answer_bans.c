/*
 * answer_bans - ban, unban and bans.
 */
#include "answer.h"
#include "bans.h"
#include "status.h"

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
	sp_status_bans(asking->facts, report);
}

const char *sp_answer_bans(struct sp_asking *asking)
{
	return sp_answer_report(asking, put_bans);
}
