#include "ids.h"

#include <grp.h>
#include <pwd.h>
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
	out->uid = pw->pw_uid;
	out->gid = pw->pw_gid;
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
		out->gid = gr->gr_gid;
	if (out->gid == 0)
		return sp_err_set(err, "group = %.*s: workers never run in root's group", SP_STR_ARG(gateway->group));
	return true;
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
	return find_group(gateway, out, err);
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
