/* Words to the supervisor: where they go and what arrives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../../src/master/notify.h"
#include "sp/base/log.h"

#define LONG32 "/23456789012345678901234567890_2"

static void test_address(void **state)
{
	static const struct {
		const char *text;
		bool ok;
		size_t length; /* of sun_path, the NUL of a path counted */
	} rows[] = {
		{ "/run/systemd/notify", true, 20 },
		{ "@abstract", true, 9 },
		{ LONG32 LONG32 LONG32, true, 97 },
		{ LONG32 LONG32 LONG32 "/2345678901", true, 108 },
		{ LONG32 LONG32 LONG32 "/23456789012", false, 0 },
		{ "relative", false, 0 },
		{ "vsock:2:1234", false, 0 },
		{ "/", false, 0 },
		{ "@", false, 0 },
		{ "", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		struct sp_err err = { .text = "" };
		struct sockaddr_un sa;
		socklen_t n = 0;

		print_message("  \"%s\"\n", rows[i].text);
		assert_int_equal(sp_notify_address(rows[i].text, &sa, &n, &err), rows[i].ok);
		if (!rows[i].ok)
			continue;
		assert_int_equal(n, offsetof(struct sockaddr_un, sun_path) + rows[i].length);
		assert_int_equal(sa.sun_path[0], rows[i].text[0] == '@' ? '\0' : '/');
		assert_memory_equal(sa.sun_path + 1, rows[i].text + 1, strlen(rows[i].text) - 1);
	}
}

static void test_arrives(void **state)
{
	char folder[] = "/tmp/notify-XXXXXX", path[64], abstract[64], got[128];

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/socket", folder);
	snprintf(abstract, sizeof(abstract), "@%s", folder + 1);
	const char *names[] = { path, abstract };

	for (size_t i = 0; i < SP_COUNT(names); i++) {
		struct sp_err err = { .text = "" };
		struct sp_notify notify;
		struct sockaddr_un sa;
		socklen_t n;
		int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		ssize_t size;

		assert_true(sp_notify_address(names[i], &sa, &n, &err));
		assert_int_equal(bind(fd, (struct sockaddr *)&sa, n), 0);
		sp_notify_open(&notify, names[i]);
		sp_notify_send(&notify, "READY=1\nSTATUS=%u workers", 2U);
		size = recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT);
		assert_true(size > 0);
		got[size] = '\0';
		assert_string_equal(got, "READY=1\nSTATUS=2 workers");
		sp_notify_close(&notify);
		sp_notify_send(&notify, "STOPPING=1");
		assert_true(recv(fd, got, sizeof(got), MSG_DONTWAIT) < 0);
		close(fd);
	}
	unlink(path);
	rmdir(folder);
}

/* Without a supervisor, or with one that is gone, nothing happens. */
static void test_nobody(void **state)
{
	const char *names[] = { NULL, "", "relative", "/nowhere/at/all" };

	(void)state;
	sp_log_level(SP_LOG_ERROR);
	for (size_t i = 0; i < SP_COUNT(names); i++) {
		struct sp_notify notify;

		sp_notify_open(&notify, names[i]);
		sp_notify_send(&notify, "READY=1");
		sp_notify_close(&notify);
	}
}

static void test_watchdog(void **state)
{
	static const struct {
		const char *usec, *pid;
		uint64_t want_ms;
	} rows[] = {
		{ NULL, NULL, 0 },
		{ "30000000", NULL, 15000 },
		{ "30000000", "77", 15000 },
		{ "30000000", "78", 0 },
		{ "30000000", "x", 0 },
		{ "0", NULL, 0 },
		{ "1999", NULL, 0 },
		{ "2000", NULL, 1 },
		{ "-5", NULL, 0 },
		{ "10s", NULL, 0 },
		{ "", NULL, 0 },
		{ NULL, "77", 0 },
	};

	(void)state;
	for (size_t i = 0; i < SP_COUNT(rows); i++)
		assert_int_equal(sp_notify_watchdog_ms(rows[i].usec, rows[i].pid, 77), rows[i].want_ms);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_address),
		cmocka_unit_test(test_arrives),
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_watchdog),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
