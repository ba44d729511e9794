/*
 * fuzz_exchange - a whole proxy between a scripted client and scripted backends, over socket pairs.
 *
 * Byte 0: how the ends behave; bytes 1 and 2: the pieces in which client and
 * backend send. Then what the client sends, 0xff, what backends send.
 *
 * What a backend gets reads again as whole requests, but for the last. What the
 * client gets is a row of answers, no more of them than it asked for; behind
 * one that says close there is nothing. When the ends have gone, all memory is back.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../src/proxy/proxy_int.h"
#include "sp/build/generation.h"
#include "sp/http/chunked.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BACKENDS_MAX = 16, KEPT_MAX = 1 << 18, ROUNDS_MAX = 400, QUIET_ROUNDS = 4 };
enum { HALF_CLOSES = 1, BACKEND_CLOSES = 2, BACKEND_EARLY = 4, BACKEND_RESETS = 8, CLIENT_LEAVES = 16 };

static const char config[] = "[egress]\nallow = 127.0.0.0/8\n"
			     "[log]\naccess = off\nlevel = error\n"
			     "[listener:a]\nbind = 127.0.0.1:18080\nbody_max = 64k\n"
			     "methods = GET HEAD POST PUT PATCH DELETE OPTIONS PURGE\n"
			     "[route:r]\nhost = a.test, b.test, [::1]\npool = app\n"
			     "[route:ws]\nhost = a.test\npath = /ws\npool = app\nupgrade = websocket\n"
			     "[route:no]\nhost = a.test\npath = /no/*\nrespond = 403 no\n"
			     "[pool:app]\nbackend = 127.0.0.1:18001, 127.0.0.1:18002\nretries = 1\n";

struct kept { /* the bytes that came on one side */
	uint8_t *bytes;
	size_t n;
	bool is_ended;
};

struct script { /* the bytes that are still to be sent */
	const uint8_t *at;
	size_t left, step;
};

static struct {
	struct sp_loop *loop;
	struct sp_conf *conf;
	struct sp_serve *serve;
	struct sp_proxy *proxy;
	struct sp_dial dial;
	int client; /* the scripted end; -1: closed */
	int backend[BACKENDS_MAX];
	struct kept from_proxy, at_backend[BACKENDS_MAX];
	size_t backend_count;
	uint32_t resting_holds; /* of the generation, when nobody is there */
} world;

/* ---- the world */

static enum sp_dial_rc dial(struct sp_dial *d, struct sp_dial_ask *ask)
{
	int fd[2];

	(void)d;
	ask->fd = -1;
	ask->error = ECONNREFUSED;
	ask->refused = SP_EGRESS_OK;
	if (world.backend_count == BACKENDS_MAX || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) != 0)
		return SP_DIAL_FAILED;
	ask->error = 0;
	ask->fd = fd[0];
	world.at_backend[world.backend_count].n = 0;
	world.at_backend[world.backend_count].is_ended = false;
	world.backend[world.backend_count++] = fd[1];
	return SP_DIAL_DONE;
}

static void free_nothing(struct sp_dial *d)
{
	(void)d;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct sp_conf_report report;
	struct sp_err err = { .text = "" };

	(void)argc;
	(void)argv;
	sp_conf_report_init(&report);
	world.conf = sp_conf_read_text("fuzz.ini", SP_STR(config), &report);
	sp_conf_report_print(&report, "fuzz.ini", stderr);
	SP_ASSERT(world.conf != NULL);
	sp_conf_report_fini(&report);
	world.loop = sp_loop_new(&err);
	world.dial = (struct sp_dial){ .ask = dial, .free = free_nothing };
	world.serve = sp_generation_new(
		world.conf, 1, &(struct sp_generation_asks){ .signer = sp_signer_new_local(), .dial = &world.dial }, &err);
	SP_ASSERT(world.loop != NULL && world.serve != NULL);
	world.proxy = sp_proxy_new(
		&(struct sp_proxy_env){ .loop = world.loop, .serve = world.serve, .access_fd = -1, .worker = 1 }, &err);
	SP_ASSERT(world.proxy != NULL);
	world.resting_holds = world.serve->holds;
	world.from_proxy.bytes = malloc(KEPT_MAX);
	for (size_t i = 0; i < BACKENDS_MAX; i++)
		world.at_backend[i].bytes = malloc(KEPT_MAX);
	return 0;
}

static void turn(int times)
{
	while (times-- > 0)
		sp_loop_turn(world.loop, false);
}

/* true: something came, or the end did. */
static bool keep(int fd, struct kept *k)
{
	ssize_t n;

	if (fd < 0 || k->is_ended)
		return false;
	n = recv(fd, k->bytes + k->n, KEPT_MAX - k->n, 0);
	if (n > 0)
		k->n += (size_t)n;
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		k->is_ended = true;
	SP_ASSERT(k->n < KEPT_MAX);
	return n > 0 || k->is_ended;
}

