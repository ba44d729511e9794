/* pipe: bounded bytes, the end behind the last byte, room told once below half. */
#include "../../../src/proxy/end.h"
#include "../../../src/proxy/pipe.h"
#include "t.h"

struct writer {
	struct sp_end end;
	unsigned calls;
	size_t taken;
};

static void on_room(struct sp_end *e, size_t taken)
{
	struct writer *w = (struct writer *)e;

	w->calls++;
	w->taken += taken;
}

static const struct sp_end_ops writer_ops = { .room = on_room };

struct fixture {
	struct sp_chunk_pool *chunks;
	struct sp_pipe pipe;
	struct writer writer;
};

static void begin(struct fixture *f, size_t chunks)
{
	memset(f, 0, sizeof(*f));
	f->chunks = sp_chunk_pool_new(chunks);
	assert_non_null(f->chunks);
	sp_pipe_init(&f->pipe, f->chunks);
	f->writer.end = (struct sp_end){ .magic = SP_END_MAGIC, .ops = &writer_ops };
	f->pipe.from = &f->writer.end;
}

static void finish(struct fixture *f)
{
	sp_pipe_fini(&f->pipe);
	assert_int_equal(sp_chunk_lent(f->chunks), 0);
	sp_chunk_pool_free(f->chunks);
}

static void put(struct fixture *f, size_t n)
{
	while (n > 0) {
		char bytes[1000] = { 0 };
		size_t now = n < sizeof(bytes) ? n : sizeof(bytes);

		assert_true(sp_pipe_put(&f->pipe, sp_str_of(bytes, now)));
		n -= now;
	}
}

static void test_room_is_told_once_below_half(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 64);
	put(&f, SP_PIPE_MAX);
	assert_int_equal(sp_pipe_room(&f.pipe), 0);
	sp_pipe_take(&f.pipe, SP_PIPE_MAX / 2);
	assert_int_equal(f.writer.calls, 0);            /* half is not below half */
	sp_pipe_take(&f.pipe, 1);
	assert_int_equal(f.writer.calls, 1);
	assert_int_equal(f.writer.taken, SP_PIPE_MAX / 2 + 1);
	sp_pipe_take(&f.pipe, 100);
	assert_int_equal(f.writer.calls, 1);
	finish(&f);
}

static void test_nobody_is_told_who_did_not_see_it_full(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 64);
	put(&f, 1000);
	assert_int_equal(sp_pipe_room(&f.pipe), SP_PIPE_MAX - 1000);
	sp_pipe_take(&f.pipe, 1000);
	assert_int_equal(f.writer.calls, 0);
	finish(&f);
}

static void test_a_writer_that_has_gone_is_not_told(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 64);
	put(&f, SP_PIPE_MAX);
	assert_int_equal(sp_pipe_room(&f.pipe), 0);
	f.pipe.from = NULL;
	sp_pipe_take(&f.pipe, SP_PIPE_MAX);
	assert_int_equal(f.writer.calls, 0);
	finish(&f);
}

static void test_the_end_stands_behind_the_last_byte(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 64);
	put(&f, 10);
	sp_pipe_end(&f.pipe);
	assert_true(sp_pipe_is_ended(&f.pipe));
	assert_int_equal(sp_pipe_bytes(&f.pipe), 10);
	sp_pipe_take(&f.pipe, 10);
	assert_int_equal(sp_pipe_bytes(&f.pipe), 0);
	assert_int_equal(f.pipe.put, 10);
	assert_int_equal(f.pipe.taken, 10);
	finish(&f);
}

static void test_an_empty_pipe_holds_no_chunk(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 64);
	put(&f, 40000);
	assert_true(sp_chunk_lent(f.chunks) > 0);
	sp_pipe_take(&f.pipe, 40000);
	assert_int_equal(sp_chunk_lent(f.chunks), 0);
	finish(&f);
}

static void test_no_chunk_means_refused_and_nothing_put(void **state)
{
	struct fixture f;
	char bytes[2 * SP_CHUNK_SIZE] = { 0 };

	(void)state;
	begin(&f, 1);
	assert_false(sp_pipe_put(&f.pipe, sp_str_of(bytes, sizeof(bytes))));
	assert_int_equal(sp_pipe_bytes(&f.pipe), 0);
	assert_int_equal(f.pipe.put, 0);
	finish(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_room_is_told_once_below_half),
		cmocka_unit_test(test_nobody_is_told_who_did_not_see_it_full),
		cmocka_unit_test(test_a_writer_that_has_gone_is_not_told),
		cmocka_unit_test(test_the_end_stands_behind_the_last_byte),
		cmocka_unit_test(test_an_empty_pipe_holds_no_chunk),
		cmocka_unit_test(test_no_chunk_means_refused_and_nothing_put),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
