/*
 * status - the running gateway, as its monitor tells.
 */
#include "admin_client.h"
#include "command.h"

int sp_command_status(const struct sp_args *args)
{
	const char *request = args->is_json ? "{\"command\":\"status\"}"
					    : "{\"command\":\"status\",\"format\":\"text\"}";
	struct sp_admin_answer answer;

	return sp_admin_ask(args, "status", request, args->is_json, &answer) && answer.is_done ? SP_EXIT_OK
											       : SP_EXIT_FAILED;
}
