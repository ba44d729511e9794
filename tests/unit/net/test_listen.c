#include "t.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "sp/base/clock.h"
#include "sp/base/log.h"
#include "sp/net/listen.h"

static struct sp_loop *loop;
static int taken[256], taken_count;
static struct sp_listen *to_pause;

static void on_accept(void *arg, int fd, const struct sp_addr *peer)
{
	assert_ptr_equal(arg, &loop);
	assert_true(peer->family != SP_ADDR_NONE);
	assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	taken[taken_count++] = fd;
	if (to_pause != NULL)
		sp_listen_pause(to_pause);
}

static int set_up(void **state)
{
	struct sp_err err = { "" };

	(void)state;
	loop = sp_loop_new(&err);
	taken_count = 0;
	to_pause = NULL;
	return loop == NULL;
}

static void drop_taken(void)
{
	while (taken_count > 0)
		close(taken[--taken_count]);
}

static int tear_down(void **state)
{
	(void)state;
	drop_taken();
	sp_loop_free(loop);
	return 0;
}

static struct sp_listen *listen_on(const char *text, struct sockaddr_storage *sa, socklen_t *n)
{
	struct sp_err err = { "" };
	struct sp_addr addr;
	struct sp_listen *l;
	int fd;

	assert_true(sp_addr_parse(sp_str(text), 0, &addr));
	fd = sp_listen_bind(&addr, true, &err);
	assert_true(fd >= 0);
	*n = sizeof(*sa);
	assert_int_equal(getsockname(fd, (struct sockaddr *)sa, n), 0);
	l = sp_listen_new(loop, fd, on_accept, &loop, &err);
	assert_non_null(l);
	return l;
}

static int dial(const struct sockaddr_storage *sa, socklen_t n)
{
	int fd = socket(sa->ss_family, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)sa, n), 0);
	return fd;
}

/* Port 0 is no port for an operator, but the kernel's choice for a test. */
static const char any_v4[] = "127.0.0.1:39871", any_v6[] = "[::1]:39872";

static void test_budget_and_pause(void **state)
{
	struct sockaddr_storage sa;
	socklen_t n;
	struct sp_listen *l = listen_on(any_v4, &sa, &n);
	int client[40];

	(void)state;
	for (int i = 0; i < 40; i++)
		client[i] = dial(&sa, n);
	sp_loop_turn(loop, true);
	assert_int_equal(taken_count, 32);
	sp_loop_turn(loop, true);
	assert_int_equal(taken_count, 40);
	for (int i = 0; i < 40; i++)
		close(client[i]);
	to_pause = l;
	for (int i = 0; i < 3; i++)
		client[i] = dial(&sa, n);
	sp_loop_turn(loop, false);
	sp_loop_turn(loop, false);
	assert_int_equal(taken_count, 41);
	to_pause = NULL;
	sp_listen_resume(l);
	sp_loop_turn(loop, false);
	assert_int_equal(taken_count, 43);
	for (int i = 0; i < 3; i++)
		close(client[i]);
	sp_listen_free(l);
	sp_listen_free(NULL);
}

/* No descriptors: one client hears a refusal, then we rest instead of spinning, and are back 100 ms later. */
static void test_without_descriptors(void **state)
{
	struct sockaddr_storage sa;
	socklen_t n;
	struct sp_listen *l = listen_on(any_v4, &sa, &n);
	struct rlimit old, low;
	int client[3], top;
	char byte;

	(void)state;
	sp_log_level(SP_LOG_ERROR);
	for (int i = 0; i < 3; i++)
		client[i] = dial(&sa, n);
	getrlimit(RLIMIT_NOFILE, &old);
	top = dup(0);
	close(top);
	low = old;
	low.rlim_cur = (rlim_t)top;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	sp_clock_set(1000000, 0);
	sp_loop_turn(loop, true);
	assert_int_equal(taken_count, 0);
	assert_int_equal(sp_listen_shed(l), 1);
	assert_int_equal(recv(client[0], &byte, 1, 0), 0);
	for (int i = 0; i < 50; i++)
		sp_loop_turn(loop, false); /* does not try again yet */
	assert_int_equal(sp_listen_shed(l), 1);
	setrlimit(RLIMIT_NOFILE, &old);
	sp_clock_set(1101000, 0);
	sp_loop_turn(loop, false);
	sp_loop_turn(loop, false);
	assert_int_equal(taken_count, 2);
	for (int i = 0; i < 3; i++)
		close(client[i]);
	sp_listen_free(l);
	sp_log_level(SP_LOG_INFO);
}

static void test_v6_and_twice(void **state)
{
	struct sockaddr_storage sa;
	socklen_t n;
	struct sp_listen *one = listen_on(any_v6, &sa, &n), *two = listen_on(any_v6, &sa, &n);
	struct sp_err err = { "" };
	struct sp_addr addr;
	int fd = dial(&sa, n);

	(void)state;
	sp_loop_turn(loop, false);
	assert_int_equal(taken_count, 1);
	close(fd);
	assert_true(sp_addr_parse(sp_str(any_v6), 0, &addr));
	assert_int_equal(sp_listen_bind(&addr, false, &err), -1);
	assert_string_equal(err.text, "cannot listen on [::1]:39872: Address already in use");
	sp_listen_free(one);
	sp_listen_free(two);
}

static void test_unix_path(void **state)
{
	struct sockaddr_storage sa;
	struct sp_err err = { "" };
	struct sp_addr addr;
	char text[128], folder[] = "/tmp/listen.XXXXXX";
	socklen_t n;
	struct sp_listen *l;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(text, sizeof(text), "unix:%s/s", folder);
	assert_true(sp_addr_parse(sp_str(text), 0, &addr));
	fd = sp_listen_bind(&addr, false, &err);
	assert_true(fd >= 0);
	assert_int_equal(sp_listen_bind(&addr, false, &err), -1); /* it is served: stays */
	close(fd);
	l = listen_on(text, &sa, &n); /* nobody is behind it: replaced */
	fd = dial(&sa, n);
	sp_loop_turn(loop, false);
	assert_int_equal(taken_count, 1);
	close(fd);
	sp_listen_free(l);
	unlink(addr.path);
	fd = open(addr.path, O_CREAT | O_WRONLY, 0600); /* not a socket: never removed */
	close(fd);
	assert_int_equal(sp_listen_bind(&addr, false, &(struct sp_err){ "" }), -1);
	assert_int_equal(access(addr.path, F_OK), 0);
	unlink(addr.path);
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_budget_and_pause, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_v6_and_twice, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unix_path, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_without_descriptors, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("net/listen", tests, NULL, NULL);
}
