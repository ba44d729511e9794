#include "unix_path.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 4096 /* the kernel cuts it to somaxconn */

static bool set_name(struct sockaddr_un *sa, const char *path, struct sp_err *err)
{
	memset(sa, 0, sizeof(*sa));
	sa->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(sa->sun_path))
		return sp_err_set(err, "the path is longer than a socket's name can be");
	memcpy(sa->sun_path, path, strlen(path));
	return true;
}

static bool remove_stale(const char *path, const struct sockaddr_un *sa, struct sp_err *err)
{
	struct stat st;
	int fd, why;

	if (lstat(path, &st) != 0)
		return errno == ENOENT || sp_err_set(err, "%s", strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return sp_err_set(err, "something that is no socket is there already");
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return sp_err_set(err, "%s", strerror(errno));
	why = connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) == 0 ? 0 : errno;
	close(fd);
	if (why != ECONNREFUSED)
		return sp_err_set(err, "another process listens there");
	if (unlink(path) != 0 && errno != ENOENT)
		return sp_err_set(err, "a stale socket cannot be removed: %s", strerror(errno));
	return true;
}

int sp_unix_path_listen(const char *path, mode_t mode, ino_t *inode, struct sp_err *err)
{
	struct sockaddr_un sa;
	struct stat st;
	int fd;

	if (!set_name(&sa, path, err) || !remove_stale(path, &sa, err))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		sp_err_set(err, "%s", strerror(errno));
		return -1;
	}
	/* Nobody can connect before listen, so the mode may be set in between. */
	if (bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) != 0 || chmod(path, mode) != 0 ||
	    lstat(path, &st) != 0 || listen(fd, BACKLOG) != 0) {
		sp_err_set(err, "%s", strerror(errno));
		close(fd);
		return -1;
	}
	*inode = st.st_ino;
	return fd;
}

bool sp_unix_path_is(const char *path, ino_t inode)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_ino == inode;
}

void sp_unix_path_remove(const char *path, ino_t inode)
{
	if (sp_unix_path_is(path, inode))
		(void)unlink(path);
}
