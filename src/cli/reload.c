/*
 * reload, confirm - the running gateway takes its files anew; with --confirm
 * what it served before returns unless somebody confirms in time.
 */
#include <stdio.h>

#include "admin_client.h"
#include "command.h"

int sp_command_reload(const struct sp_args *args)
{
	struct sp_admin_answer answer;
	char request[80];

	if (args->confirm_ms == 0)
		(void)snprintf(request, sizeof(request), "{\"command\":\"reload\"}");
	else
		(void)snprintf(request, sizeof(request), "{\"command\":\"reload\",\"confirm_s\":%llu}",
			       (unsigned long long)(args->confirm_ms / 1000));
	if (!sp_admin_ask(args, "reload", request, false, &answer) || !answer.is_done)
		return SP_EXIT_FAILED;
	printf("reloaded: generation %llu is served\n", (unsigned long long)answer.generation);
	if (answer.confirm_s > 0)
		printf("confirm within %llus by: sallyport confirm; else the configuration before returns\n",
		       (unsigned long long)answer.confirm_s);
	return SP_EXIT_OK;
}

int sp_command_confirm(const struct sp_args *args)
{
	struct sp_admin_answer answer;

	if (!sp_admin_ask(args, "confirm", "{\"command\":\"confirm\"}", false, &answer) || !answer.is_done)
		return SP_EXIT_FAILED;
	printf("confirmed: generation %llu stays\n", (unsigned long long)answer.generation);
	return SP_EXIT_OK;
}
