/*
 * A worker is asked to take another generation: what it answers, and that nonsense changes nothing. The test is in
 * the place of the master.
 */
#include "t.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <unistd.h>

#include "role.h"
#include "sp/conf/read.h"
#include "sp/net/listen.h"
#include "sp/worker/worker.h"

static char folder[64], path[96];

static int make_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/move-XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/a.ini", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(folder);
}

static struct sp_conf *read_conf(const char *more)
{
	struct sp_conf_report report;
	struct sp_conf *conf;
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fchmod(fileno(file), 0600), 0);
	(void)fprintf(file, "[listener:a]\nbind = 127.0.0.1:18080\n[route:a]\nrespond = 200\n%s", more);
	assert_int_equal(fclose(file), 0);
	sp_conf_report_init(&report);
	conf = sp_conf_read(path, &report);
	sp_conf_report_print(&report, path, stderr);
	assert_non_null(conf);
	sp_conf_report_fini(&report);
	return conf;
}

struct worker {
	pid_t pid;
	int master;
	struct sp_board *board;
	struct sp_conf *conf;
	uint16_t port; /* where its first socket listens */
	int socket;
};

static int listening(uint16_t *port)
{
	struct sp_err err = { "" };
	struct sockaddr_in sa;
	socklen_t n = sizeof(sa);
	struct sp_addr any;
	int fd;

	assert_true(sp_addr_parse_ip(SP_STR("127.0.0.1"), &any));
	fd = sp_listen_bind(&any, false, &err);
	assert_true(fd >= 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &n), 0);
	*port = ntohs(sa.sin_port);
	return fd;
}

static void give_slots(struct sp_board *board)
{
	static const char *const listeners[] = { "a", "b" };
	struct sp_err err = { "" };
	uint32_t slot;

	for (size_t i = 0; i < SP_COUNT(listeners); i++)
		assert_true(sp_board_name(board, SP_NAME_LISTENER, SP_STR(""), sp_str(listeners[i]), &slot, &err));
}

static struct worker start(void)
{
	struct worker w = { .conf = read_conf("") };
	struct sp_err err = { "" };
	int fds[2];

	w.board = sp_board_new(1, &err);
	assert_non_null(w.board);
	give_slots(w.board);
	w.socket = listening(&w.port);
	assert_true(sp_ipc_pair(fds, &err));
	w.pid = fork();
	if (w.pid == 0) {
		struct sp_worker_socket socket = { .port = w.port, .fd = w.socket, .door = 1 };
		struct sp_worker_env env = { .conf = w.conf,
					     .generation = 1,
					     .worker = 1,
					     .worker_count = 1,
					     .sockets = &socket,
					     .socket_count = 1,
					     .board = w.board,
					     .channel_fd = fds[1],
					     .keeper_fd = -1,
					     .dialer_fd = -1,
					     .access_fd = -1 };

		(void)close(fds[0]);
		assert_true(sp_board_enter(w.board, SP_BOARD_WORKER, 0, &err));
		exit(sp_worker_run(&env));
	}
	close(fds[1]);
	w.master = fds[0];
	assert_int_equal(role_receive(w.master, SP_IPC_WORKER, SP_IPC_MASTER).type, SP_IPC_READY);
	return w;
}

static void send_to(const struct worker *w, const struct sp_ipc_message *m)
{
	assert_int_equal(sp_ipc_send(w->master, SP_IPC_MASTER, SP_IPC_WORKER, m), SP_IPC_DONE);
}

static struct sp_ipc_message answer_of(const struct worker *w)
{
	return role_receive(w->master, SP_IPC_WORKER, SP_IPC_MASTER);
}

static void stop(struct worker *w)
{
	const struct sp_ipc_message m = { .type = SP_IPC_STOP, .fd = -1 };
	int status;

	send_to(w, &m);
	assert_int_equal(waitpid(w->pid, &status, 0), w->pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	close(w->master);
	close(w->socket);
	sp_board_free(w->board);
	sp_conf_free(w->conf);
}

static void send_door(const struct worker *w, uint32_t generation, uint32_t listener, uint32_t door, int fd)
{
	const struct sp_ipc_message m = { .type = SP_IPC_DOOR,
					  .body.door = { generation, listener, 0, door },
					  .fd = fd };

	send_to(w, &m);
}

static void send_bundle(const struct worker *w, uint32_t generation, int fd)
{
	struct sp_ipc_message m = { .type = SP_IPC_BUNDLE, .fd = fd };

	m.body.bundle.generation = generation;
	send_to(w, &m);
}

static void send_number(const struct worker *w, enum sp_ipc_type type, uint32_t generation)
{
	struct sp_ipc_message m = { .type = type, .fd = -1 };

	m.body.commit.generation = generation;
	send_to(w, &m);
}

/* The status that path gets at a port; 0: nobody answers. */
static int ask(uint16_t port, const char *target)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	char text[512];
	int fd = socket(AF_INET, SOCK_STREAM, 0), n, status = 0;
	struct timeval patience = { .tv_sec = 20 };

	assert_true(fd >= 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0) {
		n = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", target);
		assert_int_equal(send(fd, text, (size_t)n, MSG_NOSIGNAL), n);
		n = (int)recv(fd, text, sizeof(text) - 1, 0);
		text[n > 0 ? n : 0] = '\0';
		(void)sscanf(text, "HTTP/1.1 %d", &status);
	}
	close(fd);
	return status;
}

