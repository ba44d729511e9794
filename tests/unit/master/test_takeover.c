/* A table that is read as the next program would read it: what it takes, what it leaves, and what it closes. Each case is
 * a process of its own, since there is one takeover in the life of one. */
#include "t.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../../src/master/bind.h"
#include "../../../src/master/takeover.h"
#include "sp/net/listen.h"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static void begin_with(struct sp_handing *handing, pid_t pid)
{
	struct sp_handed_row *row = sp_handing_add(handing, SP_HANDED_MASTER, -1);

	row->is.master.pid = pid;
	row->is.master.generation = 4;
	row->is.master.workers = 2;
}

static void name(const char *variable, int fd)
{
	char number[16];

	(void)snprintf(number, sizeof(number), "%d", fd);
	assert_int_equal(setenv(variable, number, 1), 0);
}

static int put_table(const struct sp_handing *handing, int seals)
{
	int fd = memfd_create("table", MFD_ALLOW_SEALING);
	struct sp_err err = { "" };
	size_t n;
	uint8_t *bytes = sp_handover_write(handing->rows, handing->count, &n, &err);

	assert_true(fd > 2 && bytes != NULL && write(fd, bytes, n) == (ssize_t)n && fcntl(fd, F_ADD_SEALS, seals) == 0);
	free(bytes);
	name(SP_TAKEOVER_VARIABLE, fd);
	return fd;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static int listening(struct sp_addr *addr)
{
	struct sockaddr_storage sa;
	socklen_t n = sizeof(sa);
	struct sp_err err = { "" };
	int probe = socket(AF_INET, SOCK_STREAM, 0), fd;

	*addr = (struct sp_addr){ .family = SP_ADDR_V4, .ip = { 127, 0, 0, 1 } };
	n = sp_addr_to_sockaddr(addr, &sa);
	assert_true(bind(probe, (const struct sockaddr *)&sa, n) == 0);
	n = sizeof(sa);
	assert_true(getsockname(probe, (struct sockaddr *)&sa, &n) == 0 &&
		    sp_addr_from_sockaddr((const struct sockaddr *)&sa, n, addr));
	close(probe);
	fd = sp_listen_bind(addr, true, &err);
	assert_true(fd > 2);
	return fd;
}

static void no_table(void)
{
	struct sp_err err = { "" };

	assert_true(sp_takeover_begin(&err) && !sp_takeover_is() && sp_takeover_master() == NULL);
	assert_null(sp_takeover_board(2));
	assert_int_equal(sp_takeover_pipe(SP_IPC_LOG_ERROR, true), -1);
	sp_takeover_end();
}

static void somebody_elses(void)
{
	struct sp_handing handing = { .rows = NULL };
	struct sp_err err = { "" };

	begin_with(&handing, getppid());
	(void)put_table(&handing, SEALS);
	assert_false(sp_takeover_begin(&err));
	assert_non_null(strstr(err.text, "is of process"));
}

static void not_sealed(void)
{
	struct sp_handing handing = { .rows = NULL };
	struct sp_err err = { "" };

	begin_with(&handing, getpid());
	(void)put_table(&handing, F_SEAL_SHRINK);
	assert_false(sp_takeover_begin(&err));
	assert_non_null(strstr(err.text, "no sealed table"));
}

/* The rows are right, and what stands behind their numbers is not. */
static void false_descriptors(void)
{
	struct sp_handing handing = { .rows = NULL };
	struct sp_binds binds;
	struct sp_err err = { "" };
	int file = open("/dev/null", O_RDWR), plain = socket(AF_INET, SOCK_STREAM, 0);

	begin_with(&handing, getpid());
	strcpy(sp_handing_add(&handing, SP_HANDED_SOCKET, file)->is.socket.place, "127.0.0.1:443");
	strcpy(sp_handing_add(&handing, SP_HANDED_SOCKET, plain)->is.socket.place, "127.0.0.1:80");
	strcpy(sp_handing_add(&handing, SP_HANDED_SOCKET, 900)->is.socket.place, "127.0.0.1:81");
	sp_handing_add(&handing, SP_HANDED_PIPE, dup(file))->is.pipe.log = SP_IPC_LOG_ACCESS;
	sp_handing_add(&handing, SP_HANDED_BOARD, dup(file))->is.board.index = 0;
	sp_handing_add(&handing, SP_HANDED_BOARD, dup(file))->is.board.index = UINT32_MAX;
	(void)put_table(&handing, SEALS);
	assert_true(sp_takeover_begin(&err));
	assert_true(sp_binds_adopt(&binds, 2, &err));
	assert_int_equal(binds.count, 0);
	sp_binds_close(&binds);
	assert_int_equal(sp_takeover_pipe(SP_IPC_LOG_ACCESS, false), -1);
	assert_null(sp_takeover_board(2));
	sp_takeover_end();
	assert_true(!is_open(file) && !is_open(plain));
}

static void takes_what_is_there(void)
{
	struct sp_handing handing = { .rows = NULL };
	struct sp_binds binds;
	struct sp_worker_socket sockets[8];
	struct sp_err err = { "" };
	struct sp_addr addr;
	int first = listening(&addr), surplus = dup(first), other = open("/dev/null", O_RDWR), ends[2], table;

	assert_int_equal(pipe(ends), 0);
	begin_with(&handing, getpid());
	for (unsigned i = 0; i < 2; i++) {
		struct sp_handed_row *row = sp_handing_add(&handing, SP_HANDED_SOCKET, i == 0 ? first : surplus);

		(void)sp_addr_text(&addr, row->is.socket.place);
		row->is.socket.index = i;
	}
	sp_handing_add(&handing, SP_HANDED_PIPE, ends[1])->is.pipe =
		(__typeof__(handing.nowhere.is.pipe)){ SP_IPC_LOG_ERROR, 1 };
	table = put_table(&handing, SEALS);
	setenv("LISTEN_FDS", "1", 1);
	assert_true(sp_takeover_begin(&err) && sp_takeover_is());
	assert_true(getenv(SP_TAKEOVER_VARIABLE) == NULL && getenv("LISTEN_FDS") == NULL);
	assert_true(!is_open(other) && !is_open(table) && !is_open(ends[0]));
	assert_int_equal(fcntl(first, F_GETFD), FD_CLOEXEC);
	assert_int_equal(sp_takeover_pipe(SP_IPC_LOG_ERROR, false), -1);
	assert_int_equal(sp_takeover_pipe(SP_IPC_LOG_ERROR, true), ends[1]);
	assert_int_equal(sp_takeover_pipe(SP_IPC_LOG_ERROR, true), -1); /* it was taken */
	assert_true(sp_binds_adopt(&binds, 1, &err)); /* one worker less than before */
	assert_int_equal(binds.count, 1);
	assert_int_equal(sp_binds_of(&binds, 1, sockets), 1);
	assert_true(sockets[0].fd == first && sockets[0].port == addr.port);
	sp_takeover_end();
	assert_true(!is_open(surplus) && is_open(first) && is_open(ends[1]));
	sp_binds_close(&binds);
	assert_false(is_open(first));
}

static void rehearsed(void)
{
	struct sp_handing handing = { .rows = NULL };
	struct sp_err err = { "" };
	int file = open("/dev/null", O_RDWR);

	begin_with(&handing, 12345);
	strcpy(sp_handing_add(&handing, SP_HANDED_SOCKET, file)->is.socket.place, "127.0.0.1:443");
	name(SP_REHEARSAL_VARIABLE, put_table(&handing, SEALS));
	assert_true(sp_takeover_rehearse(&err) && sp_takeover_is() && sp_takeover_is_rehearsed());
	sp_takeover_end();
	assert_true(is_open(file)); /* its number was another's */
}

static void test_each(void **state)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} cases[] = {
		{ "no table", no_table },
		{ "a table of another process", somebody_elses },
		{ "one that is not sealed", not_sealed },
		{ "descriptors that are not what they should be", false_descriptors },
		{ "what is there is taken", takes_what_is_there },
		{ "a rehearsal", rehearsed },
	};
	(void)state;
	for (size_t i = 0; i < SP_COUNT(cases); i++) {
		int status;
		pid_t pid;

		print_message("  %s\n", cases[i].name);
		pid = fork();
		if (pid == 0) {
			cases[i].run();
			_exit(0);
		}
		assert_true(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_each) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
