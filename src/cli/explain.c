#include "explain.h"

#include "command.h"
#include "sp/build/generation.h"
#include "sp/conf/read.h"
#include "sp/master/master.h"

static int refuse(const struct sp_err *err)
{
	(void)fprintf(stderr, "sallyport explain: %s\n", err->text);
	return SP_EXIT_USAGE;
}

static int fail(const struct sp_err *err)
{
	(void)fprintf(stderr, "sallyport explain: %s\n", err->text);
	return SP_EXIT_FAILED;
}

static int explain(const struct sp_conf *conf, const struct sp_args *args, const struct sp_explain_request *request,
		   struct sp_explain_ask *ask)
{
	/* What workers build, but for the keys: those of `check`. */
	struct sp_generation_asks asks = { .signer = sp_signer_new_local() };
	struct sp_err err = { .text = "" };
	struct sp_serve *serve = sp_generation_new(conf, 1, &asks, &err);
	struct sp_explanation *what = NULL;

	if (serve != NULL) {
		ask->challenges = sp_master_challenges(&conf->listeners[ask->listener]);
		what = sp_explain(serve, ask, &err);
	}
	if (what != NULL)
		(args->is_json ? sp_explain_print_json : sp_explain_print)(
			&(struct sp_explain_told){ .conf = conf, .request = request, .ask = ask, .what = what }, stdout);
	sp_explanation_free(what);
	if (serve != NULL)
		sp_serve_release(serve);
	if (what == NULL)
		return fail(&err);
	return fflush(stdout) == 0 ? SP_EXIT_OK : SP_EXIT_FAILED;
}

static int explain_in(const struct sp_args *args, const struct sp_explain_request *request)
{
	struct sp_err err = { .text = "" };
	struct sp_conf_report report;
	struct sp_explain_ask ask;
	struct sp_conf *conf;
	int code = SP_EXIT_FAILED;

	sp_conf_report_init(&report);
	conf = sp_conf_read(args->config, &report);
	sp_conf_report_print(&report, args->config, stderr);
	sp_conf_report_fini(&report);
	if (conf != NULL)
		code = sp_explain_aim(conf, args, request, &ask, &err) ? explain(conf, args, request, &ask) : refuse(&err);
	sp_conf_free(conf);
	return code;
}

int sp_command_explain(const struct sp_args *args)
{
	struct sp_err err = { .text = "" };
	struct sp_explain_request request;
	int code;

	code = sp_explain_request_read(args, &request, &err) ? explain_in(args, &request) : refuse(&err);
	sp_explain_request_fini(&request);
	return code;
}
