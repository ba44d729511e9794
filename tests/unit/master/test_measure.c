/* What a process has, from its files of /proc; and from files that are something else. */
#include "t.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../../src/master/measure.h"
#include "sp/base/check.h"

enum { MANY = 100, LARGE = 32 << 20 };

static void test_memory(void **state)
{
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	uint64_t before = 0, after = 0, size = 0;
	char *memory;

	(void)state;
	assert_true(fd >= 0);
	assert_true(sp_gauge_memory(fd, &before, &size));
	assert_true(before > 0 && size >= before);
	memory = malloc(LARGE);
	assert_non_null(memory);
	memset(memory, 1, LARGE);
	assert_true(sp_gauge_memory(fd, &after, &size)); /* the same descriptor again */
	assert_true(after >= before + LARGE - (1 << 20) && after < before + LARGE + (16 << 20));
	free(memory);
	close(fd);
}

static void test_descriptors(void **state)
{
	int dir = open("/proc/self/fd", O_RDONLY | O_CLOEXEC | O_DIRECTORY), fds[MANY];
	const uint64_t before = sp_gauge_fds(dir, true);

	(void)state;
	assert_true(before >= 4);
	for (size_t i = 0; i < MANY; i++)
		fds[i] = dup(0);
	assert_int_equal(sp_gauge_fds(dir, true), before + MANY);
	/* Who lists itself has one more meanwhile: the copy that it reads. */
	for (int round = 0; round < 3; round++)
		assert_int_equal(sp_gauge_list_fds(dir), before + MANY + 1);
	for (size_t i = 0; i < MANY; i++)
		close(fds[i]);
	assert_int_equal(sp_gauge_list_fds(dir), before + 1);
	close(dir);
}

/* Who lists another process is not in the list. */
static void test_of_another(void **state)
{
	int up[2], down[2], fd = -1;
	char path[64], byte = 0;
	uint64_t resident, size;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(up), 0);
	assert_int_equal(pipe(down), 0);
	pid = fork();
	if (pid == 0) {
		(void)!write(up[1], "x", 1);
		(void)!read(down[0], &byte, 1);
		_exit(0);
	}
	assert_int_equal(read(up[0], &byte, 1), 1);
	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
	assert_true(fd >= 0);
	assert_int_equal(sp_gauge_list_fds(fd), sp_gauge_fds(fd, false) > 0 ? sp_gauge_fds(fd, false) : sp_gauge_list_fds(fd));
	close(fd);
	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(sp_gauge_memory(fd, &resident, &size));
	assert_int_equal(write(down[1], "x", 1), 1);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_false(sp_gauge_memory(fd, &resident, &size)); /* it is gone, and so are its figures */
	close(fd);
	for (int i = 0; i < 2; i++) {
		close(up[i]);
		close(down[i]);
	}
}

/* A process that was taken over before it said that it is ready may send any descriptor that it has. */
static void test_other_files(void **state)
{
	static const char *const texts[] = { "", "x", "12", "12 ", "12 x", "-", "12 99999999999999999999999999 1" };
	int ends[2], memory = memfd_create("gauge", MFD_CLOEXEC), null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	uint64_t resident, size;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_false(sp_gauge_memory(ends[0], &resident, &size)); /* does not wait either */
	assert_false(sp_gauge_memory(null, &resident, &size));
	assert_false(sp_gauge_memory(-1, &resident, &size));
	assert_int_equal(sp_gauge_fds(ends[0], true), 0);
	assert_int_equal(sp_gauge_fds(memory, true), 0);
	assert_int_equal(sp_gauge_fds(-1, true), 0);
	assert_int_equal(sp_gauge_list_fds(-1), 0);
	assert_int_equal(sp_gauge_list_fds(null), 0);
	for (size_t i = 0; i < SP_COUNT(texts); i++) {
		assert_int_equal(ftruncate(memory, 0), 0);
		assert_int_equal(pwrite(memory, texts[i], strlen(texts[i]), 0), strlen(texts[i]));
		(void)!sp_gauge_memory(memory, &resident, &size); /* a number or none, and nothing worse */
	}
	assert_int_equal(ftruncate(memory, 0), 0);
	assert_int_equal(ftruncate(memory, 1 << 20), 0); /* a long one, all zeros */
	assert_false(sp_gauge_memory(memory, &resident, &size));
	close(memory);
	close(null);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_of_another),
		cmocka_unit_test(test_other_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
