#include "pair.h"

#include <poll.h>
#include <stdlib.h>

#include "sp/base/check.h"
#include "sp/base/clock.h"

static char bytes[1 << 20];

static void test_data_and_end_together(void **state)
{
	int fds[2];
	struct pair p;
	char to[64];
	size_t got;

	(void)state;
	for (int kind = 0; kind < 2; kind++) {
		if (kind == 0)
			pair_tcp(fds, 0);
		else
			pair_unix(fds);
		pair_open(&p, fds);
		sp_stream_want(&p.s, SP_READ | SP_GONE);
		pair_say(&p, "hello", 5);
		shutdown(p.peer, SHUT_WR);
		pair_wait(&p, POLLRDHUP);
		pair_turn(&p);
		assert_int_equal(pair_take_told(&p), SP_READ | SP_GONE);
		/* A short read: but the end is noted, so it is not drained yet. */
		assert_int_equal(pair_read(&p, to, sizeof(to), &got), SP_IO_DONE);
		assert_int_equal(got, 5);
		pair_turn(&p);
		assert_int_equal(pair_take_told(&p), SP_READ);
		assert_int_equal(pair_read(&p, to, sizeof(to), &got), SP_IO_EOF);
		assert_int_equal(pair_read(&p, to, sizeof(to), &got), SP_IO_EOF);
		pair_turn(&p);
		assert_int_equal(pair_take_told(&p), 0);
		pair_close(&p);
	}
}

static void test_short_read_means_drained(void **state)
{
	int fds[2];
	struct pair p;
	char to[64];
	size_t got;

	(void)state;
	pair_tcp(fds, 0);
	pair_open(&p, fds);
	sp_stream_want(&p.s, SP_READ);
	pair_turn(&p);
	assert_int_equal(pair_take_told(&p), 0);
	pair_say(&p, "abc", 3);
	pair_wait(&p, POLLIN);
	pair_turn(&p);
	assert_int_equal(pair_read(&p, to, sizeof(to), &got), SP_IO_DONE);
	assert_false(p.s.is_readable);
	assert_int_equal(pair_read(&p, to, sizeof(to), &got), SP_IO_AGAIN);
	pair_take_told(&p);
	pair_turn(&p);
	assert_int_equal(pair_take_told(&p), 0);
	/* An exact read may not be the last: the owner is called again and finds nothing. */
	pair_say(&p, "defg", 4);
	pair_wait(&p, POLLIN);
	pair_turn(&p);
	assert_int_equal(pair_read(&p, to, 4, &got), SP_IO_DONE);
	assert_true(p.s.is_readable);
	pair_take_told(&p);
	pair_turn(&p);
	assert_int_equal(pair_take_told(&p), SP_READ);
	assert_int_equal(pair_read(&p, to, 4, &got), SP_IO_AGAIN);
	pair_turn(&p);
	assert_int_equal(pair_take_told(&p), 0);
	pair_close(&p);
}

/* The edge comes while nobody wants it; a want later is answered all the same. */
static void test_want_after_the_edge(void **state)
{
	int fds[2];
	struct pair p;
	char to[8];
	size_t got;

	(void)state;
	pair_unix(fds);
	pair_open(&p, fds);
	pair_say(&p, "x", 1);
	pair_turn(&p);
	assert_int_equal(pair_take_told(&p), 0);
	sp_stream_want(&p.s, SP_READ);
	assert_int_equal(p.calls, 0);
	pair_turn(&p);
	assert_int_equal(pair_take_told(&p), SP_READ);
	sp_stream_want(&p.s, 0);
	pair_turn(&p);
	assert_int_equal(pair_take_told(&p), 0);
	sp_stream_want(&p.s, SP_WRITE);
	pair_turn(&p);
	assert_int_equal(pair_take_told(&p), SP_WRITE);
	sp_stream_want(&p.s, SP_READ);
	assert_int_equal(pair_read(&p, to, sizeof(to), &got), SP_IO_DONE);
	assert_int_equal(got, 1);
	pair_close(&p);
}

