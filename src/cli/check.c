#include "command.h"

#include <stdio.h>

#include "sp/build/generation.h"
#include "sp/conf/dump.h"
#include "sp/conf/read.h"
#include "sp/master/master.h"
#include "sp/role/online.h"

/* The keys are read and what is open stays open: answers of backends are parsed without rights. */
static void look_outside(const struct sp_conf *conf, struct sp_conf_report *report)
{
	struct sp_err err = { .text = "" };
	struct sp_online *online = sp_online_new(conf, &err);

	if (online != NULL && sp_master_step_down(conf, &err))
		sp_online_run(online, report, stdout);
	if (err.text[0] != '\0')
		sp_conf_report_add(report, SP_CONF_ERROR, (struct sp_conf_at){ conf->main_file, 0 }, "--online: %s", err.text);
	sp_online_free(online);
}

int sp_command_check(const struct sp_args *args)
{
	struct sp_conf_report report;
	struct sp_conf *conf;
	int code = SP_EXIT_OK;

	sp_conf_report_init(&report);
	conf = sp_conf_read(args->config, &report);
	if (conf != NULL) {
		sp_master_vet(conf, &report);
		sp_generation_vet(conf, &report);
		if (args->is_online && report.errors == 0)
			look_outside(conf, &report);
	}
	sp_conf_report_print(&report, args->config, stderr);
	if (report.errors > 0)
		code = SP_EXIT_FAILED;
	else if (report.warnings > 0 && args->is_strict)
		code = SP_EXIT_WARNINGS;
	else
		printf("%s: fine\n", args->config);
	sp_conf_free(conf);
	sp_conf_report_fini(&report);
	return code;
}

int sp_command_config(const struct sp_args *args)
{
	struct sp_conf_report report;
	struct sp_conf *conf;

	sp_conf_report_init(&report);
	conf = sp_conf_read(args->config, &report);
	sp_conf_report_print(&report, args->config, stderr);
	if (conf != NULL)
		sp_conf_dump(conf, stdout);
	sp_conf_report_fini(&report);
	if (conf == NULL)
		return SP_EXIT_FAILED;
	sp_conf_free(conf);
	return fflush(stdout) == 0 ? SP_EXIT_OK : SP_EXIT_FAILED;
}

int sp_command_reference(const struct sp_args *args)
{
	(void)args;
	sp_conf_reference(stdout);
	return fflush(stdout) == 0 ? SP_EXIT_OK : SP_EXIT_FAILED;
}