static bool send_piece(int fd, struct script *s)
{
	size_t want = s->step == 0 || s->step > s->left ? s->left : s->step;
	ssize_t n;

	if (fd < 0 || want == 0)
		return false;
	n = send(fd, s->at, want, MSG_NOSIGNAL);
	if (n <= 0) {
		if (n < 0 && errno == EAGAIN)
			return false;
		s->left = 0; /* nobody is there to read it */
		return true;
	}
	s->at += n;
	s->left -= (size_t)n;
	return true;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static bool serve_backend(unsigned how, struct script *s)
{
	size_t last = world.backend_count - 1;
	bool is_moving = false;

	for (size_t i = 0; i < world.backend_count; i++)
		is_moving |= keep(world.backend[i], &world.at_backend[i]);
	if (world.backend_count == 0)
		return false;
	if (world.at_backend[last].n > 0 || (how & BACKEND_EARLY) != 0)
		is_moving |= send_piece(world.backend[last], s);
	if (s->left == 0 && (how & (BACKEND_CLOSES | BACKEND_RESETS)) != 0 && world.backend[last] >= 0 &&
	    world.at_backend[last].n > 0) {
		close_fd(&world.backend[last]); /* with bytes unread this is a reset */
		is_moving = true;
	}
	return is_moving;
}

static void play(unsigned how, struct script *client, struct script *backend)
{
	int quiet = 0;

	for (int round = 0; round < ROUNDS_MAX && quiet < QUIET_ROUNDS; round++) {
		bool is_moving = send_piece(world.client, client);

		turn(3);
		is_moving |= keep(world.client, &world.from_proxy);
		is_moving |= serve_backend(how, backend);
		if (client->left == 0 && (how & HALF_CLOSES) != 0 && world.client >= 0)
			shutdown(world.client, SHUT_WR);
		if (client->left == 0 && (how & CLIENT_LEAVES) != 0)
			close_fd(&world.client);
		turn(3);
		quiet = is_moving ? 0 : quiet + 1;
	}
}

/* ---- what must hold */

static const struct sp_h1_limits wide = { 1 << 20, 1000, 1 << 20, SP_NAME_UNDERSCORE_PASS };

/* Passes a body; false: it is not whole. */
static bool pass_body(const struct sp_head *head, const uint8_t *bytes, size_t n, size_t *used)
{
	struct sp_chunked c;
	enum sp_chunked_rc rc;
	uint8_t *copy;
	size_t body;

	*used = 0;
	if (head->framing == SP_BODY_NONE)
		return true;
	if (head->framing == SP_BODY_CLOSE) {
		*used = n;
		return false;
	}
	if (head->framing == SP_BODY_LENGTH) {
		*used = head->length < n ? (size_t)head->length : n;
		return head->length <= n;
	}
	copy = malloc(n + 1);
	SP_ASSERT(copy != NULL);
	memcpy(copy, bytes, n);
	sp_chunked_init(&c);
	rc = sp_chunked_decode(&c, copy, n, used, &body);
	free(copy);
	SP_ASSERT(rc != SP_CHUNKED_BAD);
	return rc == SP_CHUNKED_END;
}

/* Names that http-parser misreads (see http_feed.h) are refused by the reader of the second time, too. */
static bool is_misread(const struct sp_head *head)
{
	const struct sp_str coding = SP_STR("Transfer-Encoding");

	for (uint32_t i = 0; i < head->field_count; i++)
		if (head->fields[i].name.n > coding.n &&
		    sp_str_eq_nocase(sp_str_of(head->fields[i].name.p, coding.n), coding))
			return true;
	return false;
}

static void check_backend(const struct kept *k)
{
	size_t at = 0, used;
	bool is_whole = true, is_tunnel = false;

	while (is_whole && !is_tunnel && at < k->n) {
		struct sp_h1_reader reader;
		struct sp_arena arena;
		struct sp_head head;
		enum sp_h1_rc rc;

		sp_arena_init(&arena, NULL, 0, 0);
		sp_h1_reader_init(&reader, &wide, &arena);
		rc = sp_h1_read_request(&reader, (const char *)k->bytes + at, k->n - at, &head, &used);
		SP_ASSERT(rc != SP_H1_REFUSED || (reader.why == SP_REFUSE_SECOND_OPINION && is_misread(&head)));
		is_whole = rc == SP_H1_HEAD;
		if (is_whole) {
			SP_ASSERT(head.minor == 1 && !head.has_connection_names && reader.skipped == 0);
			at += used;
			is_tunnel = head.has_upgrade;
			is_whole = pass_body(&head, k->bytes + at, k->n - at, &used);
			at += used;
		}
		sp_arena_fini(&arena);
	}
}

/* The methods that the client asked with, one a request, the refused one included. */
static size_t read_methods(const uint8_t *bytes, size_t n, enum sp_method *methods, size_t most, bool *is_tunnel)
{
	const struct sp_h1_limits limits = { 16384, 100, 8192, SP_NAME_UNDERSCORE_DROP };
	size_t count = 0, at = 0, used;
	bool goes_on = true;

	while (goes_on && at < n && count < most) {
		struct sp_h1_reader reader;
		struct sp_arena arena;
		struct sp_head head;
		enum sp_h1_rc rc;
		uint8_t *copy = malloc(n - at);

		SP_ASSERT(copy != NULL);
		memcpy(copy, bytes + at, n - at);
		sp_arena_init(&arena, NULL, 0, 0);
		sp_h1_reader_init(&reader, &limits, &arena);
		rc = sp_h1_read_request(&reader, (const char *)copy, n - at, &head, &used);
		methods[count++] = rc == SP_H1_MORE ? SP_M_OTHER : head.method;
		goes_on = rc == SP_H1_HEAD;
		if (goes_on) {
			*is_tunnel |= head.has_upgrade;
			at += used;
			if (head.framing == SP_BODY_LENGTH)
				used = head.length < n - at ? (size_t)head.length : n - at;
			else if (head.framing == SP_BODY_CHUNKED) {
				struct sp_chunked c;
				size_t body;

				sp_chunked_init(&c);
				memmove(copy, bytes + at, n - at);
				goes_on = sp_chunked_decode(&c, copy, n - at, &used, &body) == SP_CHUNKED_END;
			} else {
				used = 0;
			}
			at += used;
		}
		free(copy);
		sp_arena_fini(&arena);
	}
	return count;
}

static void check_client(const struct kept *k, const enum sp_method *methods, size_t count)
{
	size_t at = 0, used, answers = 0;
	bool goes_on = true, is_last = false;

	while (goes_on && at < k->n) {
		struct sp_h1_reader reader;
		struct sp_arena arena;
		struct sp_head head;
		enum sp_h1_rc rc;

		SP_ASSERT(!is_last && answers < count); /* nothing behind a close, nothing unasked */
		sp_arena_init(&arena, NULL, 0, 0);
		sp_h1_reader_init(&reader, &wide, &arena);
		rc = sp_h1_read_response(&reader, (const char *)k->bytes + at, k->n - at, methods[answers], &head,
					 &used);
		SP_ASSERT(rc != SP_H1_REFUSED);
		goes_on = rc == SP_H1_HEAD;
		if (goes_on) {
			at += used;
			if (head.status >= 200) {
				answers++;
				is_last = !head.is_keep_alive;
				goes_on = pass_body(&head, k->bytes + at, k->n - at, &used);
				at += used;
			}
		}
		sp_arena_fini(&arena);
	}
}

/* Everybody leaves; what is tried again meets a closed end as well. */
static void check_all_came_back(void)
{
	close_fd(&world.client);
	for (int round = 0; round < BACKENDS_MAX; round++) {
		for (size_t i = 0; i < world.backend_count; i++)
			close_fd(&world.backend[i]);
		turn(4);
	}
	SP_ASSERT(sp_proxy_client_count(world.proxy) == 0);
	SP_ASSERT(sp_chunk_lent(world.proxy->chunks) == 0);
	SP_ASSERT(sp_slab_alive(world.proxy->exchanges) == 0 && sp_slab_alive(world.proxy->clients) == 0);
	SP_ASSERT(sp_slab_alive(world.proxy->conns) == 0 && world.serve->holds == world.resting_holds);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sp_addr peer = { .family = SP_ADDR_V4, .ip = { 127, 0, 0, 1 } };
	enum sp_method methods[512];
	struct script client, backend = { .left = 0 };
	const uint8_t *mark;
	size_t asked, count;
	bool is_tunnel = false;
	int fd[2];

	if (size < 4 || size > 65536 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) != 0)
		return 0;
	mark = memchr(data + 3, 0xff, size - 3);
	asked = (mark == NULL ? size : (size_t)(mark - data)) - 3;
	client = (struct script){ data + 3, asked, data[1] };
	if (mark != NULL)
		backend = (struct script){ mark + 1, size - asked - 4, data[2] };
	world.client = fd[1];
	world.from_proxy.n = world.backend_count = 0;
	world.from_proxy.is_ended = false;
	sp_proxy_accept(world.proxy, 0, 18080, fd[0], &peer);
	play(data[0], &client, &backend);
	count = read_methods(data + 3, asked - client.left, methods, SP_COUNT(methods), &is_tunnel);
	for (size_t i = 0; i < world.backend_count; i++)
		check_backend(&world.at_backend[i]);
	if (!is_tunnel && count < SP_COUNT(methods))
		check_client(&world.from_proxy, methods, count);
	check_all_came_back();
	return 0;
}