static void test_budget(void **state)
{
	int fds[2], room = 1 << 19;
	struct pair p;
	size_t got, total = 0;
	unsigned turns = 0;

	(void)state;
	pair_unix(fds);
	setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	pair_open(&p, fds);
	sp_stream_want(&p.s, SP_READ);
	pair_say(&p, bytes, 200000);
	while (total < 200000 && turns < 10) {
		size_t in_turn = 0;
		uint64_t phase;

		pair_turn(&p);
		turns++;
		phase = sp_loop_phase(p.loop);
		while (pair_read(&p, bytes, 50000, &got) == SP_IO_DONE)
			in_turn += got;
		assert_int_equal(phase, sp_loop_phase(p.loop));
		assert_true(in_turn <= SP_STREAM_TURN);
		total += in_turn;
	}
	assert_int_equal(total, 200000);
	assert_int_equal(turns, 4); /* 64 KiB each, the last told by the soon list too */
	pair_close(&p);
}

static void test_budget_cuts_vectors(void **state)
{
	int fds[2], room = 1 << 19;
	struct pair p;
	size_t got;
	struct iovec v[3] = { { bytes, 40000 }, { bytes + 40000, 40000 }, { bytes + 80000, 40000 } };

	(void)state;
	pair_unix(fds);
	setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	pair_open(&p, fds);
	pair_say(&p, bytes, 100000);
	pair_turn(&p);
	assert_int_equal(sp_stream_read(&p.s, v, 3, &got), SP_IO_DONE);
	assert_int_equal(got, SP_STREAM_TURN);
	assert_int_equal(sp_stream_read(&p.s, v, 3, &got), SP_IO_AGAIN);
	assert_int_equal(sp_stream_read(&p.s, v, 0, &got), SP_IO_AGAIN);
	pair_close(&p);
}

static void test_reset_while_reading(void **state)
{
	int fds[2];
	struct pair p;
	char to[8];
	size_t got;

	(void)state;
	pair_tcp(fds, 0);
	pair_open(&p, fds);
	sp_stream_want(&p.s, SP_READ);
	pair_cut(&p);
	pair_wait(&p, POLLRDHUP);
	pair_turn(&p);
	assert_int_equal(pair_take_told(&p), SP_READ);
	assert_int_equal(pair_read(&p, to, sizeof(to), &got), SP_IO_FAILED);
	assert_string_equal(p.s.why, "reset");
	assert_int_equal(p.s.error, ECONNRESET);
	assert_int_equal(pair_write(&p, "x", 1, &got), SP_IO_FAILED);
	pair_turn(&p);
	assert_int_equal(pair_take_told(&p), 0);
	pair_close(&p);
}

/* Bytes and RST before one poll: libevent's event for both is the one for bytes alone, and the short read would be
 * taken for the last. The doubt is settled a moment later. */
static void test_data_and_reset_together(void **state)
{
	int fds[2];
	struct pair p;
	char to[64];
	size_t got;

	(void)state;
	pair_tcp(fds, 0);
	pair_open(&p, fds);
	sp_stream_want(&p.s, SP_READ);
	pair_turn(&p);
	pair_say(&p, "half an answ", 12);
	pair_cut(&p);
	pair_wait(&p, POLLRDHUP);
	sp_clock_set(1000000, 0);
	pair_turn(&p);
	assert_int_equal(pair_take_told(&p), SP_READ);
	assert_int_equal(pair_read(&p, to, sizeof(to), &got), SP_IO_DONE);
	assert_int_equal(got, 12);
	pair_turn(&p);
	assert_int_equal(pair_take_told(&p), 0);
	sp_clock_set(1250000, 0);
	pair_turn(&p);
	pair_turn(&p);
	assert_int_equal(pair_take_told(&p), SP_READ);
	assert_int_equal(pair_read(&p, to, sizeof(to), &got), SP_IO_FAILED);
	assert_string_equal(p.s.why, "reset");
	pair_close(&p);
}

