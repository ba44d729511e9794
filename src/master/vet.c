#include "vet.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sp/build/generation.h"
#include "sp/master/master.h"
#include "sp/tls/tls.h"

#define ERROR_AT(report, at, ...) sp_conf_report_add((report), SP_CONF_ERROR, (at), __VA_ARGS__)

/* What the workers will do: they see nothing but the bundle. */
static void vet_bundle(const struct sp_conf *conf, struct sp_conf_report *report)
{
	struct sp_conf_report again;
	struct sp_conf *same;

	sp_conf_report_init(&again);
	same = sp_conf_read_bundle(conf->bundle_fd, &again);
	if (same == NULL)
		ERROR_AT(report, ((struct sp_conf_at){ .file = conf->main_file }), "its bundle reads otherwise: %s",
			 again.first == NULL ? "no reason" : again.first->text);
	sp_conf_free(same);
	sp_conf_report_fini(&again);
}

static const struct sp_conf_cert *find_cert(const struct sp_conf *conf, struct sp_str chain_path)
{
	for (size_t i = 0; i < conf->cert_count; i++)
		if (sp_str_eq(conf->certs[i]->chain_path, chain_path))
			return conf->certs[i];
	return NULL;
}

static void vet_renewed(const struct sp_conf *conf, const struct sp_conf *before, struct sp_conf_report *report)
{
	for (size_t i = 0; i < conf->cert_count; i++) {
		const struct sp_conf_cert *now = conf->certs[i];
		const struct sp_conf_cert *old = find_cert(before, now->chain_path);
		struct sp_err doubt = { .text = "" };

		if (old == NULL || sp_str_eq(old->chain_pem, now->chain_pem))
			continue;
		sp_tls_vet_renewed(old, now, &doubt);
		if (doubt.text[0] != '\0')
			ERROR_AT(report, now->at, "%scert = %.*s: %s", now->is_client ? "tls_" : "",
				 SP_STR_ARG(now->chain_path), doubt.text);
	}
}

_Noreturn static void be_vetter(const struct sp_conf *conf, const struct sp_conf *renewed,
				struct sp_conf_report *report, int fd, pid_t parent)
{
	FILE *to = fdopen(fd, "w");

	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (to == NULL || getppid() != parent)
		_exit(1);
	sp_master_vet(conf, report);
	sp_generation_vet(conf, report);
	if (renewed != NULL)
		vet_renewed(conf, renewed, report);
	if (report->errors == 0)
		vet_bundle(conf, report);
	sp_conf_report_print(report, conf->main_file, to);
	_exit(fflush(to) == 0 && report->errors == 0 ? 0 : 1);
}

pid_t sp_vet_begin(const struct sp_conf *conf, const struct sp_conf *renewed, struct sp_conf_report *report, int to,
		   struct sp_err *err)
{
	pid_t parent = getpid(), pid;

	(void)fflush(NULL);
	pid = fork();
	if (pid == 0)
		be_vetter(conf, renewed, report, to, parent);
	if (pid < 0)
		sp_err_set(err, "cannot fork: %s", strerror(errno));
	return pid;
}

bool sp_master_vet_apart(const struct sp_conf *conf, struct sp_conf_report *report, int to)
{
	struct sp_err err = { .text = "" };
	pid_t pid = sp_vet_begin(conf, NULL, report, to, &err);
	int status = 0;

	if (pid < 0) {
		(void)dprintf(to, "sallyport: %s\n", err.text);
		return false;
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (WIFSIGNALED(status))
		(void)dprintf(to, "sallyport: vetting %s ended by signal %d\n", conf->main_file, WTERMSIG(status));
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
