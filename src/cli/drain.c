/*
 * drain, undrain - one backend gets no new request; or gets them again.
 */
#include <stdio.h>

#include "admin_client.h"
#include "command.h"
#include "sp/base/buf.h"
#include "sp/base/json.h"

static int ask(const struct sp_args *args, const char *command)
{
	struct sp_admin_answer answer;
	struct sp_buf request;
	bool is_done;

	if (args->what == NULL) {
		fprintf(stderr,
			"sallyport %s: which backend, as app/10.0.0.1:80? (The whole gateway drains by SIGTERM: systemctl stop)\n",
			command);
		return SP_EXIT_USAGE;
	}
	sp_buf_init(&request);
	sp_buf_printf(&request, "{\"command\":\"%s\",\"backend\":", command);
	sp_json_put(&request, sp_str(args->what));
	sp_buf_put(&request, SP_STR("}\0"));
	is_done = sp_admin_ask(args, command, sp_buf_str(&request).p, false, &answer) && answer.is_done;
	sp_buf_fini(&request);
	return is_done ? SP_EXIT_OK : SP_EXIT_FAILED;
}

int sp_command_drain(const struct sp_args *args)
{
	return ask(args, "drain");
}

int sp_command_undrain(const struct sp_args *args)
{
	return ask(args, "undrain");
}