/* Many in doubt at once; those that live are asked once and left alone. */
static void test_doubts_are_settled(void **state)
{
	static struct pair p[300];
	char to[8];
	size_t got;

	(void)state;
	sp_clock_set(1000000, 0);
	for (size_t i = 0; i < SP_COUNT(p); i++) {
		int fds[2];

		pair_unix(fds);
		if (i == 0)
			pair_open(&p[0], fds);
		else
			assert_true(sp_stream_open(&p[i].s, p[0].loop, fds[0], false, pair_on_ready));
		p[i].peer = fds[1];
		sp_stream_want(&p[i].s, SP_READ);
		pair_say(&p[i], "x", 1);
	}
	for (int turn = 0; turn < 20; turn++)
		pair_turn(&p[0]);
	for (size_t i = 0; i < SP_COUNT(p); i++) {
		assert_int_equal(pair_read(&p[i], to, sizeof(to), &got), SP_IO_DONE);
		assert_true(sp_list_is_linked(&p[i].s.doubt));
		pair_take_told(&p[i]);
	}
	sp_stream_close(&p[7].s);
	sp_clock_set(1250000, 0);
	pair_turn(&p[0]);
	pair_turn(&p[0]);
	for (size_t i = 0; i < SP_COUNT(p); i++) {
		assert_int_equal(pair_take_told(&p[i]), 0);
		assert_false(sp_list_is_linked(&p[i].s.doubt));
		close(p[i].peer);
		p[i].peer = -1;
		if (i > 0)
			sp_stream_close(&p[i].s);
	}
	pair_close(&p[0]);
}

/* Reading is off: the owner hears of the end and of a reset by SP_GONE, once. */
static void test_gone_while_paused(void **state)
{
	static const bool is_cut[] = { false, true };

	(void)state;
	for (size_t i = 0; i < SP_COUNT(is_cut); i++) {
		int fds[2];
		struct pair p;

		pair_tcp(fds, 0);
		pair_open(&p, fds);
		sp_stream_want(&p.s, SP_GONE);
		pair_say(&p, "more", 4);
		pair_wait(&p, POLLIN);
		pair_turn(&p);
		assert_int_equal(pair_take_told(&p), 0);
		if (is_cut[i]) {
			pair_cut(&p);
		} else {
			shutdown(p.peer, SHUT_WR);
		}
		pair_wait(&p, POLLRDHUP);
		pair_turn(&p);
		assert_int_equal(pair_take_told(&p), SP_GONE);
		pair_turn(&p);
		sp_stream_want(&p.s, SP_GONE);
		pair_turn(&p);
		assert_int_equal(pair_take_told(&p), 0);
		pair_close(&p);
	}
}

static void test_gone_before_it_is_wanted(void **state)
{
	int fds[2];
	struct pair p;

	(void)state;
	pair_tcp(fds, 0);
	pair_open(&p, fds);
	shutdown(p.peer, SHUT_WR);
	pair_wait(&p, POLLRDHUP);
	pair_turn(&p);
	sp_stream_want(&p.s, SP_GONE);
	pair_turn(&p);
	assert_int_equal(pair_take_told(&p), SP_GONE);
	pair_close(&p);
}

static void test_partial_writes(void **state)
{
	int fds[2];
	struct pair p;
	size_t put, sent = 0, seen = 0;
	static char to[65536];

	(void)state;
	pair_tcp(fds, 4096);
	pair_open(&p, fds);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 31 >> 3);
	pair_turn(&p);
	while (seen < sizeof(bytes)) {
		while (sent < sizeof(bytes) && pair_write(&p, bytes + sent, sizeof(bytes) - sent, &put) == SP_IO_DONE)
			sent += put;
		if (sent < sizeof(bytes)) {
			assert_false(p.s.is_writable);
			sp_stream_want(&p.s, SP_WRITE);
			pair_turn(&p);
			assert_int_equal(pair_take_told(&p) & SP_READ, 0);
		}
		for (;;) {
			ssize_t r = recv(p.peer, to, sizeof(to), MSG_DONTWAIT);

			if (r <= 0)
				break;
			assert_memory_equal(to, bytes + seen, (size_t)r);
			seen += (size_t)r;
		}
		usleep(500);
		pair_turn(&p);
	}
	sp_stream_want(&p.s, SP_WRITE);
	pair_turn(&p);
	assert_true((pair_take_told(&p) & SP_WRITE) != 0);
	pair_close(&p);
}

