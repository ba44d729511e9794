#include "command.h"

#include <stdio.h>
#include <unistd.h>

#include "sp/conf/read.h"
#include "sp/master/master.h"

/* NULL: refused. Whatever was found is printed. */
static struct sp_conf *read_vetted(const char *file)
{
	struct sp_conf_report report;
	struct sp_conf *conf;

	sp_conf_report_init(&report);
	conf = sp_conf_read(file, &report);
	if (conf == NULL) {
		sp_conf_report_print(&report, file, stderr);
	} else if (!sp_master_vet_apart(conf, &report, STDERR_FILENO)) {
		sp_conf_free(conf);
		conf = NULL;
	}
	sp_conf_report_fini(&report);
	return conf;
}

int sp_command_run(const struct sp_args *args)
{
	struct sp_err err = { .text = "" };
	struct sp_conf *conf;
	bool ok;

	if (!sp_master_clean_start(&err)) {
		fprintf(stderr, "sallyport: %s\n", err.text);
		return SP_EXIT_FAILED;
	}
	conf = read_vetted(args->config);
	if (conf == NULL)
		return SP_EXIT_CONFIG;
	ok = sp_master_run(conf, args->config, &err);
	if (!ok)
		fprintf(stderr, "%s\n", err.text);
	return ok ? SP_EXIT_OK : SP_EXIT_FAILED;
}

/* Asked by a running gateway before it executes this program in its own place: see master/upgrade.h. */
int sp_command_rehearse(const struct sp_args *args)
{
	struct sp_err err = { .text = "" };
	struct sp_conf *conf;

	if (!sp_master_rehearse(&err)) {
		fprintf(stderr, "sallyport rehearse: %s\n", err.text);
		return SP_EXIT_FAILED;
	}
	conf = read_vetted(args->config);
	if (conf == NULL)
		return SP_EXIT_CONFIG;
	if (!sp_master_rehearse_run(conf, &err)) {
		fprintf(stderr, "%s\n", err.text);
		return SP_EXIT_FAILED;
	}
	printf("sallyport %s %s\n", SP_VERSION, sp_master_rehearsed);
	return fflush(stdout) == 0 ? SP_EXIT_OK : SP_EXIT_FAILED;
}
