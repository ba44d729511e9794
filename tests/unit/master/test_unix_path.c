/* A listening socket at a path: what may be replaced there and what not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../../src/master/unix_path.h"

static char folder[64], path[80];

static int make_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/unix-path-XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/s", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(path);
	rmdir(folder);
	return 0;
}

static void test_made_and_removed(void **state)
{
	struct sp_err err = { .text = "" };
	struct stat st;
	ino_t inode = 0;
	int fd;

	(void)state;
	umask(027);
	fd = sp_unix_path_listen(path, SP_UNIX_PATH_FOR_ALL, &inode, &err);
	assert_true(fd >= 0);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0666);
	sp_unix_path_remove(path, inode + 1); /* somebody else's by now */
	assert_int_equal(lstat(path, &st), 0);
	sp_unix_path_remove(path, inode);
	assert_int_not_equal(lstat(path, &st), 0);
	close(fd);
}

static void test_live_one_stays(void **state)
{
	struct sp_err err = { .text = "" };
	ino_t inode = 0, other = 0;
	int fd = sp_unix_path_listen(path, SP_UNIX_PATH_FOR_ALL, &inode, &err);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(sp_unix_path_listen(path, SP_UNIX_PATH_FOR_ALL, &other, &err), -1);
	assert_string_equal(err.text, "another process listens there");
	close(fd);
	fd = sp_unix_path_listen(path, SP_UNIX_PATH_FOR_ALL, &other, &err); /* now it is stale */
	assert_true(fd >= 0);
	close(fd);
}

static void test_no_socket_stays(void **state)
{
	struct sp_err err = { .text = "" };
	struct stat st;
	ino_t inode = 0;

	(void)state;
	unlink(path);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(sp_unix_path_listen(path, SP_UNIX_PATH_FOR_ALL, &inode, &err), -1);
	assert_true(lstat(path, &st) == 0 && S_ISREG(st.st_mode));
	unlink(path);
	assert_int_equal(symlink("/nowhere", path), 0);
	assert_int_equal(sp_unix_path_listen(path, SP_UNIX_PATH_FOR_ALL, &inode, &err), -1);
	assert_true(lstat(path, &st) == 0 && S_ISLNK(st.st_mode));
}

static void test_no_such_place(void **state)
{
	struct sp_err err = { .text = "" }, long_err = { .text = "" };
	char long_path[200];
	ino_t inode = 0;

	(void)state;
	assert_int_equal(sp_unix_path_listen("/nowhere/at/all", SP_UNIX_PATH_FOR_ALL, &inode, &err), -1);
	assert_string_equal(err.text, "No such file or directory");
	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[0] = '/';
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(sp_unix_path_listen(long_path, SP_UNIX_PATH_FOR_ALL, &inode, &long_err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_made_and_removed),
		cmocka_unit_test(test_live_one_stays),
		cmocka_unit_test(test_no_socket_stays),
		cmocka_unit_test(test_no_such_place),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
