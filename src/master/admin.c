#include "admin.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sp/base/log.h"
#include "unix_path.h"

enum {
	SOCKET_MODE = 0660, /* its group is the gateway's user's; not started as root, the owner is that user */
	FOLDER_MODE = 0750,
};

/* The folder alone, not those above it. One that is there already is as its owner wants it. */
static bool make_folder(const char *path, struct sp_err *err)
{
	char folder[sizeof(((struct sp_admin_socket *)0)->path)];
	const char *slash = strrchr(path, '/');

	if (slash == NULL || slash == path)
		return true;
	memcpy(folder, path, (size_t)(slash - path));
	folder[slash - path] = '\0';
	return mkdir(folder, FOLDER_MODE) == 0 || errno == EEXIST ||
	       sp_err_set(err, "its folder cannot be made: %s", strerror(errno));
}

static bool listen_there(struct sp_admin_socket *admin, struct sp_err *err)
{
	if (!make_folder(admin->path, err))
		return false;
	admin->fd = sp_unix_path_listen(admin->path, SOCKET_MODE, &admin->inode, err);
	return admin->fd >= 0;
}

/* The master keeps no right to give files away, but it may make them as a member of the group. */
static bool listen_for(struct sp_admin_socket *admin, const struct sp_ids *ids, struct sp_err *err)
{
	gid_t own = getegid();
	bool is_fine;

	if (!ids->must_change)
		return listen_there(admin, err);
	if (setegid(ids->of[SP_ROLE_WORKER].gid) != 0)
		return sp_err_set(err, "%s", strerror(errno));
	is_fine = listen_there(admin, err);
	SP_ASSERT(setegid(own) == 0);
	return is_fine;
}

/* Nobody asked for the default: a gateway whose folder is read-only serves all the same. */
static bool refuse(const struct sp_conf *conf, const char *why, struct sp_err *err)
{
	struct sp_str path = conf->admin.socket;
	struct sp_conf_at at = sp_conf_at(&conf->admin.section, "socket");

	if (at.file != NULL)
		return sp_err_set(err, "%s:%d: error: socket = %.*s: %s", at.file, at.line, SP_STR_ARG(path), why);
	sp_warn("no_admin_socket", SP_KV_STR("path", path), SP_KV_TEXT("why", why));
	return true;
}

bool sp_admin_open(struct sp_admin_socket *admin, const struct sp_conf *conf, const struct sp_ids *ids,
		   const struct sp_admin_socket *before, struct sp_err *err)
{
	struct sp_str path = conf->admin.socket;
	struct sp_err why = { .text = "" };

	*admin = (struct sp_admin_socket){ .fd = -1 };
	if (sp_str_eq(path, SP_STR("off")))
		return true;
	/* One that somebody removed is made anew. */
	if (before != NULL && before->fd >= 0 && sp_str_eq(path, sp_str(before->path)) &&
	    sp_unix_path_is(before->path, before->inode)) {
		*admin = *before;
		admin->is_kept = true;
		return true;
	}
	if (path.n >= sizeof(admin->path))
		return refuse(conf, "the path is longer than a socket's name can be", err);
	memcpy(admin->path, path.p, path.n);
	return listen_for(admin, ids, &why) || refuse(conf, why.text, err);
}

void sp_admin_close(struct sp_admin_socket *admin)
{
	if (admin->fd >= 0 && !admin->is_kept) {
		sp_unix_path_remove(admin->path, admin->inode);
		(void)close(admin->fd);
	}
	admin->fd = -1;
}

void sp_admin_replace(struct sp_admin_socket *admin, struct sp_admin_socket *by)
{
	if (!by->is_kept)
		sp_admin_close(admin);
	*admin = *by;
	admin->is_kept = false;
	by->fd = -1;
}
