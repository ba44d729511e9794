/*
 * rehearse - what the program does that a running gateway tries before it executes it in its own place: all that `run`
 * would do before the first fork and that could fail, with what would be handed over left alone.
 */
#include "sp/master/master.h"

#include <sys/stat.h>

#include "bind.h"
#include "clean.h"
#include "logs.h"
#include "takeover.h"

const char sp_master_rehearsed[] = SP_HANDOVER_ANSWER;

bool sp_master_rehearse(struct sp_err *err)
{
	sp_clean_environment();
	umask(027);
	return sp_takeover_rehearse(err);
}

static bool try_binds(const struct sp_conf *conf, struct sp_err *err)
{
	const struct sp_passed nothing = { .count = 0 };
	struct sp_binds before = { .items = NULL }, binds = { .items = NULL };
	bool ok = sp_binds_adopt(&before, 1, err) && sp_binds_open(&binds, conf, 1, &nothing, &before, err);

	sp_binds_close(&binds);
	sp_binds_close(&before);
	return ok;
}

bool sp_master_rehearse_run(struct sp_conf *conf, struct sp_err *err)
{
	struct sp_logs logs;
	bool ok = try_binds(conf, err) && sp_logs_open(&logs, conf, err);

	if (ok)
		sp_logs_close(&logs);
	sp_conf_free(conf);
	sp_takeover_end();
	return ok;
}