static void test_write_vectors(void **state)
{
	int fds[2];
	struct pair p;
	size_t put;
	char to[16];
	struct iovec v[3] = { { (void *)"ab", 2 }, { (void *)"", 0 }, { (void *)"cde", 3 } };

	(void)state;
	pair_unix(fds);
	pair_open(&p, fds);
	assert_int_equal(sp_stream_write(&p.s, v, 3, &put), SP_IO_DONE);
	assert_int_equal(put, 5);
	assert_int_equal(recv(p.peer, to, sizeof(to), 0), 5);
	assert_memory_equal(to, "abcde", 5);
	assert_int_equal(sp_stream_finish(&p.s), SP_IO_DONE);
	assert_int_equal(recv(p.peer, to, sizeof(to), 0), 0);
	pair_close(&p);
}

/* A backend that answers and closes before it read all: the answer must not be lost with the write. */
static void test_read_after_a_lost_write(void **state)
{
	int fds[2];
	struct pair p;
	char to[64];
	size_t n;

	(void)state;
	pair_unix(fds);
	pair_open(&p, fds);
	pair_say(&p, "413 early", 9);
	close(p.peer);
	p.peer = -1;
	assert_int_equal(pair_write(&p, "body", 4, &n), SP_IO_FAILED);
	assert_string_equal(p.s.why, "reset");
	sp_stream_want(&p.s, SP_READ);
	pair_turn(&p);
	assert_int_equal(pair_take_told(&p) & SP_READ, SP_READ);
	assert_int_equal(pair_read(&p, to, sizeof(to), &n), SP_IO_DONE);
	assert_int_equal(n, 9);
	assert_int_equal(pair_read(&p, to, sizeof(to), &n), SP_IO_EOF);
	pair_close(&p);
}

static void test_close_in_callback(void **state)
{
	int fds[2];
	struct pair p;

	(void)state;
	pair_unix(fds);
	pair_open(&p, fds);
	p.closes_in_callback = true;
	sp_stream_want(&p.s, SP_READ | SP_WRITE | SP_GONE);
	pair_say(&p, "x", 1);
	pair_turn(&p);
	assert_int_equal(p.calls, 1);
	assert_false(sp_stream_is_open(&p.s));
	pair_turn(&p);
	assert_int_equal(p.calls, 1);
	sp_stream_want(&p.s, SP_READ);
	sp_stream_slim(&p.s);
	sp_stream_reset(&p.s);
	pair_close(&p);
}

static void test_never_opened(void **state)
{
	struct sp_stream s;
	size_t got;

	(void)state;
	memset(&s, 0, sizeof(s));
	assert_false(sp_stream_is_open(&s));
	sp_stream_close(&s);
	assert_int_equal(sp_stream_read(&s, NULL, 0, &got), SP_IO_FAILED);
	assert_int_equal(sp_stream_write(&s, NULL, 0, &got), SP_IO_FAILED);
	assert_int_equal(sp_stream_finish(&s), SP_IO_FAILED);
}

static void test_reset_is_seen_by_peer(void **state)
{
	int fds[2];
	struct pair p;
	char to[8];

	(void)state;
	pair_tcp(fds, 0);
	pair_open(&p, fds);
	sp_stream_reset(&p.s);
	assert_int_equal(recv(p.peer, to, sizeof(to), 0), -1);
	assert_int_equal(errno, ECONNRESET);
	pair_close(&p);
}

static void leave_it(struct pair *p, unsigned what)
{
	(void)what;
	if (p->calls >= 3)
		sp_stream_want(&p->s, 0);
}

/* An owner that wants and does not read is called again; it does not hang. */
static void test_wants_stay(void **state)
{
	int fds[2];
	struct pair p;

	(void)state;
	pair_unix(fds);
	pair_open(&p, fds);
	p.then = leave_it;
	sp_stream_want(&p.s, SP_READ);
	pair_say(&p, "x", 1);
	for (int i = 0; i < 4; i++)
		pair_turn(&p);
	assert_int_equal(p.calls, 3);
	pair_close(&p);
}

