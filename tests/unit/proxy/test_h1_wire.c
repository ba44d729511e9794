/* h1_send and h1_body: a body put on a stream and read back, whatever the framing, the sizes and the cuts. */
#include "../../../src/proxy/end.h"
#include "../../../src/proxy/h1_body.h"
#include "../../../src/proxy/h1_send.h"
#include "pair.h"
#include "t.h"

struct fixture {
	struct pair pair;
	struct sp_chunk_pool *chunks;
	struct sp_pipe pipe;
	struct sp_chain behind;
	struct sp_h1_send send;
	struct sp_h1_body body;
	unsigned rooms;
	struct sp_end from;
};

static void on_room(struct sp_end *e, size_t taken)
{
	(void)taken;
	SP_HOLDER(e, struct fixture, from)->rooms++;
}

static const struct sp_end_ops from_ops = { .room = on_room };

static void begin(struct fixture *f, int buffer)
{
	int fds[2];

	memset(f, 0, sizeof(*f));
	pair_tcp(fds, buffer);
	pair_open(&f->pair, fds);
	f->chunks = sp_chunk_pool_new(64);
	sp_pipe_init(&f->pipe, f->chunks);
	sp_chain_init(&f->behind, f->chunks);
	sp_h1_send_init(&f->send, f->chunks);
	f->from = (struct sp_end){ .magic = SP_END_MAGIC, .ops = &from_ops };
	f->pipe.from = &f->from;
}

static void finish(struct fixture *f)
{
	sp_h1_send_fini(&f->send);
	sp_chain_clear(&f->behind);
	sp_pipe_fini(&f->pipe);
	assert_int_equal(sp_chunk_lent(f->chunks), 0);
	sp_chunk_pool_free(f->chunks);
	pair_close(&f->pair);
}

static struct sp_head head_of(enum sp_framing framing, uint64_t length)
{
	struct sp_head h;

	sp_head_init(&h, true);
	h.framing = framing;
	h.length = length;
	return h;
}

/* ---- reading */

static const struct {
	const char *name;
	enum sp_framing framing;
	uint64_t length, most;
	const char *wire;
	bool closes;
	enum sp_body_rc want;
	const char *body, *behind;
} reads[] = {
	{ "length", SP_BODY_LENGTH, 5, 100, "hello", false, SP_BODY_RC_END, "hello", "" },
	{ "length, a request behind it", SP_BODY_LENGTH, 5, 100, "helloGET /", false, SP_BODY_RC_END, "hello", "GET /" },
	{ "length, not all yet", SP_BODY_LENGTH, 9, 100, "hello", false, SP_BODY_RC_AGAIN, "hello", "" },
	{ "length, cut", SP_BODY_LENGTH, 9, 100, "hello", true, SP_BODY_RC_CUT, "hello", "" },
	{ "length 0", SP_BODY_LENGTH, 0, 100, "", false, SP_BODY_RC_END, "", "" },
	{ "none", SP_BODY_NONE, 0, 100, "", false, SP_BODY_RC_END, "", "" },
	{ "chunked", SP_BODY_CHUNKED, 0, 100, "5\r\nhello\r\n0\r\n\r\n", false, SP_BODY_RC_END, "hello", "" },
	{ "two chunks and what follows", SP_BODY_CHUNKED, 0, 100, "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\nGET /", false,
	  SP_BODY_RC_END, "hello", "GET /" },
	{ "chunked, not all yet", SP_BODY_CHUNKED, 0, 100, "5\r\nhel", false, SP_BODY_RC_AGAIN, "hel", "" },
	{ "chunked, no last chunk", SP_BODY_CHUNKED, 0, 100, "5\r\nhello\r\n", true, SP_BODY_RC_CUT, "hello", "" },
	{ "chunked, bad size", SP_BODY_CHUNKED, 0, 100, "0x5\r\nhello\r\n", false, SP_BODY_RC_BAD, "", "" },
	{ "chunked, too large", SP_BODY_CHUNKED, 0, 4, "5\r\nhello\r\n0\r\n\r\n", false, SP_BODY_RC_LARGE, "", "" },
	{ "until close", SP_BODY_CLOSE, 0, 100, "hello", true, SP_BODY_RC_END, "hello", "" },
	{ "until close, open", SP_BODY_CLOSE, 0, 100, "hello", false, SP_BODY_RC_AGAIN, "hello", "" },
};

