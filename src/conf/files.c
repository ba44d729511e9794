#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool vet_owner(const struct stat *st, struct sp_err *err)
{
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return sp_err_set(err, "belongs to user %lu: only root or the gateway's own user may own it",
				  (unsigned long)st->st_uid);
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return sp_err_set(err, "can be written by %s (mode %04o): chmod go-w",
				  (st->st_mode & S_IWOTH) != 0 ? "everybody" : "its group",
				  (unsigned)st->st_mode & 07777U);
	return true;
}

static unsigned most_of(enum sp_file_kind kind)
{
	return kind == SP_FILE_DATABASE ? SP_FILES_DATABASE_MAX : SP_FILES_MAX;
}

static bool vet_file(int fd, enum sp_file_kind kind, struct stat *st, struct sp_err *err)
{
	if (fstat(fd, st) != 0)
		return sp_err_set(err, "cannot be examined: %s", strerror(errno));
	if (S_ISDIR(st->st_mode))
		return sp_err_set(err, "is a folder");
	if (!S_ISREG(st->st_mode))
		return sp_err_set(err, "is no regular file");
	if (kind != SP_FILE_SYSTEM && !vet_owner(st, err))
		return false;
	if (kind == SP_FILE_KEY && (st->st_mode & S_IROTH) != 0)
		return sp_err_set(err, "is secret, and can be read by everybody (mode %04o): chmod o-r",
				  (unsigned)st->st_mode & 07777U);
	if ((kind == SP_FILE_KEY || kind == SP_FILE_DATABASE) && st->st_size == 0)
		return sp_err_set(err, "is empty");
	if (st->st_size > (off_t)most_of(kind))
		return sp_err_set(err, "has %lld bytes: at most %u", (long long)st->st_size, most_of(kind));
	return true;
}

static bool read_all(int fd, size_t size, struct sp_arena *arena, struct sp_str *out, struct sp_err *err)
{
	char *bytes = sp_arena_alloc(arena, size + 1);
	size_t n = 0;

	if (bytes == NULL)
		return sp_err_set(err, "no memory for its %zu bytes", size);
	while (n < size) {
		ssize_t got = read(fd, bytes + n, size - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			explicit_bzero(bytes, n); /* it may be half a credential */
			return sp_err_set(err, "cannot be read: %s", strerror(errno));
		}
		if (got == 0)
			break; /* it became shorter: what is there is judged by its reader */
		n += (size_t)got;
	}
	bytes[n] = '\0';
	*out = sp_str_of(bytes, n);
	return true;
}

static int open_vetted(const char *path, enum sp_file_kind kind, struct stat *st, struct sp_err *err)
{
	int follow = kind == SP_FILE_SYSTEM ? 0 : O_NOFOLLOW;
	int fd = open(path, O_RDONLY | O_CLOEXEC | follow | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 && errno == ELOOP)
		sp_err_set(err, "is a symbolic link: name the file itself");
	else if (fd < 0)
		sp_err_set(err, "cannot be opened: %s", strerror(errno));
	else if (vet_file(fd, kind, st, err))
		return fd;
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

bool sp_file_read(const char *path, enum sp_file_kind kind, struct sp_arena *arena, struct sp_str *out,
		  struct sp_err *err)
{
	struct stat st;
	int fd = open_vetted(path, kind, &st, err);
	bool is_read;

	if (fd < 0)
		return false;
	is_read = read_all(fd, (size_t)st.st_size, arena, out, err);
	(void)close(fd);
	return is_read;
}

int sp_file_open(const char *path, enum sp_file_kind kind, struct sp_err *err)
{
	struct stat st;

	return open_vetted(path, kind, &st, err);
}

bool sp_file_vet_folder(const char *path, struct sp_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
	struct stat st;
	bool is_good;

	if (fd < 0)
		return sp_err_set(err, "cannot be opened: %s", strerror(errno));
	is_good = fstat(fd, &st) == 0 && vet_owner(&st, err);
	(void)close(fd);
	return is_good;
}