static void expect_refused(const struct worker *w, uint32_t generation, const char *why)
{
	struct sp_ipc_message got = answer_of(w);

	assert_int_equal(got.type, SP_IPC_REFUSED);
	assert_int_equal(got.body.refused.generation, generation);
	assert_non_null(strstr(got.body.refused.why, why));
}

static void test_taken(void **state)
{
	struct worker w = start();
	struct sp_conf *next = read_conf("[listener:b]\nbind = 127.0.0.1:18081\n[route:b]\npath = /b\nrespond = 204\n");
	uint16_t port;
	int other = listening(&port);

	(void)state;
	assert_int_equal(ask(w.port, "/b"), 200);
	send_door(&w, 2, 0, 1, w.socket);
	send_door(&w, 2, 1, 2, other);
	send_bundle(&w, 2, next->bundle_fd);
	assert_int_equal(answer_of(&w).type, SP_IPC_PREPARED);
	assert_int_equal(ask(w.port, "/b"), 200); /* not yet */
	send_number(&w, SP_IPC_COMMIT, 2);
	assert_int_equal(answer_of(&w).type, SP_IPC_MOVED);
	assert_int_equal(ask(w.port, "/b"), 204);
	assert_int_equal(ask(port, "/b"), 204);
	sp_conf_free(next);
	close(other);
	stop(&w);
}

static void test_rolled_back(void **state)
{
	struct worker w = start();
	struct sp_conf *next = read_conf("[route:b]\npath = /b\nrespond = 204\n");

	(void)state;
	for (uint32_t generation = 2; generation < 6; generation++) {
		send_door(&w, generation, 0, 1, w.socket);
		send_bundle(&w, generation, next->bundle_fd);
		assert_int_equal(answer_of(&w).type, SP_IPC_PREPARED);
		send_number(&w, SP_IPC_ROLLBACK, generation);
		assert_int_equal(ask(w.port, "/b"), 200);
	}
	sp_conf_free(next);
	stop(&w);
}

static void test_refused(void **state)
{
	struct worker w = start();
	struct sp_conf *next = read_conf("[route:b]\npath = /b\nrespond = 204\n");
	int open = memfd_create("open", MFD_CLOEXEC), sealed = memfd_create("nonsense", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	(void)state;
	assert_int_equal(write(sealed, "nonsense", 8), 8);
	assert_int_equal(fcntl(sealed, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);
	send_bundle(&w, 2, open);
	expect_refused(&w, 2, "not sealed");
	send_bundle(&w, 3, sealed);
	expect_refused(&w, 3, "cannot be read");
	send_bundle(&w, 1, next->bundle_fd); /* that is served */
	expect_refused(&w, 1, "does not come");
	send_bundle(&w, 0, next->bundle_fd);
	expect_refused(&w, 0, "does not come");
	send_door(&w, 4, 7, 1, w.socket);
	send_bundle(&w, 4, next->bundle_fd);
	expect_refused(&w, 4, "no listener");
	send_door(&w, 5, 0, 1, w.socket); /* pieces of one that never comes */
	send_bundle(&w, 6, next->bundle_fd);
	assert_int_equal(answer_of(&w).type, SP_IPC_PREPARED);
	send_bundle(&w, 6, next->bundle_fd);
	expect_refused(&w, 6, "does not come");
	send_number(&w, SP_IPC_ROLLBACK, 6);
	assert_int_equal(ask(w.port, "/b"), 200);
	close(open);
	close(sealed);
	sp_conf_free(next);
	stop(&w);
}

/* It would serve another configuration than all others: it ends, and is made anew. */
static void test_commit_of_nothing(void **state)
{
	struct worker w = start();
	int status;

	(void)state;
	send_number(&w, SP_IPC_COMMIT, 9);
	assert_int_equal(waitpid(w.pid, &status, 0), w.pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == SP_WORKER_ORPHAN);
	close(w.master);
	close(w.socket);
	sp_board_free(w.board);
	sp_conf_free(w.conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_taken, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_rolled_back, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_refused, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_commit_of_nothing, make_folder, remove_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