static void assert_chain(const struct sp_chain *chain, const char *want)
{
	struct iovec v[8];
	int n = sp_chain_peek(chain, chain->bytes, v, 8);
	size_t at = 0;

	assert_int_equal(chain->bytes, strlen(want));
	for (int i = 0; i < n; i++) {
		assert_memory_equal(v[i].iov_base, want + at, v[i].iov_len);
		at += v[i].iov_len;
	}
}

/* The wire comes in pieces of `piece` bytes. */
static void read_case(size_t i, size_t piece)
{
	struct fixture f;
	struct sp_head h = head_of(reads[i].framing, reads[i].length);
	size_t n = strlen(reads[i].wire), at = 0, moved;
	enum sp_body_rc rc = SP_BODY_RC_AGAIN;

	begin(&f, 0);
	sp_h1_body_init(&f.body, &h, reads[i].most);
	do {
		size_t now = n - at < piece ? n - at : piece;

		if (now > 0)
			pair_say(&f.pair, reads[i].wire + at, now);
		at += now;
		if (at == n && reads[i].closes)
			shutdown(f.pair.peer, SHUT_WR);
		usleep(100);
		for (int turn = 0; turn < 3 && (rc == SP_BODY_RC_AGAIN || rc == SP_BODY_RC_FULL); turn++) {
			pair_turn(&f.pair);
			rc = sp_h1_body_read(&f.body, &f.pair.s, &f.pipe, &f.behind, &moved);
		}
	} while (at < n && rc == SP_BODY_RC_AGAIN);
	assert_int_equal(rc, reads[i].want);
	assert_int_equal(sp_pipe_is_ended(&f.pipe), rc == SP_BODY_RC_END);
	if (rc != SP_BODY_RC_BAD && rc != SP_BODY_RC_LARGE)
		assert_chain(&f.pipe.chain, reads[i].body);
	if (piece >= n)
		assert_chain(&f.behind, reads[i].behind);
	finish(&f);
}

static void test_reads(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(reads); i++) {
		print_message("  %s\n", reads[i].name);
		read_case(i, 1000);
		read_case(i, 1);
		read_case(i, 3);
	}
}

/* What came with the head goes the same way: by `adopt` as one chunk, by `feed` as several. */
static void test_feeds(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(reads); i++) {
		struct fixture f;
		struct sp_head h = head_of(reads[i].framing, reads[i].length);
		enum sp_body_rc rc;

		if (reads[i].closes)
			continue;
		print_message("  %s\n", reads[i].name);
		begin(&f, 0);
		sp_h1_body_init(&f.body, &h, reads[i].most);
		assert_true(sp_chain_put(&f.behind, sp_str(reads[i].wire)));
		rc = sp_h1_body_feed(&f.body, &f.pipe, &f.behind);
		assert_int_equal(rc, reads[i].want);
		if (rc != SP_BODY_RC_BAD && rc != SP_BODY_RC_LARGE) {
			assert_chain(&f.pipe.chain, reads[i].body);
			assert_chain(&f.behind, reads[i].behind);
		}
		finish(&f);
	}
}

static void test_a_full_pipe_stops_the_reading(void **state)
{
	struct fixture f;
	struct sp_head h = head_of(SP_BODY_LENGTH, 1000000);
	char bytes[4096] = { 0 };
	size_t moved;
	enum sp_body_rc rc = SP_BODY_RC_AGAIN;

	(void)state;
	begin(&f, 0);
	sp_h1_body_init(&f.body, &h, UINT64_MAX);
	for (int i = 0; i < 40; i++)
		pair_say(&f.pair, bytes, sizeof(bytes));
	for (int i = 0; i < 20 && rc == SP_BODY_RC_AGAIN; i++) {
		pair_turn(&f.pair);
		rc = sp_h1_body_read(&f.body, &f.pair.s, &f.pipe, &f.behind, &moved);
	}
	assert_int_equal(rc, SP_BODY_RC_FULL);
	assert_true(sp_pipe_bytes(&f.pipe) <= SP_PIPE_MAX);
	sp_pipe_take(&f.pipe, sp_pipe_bytes(&f.pipe));
	assert_int_equal(f.rooms, 1);
	finish(&f);
}

/* ---- sending */

static size_t hear(struct fixture *f, char *to, size_t room)
{
	ssize_t n = recv(f->pair.peer, to, room, MSG_DONTWAIT);

	return n > 0 ? (size_t)n : 0;
}

