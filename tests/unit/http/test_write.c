/*
 * Heads to bytes: exactly these.
 */
#include "feed.h"

#include "sp/http/h1_write.h"

static const struct feed requests = { .limits = FEED_LIMITS };
static const struct feed answers = { .limits = FEED_LIMITS, .is_answer = true, .answers = SP_M_GET };

struct out {
	struct sp_chunk_pool *pool;
	struct sp_chain chain;
	char text[200000];
	size_t n;
};

static void out_init(struct out *o, size_t chunks)
{
	o->pool = sp_chunk_pool_new(chunks);
	assert_non_null(o->pool);
	sp_chain_init(&o->chain, o->pool);
}

static void out_take(struct out *o)
{
	struct iovec v[16];
	int pieces = sp_chain_peek(&o->chain, sizeof(o->text), v, 16);

	o->n = 0;
	for (int i = 0; i < pieces; i++) {
		memcpy(o->text + o->n, v[i].iov_base, v[i].iov_len);
		o->n += v[i].iov_len;
	}
	assert_int_equal(o->n, o->chain.bytes);
	sp_chain_clear(&o->chain);
	assert_int_equal(sp_chunk_lent(o->pool), 0);
}

static void out_fini(struct out *o)
{
	sp_chain_clear(&o->chain);
	sp_chunk_pool_free(o->pool);
}

static struct out out;

#define T(text) TEXT(text)