/* A look leaves the bytes; more of them are an edge although nobody took the first; taking some leaves the rest. */
static void test_peek(void **state)
{
	int fds[2];
	struct pair p;
	char to[64];
	size_t got;

	(void)state;
	for (int kind = 0; kind < 2; kind++) {
		if (kind == 0)
			pair_tcp(fds, 0);
		else
			pair_unix(fds);
		pair_open(&p, fds);
		sp_stream_want(&p.s, SP_READ);
		assert_int_equal(sp_stream_peek(&p.s, to, sizeof(to), &got), SP_IO_AGAIN);
		for (size_t n = 1; n <= 5; n++) {
			pair_say(&p, "x", 1);
			usleep(1000);
			pair_turn(&p);
			assert_int_equal(pair_take_told(&p), SP_READ);
			assert_int_equal(sp_stream_peek(&p.s, to, sizeof(to), &got), SP_IO_DONE);
			assert_int_equal(got, n);
			assert_true(sp_stream_await_more(&p.s));
			pair_turn(&p);
			assert_int_equal(pair_take_told(&p), 0);
		}
		pair_say(&p, "yz", 2);
		usleep(1000);
		pair_turn(&p);
		assert_int_equal(sp_stream_peek(&p.s, to, sizeof(to), &got), SP_IO_DONE);
		assert_int_equal(sp_stream_recv(&p.s, &(struct iovec){ to, 6 }, 1, &got), SP_IO_DONE);
		assert_memory_equal(to, "xxxxxy", 6);
		assert_int_equal(pair_read(&p, to, sizeof(to), &got), SP_IO_DONE);
		assert_int_equal(got, 1);
		assert_int_equal(to[0], 'z');
		pair_close(&p);
	}
}

/* Behind the end nothing comes: who would wait for more is told so. */
static void test_peek_at_the_end(void **state)
{
	int fds[2];
	struct pair p;
	char to[8];
	size_t got;

	(void)state;
	pair_tcp(fds, 0);
	pair_open(&p, fds);
	sp_stream_want(&p.s, SP_READ);
	pair_say(&p, "ab", 2);
	shutdown(p.peer, SHUT_WR);
	pair_wait(&p, POLLRDHUP);
	pair_turn(&p);
	assert_int_equal(sp_stream_peek(&p.s, to, sizeof(to), &got), SP_IO_DONE);
	assert_int_equal(got, 2);
	assert_false(sp_stream_await_more(&p.s));
	assert_int_equal(sp_stream_recv(&p.s, &(struct iovec){ to, 2 }, 1, &got), SP_IO_DONE);
	assert_int_equal(sp_stream_peek(&p.s, to, sizeof(to), &got), SP_IO_EOF);
	assert_int_equal(pair_read(&p, to, sizeof(to), &got), SP_IO_EOF);
	pair_close(&p);
	assert_int_equal(sp_stream_peek(&p.s, to, sizeof(to), &got), SP_IO_FAILED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_data_and_end_together),
		cmocka_unit_test(test_short_read_means_drained),
		cmocka_unit_test(test_want_after_the_edge),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_budget_cuts_vectors),
		cmocka_unit_test(test_reset_while_reading),
		cmocka_unit_test(test_data_and_reset_together),
		cmocka_unit_test(test_doubts_are_settled),
		cmocka_unit_test(test_gone_while_paused),
		cmocka_unit_test(test_gone_before_it_is_wanted),
		cmocka_unit_test(test_partial_writes),
		cmocka_unit_test(test_write_vectors),
		cmocka_unit_test(test_read_after_a_lost_write),
		cmocka_unit_test(test_close_in_callback),
		cmocka_unit_test(test_never_opened),
		cmocka_unit_test(test_reset_is_seen_by_peer),
		cmocka_unit_test(test_wants_stay),
		cmocka_unit_test(test_peek),
		cmocka_unit_test(test_peek_at_the_end),
	};

	return cmocka_run_group_tests_name("net/stream", tests, NULL, NULL);
}