static const struct {
	const char *name, *head, *first, *second;
	bool is_chunked, ends;
	const char *want;
	enum sp_send last;
} sends[] = {
	{ "head alone", "H\r\n", "", "", false, true, "H\r\n", SP_SEND_ALL },
	{ "head and body", "H\r\n", "abc", "", false, true, "H\r\nabc", SP_SEND_ALL },
	{ "body in two", "H\r\n", "abc", "def", false, true, "H\r\nabcdef", SP_SEND_ALL },
	{ "not ended", "H\r\n", "abc", "", false, false, "H\r\nabc", SP_SEND_WAIT },
	{ "chunked", "H\r\n", "abc", "defg", true, true, "H\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n", SP_SEND_ALL },
	{ "chunked, empty", "H\r\n", "", "", true, true, "H\r\n0\r\n\r\n", SP_SEND_ALL },
	{ "chunked, not ended", "H\r\n", "abc", "", true, false, "H\r\n3\r\nabc\r\n", SP_SEND_WAIT },
};

static void test_sends(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(sends); i++) {
		struct fixture f;
		char heard[200];
		size_t moved, n;
		enum sp_send rc;

		print_message("  %s\n", sends[i].name);
		begin(&f, 0);
		assert_true(sp_chain_put(&f.send.out, sp_str(sends[i].head)));
		sp_h1_send_body(&f.send, &f.pipe, sends[i].is_chunked);
		assert_true(sp_pipe_put(&f.pipe, sp_str(sends[i].first)));
		rc = sp_h1_send_flush(&f.send, &f.pair.s, &moved);
		assert_int_equal(rc, SP_SEND_WAIT);
		assert_true(sp_pipe_put(&f.pipe, sp_str(sends[i].second)));
		if (sends[i].ends)
			sp_pipe_end(&f.pipe);
		rc = sp_h1_send_flush(&f.send, &f.pair.s, &moved);
		assert_int_equal(rc, sends[i].last);
		n = hear(&f, heard, sizeof(heard));
		assert_int_equal(n, strlen(sends[i].want));
		assert_memory_equal(heard, sends[i].want, n);
		finish(&f);
	}
}

/* Small kernel buffers cut the writev anywhere: in the head, a chunk's line, its data, its end. */
static void test_a_blocked_stream_gets_every_byte_in_order(void **state)
{
	enum { ALL = 300000 };
	static char heard[ALL * 2];
	struct fixture f;
	size_t made = 0, n = 0, moved, body = 0, used;
	struct sp_chunked decoder;
	bool has_blocked = false;
	enum sp_send rc;

	(void)state;
	begin(&f, 4096);
	assert_true(sp_chain_put(&f.send.out, SP_STR("HEAD")));
	sp_h1_send_body(&f.send, &f.pipe, true);
	for (;;) {
		while (made < ALL && sp_pipe_room(&f.pipe) > 1000) {
			char bytes[777];

			for (size_t i = 0; i < sizeof(bytes); i++)
				bytes[i] = (char)((made + i) % 251);
			assert_true(sp_pipe_put(&f.pipe, sp_str_of(bytes, sizeof(bytes))));
			made += sizeof(bytes);
		}
		if (made >= ALL)
			sp_pipe_end(&f.pipe);
		rc = sp_h1_send_flush(&f.send, &f.pair.s, &moved);
		has_blocked |= rc == SP_SEND_BLOCKED;
		n += hear(&f, heard + n, 5000);
		if (rc == SP_SEND_ALL)
			break;
		sp_stream_want(&f.pair.s, SP_WRITE);
		pair_turn(&f.pair);
	}
	for (int i = 0; i < 1000; i++)
		n += hear(&f, heard + n, sizeof(heard) - n);
	assert_true(has_blocked);
	assert_memory_equal(heard, "HEAD", 4);
	sp_chunked_init(&decoder);
	assert_int_equal(sp_chunked_decode(&decoder, (uint8_t *)heard + 4, n - 4, &used, &body), SP_CHUNKED_END);
	assert_int_equal(used, n - 4);
	assert_int_equal(body, made);
	for (size_t i = 0; i < body; i++)
		assert_int_equal((uint8_t)heard[4 + i], i % 251);
	finish(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads),
		cmocka_unit_test(test_feeds),
		cmocka_unit_test(test_a_full_pipe_stops_the_reading),
		cmocka_unit_test(test_sends),
		cmocka_unit_test(test_a_blocked_stream_gets_every_byte_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
