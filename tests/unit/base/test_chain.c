#include "sp/base/chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "dies.h"

#define LIMIT 8

static uint64_t seed;

static size_t below(size_t n)
{
	seed = seed * 6364136223846793005U + 1442695040888963407U;
	return (size_t)(seed >> 33) % n;
}

/* The bytes that a chain must have: a plain array beside it. */
struct model {
	uint8_t bytes[LIMIT * SP_CHUNK_SIZE];
	size_t n;
	uint8_t next;
};

static void add_to_model(struct model *m, uint8_t *to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		m->bytes[m->n++] = to[i] = m->next++;
}

static void check_same(const struct sp_chain *chain, const struct model *m)
{
	struct iovec v[LIMIT + 1];
	int n = sp_chain_peek(chain, SIZE_MAX, v, SP_COUNT(v));
	size_t at = 0;

	for (int i = 0; i < n; i++) {
		assert_true(v[i].iov_len > 0 && at + v[i].iov_len <= m->n);
		assert_memory_equal(v[i].iov_base, m->bytes + at, v[i].iov_len);
		at += v[i].iov_len;
	}
	assert_int_equal(at, m->n);
	assert_int_equal(chain->bytes, m->n);
}

static void put_some(struct sp_chain *chain, struct model *m)
{
	static uint8_t text[2 * SP_CHUNK_SIZE];
	size_t n = below(3) == 0 ? below(sizeof(text)) : below(300);
	struct model before = *m;

	if (m->n + n > sizeof(m->bytes))
		return;
	add_to_model(m, text, n);
	if (!sp_chain_put(chain, sp_str_of((char *)text, n)))
		*m = before;
}

static void read_some(struct sp_chain *chain, struct model *m)
{
	struct iovec v[3];
	size_t want = 1 + below(40000), room = 0, fill;
	int n = sp_chain_reserve(chain, want, v, 1 + (int)below(3));

	for (int i = 0; i < n; i++)
		room += v[i].iov_len;
	assert_true(room <= want);
	fill = below(4) == 0 ? 0 : room == 0 ? 0 : 1 + below(room);
	if (m->n + fill > sizeof(m->bytes))
		fill = 0;
	sp_chain_commit(chain, fill);
	for (int i = 0; i < n && fill > 0; i++) {
		size_t part = v[i].iov_len < fill ? v[i].iov_len : fill;

		add_to_model(m, v[i].iov_base, part);
		fill -= part;
	}
	if (below(2) == 0)
		sp_chain_trim(chain);
}

static void adopt_one(struct sp_chain *chain, struct model *m)
{
	struct sp_chunk *chunk = sp_chunk_lend(chain->pool);
	size_t n = below(2) == 0 ? below(40) : below(SP_CHUNK_SIZE);

	if (chunk == NULL)
		return;
	if (m->n + n > sizeof(m->bytes))
		n = 0;
	chunk->from = (uint32_t)below(SP_CHUNK_SIZE - n);
	chunk->to = chunk->from + (uint32_t)n;
	add_to_model(m, chunk->bytes + chunk->from, n);
	sp_chain_adopt(chain, chunk);
}

static void take_some(struct sp_chain *chain, struct model *m)
{
	size_t n = below(3) == 0 ? m->n : m->n == 0 ? 0 : below(m->n);

	sp_chain_consume(chain, n);
	memmove(m->bytes, m->bytes + n, m->n - n);
	m->n -= n;
	if (m->n == 0)
		assert_null(chain->first);
}

/* Random use against the array; no chunk is lost, none is kept at rest. */
static void test_random(void **state)
{
	static struct model m;
	struct sp_chunk_pool *pool = sp_chunk_pool_new(LIMIT);
	struct sp_chain chain;

	(void)state;
	sp_chain_init(&chain, pool);
	for (seed = 1; seed < 40; seed++) {
		uint64_t start = seed;

		for (int i = 0; i < 1500; i++) {
			switch (below(4)) {
			case 0: put_some(&chain, &m); break;
			case 1: read_some(&chain, &m); break;
			case 2: adopt_one(&chain, &m); break;
			default: take_some(&chain, &m); break;
			}
			if (i % 8 == 0)
				check_same(&chain, &m);
		}
		check_same(&chain, &m);
		sp_chain_clear(&chain);
		m.n = 0;
		assert_int_equal(sp_chunk_lent(pool), 0);
		seed = start;
	}
	sp_chunk_pool_free(pool);
}

