/*
 * ban, unban, bans - who is refused, as the running gateway's monitor keeps it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "admin_client.h"
#include "command.h"
#include "sp/base/addr.h"
#include "sp/base/buf.h"
#include "sp/base/json.h"
#include "sp/conf/units.h"

enum { SECOND_MS = 1000 };

static int usage(const char *command, const char *why)
{
	fprintf(stderr, "sallyport %s: %s\n", command, why);
	return SP_EXIT_USAGE;
}

static bool is_address(const char *text)
{
	struct sp_addr addr;

	return text != NULL && sp_addr_parse_ip(sp_str(text), &addr);
}

/* Consumes the buffer. */
static int ask(const struct sp_args *args, const char *command, struct sp_buf *request)
{
	struct sp_admin_answer answer;
	bool is_done;

	sp_buf_put(request, sp_str_of("\0", 1));
	is_done = sp_admin_ask(args, command, sp_buf_str(request).p, false, &answer) && answer.is_done;
	sp_buf_fini(request);
	return is_done ? SP_EXIT_OK : SP_EXIT_FAILED;
}

int sp_command_ban(const struct sp_args *args)
{
	struct sp_buf request;
	const char *why;
	uint64_t ms = 0;

	if (!is_address(args->words[0]))
		return usage("ban", "whom? An IPv4 or IPv6 address, then for how long, as 1h");
	if (args->words[1] != NULL && !sp_units_duration(sp_str(args->words[1]), &ms, &why))
		return usage("ban", why);
	if (ms < SECOND_MS)
		return usage("ban", "for how long? A second or more, as 1h");
	sp_buf_init(&request);
	sp_buf_printf(&request, "{\"command\":\"ban\",\"address\":\"%s\",\"seconds\":%llu", args->words[0],
		      (unsigned long long)(ms / SECOND_MS));
	if (args->words[2] != NULL) {
		sp_buf_put(&request, SP_STR(",\"reason\":"));
		sp_json_put(&request, sp_str(args->words[2]));
	}
	sp_buf_put(&request, SP_STR("}"));
	return ask(args, "ban", &request);
}

int sp_command_unban(const struct sp_args *args)
{
	struct sp_buf request;

	if (!is_address(args->words[0]) || args->words[1] != NULL)
		return usage("unban", "whom? One IPv4 or IPv6 address");
	sp_buf_init(&request);
	sp_buf_printf(&request, "{\"command\":\"unban\",\"address\":\"%s\"}", args->words[0]);
	return ask(args, "unban", &request);
}

int sp_command_bans(const struct sp_args *args)
{
	const char *request = args->is_json ? "{\"command\":\"bans\"}" : "{\"command\":\"bans\",\"format\":\"text\"}";
	struct sp_admin_answer answer;

	return sp_admin_ask(args, "bans", request, args->is_json, &answer) && answer.is_done ? SP_EXIT_OK : SP_EXIT_FAILED;
}
