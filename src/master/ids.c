#include "ids.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sp/conf/read.h"
#include "sp/master/master.h"

#include "webroot.h"

#define FALLBACK "nobody"
#define NAME_MAX_BYTES 64U

static bool is_named(const struct sp_conf_gateway *gateway, const char *key)
{
	return sp_conf_at(&gateway->section, key).file != NULL;
}

static bool copy_name(struct sp_str from, char to[static NAME_MAX_BYTES])
{
	if (from.n == 0 || from.n >= NAME_MAX_BYTES || memchr(from.p, '\0', from.n) != NULL)
		return false;
	memcpy(to, from.p, from.n);
	to[from.n] = '\0';
	return true;
}

static bool find_user(const struct sp_conf_gateway *gateway, struct sp_ids *out, struct sp_err *err)
{
	char name[NAME_MAX_BYTES];
	const struct passwd *pw = copy_name(gateway->user, name) ? getpwnam(name) : NULL;

	if (pw == NULL && is_named(gateway, "user"))
		return sp_err_set(err, "user = %.*s: no such user", SP_STR_ARG(gateway->user));
	if (pw == NULL) {
		out->is_fallback = true;
		pw = getpwnam(FALLBACK);
	}
	if (pw == NULL)
		return sp_err_set(err, "neither user \"%.*s\" nor \"" FALLBACK "\" exists: name one with user =",
				  SP_STR_ARG(gateway->user));
	if (pw->pw_uid == 0)
		return sp_err_set(err, "user = %.*s: workers never run as root", SP_STR_ARG(gateway->user));
	out->of[SP_ROLE_WORKER] = (struct sp_id){ .uid = pw->pw_uid, .gid = pw->pw_gid };
	return true;
}

/* The default group is the user's own where there is none of that name. */
static bool find_group(const struct sp_conf_gateway *gateway, struct sp_ids *out, struct sp_err *err)
{
	char name[NAME_MAX_BYTES];
	const struct group *gr = NULL;

	if (out->is_fallback && !is_named(gateway, "group"))
		return true;
	if (copy_name(gateway->group, name))
		gr = getgrnam(name);
	if (gr == NULL && is_named(gateway, "group"))
		return sp_err_set(err, "group = %.*s: no such group", SP_STR_ARG(gateway->group));
	if (gr != NULL)
		out->of[SP_ROLE_WORKER].gid = gr->gr_gid;
	if (out->of[SP_ROLE_WORKER].gid == 0)
		return sp_err_set(err, "group = %.*s: workers never run in root's group", SP_STR_ARG(gateway->group));
	return true;
}

static bool is_other(const struct sp_ids *ids, enum sp_role role, uid_t uid)
{
	if (uid == ids->of[SP_ROLE_WORKER].uid)
		return false;
	for (unsigned i = 0; i < (unsigned)role; i++)
		if (ids->of[i].is_own && ids->of[i].uid == uid)
			return false;
	return true;
}

/* "sallyport-keeper": where nobody is called so, or it is root or shared, the role is what the workers are. */
static void find_role(const struct sp_conf_gateway *gateway, enum sp_role role, struct sp_ids *out)
{
	const struct passwd *pw = NULL;
	char name[2 * NAME_MAX_BYTES];

	out->of[role] = out->of[SP_ROLE_WORKER];
	if (gateway->user.n < NAME_MAX_BYTES) {
		(void)snprintf(name, sizeof(name), "%.*s-%s", SP_STR_ARG(gateway->user), sp_sandbox_role_name(role));
		pw = getpwnam(name);
	}
	if (pw != NULL && pw->pw_uid != 0 && pw->pw_gid != 0 && is_other(out, role, pw->pw_uid))
		out->of[role] = (struct sp_id){ pw->pw_uid, pw->pw_gid, true };
}

bool sp_ids_find(const struct sp_conf_gateway *gateway, uid_t self, struct sp_ids *out, const char **key,
		 struct sp_err *err)
{
	*out = (struct sp_ids){ .must_change = self == 0 };
	*key = "user";
	if (!out->must_change)
		return true;
	if (!find_user(gateway, out, err))
		return false;
	*key = "group";
	if (!find_group(gateway, out, err))
		return false;
	for (unsigned role = SP_ROLE_MASTER + 1; role < SP_ROLE_WORKER; role++)
		find_role(gateway, role, out);
	return true;
}

void sp_master_vet(const struct sp_conf *conf, struct sp_conf_report *report)
{
	struct sp_err err = { .text = "" };
	struct sp_ids ids;
	const char *key;

	if (!sp_ids_find(&conf->gateway, geteuid(), &ids, &key, &err)) {
		struct sp_conf_at at = sp_conf_at(&conf->gateway.section, key);

		if (at.file == NULL)
			at = (struct sp_conf_at){ conf->main_file, 0 };
		sp_conf_report_add(report, SP_CONF_ERROR, at, "%s", err.text);
	}
	sp_webroots_vet(conf, report);
}

bool sp_master_step_down(const struct sp_conf *conf, struct sp_err *err)
{
	struct sp_sandbox_want want = { .role = SP_ROLE_DIALER, .demand = SP_DEMAND_OFF, .empty_root = -1 };
	struct sp_sandbox_level level;
	struct sp_ids ids;
	const char *key;

	if (!sp_ids_find(&conf->gateway, geteuid(), &ids, &key, err))
		return false;
	want.changes_ids = ids.must_change;
	want.uid = ids.of[SP_ROLE_WORKER].uid;
	want.gid = ids.of[SP_ROLE_WORKER].gid;
	return sp_sandbox_drop(&want, &level, err);
}