static const struct {
	struct sp_str in;
	const char *host, *want;
} request_cases[] = {
	{ T("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "b", "GET / HTTP/1.1\r\nHost: b\r\n\r\n" },
	{ T("GET / HTTP/1.0\r\nHost: a\r\n\r\n"), "a", "GET / HTTP/1.1\r\nHost: a\r\n\r\n" },
	{ T("GET http://A/%7e?x HTTP/1.1\r\nX:1 \r\nHOST: a\r\n\r\n"), "a",
	  "GET /~?x HTTP/1.1\r\nHost: a\r\nX: 1\r\n\r\n" },
	{ T("POST / HTTP/1.1\r\nHost: a\r\n\r\n"), "a", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n" },
	{ T("PUT / HTTP/1.1\r\nHost: a\r\n\r\n"), "a", "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n" },
	{ T("PATCH / HTTP/1.1\r\nHost: a\r\n\r\n"), "a", "PATCH / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n" },
	{ T("DELETE / HTTP/1.1\r\nHost: a\r\n\r\n"), "a", "DELETE / HTTP/1.1\r\nHost: a\r\n\r\n" },
	{ T("OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n"), "a", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n" },
	{ T("PROPFIND /x HTTP/1.1\r\nHost: a\r\n\r\n"), "a", "PROPFIND /x HTTP/1.1\r\nHost: a\r\n\r\n" },
	{ T("POST / HTTP/1.1\r\nHost: a\r\ncontent-length: 007\r\nX: 1\r\n\r\n"), "a",
	  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\nX: 1\r\n\r\n" },
	{ T("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999999999\r\n\r\n"), "a",
	  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999999999\r\n\r\n" },
	{ T("POST / HTTP/1.1\r\nHost: a\r\nTRANSFER-ENCODING:Chunked\r\n\r\n"), "a",
	  "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" },
	{ T("GET / HTTP/1.1\r\nHost: a\r\nX_Y: 1\r\nX-Y:\t2\t\r\nempty:\r\n\r\n"), "a",
	  "GET / HTTP/1.1\r\nHost: a\r\nX-Y: 2\r\nempty: \r\n\r\n" },
	{ T("GET / HTTP/1.1\r\nHost: A:80\r\nB: \344\r\nCookie: x\r\nCookie: y\r\n\r\n"), "a:80",
	  "GET / HTTP/1.1\r\nHost: a:80\r\nB: \344\r\nCookie: x\r\nCookie: y\r\n\r\n" },
};

static void test_requests(void **state)
{
	(void)state;
	out_init(&out, 4);
	for (size_t i = 0; i < SP_COUNT(request_cases); i++) {
		struct feed f;

		feed_all_ways(&f, &requests, request_cases[i].in);
		assert_int_equal(f.rc, SP_H1_HEAD);
		assert_true(sp_h1_write_request(&out.chain, &f.head, sp_str(request_cases[i].host)));
		out_take(&out);
		assert_int_equal(out.n, strlen(request_cases[i].want));
		assert_memory_equal(out.text, request_cases[i].want, out.n);
		feed_fini(&f);
	}
	out_fini(&out);
}

static const struct {
	struct sp_str in;
	enum sp_method method;
	enum sp_h1_connection connection;
	const char *want;
} answer_cases[] = {
	{ T("HTTP/1.0 200 OK\r\nContent-Length: 05\r\nX:y\r\n\r\n"), SP_M_GET, SP_H1_CONN_DEFAULT,
	  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\n" },
	{ T("HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n"), SP_M_GET, SP_H1_CONN_CLOSE,
	  "HTTP/1.1 404 \r\nConnection: close\r\nContent-Length: 0\r\n\r\n" },
	{ T("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nConnection: close\r\n\r\n"), SP_M_GET,
	  SP_H1_CONN_KEEP_ALIVE, "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n" },
	{ T("HTTP/1.1 200 OK\r\n\r\n"), SP_M_GET, SP_H1_CONN_CLOSE, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" },
	{ T("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"), SP_M_HEAD, SP_H1_CONN_DEFAULT,
	  "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" },
	{ T("HTTP/1.1 200 OK\r\n\r\n"), SP_M_HEAD, SP_H1_CONN_DEFAULT, "HTTP/1.1 200 OK\r\n\r\n" },
	{ T("HTTP/1.1 304 x y\r\nContent-Length: 9\r\n\r\n"), SP_M_GET, SP_H1_CONN_DEFAULT,
	  "HTTP/1.1 304 x y\r\nContent-Length: 9\r\n\r\n" },
	{ T("HTTP/1.1 204 x\r\nContent-Length: 0\r\n\r\n"), SP_M_GET, SP_H1_CONN_DEFAULT, "HTTP/1.1 204 x\r\n\r\n" },
	{ T("HTTP/1.1 103 x\r\nLink: </a>\r\n\r\n"), SP_M_GET, SP_H1_CONN_DEFAULT,
	  "HTTP/1.1 103 x\r\nLink: </a>\r\n\r\n" },
	{ T("HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"), SP_M_GET, SP_H1_CONN_UPGRADE,
	  "HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n" },
};

static void test_answers(void **state)
{
	(void)state;
	out_init(&out, 4);
	for (size_t i = 0; i < SP_COUNT(answer_cases); i++) {
		struct feed one = answers, f;

		one.answers = answer_cases[i].method;
		feed_all_ways(&f, &one, answer_cases[i].in);
		assert_int_equal(f.rc, SP_H1_HEAD);
		assert_true(sp_h1_write_response(&out.chain, &f.head, answer_cases[i].connection));
		out_take(&out);
		assert_int_equal(out.n, strlen(answer_cases[i].want));
		assert_memory_equal(out.text, answer_cases[i].want, out.n);
		feed_fini(&f);
	}
	out_fini(&out);
}

/* A large head behind bytes that wait: over several chunks, in order, and read back as it was. */
static void test_large_head_over_chunks(void **state)
{
	static char name[64], text[70000], pad[16000];
	struct sp_arena arena;
	struct sp_head head;
	struct feed one = requests, f;

	(void)state;
	sp_arena_init(&arena, NULL, 0, 0);
	sp_head_init(&head, true);
	head.method = SP_M_GET;
	head.method_text = SP_STR("GET");
	head.path = SP_STR("/");
	memset(text, 'v', sizeof(text));
	for (int i = 0; i < 60; i++) {
		struct sp_str copy = sp_arena_copy(&arena, sp_str_of(name, (size_t)sprintf(name, "x-%d", i)));

		assert_true(sp_head_add(&head, &arena, copy, sp_str_of(text, 1000)));
	}
	out_init(&out, 8);
	assert_true(sp_chain_put(&out.chain, sp_str_of(pad, sizeof(pad))));
	assert_true(sp_h1_write_request(&out.chain, &head, SP_STR("a")));
	sp_chain_consume(&out.chain, sizeof(pad));
	out_take(&out);
	one.limits.head_max = 65536;
	feed_init(&f, &one, out.n);
	feed_to(&f, sp_str_of(out.text, out.n), out.n);
	assert_int_equal(f.rc, SP_H1_HEAD);
	assert_int_equal(f.used, out.n);
	assert_int_equal(f.head.field_count, 61);
	for (uint32_t i = 0; i < 60; i++) {
		feed_same_str(f.head.fields[i + 1].name, head.fields[i].name);
		feed_same_str(f.head.fields[i + 1].value, head.fields[i].value);
	}
	feed_fini(&f);
	out_fini(&out);
	sp_arena_fini(&arena);
}

/* No chunk: nothing was put, nothing is kept. */
static void test_no_chunk(void **state)
{
	static char text[40000], pad[16384];
	struct sp_arena arena;
	struct sp_head head;

	(void)state;
	sp_arena_init(&arena, NULL, 0, 0);
	sp_head_init(&head, false);
	head.status = 200;
	memset(text, 'v', sizeof(text));
	assert_true(sp_head_add(&head, &arena, SP_STR("x"), sp_str_of(text, sizeof(text))));
	out_init(&out, 2);
	assert_false(sp_h1_write_response(&out.chain, &head, SP_H1_CONN_DEFAULT));
	assert_int_equal(out.chain.bytes, 0);
	assert_int_equal(sp_chunk_lent(out.pool), 0);
	assert_true(sp_chain_put(&out.chain, sp_str_of(pad, sizeof(pad))));
	assert_false(sp_h1_write_response(&out.chain, &head, SP_H1_CONN_DEFAULT));
	assert_int_equal(out.chain.bytes, sizeof(pad));
	assert_int_equal(sp_chunk_lent(out.pool), 1);
	out_fini(&out);
	sp_arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_large_head_over_chunks),
		cmocka_unit_test(test_no_chunk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