static void test_full_pool(void **state)
{
	static char text[2 * SP_CHUNK_SIZE + 1];
	struct sp_chunk_pool *pool = sp_chunk_pool_new(2);
	struct sp_chain chain, other;
	struct iovec v[4];

	(void)state;
	sp_chain_init(&chain, pool);
	sp_chain_init(&other, pool);
	assert_false(sp_chain_put(&chain, sp_str_of(text, sizeof(text))));
	assert_int_equal(sp_chunk_lent(pool), 0);
	assert_int_equal(sp_chain_reserve(&chain, SIZE_MAX, v, 4), 2);
	assert_int_equal(v[0].iov_len + v[1].iov_len, 2 * SP_CHUNK_SIZE);
	assert_int_equal(sp_chain_reserve(&other, 1, v, 4), 0);
	assert_false(sp_chain_put(&other, SP_STR("x")));
	assert_true(sp_chain_put(&other, SP_STR_NONE));
	sp_chain_trim(&chain);
	assert_int_equal(sp_chunk_lent(pool), 0);
	assert_true(sp_chain_put(&chain, sp_str_of(text, sizeof(text) - 1)));
	assert_int_equal(sp_chain_reserve(&chain, 1, v, 4), 0);
	assert_false(sp_chain_put(&chain, SP_STR("x")));
	assert_int_equal(chain.bytes, sizeof(text) - 1);
	sp_chain_consume(&chain, SP_CHUNK_SIZE);
	assert_int_equal(sp_chunk_lent(pool), 1);
	assert_int_equal(sp_chain_reserve(&chain, 5, v, 4), 1);
	assert_int_equal(v[0].iov_len, 5);
	sp_chain_clear(&chain);
	assert_int_equal(sp_chunk_lent(pool), 0);
	sp_chunk_pool_free(pool);
}

static void test_edges(void **state)
{
	struct sp_chunk_pool *pool = sp_chunk_pool_new(4);
	struct sp_chain chain;
	struct iovec v[2];

	(void)state;
	sp_chain_init(&chain, pool);
	assert_int_equal(sp_chain_reserve(&chain, 0, v, 2), 0);
	assert_int_equal(sp_chain_reserve(&chain, 10, v, 0), 0);
	sp_chain_trim(&chain);
	assert_int_equal(sp_chunk_lent(pool), 0);
	assert_int_equal(sp_chain_peek(&chain, 10, v, 2), 0);
	sp_chain_consume(&chain, 0);
	sp_chain_commit(&chain, 0);
	sp_chain_adopt(&chain, sp_chunk_lend(pool));
	assert_true(chain.bytes == 0 && sp_chunk_lent(pool) == 0);
	assert_true(sp_chain_put(&chain, SP_STR("hello")));
	assert_int_equal(sp_chain_peek(&chain, 0, v, 2), 0);
	assert_int_equal(sp_chain_peek(&chain, 3, v, 2), 1);
	assert_int_equal(v[0].iov_len, 3);
	assert_int_equal(sp_chain_peek(&chain, 10, v, 0), 0);
	/* small pieces share a chunk, however they come */
	for (int i = 0; i < 100; i++) {
		struct sp_chunk *chunk = sp_chunk_lend(pool);

		chunk->to = 10;
		memset(chunk->bytes, 'x', 10);
		sp_chain_adopt(&chain, chunk);
	}
	assert_true(chain.bytes == 1005 && sp_chunk_lent(pool) == 1);
	sp_chain_consume(&chain, 1005);
	assert_int_equal(sp_chunk_lent(pool), 0);
	sp_chunk_pool_free(pool);
}

static void start_chain(struct sp_chain *chain)
{
	sp_chain_init(chain, sp_chunk_pool_new(4));
	if (!sp_chain_put(chain, SP_STR("hello")))
		_exit(0);
}

static void consume_too_much(void)
{
	struct sp_chain chain;

	start_chain(&chain);
	sp_chain_consume(&chain, 6);
}

static void commit_too_much(void)
{
	struct sp_chain chain;

	start_chain(&chain);
	sp_chain_commit(&chain, SP_CHUNK_SIZE);
}

static void adopt_wrong_marks(void)
{
	struct sp_chunk *chunk;
	struct sp_chain chain;

	start_chain(&chain);
	chunk = sp_chunk_lend(chain.pool);
	chunk->to = SP_CHUNK_SIZE + 1;
	sp_chain_adopt(&chain, chunk);
}

static void test_broken_rules(void **state)
{
	(void)state;
	assert_true(aborts(consume_too_much));
	assert_true(aborts(commit_too_much));
	assert_true(aborts(adopt_wrong_marks));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_full_pool),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_broken_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
