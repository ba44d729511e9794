#include "command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sp/build/generation.h"
#include "sp/conf/read.h"
#include "sp/master/master.h"

_Noreturn static void be_vetter(const struct sp_conf *conf, struct sp_conf_report *report, const char *file)
{
	sp_master_vet(conf, report);
	sp_generation_vet(conf, report);
	sp_conf_report_print(report, file, stderr);
	(void)fflush(stderr);
	_exit(report->errors > 0 ? SP_EXIT_CONFIG : SP_EXIT_OK);
}

/* To vet the pairs is to read the private keys, which neither we nor any later fork of ours may hold: a child does it,
 * prints what was found, and is gone. */
static bool vet(const struct sp_conf *conf, struct sp_conf_report *report, const char *file)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0)
		be_vetter(conf, report, file);
	if (pid < 0) {
		fprintf(stderr, "sallyport: cannot fork: %s\n", strerror(errno));
		return false;
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (WIFSIGNALED(status))
		fprintf(stderr, "sallyport: vetting %s ended by signal %d\n", file, WTERMSIG(status));
	return WIFEXITED(status) && WEXITSTATUS(status) == SP_EXIT_OK;
}

/* NULL: refused. Whatever was found is printed. */
static struct sp_conf *read_vetted(const char *file)
{
	struct sp_conf_report report;
	struct sp_conf *conf;

	sp_conf_report_init(&report);
	conf = sp_conf_read(file, &report);
	if (conf == NULL) {
		sp_conf_report_print(&report, file, stderr);
	} else if (!vet(conf, &report, file)) {
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
	ok = sp_master_run(conf, &err);
	sp_conf_free(conf);
	if (!ok)
		fprintf(stderr, "%s\n", err.text);
	return ok ? SP_EXIT_OK : SP_EXIT_FAILED;
}
